//! `recode-trainer train`: GRPO on a model directory, as a configuration says.

use std::io::Write;

use recode_kernels::Device;

use crate::config::{self, Config, ConfigArgs};
use crate::device::DeviceArgs;
use crate::inputs::{Inputs, reward};
use crate::interrupt::Interrupt;
use crate::run_dir::RunDir;
use crate::threads;
use crate::train::{Finished, Run};

/// Train an adapter on migrations by GRPO.
///
/// Writes into the folder `name` of `output_dir`: config.toml, metrics.jsonl (a line a step), completions.jsonl (what the policy wrote, with every reward),
/// timings.jsonl, checkpoints/step-N (an adapter PEFT reads, and all that is needed to go on), eval/before.jsonl and eval/after.jsonl.
/// Ctrl-C finishes the step and saves; --resume goes on to the same bytes as if it had never stopped, on the same kind of processor.
#[derive(Debug, clap::Args)]
#[command(after_long_help = config::help())]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Go on from the run's newest checkpoint.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    // Before the wait for the model: whether there may be a run at all.
    let resumed = match args.resume {
        true => Some(RunDir::resume(&config)?),
        false => {
            RunDir::check_new(&config)?;
            None
        }
    };
    let interrupt = Interrupt::listen()?;
    let device = args.device.open()?;
    let finished = threads::with(config.threads, || {
        train(&config, &device, resumed, &interrupt)
    })?;

    let mut out = std::io::stdout();
    if let Some(table) = finished.table() {
        write!(out, "{table}")?;
    }
    writeln!(out, "adapter: {}", finished.checkpoint.display())?;
    Ok(())
}

fn train(
    config: &Config,
    device: &Device,
    resumed: Option<RunDir>,
    interrupt: &Interrupt,
) -> anyhow::Result<Finished> {
    let inputs = Inputs::read(config, device)?;
    // A new run's folder is made when everything it needs has been read.
    let dir = match resumed {
        Some(dir) => dir,
        None => RunDir::create(config)?,
    };
    Run {
        inputs: &inputs,
        config,
        reward: &reward(config),
        interrupt,
    }
    .train(&dir)
}
