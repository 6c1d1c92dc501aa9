//! A file of JSON Lines that only grows, a line at a time, and can be cut back to where a checkpoint found it.
//!
//! A line is one write, so that whoever follows the file sees whole lines; a write that fails (a full disk) is taken back.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::Serialize;

/// An open log.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl RunLog {
    /// Opens the log at `path` and cuts it back to its first `bytes` bytes; a log that is not there yet has none.
    ///
    /// # Errors
    /// A file that cannot be opened, or that is shorter than `bytes`: lines a checkpoint relies on are gone.
    pub fn open(path: PathBuf, bytes: u64) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let there = file
            .metadata()
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        if there < bytes {
            bail!(
                "{} has {there} bytes, but the checkpoint was written when it had {bytes}: restore it, or remove newer checkpoints",
                path.display()
            );
        }
        file.set_len(bytes)
            .and_then(|()| file.seek(SeekFrom::Start(bytes)))
            .with_context(|| format!("cannot cut {} back", path.display()))?;
        Ok(Self { path, file, bytes })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// The write fails; the log is then as it was.
    pub fn append(&mut self, entry: &impl Serialize) -> anyhow::Result<()> {
        self.append_all(std::slice::from_ref(entry))
    }

    /// Appends a line for each entry, all of them or none.
    ///
    /// # Errors
    /// As [`RunLog::append`].
    pub fn append_all(&mut self, entries: &[impl Serialize]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)
                .with_context(|| format!("a line of {} is no JSON", self.path.display()))?;
            lines.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&lines) {
            let _ = self.file.set_len(self.bytes);
            let _ = self.file.seek(SeekFrom::Start(self.bytes));
            return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Puts every line on disk and returns how many bytes there are.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&self) -> anyhow::Result<u64> {
        self.file
            .sync_all()
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_back_to_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let mut log = RunLog::open(path.clone(), 0).unwrap();
        log.append(&1).unwrap();
        let bytes = log.sync().unwrap();
        log.append_all(&[22, 333]).unwrap();
        drop(log);
        assert_eq!(std::fs::read(&path).unwrap(), b"1\n22\n333\n");

        let mut log = RunLog::open(path.clone(), bytes).unwrap();
        log.append(&4).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"1\n4\n");
        drop(log);

        let error = RunLog::open(path, 99).unwrap_err().to_string();
        assert!(
            error.contains("has 4 bytes") && error.contains("99"),
            "{error}"
        );
    }

    /// `/dev/full` refuses every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let mut log = RunLog {
            path: "metrics.jsonl".into(),
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            bytes: 0,
        };
        let error = format!("{:#}", log.append(&1).unwrap_err());
        assert_eq!(
            error,
            "cannot write metrics.jsonl: No space left on device (os error 28)"
        );
        assert_eq!(log.bytes, 0);
    }
}
