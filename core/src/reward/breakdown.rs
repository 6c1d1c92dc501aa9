//! A completion's rewards part by part, and what they add up to.

use super::api_use::ApiUse;
use super::rubric::{Part, Rubric};
use super::{Withheld, edit_gain, edit_similarity, exact_match};
use serde::{Deserialize, Serialize};

/// What stands in for a code reward that is withheld: the worst there is.
const WORST_CODE_REWARD: f64 = -2.0;

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
    /// ([`score_migration`](super::score_migration)) or cannot be compared with the target.
    #[serde(default)]
    pub edit_gain: Option<f64>,
    /// Share of the new API names in use, in [0, 1], 0 where the code reward is withheld; `None` as for `edit_gain`, and in the paper's mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_adopted: Option<f64>,
    /// Minus the share of the old API names still in use, in [-1, 0], -1 where the code reward is withheld; `None` as for `api_adopted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_left: Option<f64>,
    /// Minus the share of the completion that repeats itself, in [-1, 0]; only where it has a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<f64>,
    /// The penalty for length, in [-1, 0]; only where the rubric has one and the length is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlong: Option<f64>,
    /// `Σ weight · part`; `None` where a part with a weight could not be had ([`Reference::check`](super::Reference::check)).
    pub total: Option<f64>,
    /// A code block was found and it is Python.
    pub syntax_ok: bool,
    /// Edit similarity of the answer's code and the target, in [0, 1]; `None` where they were not compared.
    pub similarity: Option<f64>,
    /// Edit similarity of the old code and the target, in [0, 1]: what `edit_gain` counts from, and `None` as that is.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// Why the code reward is the worst there is; `None` where the codes were compared.
    pub withheld: Option<Withheld>,
    /// What became of the API names, of an answer without code the worst; `None` where `api_adopted` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiUse>,
}

/// What the rules of a mode found.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) format: f64,
    pub(super) syntax_ok: bool,
    pub(super) outcome: Outcome,
    /// What became of API names, where they are looked at.
    pub(super) api: Option<ApiUse>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Compared { exact: bool, similarity: f64 },
    Withheld(Withheld),
}

impl Judged {
    /// Nothing could be compared, and names are not looked at.
    pub(super) fn withheld(format: f64, syntax_ok: bool, reason: Withheld) -> Self {
        Judged {
            format,
            syntax_ok,
            outcome: Outcome::Withheld(reason),
            api: None,
        }
    }

    /// Two codes were compared, and names are not looked at.
    pub(super) fn compared(format: f64, exact: bool, similarity: f64) -> Self {
        Judged {
            format,
            syntax_ok: true,
            outcome: Outcome::Compared { exact, similarity },
            api: None,
        }
    }
}

/// What else the parts are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// The old code's similarity to the target.
    pub(super) baseline: Option<f64>,
    pub(super) repetition: Option<f64>,
    pub(super) overlong: Option<f64>,
}

impl Breakdown {
    pub(super) fn new(judged: Judged, given: Given, rubric: &Rubric) -> Self {
        let (exact, similarity, withheld) = match judged.outcome {
            Outcome::Compared { exact, similarity } => (Some(exact), Some(similarity), None),
            // For the reference two empty texts are equal; only their similarity divides by zero.
            Outcome::Withheld(reason @ Withheld::ReferenceRaises { .. }) => {
                (Some(true), None, Some(reason))
            }
            Outcome::Withheld(reason) => (None, None, Some(reason)),
        };
        let compared = withheld.is_none();
        let api = judged.api.as_ref();
        let or_worst = |reward: Option<f64>| reward.unwrap_or(WORST_CODE_REWARD);
        let mut breakdown = Breakdown {
            format: judged.format,
            es_star: or_worst(similarity.map(edit_similarity::reward)),
            em_star: or_worst(exact.map(exact_match::reward)),
            edit_gain: given.baseline.map(|baseline| {
                or_worst(similarity.map(|similarity| edit_gain::reward(similarity, baseline)))
            }),
            api_adopted: api.map(|api| if compared { api.api_adopted() } else { 0.0 }),
            api_left: api.map(|api| if compared { api.api_left() } else { -1.0 }),
            repetition: given.repetition,
            overlong: given.overlong,
            total: None,
            syntax_ok: judged.syntax_ok,
            similarity,
            baseline: given.baseline,
            withheld,
            api: judged.api,
        };
        breakdown.total = breakdown.total_by(rubric);
        breakdown
    }

    /// What a part gave; `None` where it could not be had.
    pub fn part(&self, part: Part) -> Option<f64> {
        match part {
            Part::Format => Some(self.format),
            Part::EsStar => Some(self.es_star),
            Part::EmStar => Some(self.em_star),
            Part::EditGain => self.edit_gain,
            Part::ApiAdopted => self.api_adopted,
            Part::ApiLeft => self.api_left,
            Part::Repetition => self.repetition,
            Part::Overlong => self.overlong,
        }
    }

    /// How much nearer to the target the answer is than the old code was: `similarity - baseline`, in [-1, 1].
    ///
    /// Positive is better than copying, 0 is copying, and the most there is to gain is `1 - baseline`. An answer whose reward was withheld has
    /// similarity 0, and so has old code that was not given or is not Python.
    ///
    /// # Differences
    /// The reference has no such number.
    pub fn gain_over_copy(&self) -> f64 {
        self.similarity.unwrap_or(0.0) - self.baseline.unwrap_or(0.0)
    }

    fn total_by(&self, rubric: &Rubric) -> Option<f64> {
        rubric
            .weights
            .iter()
            .map(|(part, weight)| Some(weight * self.part(part)?))
            .sum()
    }
}
