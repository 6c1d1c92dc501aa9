//! The worker's half: reads a file piece by piece, scores its lines, and tells the page what it found, some twenty times a second.
//!
//! A message is a list: the rows as numbers ([`RowScore::to_numbers`]), the libraries met since the last one, the lines that could not be read
//! (both as JSON), how many bytes are done, and, in the last one, "done" or "full".

mod answers;

use crate::score::Rules;
use crate::score::rows::{Line, Lines, MAX_ROWS, Raw, RowFault, RowScore};
use js_sys::{Array, Float64Array};
use std::collections::HashMap;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DedicatedWorkerGlobalScope};

/// How many bytes are read at once.
const PIECE_BYTES: u32 = 1 << 20;
/// How long the page waits for news, in milliseconds.
const NEWS_MS: f64 = 50.0;
/// How many unreadable lines are told of; the others are counted.
const MAX_FAULTS: usize = 1000;

/// Scores the lines of `file` by the rules of that name.
///
/// # Errors
/// The file cannot be read any more: it was moved or changed.
#[wasm_bindgen]
pub async fn serve_worker(file: Blob, rules: String) -> Result<(), JsValue> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let mut news = News::new(scope, Rules::named(&rules).unwrap_or_default());
    let take = |raw, done| news.add(raw, done);
    let all = read_lines(&file, |_| (), take).await?;
    news.send(file.size(), if all { "done" } else { "full" })
}

/// Shows `piece` the file piece by piece, and gives `take` its lines with how many bytes are done, until that says false; true where all of
/// the file was read.
async fn read_lines(
    file: &Blob,
    mut piece: impl FnMut(&[u8]),
    mut take: impl FnMut(Raw, f64) -> Result<bool, JsValue>,
) -> Result<bool, JsValue> {
    let mut lines = Lines::default();
    let (size, mut done) = (file.size(), 0.0);
    while done < size {
        let end = (done + f64::from(PIECE_BYTES)).min(size);
        let slice = file.slice_with_f64_and_f64(done, end)?;
        let bytes = JsFuture::from(slice.array_buffer()).await?;
        let bytes = js_sys::Uint8Array::new(&bytes).to_vec();
        piece(&bytes);
        done = end;
        for raw in lines.push(&bytes) {
            if !take(raw, done)? {
                return Ok(false);
            }
        }
    }
    match lines.finish() {
        Some(raw) => take(raw, done),
        None => Ok(true),
    }
}

/// What the page does not know yet.
struct News {
    scope: DedicatedWorkerGlobalScope,
    rules: Rules,
    numbers: Vec<f64>,
    rows: usize,
    dependencies: HashMap<String, u32>,
    new_dependencies: Vec<String>,
    faults: Vec<RowFault>,
    told_faults: usize,
    last: f64,
}

impl News {
    fn new(scope: DedicatedWorkerGlobalScope, rules: Rules) -> Self {
        News {
            scope,
            rules,
            numbers: Vec::new(),
            rows: 0,
            dependencies: HashMap::from([(String::new(), 0)]),
            new_dependencies: Vec::new(),
            faults: Vec::new(),
            told_faults: 0,
            last: js_sys::Date::now(),
        }
    }

    /// Scores a line; false where there is no room for more.
    fn add(&mut self, raw: Raw, done: f64) -> Result<bool, JsValue> {
        if self.rows == MAX_ROWS {
            return Ok(false);
        }
        let Raw {
            number,
            offset,
            bytes,
            text,
        } = raw;
        let row = match text.and_then(|text| Line::parse(&text)) {
            Ok(line) => {
                let dependency = self.dependency(&line.dependency);
                RowScore::of(&line, self.rules, number, offset, bytes, dependency)
            }
            Err(error) => {
                self.told_faults += 1;
                if self.told_faults <= MAX_FAULTS {
                    let what = error.to_string();
                    self.faults.push(RowFault { line: number, what });
                }
                RowScore::unread(number, offset, bytes)
            }
        };
        self.numbers.extend(row.to_numbers());
        self.rows += 1;
        if js_sys::Date::now() - self.last > NEWS_MS {
            self.send(done, "")?;
        }
        Ok(true)
    }

    fn dependency(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.dependencies.get(name) {
            return number;
        }
        let number = self.dependencies.len() as u32;
        self.dependencies.insert(name.to_owned(), number);
        self.new_dependencies.push(name.to_owned());
        number
    }

    fn send(&mut self, done: f64, end: &str) -> Result<(), JsValue> {
        let json = |value: serde_json::Result<String>| JsValue::from(value.unwrap_or_default());
        let message = Array::of5(
            &Float64Array::from(&self.numbers[..]),
            &json(serde_json::to_string(&self.new_dependencies)),
            &json(serde_json::to_string(&self.faults)),
            &done.into(),
            &end.into(),
        );
        self.numbers.clear();
        self.new_dependencies.clear();
        self.faults.clear();
        self.last = js_sys::Date::now();
        self.scope.post_message(&message)
    }
}
