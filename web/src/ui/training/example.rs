//! The run that comes with the page, so that there is something to look at: `recode-trainer demo`, cut down by web/example.mjs.

use super::open::Reader;
use super::state::State;
use crate::ui::opened::Opened;
use crate::ui::served::served;
use js_sys::{Array, Uint8Array};
use leptos::prelude::*;
use web_sys::Blob;

/// Its files, and what they are called when they are opened.
const FILES: [(&str, &str); 3] = [
    ("example-metrics.jsonl", "demo/metrics.jsonl"),
    ("example-completions.jsonl", "demo/completions.jsonl"),
    ("example-rows.jsonl", "demo/data/migrations.jsonl"),
];

/// Loads and opens it, unless something else was opened meanwhile.
pub fn load(state: State, reader: Reader) {
    // Somebody left the page and came back meanwhile.
    if reader.example_comes.get_untracked() {
        return;
    }
    reader.example_comes.set(true);
    leptos::task::spawn_local(async move {
        let files = fetched().await;
        reader.example_comes.set(false);
        let files = match files {
            Ok(files) => files,
            Err(why) => return state.failures.update(|all| all.push(why)),
        };
        if state.runs.with_untracked(Vec::is_empty) && state.reading.get_untracked().is_none() {
            reader.open(files);
            state.is_example.set(true);
        }
    });
}

async fn fetched() -> Result<Vec<Opened>, String> {
    let mut files = Vec::new();
    for (address, path) in FILES {
        let bytes = Uint8Array::from(&served(address, None).await?[..]);
        let blob = Blob::new_with_u8_array_sequence(&Array::of1(&bytes));
        let blob = blob.map_err(|_| format!("{address}: no room for its bytes"))?;
        files.push((path.to_owned(), blob));
    }
    Ok(files)
}
