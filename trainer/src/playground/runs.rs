//! A folder of runs, and what of them may be read: config.toml, metrics.jsonl, completions.jsonl, timings.jsonl, eval/*.jsonl and data/*.jsonl; of
//! checkpoints the adapter, and of a demo the policy that it adapts.
//!
//! A run is a folder with one of the first four. A file that lies outside its run's folder, behind a link, is none of the run's.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::checkpoint::{ADAPTER, ADAPTER_CONFIG};
use crate::cli::Usage;

/// The files that stand in a run's folder itself.
const FILES: [&str; 4] = [
    "config.toml",
    "metrics.jsonl",
    "completions.jsonl",
    "timings.jsonl",
];
/// The folders of a run of which every .jsonl may be read.
const FOLDERS: [&str; 2] = ["eval", "data"];
/// The folder of a demo's policy, whose weights and MODEL files may be read.
const POLICY: &str = "policy";
const MODEL: [&str; 5] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors.index.json",
];
/// The folder of the checkpoints, and what of each may be read.
const CHECKPOINTS: &str = "checkpoints";
const ADAPTER_FILES: [&str; 2] = [ADAPTER_CONFIG, ADAPTER];

/// A folder of runs, or of a single one.
#[derive(Debug)]
pub struct Runs {
    folder: PathBuf,
    follow: bool,
}

/// What there is.
#[derive(Debug, PartialEq, Serialize)]
pub struct Listing {
    folder: String,
    follow: bool,
    runs: Vec<Run>,
}

/// A run.
#[derive(Debug, PartialEq, Serialize)]
struct Run {
    name: String,
    /// The latest of its files' times.
    modified_ms: u64,
    files: Vec<RunFile>,
}

/// A file of a run.
#[derive(Debug, PartialEq, Serialize)]
struct RunFile {
    path: String,
    bytes: u64,
    modified_ms: u64,
}

impl Runs {
    /// A folder that is there.
    ///
    /// # Errors
    /// It is not, or is no folder: wrong usage.
    pub fn open(folder: PathBuf, follow: bool) -> Result<Self> {
        match folder.is_dir() {
            true => Ok(Self { folder, follow }),
            false => Err(Usage::error(format_args!(
                "{} is no folder: --follow takes a folder of runs, as runs/, or that of a single one",
                folder.display()
            ))),
        }
    }

    /// What is served, for people.
    pub fn in_words(&self) -> String {
        let verb = if self.follow {
            "following"
        } else {
            "the runs of"
        };
        format!("{verb} {}", self.folder.display())
    }

    /// The runs that there are at the moment, by name.
    ///
    /// # Errors
    /// The folder cannot be read any more.
    pub fn list(&self) -> Result<Listing> {
        let mut runs: Vec<Run> = self
            .folders()?
            .into_iter()
            .filter_map(|(name, path)| run(name, &path))
            .collect();
        runs.sort_by(|a, b| a.name.cmp(&b.name));
        let (folder, follow) = (self.folder.display().to_string(), self.follow);
        Ok(Listing {
            folder,
            follow,
            runs,
        })
    }

    /// Name and path of every run.
    fn folders(&self) -> Result<Vec<(String, PathBuf)>> {
        if is_run(&self.folder) {
            let whole = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
            let name = whole
                .file_name()
                .map_or("run".to_owned(), |name| name.to_string_lossy().into_owned());
            return Ok(vec![(name, self.folder.clone())]);
        }
        let cannot = || format!("cannot read {}", self.folder.display());
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).with_context(cannot)? {
            let entry = entry.with_context(cannot)?;
            // A name that is not UTF-8 has no address.
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
                && is_run(&entry.path())
            {
                found.push((name, entry.path()));
            }
        }
        Ok(found)
    }

    /// A run's file and its length; `None` where there is no such run or file, or it may not be read.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn file(&self, run: &str, path: &str) -> io::Result<Option<(File, u64)>> {
        let folders = self.folders().map_err(io::Error::other)?;
        let folder = folders.into_iter().find(|(name, _)| name == run);
        let Some(path) = folder.and_then(|(_, folder)| inside(&folder, path)) else {
            return Ok(None);
        };
        match File::open(path) {
            Ok(file) => {
                let size = file.metadata()?.len();
                Ok(Some((file, size)))
            }
            // Gone since it was found.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_run(folder: &Path) -> bool {
    FILES.iter().any(|name| folder.join(name).is_file())
}

/// The file of a run at `path`, where it is one that may be read and lies where it says.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let is_plain = |name: &str| !name.starts_with('.') && !name.contains(['\\', '\0']);
    let parts: Vec<&str> = path.split('/').collect();
    let known = parts.iter().all(|name| is_plain(name))
        && match parts[..] {
            [name] => FILES.contains(&name),
            [POLICY, name] => MODEL.contains(&name) || name.ends_with(".safetensors"),
            [folder, name] => FOLDERS.contains(&folder) && name.ends_with(".jsonl"),
            [CHECKPOINTS, _, name] => ADAPTER_FILES.contains(&name),
            _ => false,
        };
    let whole = fs::canonicalize(folder).ok()?;
    let file = fs::canonicalize(folder.join(path)).ok()?;
    (known && file.starts_with(&whole) && file.is_file()).then_some(file)
}

/// The names in a folder; none where it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.collect()
}

/// What of a run may be read; `None` where it has gone meanwhile.
fn run(name: String, folder: &Path) -> Option<Run> {
    let mut paths: Vec<String> = FILES.map(str::to_owned).into();
    for part in FOLDERS.into_iter().chain([POLICY]) {
        let names = names(&folder.join(part)).into_iter();
        paths.extend(names.map(|name| format!("{part}/{name}")));
    }
    for step in names(&folder.join(CHECKPOINTS)) {
        paths.extend(ADAPTER_FILES.map(|name| format!("{CHECKPOINTS}/{step}/{name}")));
    }
    paths.sort();
    let file = |path: String| {
        let about = inside(folder, &path)?.metadata().ok()?;
        Some(RunFile {
            path,
            bytes: about.len(),
            modified_ms: modified_ms(&about),
        })
    };
    let files: Vec<RunFile> = paths.into_iter().filter_map(file).collect();
    let modified_ms = files.iter().map(|file| file.modified_ms).max()?;
    Some(Run {
        name,
        modified_ms,
        files,
    })
}

/// 0 where the file system keeps no times.
fn modified_ms(about: &Metadata) -> u64 {
    let since = about
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(files: &[(&str, &str)]) -> (tempfile::TempDir, Runs) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let runs = Runs::open(dir.path().to_owned(), true).unwrap();
        (dir, runs)
    }

    #[test]
    fn runs_are_listed_with_what_may_be_read_of_them() {
        let (_dir, runs) = runs(&[
            ("b/metrics.jsonl", "{}\n"),
            ("b/checkpoints/step-000001/state.json", "{}"),
            ("b/checkpoints/step-000001/adapter_config.json", "{}"),
            (
                "b/checkpoints/.step-000002.partial/adapter_config.json",
                "{}",
            ),
            ("b/policy/model.safetensors", "w"),
            ("b/policy/notes.json", "secret"),
            ("b/eval/after.jsonl", "1\n"),
            ("b/eval/notes.txt", "secret"),
            ("a/config.toml", ""),
            ("c/completions.jsonl", "{}\n"),
            ("no-run/secret.jsonl", ""),
            (".hidden/metrics.jsonl", ""),
        ]);
        let listing = runs.list().unwrap();
        let found: Vec<(&str, Vec<(&str, u64)>)> = listing
            .runs
            .iter()
            .map(|run| {
                (
                    &*run.name,
                    run.files
                        .iter()
                        .map(|file| (&*file.path, file.bytes))
                        .collect(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("a", vec![("config.toml", 0)]),
                (
                    "b",
                    vec![
                        ("checkpoints/step-000001/adapter_config.json", 2),
                        ("eval/after.jsonl", 2),
                        ("metrics.jsonl", 3),
                        ("policy/model.safetensors", 1),
                    ]
                ),
                ("c", vec![("completions.jsonl", 3)])
            ]
        );
    }

    #[test]
    fn a_file_of_a_run_is_read_and_nothing_outside() {
        let (dir, runs) = runs(&[
            ("a/metrics.jsonl", "0123456789"),
            ("a/.lock", "x"),
            ("a/checkpoints/one/optimizer.safetensors", "x"),
            ("a/checkpoints/one/adapter_model.safetensors", "012"),
            ("a/checkpoints/one/adapter_config.json", "{}"),
            ("a/policy/model.safetensors", "01234"),
            ("a/policy/tokenizer.json", "[]"),
            ("secret.jsonl", "x"),
            ("secret/adapter_config.json", "x"),
        ]);
        for (path, length) in [
            ("metrics.jsonl", 10),
            ("checkpoints/one/adapter_model.safetensors", 3),
            ("checkpoints/one/adapter_config.json", 2),
            ("policy/model.safetensors", 5),
            ("policy/tokenizer.json", 2),
        ] {
            let (_, size) = runs.file("a", path).unwrap().unwrap();
            assert_eq!(size, length, "{path}");
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            dir.path().join("secret"),
            dir.path().join("a/checkpoints/two"),
        )
        .unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            dir.path().join("secret.jsonl"),
            dir.path().join("a/completions.jsonl"),
        )
        .unwrap();
        for (run, path) in [
            ("a", ".lock"),
            ("a", "../secret.jsonl"),
            ("a", "eval/../../secret.jsonl"),
            ("a", "completions.jsonl"),
            ("..", "secret.jsonl"),
            ("", "secret.jsonl"),
            ("a", "eval"),
            ("a", "/etc/passwd"),
            ("a", "data/.x.jsonl"),
            ("a", "checkpoints/one/optimizer.safetensors"),
            ("a", "checkpoints/two/adapter_config.json"),
            ("a", "checkpoints/../metrics.jsonl"),
            ("a", "policy/../metrics.jsonl"),
            ("b", "metrics.jsonl"),
        ] {
            assert!(runs.file(run, path).unwrap().is_none(), "{run}/{path}");
        }
        drop(dir);
    }

    #[test]
    fn a_single_run_is_a_folder_of_one() {
        let (dir, _) = runs(&[("a/metrics.jsonl", "{}\n")]);
        let one = Runs::open(dir.path().join("a"), false).unwrap();
        assert_eq!(one.list().unwrap().runs[0].name, "a");
        let error = Runs::open(dir.path().join("nowhere"), true).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("nowhere is no folder"));
    }
}
