//! What the page "Compare" knows, as plain data: two files' answers joined by example, what the differences come to, and which pairs are shown.
//!
//! Rewards are computed again by `recode_core`, the code that the trainer runs, and checked against the logged ones.

mod comparison;
mod export;
mod fields;
mod folder;
mod join;
mod line;
mod linked;
mod paired;
mod pairs;
mod pictures;
mod query;
mod record;
mod student;
pub mod summary;

pub use comparison::{Comparison, Outcome, Pair, written};
pub use export::export;
pub use fields::RecordError;
pub use folder::{Wanted, wanted};
pub use join::{Doubled, Join, Shared};
pub use line::{Line, Texts};
pub use linked::{LinkedFile, OpenFile, link_notices};
pub use paired::{Difference, TIE, mcnemar};
pub use pairs::{Column, Filter, Order, Side, Sides, shown, toggle};
pub use pictures::{BINS, Bin, Dot, histogram, scatter};
pub use query::Query;
pub use record::{Basis, Key, LoggedRules, Measure, Record, Scores, kind};
