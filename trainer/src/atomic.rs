//! Files and folders that are whole or absent: written beside their place, synced, renamed into it.
//!
//! A process killed in between leaves at most a `.NAME.partial` sibling, which the next write of the same name replaces. On an error
//! (a full disk) the sibling is removed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file that appears with all of its bytes or not at all, replacing what was there.
///
/// # Errors
/// Anything the file system refuses; the message names the file.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let partial = partial(path)?;
    let write = || -> io::Result<()> {
        write_synced(&partial, bytes)?;
        fs::rename(&partial, path)?;
        sync_parent(path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&partial)))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a folder of files that appears with all of them or not at all. The folder must not exist.
///
/// # Errors
/// A folder that exists, anything the file system refuses; the message names the file or folder.
pub fn write_folder(path: &Path, files: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
    let partial = partial(path)?;
    remove_folder(&partial)?;
    let write = || -> anyhow::Result<()> {
        fs::create_dir_all(&partial)
            .with_context(|| format!("cannot create {}", partial.display()))?;
        for (name, bytes) in files {
            write_synced(&partial.join(name), bytes)
                .with_context(|| format!("cannot write {}", path.join(name).display()))?;
        }
        let rename = || -> io::Result<()> {
            File::open(&partial)?.sync_all()?;
            if path.exists() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(&partial, path)?;
            sync_parent(path)
        };
        rename().with_context(|| format!("cannot create {}", path.display()))
    };
    write().inspect_err(|_| drop(fs::remove_dir_all(&partial)))
}

/// Removes what killed writes left in `folder`.
///
/// # Errors
/// Anything the file system refuses; a folder that does not exist has nothing in it.
pub fn remove_partials(folder: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", folder.display()));
        }
    };
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", folder.display()))?
            .path();
        if !is_partial(&path) {
            continue;
        }
        match path.is_dir() {
            true => remove_folder(&path)?,
            false => fs::remove_file(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?,
        }
    }
    Ok(())
}

/// Syncs the folder a path stands in, so that the path's name is on disk as well as its bytes.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn partial(path: &Path) -> anyhow::Result<PathBuf> {
    let name = path
        .file_name()
        .with_context(|| format!("{} names no file", path.display()))?;
    Ok(path.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

fn is_partial(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".partial")
}

fn remove_folder(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_replaces_the_one_before_and_leaves_no_sibling() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs::write(dir.path().join(".a.txt.partial"), "left by a killed write").unwrap();
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["a.txt"]);
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("step");
        fs::create_dir_all(dir.path().join(".step.partial/stale")).unwrap();
        write_folder(&path, &[("a", b"1".to_vec()), ("b", b"2".to_vec())]).unwrap();
        assert_eq!(names(&path), ["a", "b"]);
        assert_eq!(names(dir.path()), ["step"]);

        let exists = write_folder(&path, &[("a", b"3".to_vec())]).unwrap_err();
        assert!(
            format!("{exists:#}").contains("step: "),
            "{exists:#} names the folder"
        );
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");

        // The second file cannot be written: a name with a folder in it that is not there.
        let half = dir.path().join("half");
        let error = write_folder(&half, &[("a", b"1".to_vec()), ("no/b", b"2".to_vec())]);
        assert!(format!("{:#}", error.unwrap_err()).contains("half/no/b"));
        assert_eq!(names(dir.path()), ["step"]);
    }

    #[test]
    fn only_left_overs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(".step-1.partial/x")).unwrap();
        fs::write(dir.path().join(".config.partial"), "").unwrap();
        fs::write(dir.path().join(".hidden"), "").unwrap();
        remove_partials(dir.path()).unwrap();
        assert_eq!(names(dir.path()), [".hidden"]);
        remove_partials(&dir.path().join("absent")).unwrap();
    }
}
