//! The folder a run leaves behind, and who may write to it.
//!
//! ```text
//! runs/<name>/
//!   config.toml          everything resolved: `--config` of this file repeats the run
//!   fingerprint.json     of the model and the rows: a run does not go on with others
//!   metrics.jsonl        a line a step
//!   completions.jsonl    a line a completion
//!   timings.jsonl        a line a step: wall-clock seconds by phase, and a GPU's memory
//!   checkpoints/         see `checkpoint`
//!   eval/<name>.jsonl    a line an example
//!   .lock                held by the process that writes here
//! ```
//!
//! The same seed, config, model and data give the same bytes in all of them on one kind of processor, whether or not the run was stopped
//! and resumed, but for timings.jsonl: a clock never repeats itself, which is why it has a file of its own. Another set of instructions
//! (AMX, AVX-512 and AVX2, neither) rounds other sums.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml::Table;

use crate::atomic;
use crate::cli::Usage;
use crate::config::{self, Config};

/// Keys that may differ when a run is resumed: they change where and how fast it runs, not what it computes.
const FREE: [&str; 4] = [
    "output_dir",
    "threads",
    "rollout.max_concurrent_sequences",
    "run.save_steps",
];

/// Held by the process that writes into the folder.
pub(crate) const LOCK: &str = ".lock";
pub(crate) const CONFIG: &str = "config.toml";
/// How `train` chooses another folder.
const ANOTHER_NAME: &str = "another name (--set name=…)";

/// A run's folder, held against other processes until it is dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Makes the folder of a new run and writes its config.toml.
    ///
    /// # Errors
    /// A folder that exists already (as wrong usage, with the ways out), anything the file system refuses.
    pub fn create(config: &Config) -> anyhow::Result<Self> {
        Self::check_new(config)?;
        let path = config.run_dir();
        // Of two that come at the same time, one makes the folder and the other is told that it exists.
        fs::create_dir_all(&config.output_dir)
            .and_then(|()| fs::create_dir(&path))
            .with_context(|| {
                format!(
                    "cannot create the run directory {} (--set output_dir=… chooses another place)",
                    path.display()
                )
            })?;
        let dir = Self::lock(path, ANOTHER_NAME)?;
        // A folder that nothing can be written to would be in the way of the next start.
        dir.write_config(config)
            .inspect_err(|_| drop(fs::remove_dir_all(&dir.path)))?;
        Ok(dir)
    }

    /// Holds the folder of a run, which is made where it is not there, and leaves what is in it as it is. `another` says how the caller
    /// chooses another folder.
    ///
    /// # Errors
    /// Another process at work in it, anything the file system refuses.
    pub(crate) fn claim(config: &Config, another: &str) -> anyhow::Result<Self> {
        let path = config.run_dir();
        fs::create_dir_all(&path).with_context(|| {
            format!(
                "cannot create the run directory {}: choose {another}",
                path.display()
            )
        })?;
        Self::lock(path, another)
    }

    /// Whether the name is free; says it before a model is loaded.
    ///
    /// # Errors
    /// A folder that exists already.
    pub fn check_new(config: &Config) -> anyhow::Result<()> {
        let path = config.run_dir();
        match path.is_dir() {
            true => Err(Usage::error(format_args!(
                "{} exists already: continue that run with --resume, choose another name (--set name=…), or remove the folder",
                path.display()
            ))),
            false => Ok(()),
        }
    }

    /// Opens the folder of a run that stopped, clears what a killed write left there, and checks that it is the same run.
    ///
    /// # Errors
    /// No such folder, one with other things but no config.toml, another process at work in it, a config.toml that differs in what the run
    /// computes.
    pub fn resume(config: &Config) -> anyhow::Result<Self> {
        let path = config.run_dir();
        if !path.is_dir() {
            return Err(Usage::error(format_args!(
                "there is no run to resume in {}: leave --resume out to start it",
                path.display()
            )));
        }
        refuse_foreign(&path)?;
        let dir = Self::lock(path, ANOTHER_NAME)?;
        for folder in [dir.path.clone(), dir.checkpoints(), dir.eval()] {
            atomic::remove_partials(&folder)?;
        }
        let written = dir.config();
        match fs::read_to_string(&written) {
            Ok(text) => {
                let origin = written.display().to_string();
                let before = Config::from_toml(&text, &origin, &[])?;
                let changed = changed_keys(&before, config)?;
                if !changed.is_empty() {
                    return Err(Usage::error(format_args!(
                        "{origin} says otherwise: {}; resume with --config {origin}, or start a new run under another name",
                        changed.join(", ")
                    )));
                }
            }
            // Killed before anything was written: nothing else is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => dir.write_config(config)?,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", written.display()));
            }
        }
        Ok(dir)
    }

    fn lock(path: PathBuf, another: &str) -> anyhow::Result<Self> {
        let name = path.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&name)
            .with_context(|| format!("cannot write {}", name.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another process is training in {}: wait for it, or choose {another}",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", name.display()))
            }
        }
    }

    pub(crate) fn write_config(&self, config: &Config) -> anyhow::Result<()> {
        atomic::write_file(&self.config(), config.to_toml()?.as_bytes())
    }

    /// Puts the names of what stands in the folder, and the folder's own, on disk: a file's bytes are no use without them.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&self) -> anyhow::Result<()> {
        atomic::sync_folder(&self.path)
            .and_then(|()| atomic::sync_parent(&self.path))
            .with_context(|| format!("cannot sync {}", self.path.display()))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    pub fn fingerprint(&self) -> PathBuf {
        self.path.join("fingerprint.json")
    }

    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub fn completions(&self) -> PathBuf {
        self.path.join("completions.jsonl")
    }

    pub fn timings(&self) -> PathBuf {
        self.path.join("timings.jsonl")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    pub fn eval(&self) -> PathBuf {
        self.path.join("eval")
    }
}

/// A run whose config.toml was lost cannot be gone on with, as nobody knows what it computed; and what is no run is not written into. A run
/// that was killed at birth has left a lock and half a file at most.
fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    if path.join(CONFIG).exists() {
        return Ok(());
    }
    let partial = atomic::partial(&path.join(CONFIG))?;
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let name = entry
            .with_context(|| format!("cannot read {}", path.display()))?
            .file_name();
        if name != LOCK && Some(name.as_os_str()) != partial.file_name() {
            return Err(Usage::error(format_args!(
                "{} has {} but no {CONFIG}, so it is no run that could be gone on with: put the {CONFIG} back, or start a new run under another name",
                path.display(),
                name.to_string_lossy()
            )));
        }
    }
    Ok(())
}

/// `key = value` of what differs and matters.
fn changed_keys(before: &Config, now: &Config) -> anyhow::Result<Vec<String>> {
    let (before, now) = (Table::try_from(before)?, Table::try_from(now)?);
    let value = |table: &Table, name: &str| {
        let found = match name.split_once('.') {
            Some((section, leaf)) => table.get(section).and_then(|section| section.get(leaf)),
            None => table.get(name),
        };
        found.map(ToString::to_string)
    };
    let keys = config::keys();
    let keys = keys.iter().filter(|key| !FREE.contains(&key.name));
    Ok(keys
        .filter(|key| value(&before, key.name) != value(&now, key.name))
        .map(|key| {
            let was = value(&before, key.name).unwrap_or_else(|| "absent".to_owned());
            format!("{} = {was}", key.name)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(output_dir: &Path, set: &[&str]) -> Config {
        let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
        let text = "name = \"a\"\n[model]\npath = \"m\"\n[data]\ntrain = \"t.jsonl\"\n";
        let mut config = Config::from_toml(text, "run.toml", &set).unwrap();
        config.output_dir = output_dir.join("runs");
        config
    }

    #[test]
    fn a_run_that_exists_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &[]);
        drop(RunDir::create(&config).unwrap());
        let error = RunDir::create(&config).unwrap_err();
        assert!(error.is::<Usage>(), "exit code 2");
        let text = error.to_string();
        assert!(
            text.contains("exists already") && text.contains("--resume"),
            "{text}"
        );
    }

    #[test]
    fn two_trainers_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &[]);
        let held = RunDir::create(&config).unwrap();
        let text = RunDir::resume(&config).unwrap_err().to_string();
        assert!(
            text.starts_with("another process is training in "),
            "{text}"
        );
        drop(held);
        RunDir::resume(&config).unwrap();
    }

    #[test]
    fn only_the_same_run_is_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let first = config(dir.path(), &[]);
        let missing = RunDir::resume(&first).unwrap_err();
        assert!(missing.is::<Usage>() && missing.to_string().contains("no run to resume"));
        drop(RunDir::create(&first).unwrap());

        let other = config(
            dir.path(),
            &["optimizer.learning_rate=1e-3", "loss.dual_clip=3"],
        );
        let text = RunDir::resume(&other).unwrap_err().to_string();
        assert!(
            text.contains(
                "says otherwise: loss.dual_clip = absent, optimizer.learning_rate = 0.00005"
            ),
            "{text}"
        );
        RunDir::resume(&config(dir.path(), &["threads=7", "run.save_steps=3"])).unwrap();
    }

    #[test]
    fn a_run_killed_at_birth_is_resumed_from_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &[]);
        fs::create_dir_all(config.run_dir()).unwrap();
        fs::write(config.run_dir().join(".config.toml.partial"), "name =").unwrap();
        let run = RunDir::resume(&config).unwrap();
        let written = fs::read_to_string(run.config()).unwrap();
        assert_eq!(written, config.to_toml().unwrap());
        assert!(!config.run_dir().join(".config.toml.partial").exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &[]);
        fs::write(dir.path().join("runs"), "").unwrap();
        let text = format!("{:#}", RunDir::create(&config).unwrap_err());
        assert!(
            text.contains("cannot create the run directory") && text.contains("output_dir"),
            "{text}"
        );
    }
}
