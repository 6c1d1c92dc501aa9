//! `recode-trainer warm-up`: makes the demo's policy from nothing but rows and settings.

use std::path::PathBuf;

use crate::warm_up::{Settings, warm_up};

/// Train a small policy from random weights to answer in the right form and to copy code
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The warm-up's settings (TOML), for example trainer/demo/warm-up.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder to write: config.json, tokenizer.json, model.safetensors; must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    warm_up(&Settings::load(&args.config)?, &args.out)
}
