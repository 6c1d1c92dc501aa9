//! The worker's half: reads a file piece by piece, scores its lines, and tells the page what it found, some twenty times a second.
//!
//! A message is a list: the rows as numbers ([`RowScore::to_numbers`]), the libraries met since the last one, the lines that could not be read or
//! not in whole ([`LineFaults::news`]; both as JSON), how many bytes are done, and, in the last one, "done" or "full".

mod answers;
mod case;

use crate::message::part;
use crate::score::Rules;
use crate::score::rows::{Foreign, Line, LineFaults, Lines, MAX_ROWS, Raw, RowScore};
use js_sys::{Array, Float64Array};
use std::collections::HashMap;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DedicatedWorkerGlobalScope};

/// How many bytes are read at once.
const PIECE_BYTES: u32 = 1 << 20;
/// How long the page waits for news, in milliseconds.
const NEWS_MS: f64 = 50.0;

/// Scores the lines of `file` by the rules of that name.
///
/// # Errors
/// It is no JSON Lines, or cannot be read any more: it was moved or changed.
#[wasm_bindgen]
pub async fn serve_worker(file: Blob, rules: String) -> Result<(), JsValue> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let mut news = News::new(scope, Rules::named(&rules).unwrap_or_default());
    let all = read_lines(&file, &mut news).await?;
    news.send(file.size(), if all { "done" } else { "full" })
}

/// Who reads a file's lines.
trait Reader {
    /// Looks at a piece of the file.
    fn piece(&mut self, _bytes: &[u8]) {}
    /// Takes a line; false where there is no room for more.
    fn line(&mut self, raw: Raw) -> bool;
    /// So many bytes are done: a long line takes many pieces, and many lines one.
    fn progress(&mut self, done: f64) -> Result<(), JsValue>;
}

/// Reads a file; true where that was all of it.
///
/// # Errors
/// It is no JSON Lines, or cannot be read any more.
async fn read_lines(file: &Blob, reader: &mut impl Reader) -> Result<bool, JsValue> {
    let mut lines = Lines::default();
    let (size, mut done) = (file.size(), 0.0);
    while done < size {
        let end = (done + f64::from(PIECE_BYTES)).min(size);
        let slice = file.slice_with_f64_and_f64(done, end)?;
        let bytes = JsFuture::from(slice.array_buffer()).await?;
        let bytes = js_sys::Uint8Array::new(&bytes).to_vec();
        if done == 0.0
            && let Some(foreign) = Foreign::of(&bytes)
        {
            return Err(format!("this is {foreign}").into());
        }
        reader.piece(&bytes);
        done = end;
        for raw in lines.push(&bytes) {
            if !reader.line(raw) {
                return Ok(false);
            }
            reader.progress(done)?;
        }
        reader.progress(done)?;
        if let Some(why) = lines.endless() {
            return Err(why.into());
        }
    }
    Ok(lines.finish().is_none_or(|raw| reader.line(raw)))
}

/// What the page does not know yet.
struct News {
    scope: DedicatedWorkerGlobalScope,
    rules: Rules,
    numbers: Vec<f64>,
    rows: usize,
    dependencies: HashMap<String, u32>,
    new_dependencies: Vec<String>,
    faults: LineFaults,
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
            faults: LineFaults::default(),
            last: js_sys::Date::now(),
        }
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
        let message = Array::of5(
            &Float64Array::from(&self.numbers[..]),
            &part(&self.new_dependencies),
            &part(&self.faults.news()),
            &done.into(),
            &end.into(),
        );
        self.numbers.clear();
        self.new_dependencies.clear();
        self.last = js_sys::Date::now();
        self.scope.post_message(&message)
    }
}

impl Reader for News {
    fn line(&mut self, raw: Raw) -> bool {
        if self.rows == MAX_ROWS {
            return false;
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
                let row = RowScore::of(&line, self.rules, number, offset, bytes, dependency);
                if let Some(remark) = line.remark {
                    self.faults.add_remark(number, remark);
                }
                row
            }
            Err(error) => {
                self.faults.add_unread(number, error.to_string());
                RowScore::unread(number, offset, bytes)
            }
        };
        self.numbers.extend(row.to_numbers());
        self.rows += 1;
        true
    }

    fn progress(&mut self, done: f64) -> Result<(), JsValue> {
        match js_sys::Date::now() - self.last > NEWS_MS {
            true => self.send(done, ""),
            false => Ok(()),
        }
    }
}
