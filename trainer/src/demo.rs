//! The demo: everything a run needs comes with the program, and the run itself is the one of `recode-trainer train`.
//!
//! Policy, rows and configuration are unpacked into the run's folder; from there on a demo is a training run like any other, and its
//! folder can be looked into, repeated or continued with the other commands.
//!
//! ```text
//! <run-dir>/policy/   config.json  tokenizer.json  model.safetensors     (made by `recode-trainer warm-up`)
//! <run-dir>/data/     migrations.jsonl  held_out.jsonl
//! <run-dir>/...       what every run leaves behind
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use recode_core::migration::Migration;
use recode_core::reward::score;

use crate::atomic;
use crate::cli::Usage;
use crate::config::Config;
use crate::eval::{self, EvalLine};
use crate::examples::Examples;
use crate::interrupt::Interrupt;
use crate::model_dir::Model;
use crate::report::Table;
use crate::run_dir::RunDir;
use crate::train::{Finished, Run};

/// The demo's configuration; its paths are filled in for the run's folder.
const CONFIG: &str = include_str!("../demo/demo.toml");
const POLICY: [(&str, &[u8]); 3] = [
    ("config.json", include_bytes!("../demo/policy/config.json")),
    (
        "tokenizer.json",
        include_bytes!("../demo/policy/tokenizer.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../demo/policy/model.safetensors"),
    ),
];
const TRAIN: &str = "migrations.jsonl";
const HELD_OUT: &str = "held_out.jsonl";
const DATA: [(&str, &[u8]); 2] = [
    (TRAIN, include_bytes!("../demo/migrations.jsonl")),
    (HELD_OUT, include_bytes!("../demo/held_out.jsonl")),
];
/// In the folder of a demo, so that only such a folder is ever replaced.
const MARK: &str = "demo";

/// What a demo came to.
#[derive(Debug)]
pub struct Outcome {
    /// The run's folder.
    pub run_dir: PathBuf,
    /// Before and after, means over the held-out rows.
    pub table: Table,
    /// Before and after, row by row.
    pub rows: Table,
}

/// The configuration of a demo in `run_dir`, with `set` (`key=value`) applied on top.
///
/// # Errors
/// A folder that cannot be a run's, a key or value that `set` may not have.
pub fn config(run_dir: &Path, seed: u64, set: &[String]) -> Result<Config> {
    let (Some(name), Some(parent)) = (run_dir.file_name(), run_dir.parent()) else {
        return Err(Usage::error(format_args!(
            "--run-dir {} names no folder",
            run_dir.display()
        )));
    };
    let mut config = Config::from_toml(CONFIG, "trainer/demo/demo.toml", set)?;
    config.seed = seed;
    config.name = name
        .to_str()
        .with_context(|| format!("--run-dir {} is not Unicode", run_dir.display()))?
        .to_owned();
    config.output_dir = match parent.as_os_str().is_empty() {
        true => ".".into(),
        false => parent.to_owned(),
    };
    config.model.path = run_dir.join("policy");
    config.data.train = run_dir.join("data").join(TRAIN);
    config.data.eval = run_dir.join("data").join(HELD_OUT);
    Ok(config)
}

/// Trains the demo's policy as `config` says. A folder that an earlier demo left is replaced.
///
/// # Errors
/// A folder that is no demo's, one that cannot be written, everything a run can meet.
pub fn demo(config: &Config, interrupt: &Interrupt) -> Result<Outcome> {
    let run_dir = config.run_dir();
    clear(&run_dir)?;
    let dir = RunDir::create(config)?;
    atomic::write_file(&run_dir.join(MARK), b"")?;
    unpack(&config.model.path, &POLICY)?;
    unpack(&run_dir.join("data"), &DATA)?;

    let model = Model::load(&config.model.path)?;
    let positions = model.decoder.config().max_position_embeddings;
    let examples = Examples::read(config, &model.tokenizer, positions)?;
    let mode = config.reward.mode;
    let reward = |row: &Migration, completion: &str| score(mode, completion, &row.new_code);
    let run = Run {
        model: &model,
        config,
        examples: &examples,
        reward: &reward,
        interrupt,
    };
    let finished: Finished = run.train(&dir)?;
    let lines = |name: &str| {
        eval::read(&dir.eval().join(format!("{name}.jsonl")))?
            .with_context(|| format!("the demo has no evaluation {name}"))
    };
    Ok(Outcome {
        table: finished
            .table()
            .context("the demo's configuration turns the evaluation off")?,
        rows: rows(&lines("before")?, &lines("after")?),
        run_dir,
    })
}

/// Removes what an earlier demo left in `run_dir`.
fn clear(run_dir: &Path) -> Result<()> {
    if !run_dir.exists() {
        return Ok(());
    }
    if !run_dir.join(MARK).is_file() {
        return Err(Usage::error(format_args!(
            "{} exists and no demo made it: choose another folder with --run-dir",
            run_dir.display()
        )));
    }
    fs::remove_dir_all(run_dir).with_context(|| {
        format!(
            "cannot remove what the last demo left in {}",
            run_dir.display()
        )
    })
}

fn unpack(folder: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.to_vec()))
        .collect();
    atomic::write_folder(folder, &files)
}

/// The held-out rows by line, library and version, with the code reward of their answers.
fn rows(before: &[EvalLine], after: &[EvalLine]) -> Table {
    let mut table = Table::new(["row", "library", "ES* before", "after"]);
    for (before, after) in before.iter().zip(after) {
        let row = &after.migration;
        table.row([
            format!("{HELD_OUT}:{}", after.row),
            format!("{} {}", row.dependency, row.version()),
            format!("{:.3}", before.breakdown.es_star),
            format!("{:.3}", after.breakdown.es_star),
        ]);
    }
    table
}
