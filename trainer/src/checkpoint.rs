//! A checkpoint: everything a run needs to go on as if it had never stopped.
//!
//! ```text
//! checkpoints/step-000100/
//!   adapter_model.safetensors + adapter_config.json   PEFT reads them
//!   optimizer.safetensors                             AdamW's moments and step count
//!   state.json                                        the step, the data cursor, the lengths of the logs
//! ```
//!
//! The folder is written beside its place, synced and renamed: it is whole or absent. Random numbers are counter-based, so the step
//! is all the random state there is; the learning rate is a function of the step.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::fingerprint::Fingerprint;
pub use crate::model_dir::{ADAPTER_CONFIG, ADAPTER_WEIGHTS as ADAPTER};

/// The layout of a checkpoint; another one is refused.
const VERSION: u32 = 2;
const STATE: &str = "state.json";
pub const OPTIMIZER: &str = "optimizer.safetensors";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Layout of the checkpoint.
    pub version: u32,
    /// Training steps done: rollouts, and the updates made of them.
    pub step: u64,
    /// Updates of the adapter done.
    pub optimizer_steps: u64,
    /// Prompts taken from the training rows, over all epochs.
    pub prompts: u64,
    /// Tokens seen, prompts and completions.
    pub num_tokens: u64,
    /// Of the model and the rows, so that a run does not go on with others.
    pub fingerprint: Fingerprint,
    /// Length of metrics.jsonl.
    pub metrics_bytes: u64,
    /// Length of completions.jsonl.
    pub completions_bytes: u64,
}

impl State {
    /// A run that has done nothing yet.
    pub fn new(fingerprint: Fingerprint) -> Self {
        Self {
            version: VERSION,
            step: 0,
            optimizer_steps: 0,
            prompts: 0,
            num_tokens: 0,
            fingerprint,
            metrics_bytes: 0,
            completions_bytes: 0,
        }
    }

    /// Another version may have other fields: it is asked for first. What is no state at all is left to [`State::parse`].
    fn check_version(bytes: &[u8]) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_slice(bytes) {
            Ok(Version { version }) if version != VERSION => anyhow::bail!(
                "it is of version {version}, this program reads {VERSION}: go on with the program that wrote it"
            ),
            _ => Ok(()),
        }
    }

    fn parse(bytes: &[u8], folder: &Path) -> anyhow::Result<Self> {
        let state: Self = serde_json::from_slice(bytes)?;
        ensure!(
            step_of(folder) == Some(state.step),
            "it is of step {}, its folder of another",
            state.step
        );
        Ok(state)
    }
}

/// A checkpoint's content, adapter and optimizer as their files' bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub state: State,
    pub adapter: Vec<u8>,
    pub adapter_config: String,
    pub optimizer: Vec<u8>,
}

impl Checkpoint {
    /// Writes the checkpoint under `checkpoints` and returns its folder.
    ///
    /// # Errors
    /// A checkpoint of this step that is there already, anything the file system refuses.
    pub fn write(self, checkpoints: &Path) -> anyhow::Result<PathBuf> {
        let folder = checkpoints.join(folder_name(self.state.step));
        let mut state = serde_json::to_string_pretty(&self.state)?;
        state.push('\n');
        let files = [
            (ADAPTER, self.adapter),
            (ADAPTER_CONFIG, self.adapter_config.into_bytes()),
            (OPTIMIZER, self.optimizer),
            (STATE, state.into_bytes()),
        ];
        atomic::write_folder(&folder, &files).with_context(|| {
            format!(
                "no checkpoint of step {}; what was saved before is whole",
                self.state.step
            )
        })?;
        Ok(folder)
    }

    /// Reads a checkpoint's folder.
    ///
    /// # Errors
    /// A file that is missing or unreadable, a state that is not JSON, of another version, or of another step than the folder's name.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| {
                let what = match error.kind() {
                    io::ErrorKind::NotFound => unusable(folder, name),
                    _ => format!("cannot read {}", path.display()),
                };
                anyhow::Error::new(error).context(what)
            })
        };
        let state = read(STATE)?;
        State::check_version(&state)
            .with_context(|| format!("{} cannot be used", folder.join(STATE).display()))?;
        let state = State::parse(&state, folder).with_context(|| unusable(folder, STATE))?;
        let adapter_config = String::from_utf8(read(ADAPTER_CONFIG)?)
            .with_context(|| unusable(folder, ADAPTER_CONFIG))?;
        Ok(Self {
            state,
            adapter: read(ADAPTER)?,
            adapter_config,
            optimizer: read(OPTIMIZER)?,
        })
    }
}

/// Says of a checkpoint's file that it is missing or spoiled, and what to do.
pub fn unusable(folder: &Path, name: &str) -> String {
    let file = folder.join(name);
    let beside = folder.parent().and_then(|all| fs::read_dir(all).ok());
    let mut steps = beside
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| step_of(&entry.path()));
    match steps.any(|step| Some(step) < step_of(folder)) {
        true => format!(
            "{} cannot be used; to go on from an older checkpoint, remove {}",
            file.display(),
            folder.display()
        ),
        false => format!(
            "{} cannot be used, and there is no older checkpoint: start the run anew under another name",
            file.display()
        ),
    }
}

/// The folder of the newest checkpoint under `checkpoints`, if there is one.
///
/// # Errors
/// The folder cannot be read; one that is absent has no checkpoints.
pub fn latest(checkpoints: &Path) -> anyhow::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(checkpoints) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", checkpoints.display()));
        }
    };
    let mut newest = None;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", checkpoints.display()))?
            .path();
        if let Some(step) = step_of(&path) {
            newest = newest.max(Some((step, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn folder_name(step: u64) -> String {
    format!("step-{step:06}")
}

fn step_of(folder: &Path) -> Option<u64> {
    let name = folder.file_name()?.to_str()?;
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (folder_name(step) == name).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u64) -> Checkpoint {
        Checkpoint {
            state: State {
                step,
                optimizer_steps: 2 * step,
                prompts: 3 * step,
                num_tokens: 1000,
                metrics_bytes: 17,
                completions_bytes: 1 << 40,
                ..State::new(Fingerprint {
                    model: "00ee".into(),
                    data: "00ff".into(),
                })
            },
            adapter: vec![1, 2, 3],
            adapter_config: "{}".into(),
            optimizer: vec![4],
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = checkpoint(100).write(dir.path()).unwrap();
        assert!(folder.ends_with("step-000100"));
        assert_eq!(Checkpoint::read(&folder).unwrap(), checkpoint(100));
    }

    #[test]
    fn the_newest_is_found_by_number_and_nothing_else_counts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(latest(&dir.path().join("absent")).unwrap(), None);
        assert_eq!(latest(dir.path()).unwrap(), None);
        for step in [7, 999_999, 1_000_000] {
            checkpoint(step).write(dir.path()).unwrap();
        }
        for other in [".step-2000000.partial", "step-02000000", "step-x", "best"] {
            fs::create_dir(dir.path().join(other)).unwrap();
        }
        let newest = latest(dir.path()).unwrap().unwrap();
        assert!(newest.ends_with("step-1000000"), "{}", newest.display());
    }

    #[test]
    fn a_spoiled_checkpoint_is_named_with_a_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let folder = checkpoint(5).write(dir.path()).unwrap();
        let complaint = || format!("{:#}", Checkpoint::read(&folder).unwrap_err());
        let state = fs::read_to_string(folder.join(STATE)).unwrap();

        fs::write(
            folder.join(STATE),
            state.replace("\"version\": 2", "\"version\": 3"),
        )
        .unwrap();
        assert!(complaint().ends_with("state.json cannot be used: it is of version 3, this program reads 2: go on with the program that wrote it"));
        fs::write(
            folder.join(STATE),
            state.replace("\"step\": 5", "\"step\": 6"),
        )
        .unwrap();
        assert!(complaint().contains("it is of step 6"));
        fs::write(folder.join(STATE), &state[..20]).unwrap();
        assert!(complaint().contains("state.json cannot be used"));
        fs::write(
            folder.join(STATE),
            state.replace("\"prompts\"", "\"prompt\""),
        )
        .unwrap();
        assert!(complaint().contains("prompt"));
        fs::write(folder.join(STATE), &state).unwrap();
        fs::remove_file(folder.join(OPTIMIZER)).unwrap();
        assert!(
            complaint().contains("optimizer.safetensors cannot be used, and there is no older")
        );
        checkpoint(4).write(dir.path()).unwrap();
        let text = complaint();
        assert!(
            text.contains(
                "optimizer.safetensors cannot be used; to go on from an older checkpoint, remove "
            ),
            "{text}"
        );
    }
}
