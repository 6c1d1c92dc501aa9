//! One file per subcommand: its arguments (`Args`, clap) and `run(Args)`.

pub mod audit;
pub mod demo;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod generate;
pub mod logprobs;
pub mod merge;
pub mod migrate;
mod model_args;
pub mod plan;
pub mod playground;
pub mod profile;
mod rubric_args;
pub mod score;
pub mod train;
pub mod warm_up;

use std::io::Write;

use serde::Serialize;

/// Writes a line of JSON in one piece. Straight into `out`, serde_json would wrap the error of a reader that went away into its own,
/// in which nobody finds it.
fn write_line(out: &mut impl Write, entry: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}
