//! Files and folders that are whole or absent: written beside their place, synced, renamed into it.
//!
//! A process killed in between leaves at most a `.NAME.partial` sibling, which the next write of the same name replaces. On an error
//! (a full disk) the sibling is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes a file that appears with all of its bytes or not at all, replacing the file that was there.
///
/// A link is followed and stays. What is no regular file (`/dev/stdout`, a pipe) is written to as it is and never replaced.
///
/// # Errors
/// Anything the file system refuses; the message names the file.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let place = follow(path).with_context(cannot)?;
    if is_special(&place).with_context(cannot)? {
        let write = || {
            OpenOptions::new()
                .write(true)
                .open(&place)?
                .write_all(bytes)
        };
        return write().with_context(cannot);
    }
    let partial = partial(&place)?;
    let write = || -> io::Result<()> {
        write_synced(&partial, bytes)?;
        fs::rename(&partial, &place)?;
        sync_parent(&place)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&partial)))
        .with_context(cannot)
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

/// Whether [`write_folder`] may write at `path`, to be asked before long work: makes its partial sibling and removes it.
///
/// # Errors
/// Anything the file system refuses; the message names the folder.
pub fn check_folder(path: &Path) -> anyhow::Result<()> {
    let partial = partial(path)?;
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", path.display()))?;
    remove_folder(&partial)
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
        remove(&path)?;
    }
    Ok(())
}

/// Removes a file, a link, or a folder with all that is in it.
///
/// # Errors
/// Anything the file system refuses.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match path.is_dir() && !path.is_symlink() {
        true => remove_folder(path),
        false => fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// Syncs a folder: the names in it are then on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs the folder a path stands in, so that the path's name is on disk as well as its bytes.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

/// The place a path leads to: links are followed, also one to a file that is not there yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(&place)?;
                // An absolute target replaces the whole path.
                place = place.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(_) => return Ok(place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(place),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether something stands there that no file may replace: a device, a pipe.
fn is_special(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) => Ok(!metadata.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where the bytes of a file stand until it is whole.
pub(crate) fn partial(path: &Path) -> anyhow::Result<PathBuf> {
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

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("folder/real.txt");
        fs::create_dir(dir.path().join("folder")).unwrap();
        let link = dir.path().join("link.txt");
        std::os::unix::fs::symlink("folder/real.txt", &link).unwrap();
        // First the file is not there yet, then it is.
        for bytes in [b"one", b"two"] {
            write_file(&link, bytes).unwrap();
            assert!(link.is_symlink());
            assert_eq!(fs::read(&real).unwrap(), bytes);
        }
        assert_eq!(names(dir.path()), ["folder", "link.txt"]);

        let round = dir.path().join("round");
        std::os::unix::fs::symlink("round", &round).unwrap();
        let text = format!("{:#}", write_file(&round, b"x").unwrap_err());
        assert!(text.contains("round: too many symbolic links"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_to_and_a_folder_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_file(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(
            !fs::metadata(&pipe).unwrap().is_file(),
            "it is still a pipe"
        );

        let text = format!("{:#}", write_file(dir.path(), b"x").unwrap_err());
        assert!(text.contains("is a directory"), "{text}");
        assert_eq!(names(dir.path()), ["pipe"]);
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
