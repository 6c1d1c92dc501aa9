//! `recode-trainer plan`: what a run would need, before anything is loaded.

use std::io::Write;
use std::path::PathBuf;

use crate::config::ConfigArgs;
use crate::device::DeviceArgs;
use crate::examples::Examples;
use crate::model_dir::Outline;
use crate::plan::{Phase, Plan};
use crate::report::Table;

/// Say how much memory a run would take of its device, before anything is loaded.
///
/// Weights are not read, only the heads of their files; prompts are tokenized and cut as the run would. Completions count as long as they may be.
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
        let path = toml::Value::String(model.display().to_string());
        config_args.set.push(format!("model.path={path}"));
    }
    let config = config_args.load()?;
    let device = args.device.open()?;
    let outline = Outline::read(&config.model.path)?;
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
    } = *plan;
    row("weights".to_owned(), weights);
    row("weights with the adapter in them".to_owned(), merged);
    row("adapter, gradients, two moments".to_owned(), adapter);
    let mut phase = |what: &str, Phase { tokens, bytes }: Phase| {
        row(format!("{what} of {tokens} tokens"), bytes);
    };
    phase("either rollouts, keys and values", rollout);
    phase("or a training pass", training);
    if evaluation.bytes > 0 {
        phase("or the evaluation, keys and values", evaluation);
    }
    row("at most together".to_owned(), peak);
    table
}
