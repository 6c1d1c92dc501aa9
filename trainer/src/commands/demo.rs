//! `recode-trainer demo`: reinforcement learning to be seen in a few minutes, with nothing but the program.

use std::io::Write;
use std::path::PathBuf;

use crate::demo;
use crate::device::DeviceArgs;
use crate::interrupt::Interrupt;
use crate::threads;

/// Train a small policy that comes with the program, on migrations that come with it, and show that it learned.
///
/// The policy of a million parameters has been warmed up to answer somehow (`warm-up` makes it again); the demo measures what GRPO adds:
/// on 96 held-out rows that neither the warm-up nor this run trains on, before and after. Needs no network, no GPU and no Python; takes
/// about two minutes on two cores. The same seed prints the same table on the same kind of processor.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seed of the adapter, the order of rows and every answer.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// The run's folder; one that an earlier demo left there is replaced.
    #[arg(long, value_name = "DIR", default_value = "runs/demo")]
    run_dir: PathBuf,
    /// Override a key of the run's configuration, for example --set run.max_steps=10 (may be repeated; `train --help` lists them).
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let config = demo::config(&args.run_dir, args.seed, &args.set)?;
    let interrupt = Interrupt::listen()?;
    let device = args.device.open()?;
    let outcome = threads::with(config.threads, || demo::demo(&config, &device, &interrupt))?;

    let mut out = std::io::stdout();
    writeln!(out, "The held-out rows, none of them trained on:\n")?;
    write!(out, "{}", outcome.rows)?;
    writeln!(out, "\nMeans over them, before and after GRPO:\n")?;
    write!(out, "{}", outcome.table)?;
    writeln!(
        out,
        "\nWhat the policy wrote, every step and the adapter are in {}",
        outcome.run_dir.display()
    )?;
    Ok(())
}
