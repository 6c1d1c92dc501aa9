//! Files that were chosen or dropped, those of folders with their paths.

use js_sys::{Array, Promise, Reflect};
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DataTransfer, DragEvent, File, FileList, FileSystemDirectoryEntry, FileSystemEntry,
    FileSystemFileEntry,
};

/// How many files and folders of what was dropped are looked at.
const MAX_FILES: usize = 5000;

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

/// Calls `take` with what is dropped anywhere on the page, and says whether files are held over it. Texts are left to the fields.
pub fn on_drop(take: impl Fn(Dropped) + 'static) -> RwSignal<bool> {
    let over = RwSignal::new(false);
    let files = |event: &DragEvent| {
        let data = event.data_transfer()?;
        let types = data.types();
        types.includes(&"Files".into(), 0).then_some(data)
    };
    let drops = window_event_listener(ev::drop, move |event: DragEvent| {
        over.set(false);
        if let Some(data) = files(&event) {
            event.prevent_default();
            take(Dropped::of(&data));
        }
    });
    let dragged = window_event_listener(ev::dragover, move |event: DragEvent| {
        if files(&event).is_some() {
            event.prevent_default();
            over.set(true);
        }
    });
    let left = window_event_listener(ev::dragleave, move |_| over.set(false));
    on_cleanup(move || {
        drops.remove();
        dragged.remove();
        left.remove();
    });
    over
}

/// What was dropped.
pub struct Dropped {
    entries: Vec<FileSystemEntry>,
    files: Vec<Opened>,
}

impl Dropped {
    /// Has to be taken within the event: the browser forgets it afterwards.
    pub fn of(data: &DataTransfer) -> Self {
        let (items, mut entries, mut files) = (data.items(), Vec::new(), Vec::new());
        for item in (0..items.length()).filter_map(|at| items.get(at)) {
            match (item.webkit_get_as_entry(), item.get_as_file()) {
                (Ok(Some(entry)), _) => entries.push(entry),
                (_, Ok(Some(file))) => files.push((file.name(), file.into())),
                _ => {}
            }
        }
        Dropped { entries, files }
    }

    /// Its files, those of folders with their paths, but of folders whose name is passed over.
    ///
    /// # Errors
    /// A folder or a file cannot be read, or there are too many.
    pub async fn files(self, passed_over: &[&str]) -> Result<Vec<Opened>, String> {
        let Dropped { mut entries, files } = self;
        let (mut opened, mut seen) = (files, entries.len());
        while let Some(entry) = entries.pop() {
            let path = entry.full_path().trim_start_matches('/').to_owned();
            let cannot = |_| format!("{path} cannot be read");
            if entry.is_file() {
                let file = file_of(entry.unchecked_into()).await.map_err(cannot)?;
                opened.push((path, file.into()));
            } else if !passed_over.contains(&&*entry.name()) {
                let within = entries_of(entry.unchecked_into()).await.map_err(cannot)?;
                seen += within.len();
                if seen > MAX_FILES {
                    return Err(format!(
                        "{path} makes it more than {MAX_FILES} files: open the folder of one run or one model"
                    ));
                }
                entries.extend(within);
            }
        }
        opened.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(opened)
    }
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
