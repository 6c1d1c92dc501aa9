//! A run that costs milliseconds: a tiny random model, a few rows, and a reward that even a random model can climb.
#![allow(dead_code)] // every test binary uses another part of it

use std::fs;
use std::path::{Path, PathBuf};

use recode_core::migration::Migration;
use recode_core::reward::{Breakdown, Rubric, score};
use recode_kernels::Device;
use recode_trainer::checkpoint;
use recode_trainer::config::Config;
use recode_trainer::grpo::Reward;
use recode_trainer::inputs::Inputs;
use recode_trainer::interrupt::Interrupt;
use recode_trainer::run_dir::RunDir;
use recode_trainer::train::Run;
use serde_json::Value;
use tempfile::TempDir;

use crate::tiny;

const CONFIG: &str = r#"
name = "toy"
[model]
path = "MODEL"
[data]
train = "ROWS"
eval_rows = 0
[adapter]
r = 4
lora_alpha = 8
lora_dropout = 0
target_modules = ["q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
[rollout]
num_generations = 8
max_completion_length = 12
[optimizer]
learning_rate = 0.02
lr_scheduler_type = "constant_with_warmup"
warmup_ratio = 0
[run]
save_steps = 100
"#;

/// A folder with a model, rows, and the runs on them; removed with the value.
pub struct Toy {
    path: PathBuf,
    _made: Option<TempDir>,
}

/// Short prompts, so that a step is short.
fn row(i: usize) -> Migration {
    Migration {
        dependency: "numpy".into(),
        new_version: "==2.0".into(),
        description: String::new(),
        update_info: format!("np.f{i} is gone"),
        old_code: format!("np.f{i}(x)"),
        new_code: format!("np.g{i}(x)"),
    }
}

impl Toy {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        tiny::write_model(&dir.path().join("model"), 5, &[]);
        let rows = (0..7).map(|i| serde_json::to_string(&row(i)).unwrap() + "\n");
        fs::write(dir.path().join("rows.jsonl"), rows.collect::<String>()).unwrap();
        Self {
            path: dir.path().to_owned(),
            _made: Some(dir),
        }
    }

    /// One that another process has made.
    pub fn at(path: PathBuf) -> Self {
        Self { path, _made: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn run_dir(&self, name: &str) -> PathBuf {
        self.path.join("runs").join(name)
    }

    pub fn rows(&self) -> PathBuf {
        self.path().join("rows.jsonl")
    }

    /// The text of a configuration file for a run.
    pub fn config_text(&self) -> String {
        CONFIG
            .replace("MODEL", &self.path().join("model").display().to_string())
            .replace("ROWS", &self.rows().display().to_string())
    }

    pub fn config(&self, name: &str, set: &[&str]) -> Config {
        let mut set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
        set.push(format!("name={name}"));
        set.push(format!("output_dir={}", self.path().join("runs").display()));
        Config::from_toml(&self.config_text(), "toy.toml", &set).unwrap()
    }

    /// Trains a new run to its end for the toy's reward and returns its folder.
    pub fn run(&self, name: &str, set: &[&str]) -> PathBuf {
        self.run_with(name, set, &letters).unwrap()
    }

    pub fn run_with(
        &self,
        name: &str,
        set: &[&str],
        reward: &Reward<'_>,
    ) -> anyhow::Result<PathBuf> {
        let config = self.config(name, set);
        train(
            &config,
            RunDir::create(&config)?,
            reward,
            &Interrupt::default(),
        )
    }

    /// Goes on with a run.
    pub fn resume(&self, name: &str, set: &[&str]) -> anyhow::Result<PathBuf> {
        let config = self.config(name, set);
        train(
            &config,
            RunDir::resume(&config)?,
            &letters,
            &Interrupt::default(),
        )
    }

    /// Trains a new run that is asked to stop while `step` is under way.
    pub fn run_interrupted(
        &self,
        name: &str,
        set: &[&str],
        step: usize,
    ) -> anyhow::Result<PathBuf> {
        let config = self.config(name, set);
        let interrupt = Interrupt::default();
        let scored = std::sync::atomic::AtomicUsize::new(0);
        let before = config.data.eval_rows + (step - 1) * config.rollout.num_generations;
        let reward = |migration: &Migration, completion: &str, tokens: usize| {
            if scored.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == before {
                interrupt.raise();
            }
            letters(migration, completion, tokens)
        };
        train(&config, RunDir::create(&config)?, &reward, &interrupt)
    }
}

pub fn train(
    config: &Config,
    dir: RunDir,
    reward: &Reward<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<PathBuf> {
    train_on(&Device::Cpu, config, dir, reward, interrupt)
}

pub fn train_on(
    device: &Device,
    config: &Config,
    dir: RunDir,
    reward: &Reward<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<PathBuf> {
    let run = Run {
        inputs: &Inputs::read(config, device)?,
        config,
        reward,
        interrupt,
    };
    run.train(&dir)?;
    Ok(dir.path().to_owned())
}

/// The share of letters among a completion's characters, from -1 for none to 1 for nothing else.
pub fn letters(_: &Migration, completion: &str, _: usize) -> Breakdown {
    let all = completion.chars().count().max(1) as f64;
    let letters = completion.chars().filter(char::is_ascii_alphabetic).count() as f64;
    breakdown(2.0 * letters / all - 1.0)
}

/// A breakdown whose total is `reward`.
pub fn breakdown(reward: f64) -> Breakdown {
    Breakdown {
        total: Some(reward),
        es_star: reward,
        ..score(&Rubric::strict(), "", "")
    }
}

/// Every file of a run that must be the same twice, by its path in the run's folder, with its bytes.
pub fn files(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(run).unwrap().to_str().unwrap().to_owned();
            // The names of the run and of its folder stand in config.toml; timings are a clock's.
            if !["config.toml", "timings.jsonl", ".lock"].contains(&name.as_str()) {
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Every line of a file that a run left.
pub fn lines(dir: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(dir.join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn metrics(dir: &Path) -> Vec<Value> {
    lines(dir, "metrics.jsonl")
}

/// The last checkpoint's adapter, all tensors in a row.
pub fn adapter(dir: &Path) -> Vec<f32> {
    let folder = checkpoint::latest(&dir.join("checkpoints"))
        .unwrap()
        .unwrap();
    let bytes = fs::read(folder.join(checkpoint::ADAPTER)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let values = |name: &&str| -> Vec<f32> {
        let bytes = file.tensor(name).unwrap().data().to_vec();
        bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    };
    names.iter().flat_map(values).collect()
}
