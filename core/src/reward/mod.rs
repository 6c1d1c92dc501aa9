//! What a completion is worth: format reward plus code reward, with every step that led there.
//!
//! Source: ReCode (arXiv 2506.20495), reward design; the reference is `src/DAPO/reward.py` of zjunlp/ReCode.

use crate::python::SyntaxError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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
    /// `format + es_star`, in [-3, 3].
    pub total: f64,
    /// A code block was found and it is Python.
    pub syntax_ok: bool,
    /// Edit similarity of the answer's code and the target, in [0, 1]; `None` where they were not compared.
    pub similarity: Option<f64>,
    /// Why the code reward is the worst there is; `None` where the codes were compared.
    pub withheld: Option<Withheld>,
}

impl Breakdown {
    /// The total with the chosen code reward: `format + code reward`.
    pub fn total_with(&self, code: CodeReward) -> f64 {
        self.format
            + match code {
                CodeReward::EsStar => self.es_star,
                CodeReward::EmStar => self.em_star,
            }
    }
}

/// Why a code reward was withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Withheld {
    /// There is no closed ```` ```python ```` block where the answer's code is looked for.
    NoCode {
        /// Where it was looked for.
        searched: Searched,
    },
    /// The answer's code is not Python.
    AnswerNotPython {
        /// What is wrong with it, lines and columns counted in the code.
        error: SyntaxError,
    },
    /// The target is not Python: the row can teach nothing.
    TargetNotPython {
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// `paper` mode only: the reference raises instead of returning a number.
    ReferenceRaises {
        /// The exception.
        exception: String,
    },
}

/// The part of a completion in which the code was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Searched {
    /// Between the answer tags.
    Answer,
    /// Behind the thinking, there being no answer tags.
    AfterThinking,
    /// The whole completion.
    Completion,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Withheld::NoCode { searched } => write!(f, "no closed ```python block {searched}"),
            Withheld::AnswerNotPython { error } => {
                write!(f, "the answer's code is not Python: {error}")
            }
            Withheld::TargetNotPython { error } => write!(
                f,
                "the target is not Python, so nothing can be compared with it: {error}"
            ),
            Withheld::ReferenceRaises { exception } => {
                write!(f, "the reference raises {exception}")
            }
        }
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Searched::Answer => "between the answer tags",
            Searched::AfterThinking => "after </think>",
            Searched::Completion => "in the completion",
        })
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
            _ => Err(UnknownName {
                what: "code reward",
                got: name.to_owned(),
                choices: "`es_star` or `em_star`",
            }),
        }
    }
}
