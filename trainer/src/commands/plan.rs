//! `recode-trainer plan`: what a run would need, before anything is loaded.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::Usage;
use crate::config::ConfigArgs;
use crate::device::DeviceArgs;
use crate::examples::Examples;
use crate::model_dir::Outline;
use crate::plan::{Phase, Plan};
use crate::report::{Table, remark};
use recode_kernels::Device;
use recode_kernels::decoder::GPU_SEQUENCES;

/// Say how much memory a run would take of its device, before anything is loaded.
///
/// Weights are not read, only the heads of their files; prompts are tokenized and cut as the run would. It is what the run takes at most: completions as long as they may be, the longest prompts together, a pass as full as it may be. Buffers are counted, not what a GPU's runtime holds beside.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model directory, in place of the configuration's
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// As JSON, in bytes
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let mut config_args = args.config;
    if let Some(model) = &args.model {
        let path = model.to_str().ok_or_else(|| {
            Usage::error(format!(
                "--model {} is not UTF-8: a configuration cannot name it",
                model.display()
            ))
        })?;
        let path = toml::Value::String(path.to_owned());
        config_args.set.push(format!("model.path={path}"));
    }
    let config = config_args.load()?;
    let device = args.device.open()?;
    let outline = Outline::read(&config.model.path)?;
    let places = config.rollout.max_concurrent_sequences;
    if device != Device::Cpu && places > GPU_SEQUENCES {
        return Err(Usage::error(format!(
            "rollout.max_concurrent_sequences is {places}, and a GPU decodes at most {GPU_SEQUENCES} at once: lower it"
        )));
    }
    let positions = outline.config.max_position_embeddings;
    let examples = Examples::read(&config, &outline.tokenizer, positions)?;
    let plan = Plan::new(
        &config,
        &outline.config,
        outline.weight_bytes,
        &examples,
        &device,
    )?;
    let mut out = std::io::stdout();
    if args.json {
        return super::write_line(&mut out, &plan);
    }
    write!(out, "{}", table(&plan))?;
    // What CubeCL holds beside the buffers of runs of more than a few MiB was measured as 15 and 17 %.
    let held = plan.peak + plan.peak / 5;
    if plan.memory.is_some_and(|memory| held > memory) {
        remark(
            "attention  with a fifth more, which the runtime may hold beside it, that is more than the device has: lower run.micro_batch_tokens, rollout.max_concurrent_sequences or \
             rollout.max_completion_length, or take a smaller model",
        );
    }
    Ok(())
}

fn table(plan: &Plan) -> Table {
    let mut table = Table::new(["what", "MiB"]);
    let mut row = |what: String, bytes: u64| {
        table.row([what, format!("{:.1}", bytes as f64 / (1 << 20) as f64)]);
    };
    let Plan {
        weights,
        merged,
        adapter,
        rollout,
        training,
        evaluation,
        peak,
        memory,
    } = *plan;
    row("weights".to_owned(), weights);
    row("weights with the adapter in them".to_owned(), merged);
    row("adapter, gradients, two moments".to_owned(), adapter);
    let mut phase = |what: &str, Phase { tokens, bytes }: Phase| {
        row(format!("{what} of {tokens} tokens"), bytes);
    };
    phase("either rollouts, with room for keys and values", rollout);
    phase("or a training pass", training);
    if evaluation.bytes > 0 {
        phase("or the evaluation, with room", evaluation);
    }
    row("at most together".to_owned(), peak);
    if let Some(memory) = memory {
        table.row([
            "of the device's memory".to_owned(),
            format!("{:.1}", memory as f64 / (1 << 20) as f64),
        ]);
    }
    table
}
