//! What the page "Score" knows, as plain data: the case, what it is worth and why, and the rows of a file.
//!
//! The reward itself is `recode_core`'s, the code that the trainer runs; nothing of it is computed a second time here.

mod case;
mod diff;
mod examples;
mod higher;
mod judged;
mod judgement;
mod marks;
pub mod rows;
mod rules;
mod scored;
mod size;
mod waterfall;

pub use case::{AnswerKind, Case, with_tags};
pub use diff::{Cell, Diff, DiffRow, MAX_LINE_PAIRS, MAX_LINES};
pub use examples::{EXAMPLES, Example};
pub use higher::Higher;
pub use judged::Judged;
pub use judgement::{Baseline, COPY, Judgement, Verdict};
pub use marks::{Place, Segment, error_place, segments};
pub use rules::{Rules, SCALE};
pub use scored::{HandedOver, Scored};
pub use size::{Size, TooLarge};
pub use waterfall::{Bar, Waterfall, signed};
