//! The files of a run's folder, read piece by piece: metrics.jsonl into columns, completions.jsonl into an index by step.
//!
//! What `recode-trainer train` and `demo` write is what is expected; another trainer's log is read as far as its lines are objects with a
//! `step`. A file may still be growing: a line without its end is said to be one that is being written, and is no fault.

mod belongs;
mod completions;
mod config;
mod fold;
mod folder;
mod index;
mod kind;
mod metrics;
mod rows;
mod rules;
mod tail;

pub use belongs::{Belongs, COMPARED_BYTES, belongs};
pub use completions::{CompletionError, CompletionLine, of_step};
pub use config::training_file;
pub use fold::{Fold, fold, to_json_lines};
pub use folder::{Found, find};
pub use index::{Index, IndexReader, StepLines};
pub use kind::{Kind, NotOfARun, SNIFF_BYTES};
pub use metrics::{Metrics, MetricsReader};
pub use rows::{Row, RowsReader};
pub use rules::{Fit, RunRules, case_of};
pub use tail::{Change, Tail};
