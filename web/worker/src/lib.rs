//! A checkpoint in a browser's worker: loaded, asked, and its answers weighed, on WebGPU or on the processor.
//!
//! What is exported here is called by `js/worker.js`, and pages call that by `js/checkpoint.js`. Texts and numbers go through as JSON of the
//! command line's schema; files come piece by piece (see `source.rs`).

mod checkpoint;
#[cfg(feature = "checks")]
mod checks;
mod device;
mod generate;
mod source;

use wasm_bindgen::prelude::*;

/// Runs once, before any export.
#[wasm_bindgen(start)]
pub fn start() {
    #[cfg(target_family = "wasm")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: the linker's own function, of no arguments. Where nobody calls it every export does, and CubeCL has thousands of constructors.
        unsafe { __wasm_call_ctors() };
    }
    std::panic::set_hook(Box::new(|panic| {
        let said = js_sys::Object::new();
        let text = JsValue::from(panic.to_string());
        if js_sys::Reflect::set(&said, &"panic".into(), &text).is_ok() {
            post_message(&said);
        }
    }));
}

#[wasm_bindgen]
extern "C" {
    /// Of the worker, to its page.
    #[wasm_bindgen(js_name = postMessage)]
    fn post_message(message: &JsValue);
}

/// An error with all that led to it, as JavaScript's.
fn js_error(error: impl Into<anyhow::Error>) -> JsError {
    JsError::new(&format!("{:#}", error.into()))
}
