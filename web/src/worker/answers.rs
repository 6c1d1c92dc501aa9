//! Answers to compare: the worker reads a file's lines as records, scores them, and tells the page.
//!
//! A message is a list: the records, and the lines that could not be read with how many there are by now (both as JSON), how many bytes are done, in the last one "done" or
//! "full", and then the first 12 digits of the file's SHA-256, as `sha256sum` prints them.

use super::{MAX_FAULTS, NEWS_MS, read_lines};
use crate::compare::{Line, Record};
use crate::score::rows::{Raw, RowFault};
use js_sys::Array;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, DedicatedWorkerGlobalScope};

/// How many answers of a file are kept: some 200 bytes each.
const MAX_RECORDS: usize = 200_000;

/// Reads and scores the answers of `file`.
///
/// # Errors
/// The file cannot be read any more: it was moved or changed.
#[wasm_bindgen]
pub async fn serve_answers(file: Blob) -> Result<(), JsValue> {
    let mut news = News {
        scope: js_sys::global().unchecked_into(),
        records: Vec::new(),
        faults: Vec::new(),
        read: 0,
        unread: 0,
        last: js_sys::Date::now(),
    };
    let mut hash = Sha256::new();
    let take = |raw, done| news.add(raw, done);
    let all = read_lines(&file, |piece| hash.update(piece), take).await?;
    let digest = hash.finalize();
    let digits: String = digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match all {
        true => news.send(file.size(), "done", &digits),
        // Of half a file there is no hash.
        false => news.send(file.size(), "full", ""),
    }
}

/// What the page does not know yet.
struct News {
    scope: DedicatedWorkerGlobalScope,
    records: Vec<Record>,
    faults: Vec<RowFault>,
    read: usize,
    unread: usize,
    last: f64,
}

impl News {
    /// Scores a line; false where there is no room for more.
    fn add(&mut self, raw: Raw, done: f64) -> Result<bool, JsValue> {
        if self.read == MAX_RECORDS {
            return Ok(false);
        }
        let line = raw.number;
        match Line::read(raw) {
            Ok(read) => {
                self.read += 1;
                self.records.push(read.record);
            }
            Err(error) => {
                self.unread += 1;
                if self.unread <= MAX_FAULTS {
                    let what = error.to_string();
                    self.faults.push(RowFault { line, what });
                }
            }
        }
        if js_sys::Date::now() - self.last > NEWS_MS {
            self.send(done, "", "")?;
        }
        Ok(true)
    }

    fn send(&mut self, done: f64, end: &str, hash: &str) -> Result<(), JsValue> {
        let json = |value: serde_json::Result<String>| JsValue::from(value.unwrap_or_default());
        let message = Array::of5(
            &json(serde_json::to_string(&self.records)),
            &json(serde_json::to_string(&(&self.faults, self.unread))),
            &done.into(),
            &end.into(),
            &hash.into(),
        );
        self.records.clear();
        self.faults.clear();
        self.last = js_sys::Date::now();
        self.scope.post_message(&message)
    }
}
