//! The rows of a JSON Lines file: read piece by piece, scored, kept as numbers, sorted and filtered.
//!
//! A file is never one string: its lines are found in the bytes as they come, and of a scored line there stay its place and a few numbers. The
//! text of an opened row is read from the file again.

mod export;
mod foreign;
mod line;
mod line_fault;
mod lines;
mod python_json;
mod score;
mod table;

pub use export::{Export, ScoredLine};
pub use foreign::Foreign;
pub(crate) use foreign::is_of_metrics;
pub use line::{Line, LineError};
pub use line_fault::{LineFault, LineFaults, MAX_FAULTS};
pub use lines::{Lines, MAX_LINE_BYTES, Raw};
pub use python_json::from_python_json;
pub use score::{Column, FIELDS, MAX_ROWS, Outcome, RowScore};
pub use table::{Direction, Filter, Order, Table};
