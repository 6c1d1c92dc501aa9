//! The files of a run's folder, read piece by piece: metrics.jsonl into columns, completions.jsonl into an index by step.
//!
//! What `recode-trainer train` and `demo` write is what is expected; another trainer's log is read as far as its lines are objects with a
//! `step`. A file may still be growing: a line without its end is said to be one that is being written, and is no fault.

mod completions;
mod fold;
mod folder;
mod index;
mod kind;
mod metrics;
mod rows;
mod tail;

pub use completions::{CompletionError, CompletionLine, of_step};
pub use fold::{Fold, fold};
pub use folder::{Found, find, training_file};
pub use index::{Index, IndexReader, StepLines};
pub use kind::{Kind, NotOfARun, SNIFF_BYTES};
pub use metrics::{Metrics, MetricsReader};
pub use rows::{Row, RowsReader};
pub use tail::{Change, Tail};
