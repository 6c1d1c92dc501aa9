//! What is dropped or chosen, folders included, as files with their paths.

use crate::compare::wanted;
use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry,
    FileSystemFileEntry,
};

/// How many files of folders are looked at.
const MAX_FILES: usize = 5000;
/// Folders of a run that hold no answers, and much else.
const PASSED_OVER: [&str; 3] = ["checkpoints", "policy", "data"];

/// A file to read.
pub struct Found {
    /// Its name, with its folders.
    pub name: String,
    /// Its bytes.
    pub blob: Blob,
}

/// What was dropped: has to be taken at once, as the browser forgets it after the event.
pub struct Dropped {
    files: Vec<File>,
    folders: Vec<FileSystemDirectoryEntry>,
}

impl Dropped {
    /// Of a drop.
    pub fn of(data: &DataTransfer) -> Self {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let items = data.items();
        for item in (0..items.length()).filter_map(|at| items.get(at)) {
            match item.webkit_get_as_entry() {
                Ok(Some(entry)) if entry.is_directory() => folders.push(entry.unchecked_into()),
                _ => files.extend(item.get_as_file().ok().flatten()),
            }
        }
        Dropped { files, folders }
    }

    /// The files in it, of folders those that hold answers.
    ///
    /// # Errors
    /// A folder cannot be read, or holds no answers.
    pub async fn find(self) -> Result<Vec<Found>, String> {
        let mut found: Vec<Found> = self.files.into_iter().map(single).collect();
        for folder in self.folders {
            let name = folder.name();
            let cannot = |_| format!("the folder {name} cannot be read");
            let mut entries = Vec::new();
            let mut waiting = vec![folder.clone()];
            while let Some(folder) = waiting.pop() {
                for entry in list(&folder).await.map_err(cannot)? {
                    let passed_over = PASSED_OVER.contains(&&*entry.name());
                    match entry.is_directory() {
                        true if !passed_over => waiting.push(entry.unchecked_into()),
                        true => {}
                        false => entries.push(entry),
                    }
                }
                if entries.len() + waiting.len() > MAX_FILES {
                    return Err(format!(
                        "the folder {name} has more than {MAX_FILES} files: drop one run"
                    ));
                }
            }
            let path =
                |entry: &FileSystemEntry| entry.full_path().trim_start_matches('/').to_owned();
            let paths: Vec<String> = entries.iter().map(path).collect();
            let wanted = wanted(&paths);
            if wanted.is_empty() {
                return Err(nothing_in(&name));
            }
            for wanted in wanted {
                let entry: &FileSystemFileEntry = entries[wanted.at].unchecked_ref();
                let file = file(entry).await.map_err(cannot)?;
                found.push(Found {
                    name: wanted.path.to_owned(),
                    blob: file.into(),
                });
            }
        }
        Ok(found)
    }
}

/// The files of a list; of a chosen folder those that hold answers.
///
/// # Errors
/// The folder holds none.
pub fn chosen(list: &FileList) -> Result<Vec<Found>, String> {
    let files: Vec<File> = (0..list.length()).filter_map(|at| list.get(at)).collect();
    let path = |file: &File| {
        let path = js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok();
        path.and_then(|path| path.as_string()).unwrap_or_default()
    };
    let paths: Vec<String> = files.iter().map(path).collect();
    if paths.iter().all(String::is_empty) {
        return Ok(files.into_iter().map(single).collect());
    }
    let wanted = wanted(&paths);
    if wanted.is_empty() {
        let folder = paths[0].split('/').next().unwrap_or_default();
        return Err(nothing_in(folder));
    }
    let found = |wanted: crate::compare::Wanted<'_>| Found {
        name: wanted.path.to_owned(),
        blob: files[wanted.at].clone().into(),
    };
    Ok(wanted.into_iter().map(found).collect())
}

fn single(file: File) -> Found {
    Found {
        name: file.name(),
        blob: file.into(),
    }
}

fn nothing_in(folder: &str) -> String {
    format!(
        "the folder {folder} has no answers: expected a run, with eval/<name>.jsonl or completions.jsonl"
    )
}

/// What stands in a folder; browsers give it in portions.
async fn list(folder: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, JsValue> {
    let reader = folder.create_reader();
    let mut entries = Vec::new();
    loop {
        let mut read = |done: Function, failed: Function| {
            if let Err(error) = reader.read_entries_with_callback_and_callback(&done, &failed) {
                let _ = failed.call1(&JsValue::NULL, &error);
            }
        };
        let portion: Array = JsFuture::from(Promise::new(&mut read))
            .await?
            .unchecked_into();
        if portion.length() == 0 {
            return Ok(entries);
        }
        entries.extend(portion.iter().map(JsCast::unchecked_into));
    }
}

async fn file(entry: &FileSystemFileEntry) -> Result<File, JsValue> {
    let mut read = |done: Function, failed: Function| {
        entry.file_with_callback_and_callback(&done, &failed);
    };
    Ok(JsFuture::from(Promise::new(&mut read))
        .await?
        .unchecked_into())
}
