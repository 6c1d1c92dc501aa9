//! The run that comes with the page, so that there is something to look at: `recode-trainer demo`, cut down by web/example.mjs.

use super::open::Reader;
use super::state::State;
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
    leptos::task::spawn_local(async move {
        let mut files = Vec::new();
        for (address, path) in FILES {
            let bytes = match served(address, None).await {
                Ok(bytes) => bytes,
                Err(why) => return state.failures.update(|all| all.push(why)),
            };
            if let Ok(blob) =
                Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(&bytes[..])))
            {
                files.push((path.to_owned(), blob));
            }
        }
        if state.runs.with_untracked(Vec::is_empty) && state.reading.get_untracked().is_none() {
            reader.open(files);
            state.is_example.set(true);
        }
    });
}
