//! The folder of a demo: which folder a new one may replace, and how that is done.
//!
//! A demo's folder has the file `.recode-demo` with one fixed line, and config.toml. The mark is the first file written, and config.toml
//! the last one removed: wherever a demo is killed, the next one knows its folder again, by both files or because nothing else is there.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::atomic;
use crate::cli::Usage;
use crate::config::Config;
use crate::run_dir::{CONFIG, LOCK, RunDir};

const MARK: &str = ".recode-demo";
const MARK_LINE: &str = "recode-trainer demo made this folder and replaces it\n";

/// How `demo` chooses another folder.
const ANOTHER: &str = "another folder with --run-dir";

/// Whether `path` is no folder yet, an empty one, or one that a demo made.
///
/// # Errors
/// Anything else, as wrong usage; what the file system refuses.
pub(super) fn check(path: &Path) -> Result<()> {
    let cannot = || format!("cannot read {}", path.display());
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(Usage::error(format_args!(
                "{} is no folder: choose {ANOTHER}",
                path.display()
            )));
        }
        Err(error) => return Err(error).with_context(cannot),
    };
    let marked = match fs::read(path.join(MARK)) {
        Ok(bytes) => Some(bytes == MARK_LINE.as_bytes()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(cannot),
    };
    // What a demo leaves that was killed before it had written its configuration.
    let mut early = vec![path.join(LOCK), path.join(MARK)];
    for name in [MARK, CONFIG] {
        early.push(atomic::partial(&path.join(name))?);
    }
    let mut only_early = true;
    for entry in entries {
        only_early &= early.contains(&entry.with_context(cannot)?.path());
    }
    match marked {
        None | Some(true) if only_early => Ok(()),
        Some(true) if path.join(CONFIG).is_file() => Ok(()),
        _ => Err(Usage::error(format_args!(
            "{} exists and no demo made it: choose {ANOTHER}",
            path.display()
        ))),
    }
}

/// Holds the folder of a new demo, with nothing in it but its configuration. What an earlier demo left there is removed.
///
/// # Errors
/// As [`check`]; another process at work in the folder.
pub(super) fn replace(config: &Config) -> Result<RunDir> {
    let path = config.run_dir();
    // Before a lock is laid into somebody's folder, and again when nobody else can change it.
    check(&path)?;
    let dir = RunDir::claim(config, ANOTHER)?;
    check(&path)?;
    atomic::write_file(&path.join(MARK), MARK_LINE.as_bytes())?;
    let cannot = || {
        format!(
            "cannot remove what the last demo left in {}",
            path.display()
        )
    };
    let keep = [LOCK, MARK, CONFIG].map(|name| path.join(name));
    for entry in fs::read_dir(&path).with_context(cannot)? {
        let entry = entry.with_context(cannot)?.path();
        if !keep.contains(&entry) {
            atomic::remove(&entry).with_context(cannot)?;
        }
    }
    dir.write_config(config)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files in it.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn only_a_demos_folder_or_nothing_may_be_replaced() {
        let allowed = |files: &[(&str, &str)]| check(folder(files).path()).is_ok();
        let (mark, lock, config) = ((MARK, MARK_LINE), (LOCK, ""), (CONFIG, "name = 1"));
        let data = ("metrics.jsonl", "{}\n");
        for early in [
            &[][..],
            &[lock],
            &[lock, ("..recode-demo.partial", "reco")],
            &[lock, mark],
            &[lock, mark, (".config.toml.partial", "na")],
        ] {
            assert!(allowed(early), "{early:?}");
        }
        assert!(allowed(&[mark, config, data]), "a whole demo");
        for other in [
            &[data][..],
            &[mark, data],
            &[config, data],
            &[lock, config],
            &[(MARK, ""), config],
            &[(MARK, "")],
            &[("demo", ""), config],
            &[("notes.txt", "mine")],
        ] {
            assert!(!allowed(other), "{other:?}");
        }
    }

    #[test]
    fn a_demo_killed_while_it_clears_leaves_what_the_next_one_clears() {
        let dir = folder(&[(MARK, MARK_LINE), (CONFIG, "name = 1")]);
        fs::create_dir_all(dir.path().join("policy")).unwrap();
        fs::create_dir_all(dir.path().join(".data.partial")).unwrap();
        let mut config =
            crate::demo::config(&dir.path().join("x"), 0, &[]).expect("a demo's configuration");
        config.output_dir = dir.path().parent().unwrap().to_owned();
        config.name = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        drop(replace(&config).unwrap());
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [LOCK, MARK, CONFIG]);
        let written = fs::read_to_string(dir.path().join(CONFIG)).unwrap();
        assert_eq!(written, config.to_toml().unwrap());
    }

    #[test]
    fn a_folder_in_use_is_not_touched() {
        let dir = folder(&[
            (MARK, MARK_LINE),
            (CONFIG, "name = 1"),
            ("metrics.jsonl", ""),
        ]);
        let config = crate::demo::config(dir.path(), 0, &[]).unwrap();
        let held = RunDir::claim(&config, ANOTHER).unwrap();
        let text = replace(&config).unwrap_err().to_string();
        assert!(
            text.starts_with("another process is training in ") && text.contains("--run-dir"),
            "{text}"
        );
        assert!(dir.path().join("metrics.jsonl").exists());
        drop(held);
        replace(&config).unwrap();
        assert!(!dir.path().join("metrics.jsonl").exists());
    }
}
