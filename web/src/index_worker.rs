//! The worker's other task: finds the steps of a completions.jsonl, and tells the page where they stand, some twenty times a second.
//!
//! A message is a list: the places as numbers ([`NUMBERS`] each), the lines that could not be read, or not in whole ([`LineFaults::news`], as
//! JSON), how many bytes are done, the number of the line that is being written (0 for none), and, in the last one, "done".

use crate::message::{self, part};
use crate::run::{IndexReader, StepLines};
use crate::score::rows::LineFaults;
use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DedicatedWorkerGlobalScope};

/// How many bytes are read at once.
const PIECE_BYTES: f64 = (1u32 << 20) as f64;
/// How long the page waits for news, in milliseconds.
const NEWS_MS: f64 = 50.0;
/// How many numbers a place is handed over as: step, beginning, end, line, count.
pub const NUMBERS: usize = 5;

/// Finds the steps of `file`.
///
/// # Errors
/// The file cannot be read any more: it was moved or changed.
#[wasm_bindgen]
pub async fn index_completions(file: Blob) -> Result<(), JsValue> {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let mut reader = IndexReader::default();
    let (size, mut done, mut told) = (file.size(), 0.0, js_sys::Date::now());
    while done < size {
        let end = (done + PIECE_BYTES).min(size);
        let piece = file.slice_with_f64_and_f64(done, end)?;
        let bytes = JsFuture::from(piece.array_buffer()).await?;
        reader.push(&js_sys::Uint8Array::new(&bytes).to_vec());
        done = end;
        if let Some(why) = reader.endless() {
            return Err(why.into());
        }
        if js_sys::Date::now() - told > NEWS_MS {
            told = js_sys::Date::now();
            scope.post_message(&news(&mut reader, done, ""))?;
        }
    }
    reader.finish();
    scope.post_message(&news(&mut reader, done, "done"))
}

fn news(reader: &mut IndexReader, done: f64, end: &str) -> Array {
    let (places, faults) = reader.news();
    let numbers: Vec<f64> = places.into_iter().flat_map(to_numbers).collect();
    Array::of5(
        &Float64Array::from(&numbers[..]),
        &part(&faults),
        &done.into(),
        &reader.being_written().unwrap_or(0).into(),
        &end.into(),
    )
}

fn to_numbers((step, lines): (u64, StepLines)) -> [f64; NUMBERS] {
    let StepLines {
        from,
        to,
        line,
        count,
    } = lines;
    [
        step as f64,
        from as f64,
        to as f64,
        f64::from(line),
        f64::from(count),
    ]
}

/// A message on the page's side: places, faults, bytes done, the line that is being written, whether it was the last.
pub struct News {
    /// Where steps stand, for [`crate::run::Index::take`].
    pub places: Vec<(u64, StepLines)>,
    /// Lines that could not be read, or not in whole, for [`LineFaults::take`].
    pub faults: LineFaults,
    /// How many bytes are done.
    pub done: f64,
    /// The line that is being written.
    pub being_written: Option<u32>,
    /// Whether all of it was read.
    pub end: bool,
}

impl News {
    /// Of a message.
    ///
    /// # Errors
    /// It is something else.
    pub fn of(message: &Array) -> Result<Self, String> {
        let numbers = message.get(0).unchecked_into::<Float64Array>().to_vec();
        let (places, _) = numbers.as_chunks::<NUMBERS>();
        let place = |&[step, from, to, line, count]: &[f64; NUMBERS]| {
            (
                step as u64,
                StepLines {
                    from: from as u64,
                    to: to as u64,
                    line: line as u32,
                    count: count as u32,
                },
            )
        };
        let line = message.get(3).as_f64().unwrap_or_default() as u32;
        Ok(News {
            places: places.iter().map(place).collect(),
            faults: message::read(message, 1)?,
            done: message.get(2).as_f64().unwrap_or_default(),
            being_written: (line > 0).then_some(line),
            end: message.get(4).as_string().as_deref() == Some("done"),
        })
    }
}
