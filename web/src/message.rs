//! What of the messages between the page and its workers goes as JSON.

use js_sys::Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

/// A part of a message.
///
/// # Panics
/// On maps whose keys are no texts: what is told here has none.
pub fn part(value: &impl Serialize) -> JsValue {
    let json = serde_json::to_string(value);
    json.expect("lists, texts and numbers").into()
}

/// Reads the part at a place of a message.
///
/// # Errors
/// It is something else.
pub fn read<T: for<'a> Deserialize<'a>>(message: &Array, at: u32) -> Result<T, String> {
    let json = message.get(at).as_string().unwrap_or_default();
    serde_json::from_str(&json)
        .map_err(|error| format!("what the worker says is not understood: {error}"))
}
