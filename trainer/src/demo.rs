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

mod folder;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use recode_kernels::Device;
use recode_kernels::decoder::DecoderConfig;
use toml::Value;

use crate::atomic;
use crate::cli::Usage;
use crate::config::Config;
use crate::data::parse_migrations;
use crate::eval::{self, EvalLine};
use crate::examples::Examples;
use crate::inputs::{Inputs, reward};
use crate::interrupt::Interrupt;
use crate::model_dir::Model;
use crate::report::Table;
use crate::tokenizer::Tokenizer;
use crate::train::Run;

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
/// Keys that the demo fills in, and what a person gives instead of `--set`.
const FILLED: [(&str, &str); 6] = [
    ("seed", "give --seed"),
    ("name", "give --run-dir"),
    ("output_dir", "give --run-dir"),
    ("model.path", BRINGS),
    ("data.train", BRINGS),
    ("data.eval", BRINGS),
];
const BRINGS: &str =
    "the demo brings its own; `recode-trainer train` takes another model and other rows";

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
/// A folder that cannot be a run's, a key or value that `set` may not have, an evaluation of nothing: all of it wrong usage.
pub fn config(run_dir: &Path, seed: u64, set: &[String]) -> Result<Config> {
    for assignment in set {
        let key = assignment.split('=').next().unwrap_or_default().trim();
        if let Some((_, instead)) = FILLED.iter().find(|(name, _)| *name == key) {
            return Err(Usage::error(format_args!(
                "--set {assignment}: {key} is filled in by the demo: {instead}"
            )));
        }
    }
    let unfit = |reason| {
        Usage::error(format_args!(
            "--run-dir {} {reason}: choose another",
            run_dir.display()
        ))
    };
    if run_dir.to_str().is_none() {
        return Err(unfit("is not Unicode"));
    }
    let (Some(name), Some(parent)) = (run_dir.file_name(), run_dir.parent()) else {
        return Err(unfit("names no folder"));
    };
    let parent = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    let text = |path: &Path| Value::String(path.to_string_lossy().into_owned());
    let data = run_dir.join("data");
    let seed = i64::try_from(seed).map_err(|_| {
        Usage::error(format_args!(
            "--seed {seed} is above {}: choose a smaller one",
            i64::MAX
        ))
    })?;
    let fill = [
        ("seed", Value::Integer(seed), "--seed"),
        ("name", text(Path::new(name)), "--run-dir"),
        ("output_dir", text(parent), "--run-dir"),
        ("model.path", text(&run_dir.join("policy")), "--run-dir"),
        ("data.train", text(&data.join(TRAIN)), "--run-dir"),
        ("data.eval", text(&data.join(HELD_OUT)), "--run-dir"),
    ];
    let config = Config::filled(CONFIG, "trainer/demo/demo.toml", &fill, set)?;
    if !config.run.eval || config.data.eval_rows == 0 {
        return Err(Usage::error(
            "--set run.eval=false and --set data.eval_rows=0 leave a demo nothing to show: leave them out",
        ));
    }
    Ok(config)
}

/// Trains the demo's policy as `config`, made by [`config()`], says. A folder that an earlier demo left is replaced, when it is sure that
/// the new one can begin.
///
/// # Errors
/// A folder that is no demo's, one that cannot be written, everything a run can meet.
pub fn demo(config: &Config, device: &Device, interrupt: &Interrupt) -> Result<Outcome> {
    let run_dir = config.run_dir();
    folder::check(&run_dir)?;
    let examples = examples(config)?;
    let dir = folder::replace(config)?;
    unpack(&config.model.path, &POLICY)?;
    unpack(&run_dir.join("data"), &DATA)?;

    let inputs = Inputs {
        model: Model::load(&config.model.path, device)?,
        examples,
    };
    let run = Run {
        inputs: &inputs,
        config,
        reward: &reward(config),
        interrupt,
    };
    let finished = run.train(&dir)?;
    let lines = |name: &str| {
        eval::read(&dir.eval().join(format!("{name}.jsonl")))?
            .with_context(|| format!("the demo has no evaluation {name}"))
    };
    Ok(Outcome {
        table: finished.table().context("the demo has no evaluation")?,
        rows: rows(&lines("before")?, &lines("after")?),
        run_dir,
    })
}

/// The rows that come with the program as `config` splits and bounds them; needs no folder.
fn examples(config: &Config) -> Result<Examples> {
    let [
        (_, model_config),
        (tokenizer_name, tokenizer_json),
        (_, _weights),
    ] = POLICY;
    let decoder = DecoderConfig::from_json(std::str::from_utf8(model_config)?)?;
    let settings = [(Path::new("config.json"), model_config)];
    let tokenizer = Tokenizer::from_json(Path::new(tokenizer_name), tokenizer_json, &settings)?;
    let [train, held_out] = DATA.map(|(name, bytes)| parse_migrations(name, bytes));
    let positions = decoder.max_position_embeddings;
    Examples::new(config, train?, Some(held_out?), &tokenizer, positions)
}

fn unpack(folder: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.to_vec()))
        .collect();
    atomic::write_folder(folder, &files)
}

/// The held-out rows by line, library and version, with the edit similarity reward of their answers.
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
