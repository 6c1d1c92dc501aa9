//! What a module does before anything is asked of it.

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
