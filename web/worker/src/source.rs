//! Files that a page hands over: read piece by piece, so that a large one is never in memory whole.

use anyhow::{Result, anyhow, bail};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `{ name, length, read(start, end), pause() }` of `js/source.js`.
    #[derive(Debug, Clone)]
    pub type Source;

    /// What messages call it.
    #[wasm_bindgen(method, getter)]
    pub fn name(this: &Source) -> String;

    /// Its length in bytes.
    #[wasm_bindgen(method, getter)]
    fn length(this: &Source) -> f64;

    /// Some of the bytes from `start` on, at most up to `end`; none where the file ends before that.
    #[wasm_bindgen(method, catch)]
    async fn read(this: &Source, start: f64, end: f64) -> Result<JsValue, JsValue>;

    /// Lets go of a connection until the next read.
    #[wasm_bindgen(method)]
    pub fn pause(this: &Source);
}

impl Source {
    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.length() as u64
    }

    /// The bytes of a range, copied once; `heard` is told of every piece.
    ///
    /// # Errors
    /// The file ends before; it cannot be read; the browser has no memory for so much.
    pub async fn range(&self, start: u64, end: u64, mut heard: impl FnMut(u64)) -> Result<Vec<u8>> {
        let no_memory = || {
            anyhow!(
                "{}: the browser has no memory for another {} MB: close other tabs, or load a smaller model",
                self.name(),
                (end - start) >> 20
            )
        };
        let size = usize::try_from(end - start).map_err(|_| no_memory())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| no_memory())?;
        while bytes.len() < size {
            let at = start + bytes.len() as u64;
            let piece = self.read(at as f64, end as f64).await;
            let piece = piece.map_err(|error| anyhow!("{}: {}", self.name(), said(&error)))?;
            let piece: Uint8Array = piece.unchecked_into();
            let (before, more) = (bytes.len(), piece.length() as usize);
            if more == 0 {
                bail!(
                    "{} ends after {at} bytes of {}: the download or copy broke off; load it again",
                    self.name(),
                    self.bytes()
                );
            }
            if more > size - before {
                bail!(
                    "{}: a piece has {more} bytes, and {} were asked for",
                    self.name(),
                    size - before
                );
            }
            bytes.resize(before + more, 0);
            piece.copy_to(&mut bytes[before..]);
            heard(more as u64);
        }
        Ok(bytes)
    }

    /// The whole file.
    ///
    /// # Errors
    /// As [`Source::range`].
    pub async fn all(&self) -> Result<Vec<u8>> {
        self.range(0, self.bytes(), |_| {}).await
    }
}

/// What an exception of JavaScript's says.
pub fn said(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{error:?}"),
    }
}
