//! Files of the page's own server.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

/// What stands at an address of the page's own server, in whole or from one place to another.
pub async fn served(address: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>, String> {
    let silent = |_: JsValue| {
        format!("{address} is not answered: does recode-trainer playground still run?")
    };
    let options = RequestInit::new();
    let headers = Headers::new().map_err(silent)?;
    if let Some((from, to)) = range {
        headers
            .set("range", &format!("bytes={from}-{}", to.saturating_sub(1)))
            .map_err(silent)?;
    }
    options.set_headers(&headers);
    let response = JsFuture::from(window().fetch_with_str_and_init(address, &options))
        .await
        .map_err(silent)?;
    let response: Response = response.unchecked_into();
    match (response.status(), range) {
        (200, None) | (206, Some(_)) => {}
        // It is shorter than it was.
        (416, Some(_)) => return Ok(Vec::new()),
        (status, _) => return Err(format!("{address} is answered with {status}")),
    }
    let bytes = JsFuture::from(response.array_buffer().map_err(silent)?)
        .await
        .map_err(silent)?;
    Ok(js_sys::Uint8Array::new(&bytes).to_vec())
}
