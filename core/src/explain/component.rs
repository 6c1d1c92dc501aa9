//! What each part of the reward gave, what it could have given, and why it did not.

use super::edits::EditScript;
use crate::answer::Answer;
use crate::reward::{Breakdown, Part, Reference, RewardMode, Rubric, format};
use serde::{Deserialize, Serialize};

/// A part of the reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Which.
    pub part: Part,
    /// Its weight in the total; 0 where it only stands beside.
    pub weight: f64,
    /// What it gave; `None` where it could not be had.
    pub value: Option<f64>,
    /// The most it can give.
    pub best: f64,
    /// Why it did not give that; `None` where it did.
    pub why: Option<String>,
}

/// The parts that have a weight or a value, or would have a value if the row were Python.
pub(super) fn components(
    reference: &Reference,
    breakdown: &Breakdown,
    completion: &str,
    parts: &Answer,
    edits: Option<&EditScript>,
    length: Option<usize>,
) -> Vec<Component> {
    let rubric = reference.rubric();
    let fault = reference.fault();
    let of = |&part: &Part| {
        let (weight, value) = (rubric.weights.get(part), breakdown.part(part));
        // The paper's rules look at no names.
        let is_known = part == Part::EditGain || rubric.mode == RewardMode::Strict;
        let fault = fault.as_ref().filter(|_| part.is_of_old_code() && is_known);
        if weight.is_none() && value.is_none() && fault.is_none() {
            return None;
        }
        let best = part.best();
        let why = || match value {
            None => match fault {
                Some((code, error)) => format!("the {code} is not Python: {error}"),
                None => missing(part).to_owned(),
            },
            Some(_) => match part {
                Part::Format => {
                    let fault = format::fault(rubric.mode, completion, parts);
                    fault.map(|fault| fault.to_string()).unwrap_or_default()
                }
                Part::EsStar | Part::EmStar | Part::EditGain | Part::ApiAdopted | Part::ApiLeft => {
                    code_fault(part, breakdown, edits)
                }
                Part::Repetition => {
                    "runs of four words stand in the completion more than once".to_owned()
                }
                Part::Overlong => overlong_fault(rubric, length),
            },
        };
        let why = (value != Some(best)).then(why);
        Some(Component {
            part,
            weight: weight.unwrap_or(0.0),
            value,
            best,
            why,
        })
    };
    Part::ALL.iter().filter_map(of).collect()
}

fn missing(part: Part) -> &'static str {
    match part {
        Part::Overlong => "the completion's length was not given",
        _ => "old code was not given",
    }
}

fn code_fault(part: Part, breakdown: &Breakdown, edits: Option<&EditScript>) -> String {
    if let Some(withheld) = &breakdown.withheld {
        return withheld.to_string();
    }
    let (similarity, baseline) = (
        breakdown.similarity.unwrap_or(0.0),
        breakdown.baseline.unwrap_or(0.0),
    );
    let api = breakdown.api.clone().unwrap_or_default();
    match part {
        Part::EsStar => format!("similarity {similarity:.3} to the target, not 1"),
        Part::EditGain if similarity == baseline => {
            format!("no nearer to the target than the old code: both have similarity {baseline:.3}")
        }
        Part::EditGain => {
            format!("similarity {similarity:.3} to the target; the old code has {baseline:.3}")
        }
        Part::ApiAdopted => format!("not used: {}", list(&api.missing)),
        Part::ApiLeft => format!("still used: {}", list(&api.left)),
        _ => {
            let differing = edits.map_or(0, |edits| {
                edits.lines.iter().filter(|line| !line.keeps()).count()
            });
            match differing {
                1 => "1 line differs from the target".to_owned(),
                lines => format!("{lines} lines differ from the target"),
            }
        }
    }
}

fn overlong_fault(rubric: &Rubric, length: Option<usize>) -> String {
    match (rubric.overlong, length) {
        (Some(overlong), Some(length)) => format!(
            "length {length}, more than {} of at most {}",
            overlong.max_length.saturating_sub(overlong.buffer),
            overlong.max_length
        ),
        _ => String::new(),
    }
}

/// Names, the first few of many.
fn list(names: &[String]) -> String {
    const MOST: usize = 10;
    let first = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
