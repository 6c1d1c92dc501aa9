//! Why a completion is worth what it is, as data and as a text that a person reads.
//!
//! ````
//! use recode_core::explain::explain;
//! use recode_core::reward::Rubric;
//!
//! let completion = "It is gone.</think>\n<answer>\n```python\nnp.row_stack(rows)  # as ever\n```\n</answer>";
//! let explanation = explain(&Rubric::strict(), completion, "np.vstack(rows)", Some("np.row_stack(rows)"), None);
//! assert_eq!(&completion[explanation.code.as_ref().unwrap().bytes.clone()], "np.row_stack(rows)  # as ever");
//! assert!(explanation.to_string().contains("np.[-row_-]{+v+}stack(rows)"));
//! ````

mod component;
mod edits;
mod span;
mod text;

pub use component::Component;
pub use edits::{Edit, EditScript, LineEdit, Piece};
pub use span::Span;

use crate::answer::Answer;
use crate::python::{Grammar, LeftOut, Module};
use crate::reward::{Breakdown, Reference, RewardMode, Rubric, paper};
use serde::{Deserialize, Serialize};
use span::Spans;
use std::ops::Range;

/// Why a completion is worth what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What it is worth; in JSON its fields stand among these.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// Each part of the reward: its weight, what it gave, and why not more.
    pub components: Vec<Component>,
    /// Where the thinking stands in the completion; `None` where it is not closed.
    pub think: Option<Span>,
    /// Where the answer stands, without its tags.
    pub answer: Option<Span>,
    /// Where the code stands that was judged.
    pub code: Option<Span>,
    /// What of that code was left out before it was compared; empty in the paper's mode, whose cleaning moves text about.
    pub left_out: Vec<Omission>,
    /// What turns the answer's code into the target, both as they were compared; `None` where they were not.
    pub edits: Option<EditScript>,
    /// Other similarities of the same two texts, for orientation; `None` where they were not compared.
    pub companions: Option<Companions>,
}

/// A place in the completion that did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// What stands there.
    pub what: LeftOut,
    /// Where.
    pub span: Span,
}

/// Similarities in [0, 1] that take no part in the reward; 1 for equal texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Companions {
    /// Winkler (1990): characters in common near each other, a common beginning counted higher; `None` of long texts.
    pub jaro_winkler: Option<f64>,
    /// Damerau (1964): Levenshtein's edits and exchanges of neighbours, as a share of the longer text; `None` of long texts.
    pub damerau_levenshtein: Option<f64>,
}

/// The longest texts in bytes whose companions are computed: their time and memory are the product of the lengths.
const MAX_COMPANION_BYTES: usize = 1024;

/// Explains what `completion` is worth against `target`, and against the old code where it is given; `length` is what `overlong` counts.
///
/// # Panics
/// Never, and in bounded time, as [`Reference::score`].
pub fn explain(
    rubric: &Rubric,
    completion: &str,
    target: &str,
    old_code: Option<&str>,
    length: Option<usize>,
) -> Explanation {
    let reference = Reference::new(rubric.clone(), target, old_code);
    let breakdown = reference.score(completion, length);
    let parts = Answer::find(completion);
    let spans = Spans::of(completion);
    let code = match rubric.mode {
        RewardMode::Paper => paper::code(completion),
        RewardMode::Strict => parts.code.clone(),
    };
    let compared = code
        .clone()
        .and_then(|code| Compared::of(&reference, completion, code, target));
    let compared = compared.filter(|_| breakdown.withheld.is_none());
    let edits = compared
        .as_ref()
        .map(|compared| EditScript::between(&compared.answer, &compared.target));
    let span = |bytes: Option<Range<usize>>| bytes.map(|bytes| spans.span(bytes));
    let omission = |(what, bytes)| Omission {
        what,
        span: spans.span(bytes),
    };
    Explanation {
        components: component::components(
            &reference,
            &breakdown,
            completion,
            &parts,
            edits.as_ref(),
            length,
        ),
        think: span(parts.think),
        answer: span(parts.answer),
        left_out: code
            .clone()
            .filter(|_| rubric.mode == RewardMode::Strict)
            .map(|code| left_out(&reference, completion, code))
            .unwrap_or_default()
            .into_iter()
            .map(omission)
            .collect(),
        code: span(code),
        companions: compared
            .as_ref()
            .map(|compared| Companions::of(&compared.answer, &compared.target)),
        edits,
        breakdown,
    }
}

/// The two texts as they were compared, character by character.
struct Compared {
    answer: String,
    target: String,
}

impl Compared {
    fn of(
        reference: &Reference,
        completion: &str,
        code: Range<usize>,
        target: &str,
    ) -> Option<Self> {
        let code = &completion[code];
        Some(match reference.rubric().mode {
            RewardMode::Paper => Compared {
                answer: paper::cleaned(code).ok()?,
                target: paper::strip(target).ok()?,
            },
            RewardMode::Strict => {
                let stripped = |code| {
                    let module = Module::parse(code, Grammar::Latest).ok()?;
                    Some(module.strip(&reference.unreachable(&module)).text)
                };
                Compared {
                    answer: stripped(code)?,
                    target: stripped(target.trim())?,
                }
            }
        })
    }
}

/// What of the code at that place in the completion does not count.
fn left_out(
    reference: &Reference,
    completion: &str,
    code: Range<usize>,
) -> Vec<(LeftOut, Range<usize>)> {
    let source = &completion[code.clone()];
    let Ok(module) = Module::parse(source, Grammar::Latest) else {
        return Vec::new();
    };
    let mut found = module.left_out(source, &reference.unreachable(&module));
    for (_, range) in &mut found {
        *range = range.start + code.start..range.end + code.start;
    }
    found
}

impl Companions {
    fn of(a: &str, b: &str) -> Self {
        let short = a.len() <= MAX_COMPANION_BYTES && b.len() <= MAX_COMPANION_BYTES;
        let companion = |similarity: fn(&str, &str) -> f64| short.then(|| similarity(a, b));
        Companions {
            jaro_winkler: companion(strsim::jaro_winkler),
            damerau_levenshtein: companion(strsim::normalized_damerau_levenshtein),
        }
    }
}
