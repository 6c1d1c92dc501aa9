//! What a completion is worth: format reward plus code reward, with every step that led there.
//!
//! Source: ReCode (arXiv 2506.20495), reward design; the reference is `src/DAPO/reward.py` of zjunlp/ReCode.
//!
//! | | |
//! |---|---|
//! | format | +1 for the asked-for tags, else -1 |
//! | EM* | +2 if the answer's code equals the target, else -1.5 |
//! | ES* | `3.5 s - 1.5`, `s` the edit similarity of the answer's code and the target |
//! | edit gain | as ES*, counted from the old code's similarity ([`edit_gain`]), so that copying does not pay |
//! | no code, or not Python | -2 in place of each of them |
//! | total | format + ES* (or another of them), in [-3, 3] |
//!
//! Both sides are compared without comments and blank lines. Two modes find and clean the code in different ways: [`RewardMode::Paper`] as
//! the reference does, faults included, [`RewardMode::Strict`] without them. Each says how at its own file.

pub mod edit_gain;
mod edit_similarity;
mod exact_match;
mod format;
mod paper;
mod strict;
mod withheld;

pub use withheld::{Searched, Withheld};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What stands in for a code reward that is withheld: the worst there is.
const WORST_CODE_REWARD: f64 = -2.0;

/// Which rules judge a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RewardMode {
    /// The reference's numbers, its faults included.
    Paper,
    /// The same formulas with the faults mended: what we train with.
    #[default]
    Strict,
}

/// Which code reward enters the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeReward {
    /// Edit similarity, ES*.
    #[default]
    EsStar,
    /// Exact match, EM*.
    EmStar,
    /// What is gained over copying the old code.
    EditGain,
}

/// A completion's rewards, and why one was withheld.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// +1 for the asked-for tags, else -1.
    pub format: f64,
    /// The code reward by edit similarity, in [-2, 2].
    pub es_star: f64,
    /// The code reward by exact match: 2, -1.5 or -2.
    pub em_star: f64,
    /// The code reward by what is gained over copying, in [-2, 2], -0.8 for a copy; `None` where the old code was not given
    /// ([`score_migration`]) or cannot be compared with the target.
    #[serde(default)]
    pub edit_gain: Option<f64>,
    /// `format + es_star`, in [-3, 3].
    pub total: f64,
    /// A code block was found and it is Python.
    pub syntax_ok: bool,
    /// Edit similarity of the answer's code and the target, in [0, 1]; `None` where they were not compared.
    pub similarity: Option<f64>,
    /// Why the code reward is the worst there is; `None` where the codes were compared.
    pub withheld: Option<Withheld>,
}

/// Scores a completion against the target, the code it should have answered with.
///
/// ````
/// use recode_core::reward::{score, RewardMode, Withheld};
///
/// let completion = "The alias is gone.</think>\n<answer>\n```python\nnp.vstack(rows)  # was row_stack\n```\n</answer>";
/// let breakdown = score(RewardMode::Strict, completion, "np.vstack(rows)");
/// assert_eq!((breakdown.format, breakdown.es_star, breakdown.total), (1.0, 2.0, 3.0));
///
/// let breakdown = score(RewardMode::Strict, "I do not know.</think><answer></answer>", "np.vstack(rows)");
/// assert_eq!(breakdown.total, 1.0 - 2.0);
/// assert_eq!(breakdown.withheld.unwrap().to_string(), "no closed ```python block between the answer tags");
/// ````
pub fn score(mode: RewardMode, completion: &str, target: &str) -> Breakdown {
    match mode {
        RewardMode::Paper => paper::score(completion, target),
        RewardMode::Strict => strict::score(completion, target),
    }
}

/// Scores a completion as [`score`] does, and by what it gains over answering with the old code: [`Breakdown::edit_gain`].
///
/// ````
/// use recode_core::reward::{score_migration, RewardMode};
///
/// let answer = |code| format!("</think><answer>\n```python\n{code}\n```\n</answer>");
/// let (old, new) = ("np.row_stack(rows)", "np.vstack(rows)");
/// let earned = |code, old| score_migration(RewardMode::Strict, &answer(code), old, new).edit_gain;
/// assert_eq!(earned(new, old), Some(2.0));
/// assert_eq!(earned(old, old), Some(-0.8));
/// assert_eq!(earned("np.row_stack(", old), Some(-2.0));
/// assert_eq!(earned(new, "print rows"), None); // Python 2: nothing to count from
/// ````
pub fn score_migration(
    mode: RewardMode,
    completion: &str,
    old_code: &str,
    target: &str,
) -> Breakdown {
    let breakdown = score(mode, completion, target);
    let gain = |baseline| match breakdown.similarity {
        Some(similarity) => edit_gain::reward(similarity, baseline),
        None => WORST_CODE_REWARD,
    };
    Breakdown {
        edit_gain: baseline(mode, old_code, target).map(gain),
        ..breakdown
    }
}

/// What [`Breakdown::edit_gain`] counts from: the edit similarity of the old code and the target, in [0, 1]; `None` where one of them is not
/// Python by the rules of `mode`.
pub fn baseline(mode: RewardMode, old_code: &str, target: &str) -> Option<f64> {
    match mode {
        RewardMode::Paper => paper::baseline(old_code, target),
        RewardMode::Strict => strict::baseline(old_code, target),
    }
}

impl Breakdown {
    /// Nothing could be compared.
    fn withheld(format: f64, syntax_ok: bool, reason: Withheld) -> Self {
        Breakdown {
            format,
            es_star: WORST_CODE_REWARD,
            em_star: WORST_CODE_REWARD,
            edit_gain: None,
            total: format + WORST_CODE_REWARD,
            syntax_ok,
            similarity: None,
            withheld: Some(reason),
        }
    }

    /// Two codes were compared.
    fn compared(format: f64, equal: bool, similarity: f64) -> Self {
        let es_star = edit_similarity::reward(similarity);
        Breakdown {
            format,
            es_star,
            em_star: exact_match::reward(equal),
            edit_gain: None,
            total: format + es_star,
            syntax_ok: true,
            similarity: Some(similarity),
            withheld: None,
        }
    }

    /// The total with the chosen code reward: `format + code reward`; `None` for one that was not given what it needs.
    pub fn total_with(&self, code: CodeReward) -> Option<f64> {
        let code = match code {
            CodeReward::EsStar => self.es_star,
            CodeReward::EmStar => self.em_star,
            CodeReward::EditGain => self.edit_gain?,
        };
        Some(self.format + code)
    }
}

impl fmt::Display for RewardMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RewardMode::Paper => "paper",
            RewardMode::Strict => "strict",
        })
    }
}

impl fmt::Display for CodeReward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodeReward::EsStar => "es_star",
            CodeReward::EmStar => "em_star",
            CodeReward::EditGain => "edit_gain",
        })
    }
}

/// A word that names no choice; the message lists the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{got}`: use {choices}")]
pub struct UnknownName {
    what: &'static str,
    got: String,
    choices: &'static str,
}

impl FromStr for RewardMode {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "paper" => Ok(RewardMode::Paper),
            "strict" => Ok(RewardMode::Strict),
            _ => Err(UnknownName {
                what: "reward mode",
                got: name.to_owned(),
                choices: "`paper` or `strict`",
            }),
        }
    }
}

impl FromStr for CodeReward {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "es_star" => Ok(CodeReward::EsStar),
            "em_star" => Ok(CodeReward::EmStar),
            "edit_gain" => Ok(CodeReward::EditGain),
            _ => Err(UnknownName {
                what: "code reward",
                got: name.to_owned(),
                choices: "`es_star`, `em_star` or `edit_gain`",
            }),
        }
    }
}
