//! A checkpoint in a browser's worker: loaded, asked, and its answers weighed, on WebGPU or on the processor.
//!
//! What is exported here is called by `js/worker.js`, and pages call that by `js/checkpoint.js`. Texts and numbers go through as JSON of the
//! command line's schema; files come piece by piece (see `source.rs`).

mod checkpoint;
mod device;
mod generate;
mod source;
mod start;

use wasm_bindgen::prelude::*;

/// An error with all that led to it, as JavaScript's.
fn js_error(error: impl Into<anyhow::Error>) -> JsError {
    JsError::new(&format!("{:#}", error.into()))
}
