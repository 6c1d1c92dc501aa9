//! Answers to compare: the worker reads a file's lines as records, scores them, and tells the page.
//!
//! A message is a list: the records, and the lines that could not be read, or not in whole ([`LineFaults::news`]; both as JSON), how many bytes
//! are done, in the last one "done" or "full", and then the first 12 digits of the file's SHA-256, as `sha256sum` prints them.

use super::{NEWS_MS, Reader, read_lines};
use crate::compare::{Line, Record};
use crate::message::part;
use crate::score::rows::{LineFaults, Raw};
use js_sys::Array;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, DedicatedWorkerGlobalScope};

/// How many answers of a file are kept: some 200 bytes each.
const MAX_RECORDS: usize = 200_000;

/// Reads and scores the answers of `file`.
///
/// # Errors
/// It is no JSON Lines, or cannot be read any more: it was moved or changed.
#[wasm_bindgen]
pub async fn serve_answers(file: Blob) -> Result<(), JsValue> {
    let mut news = News {
        scope: js_sys::global().unchecked_into(),
        records: Vec::new(),
        faults: LineFaults::default(),
        read: 0,
        hash: Sha256::new(),
        last: js_sys::Date::now(),
    };
    let all = read_lines(&file, &mut news).await?;
    let digest = std::mem::take(&mut news.hash).finalize();
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
    faults: LineFaults,
    read: usize,
    hash: Sha256,
    last: f64,
}

impl Reader for News {
    fn piece(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    fn line(&mut self, raw: Raw) -> bool {
        if self.read == MAX_RECORDS {
            return false;
        }
        let line = raw.number;
        match Line::read(raw) {
            Ok(read) => {
                self.read += 1;
                self.records.push(read.record);
                if let Some(remark) = read.remark {
                    self.faults.add_remark(line, remark);
                }
            }
            Err(error) => self.faults.add_unread(line, error.to_string()),
        }
        true
    }

    fn progress(&mut self, done: f64) -> Result<(), JsValue> {
        match js_sys::Date::now() - self.last > NEWS_MS {
            true => self.send(done, "", ""),
            false => Ok(()),
        }
    }
}

impl News {
    fn send(&mut self, done: f64, end: &str, hash: &str) -> Result<(), JsValue> {
        let message = Array::of5(
            &part(&self.records),
            &part(&self.faults.news()),
            &done.into(),
            &end.into(),
            &hash.into(),
        );
        self.records.clear();
        self.last = js_sys::Date::now();
        self.scope.post_message(&message)
    }
}
