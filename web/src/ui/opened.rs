//! Files that were chosen or dropped, those of folders with their paths.

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemEntry,
    FileSystemFileEntry,
};

/// A file and its path, as far as it is known.
pub type Opened = (String, Blob);

/// The files of an input; those of a chosen folder know their path.
pub fn chosen(files: &FileList) -> Vec<Opened> {
    let files = (0..files.length()).filter_map(|at| files.get(at));
    let opened = files.map(|file: File| {
        let path = Reflect::get(&file, &"webkitRelativePath".into())
            .ok()
            .and_then(|path| path.as_string());
        (
            path.filter(|path| !path.is_empty())
                .unwrap_or_else(|| file.name()),
            file.into(),
        )
    });
    opened.collect()
}

/// What was dropped, folders with everything in them but those of a name that is passed over. What the browser gives has to be taken before anything
/// is waited for.
pub async fn dropped(data: DataTransfer, passed_over: &[&str]) -> Vec<Opened> {
    let (items, mut entries, mut opened) = (data.items(), Vec::new(), Vec::new());
    for at in 0..items.length() {
        let Some(item) = items.get(at).filter(|item| item.kind() == "file") else {
            continue;
        };
        match (item.webkit_get_as_entry(), item.get_as_file()) {
            (Ok(Some(entry)), _) => entries.push(entry),
            (_, Ok(Some(file))) => opened.push((file.name(), file.into())),
            _ => {}
        }
    }
    while let Some(entry) = entries.pop() {
        // What cannot be read is passed over as well.
        if entry.is_directory() && !passed_over.contains(&&*entry.name()) {
            entries.extend(entries_of(entry.unchecked_into()).await.unwrap_or_default());
        } else if entry.is_file()
            && let Ok(file) = file_of(entry.clone().unchecked_into()).await
        {
            opened.push((entry.full_path(), file.into()));
        }
    }
    opened.sort_by(|(a, _), (b, _)| a.cmp(b));
    opened
}

async fn entries_of(folder: FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, JsValue> {
    let reader = folder.create_reader();
    let mut found = Vec::new();
    loop {
        // Some hundred at a time, until there are none.
        let some = Promise::new(&mut |resolve, reject| {
            if let Err(error) = reader.read_entries_with_callback_and_callback(&resolve, &reject) {
                let _ = reject.call1(&JsValue::NULL, &error);
            }
        });
        let some: Array = JsFuture::from(some).await?.unchecked_into();
        if some.length() == 0 {
            return Ok(found);
        }
        found.extend(
            some.iter()
                .map(|entry| entry.unchecked_into::<FileSystemEntry>()),
        );
    }
}

async fn file_of(entry: FileSystemFileEntry) -> Result<File, JsValue> {
    let file = Promise::new(&mut |resolve, reject| {
        entry.file_with_callback_and_callback(&resolve, &reject)
    });
    Ok(JsFuture::from(file).await?.unchecked_into())
}
