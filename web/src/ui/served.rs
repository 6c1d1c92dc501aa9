//! Files of the page's own server, and the runs that `recode-trainer playground` serves.
//!
//! That writes into the page's `<meta name="recode-runs">` where the runs are; a page that comes from elsewhere has none.

use leptos::prelude::*;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, HtmlMetaElement, RequestInit, Response};

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

/// What the server says there is.
#[derive(Deserialize)]
pub struct Listing {
    /// The folder.
    pub folder: String,
    /// Whether it is to be looked at again and again.
    pub follow: bool,
    /// The runs.
    pub runs: Vec<Listed>,
}

/// A run.
#[derive(Deserialize)]
pub struct Listed {
    /// Its folder's name.
    pub name: String,
    /// When something was written to it, in milliseconds.
    pub modified_ms: f64,
    /// Its files.
    pub files: Vec<ListedFile>,
}

/// A file of a run.
#[derive(Deserialize)]
pub struct ListedFile {
    /// Its path in the run's folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written to, in milliseconds.
    pub modified_ms: f64,
}

/// Where the runs are; `None` where the page's server has none.
pub fn runs_address() -> Option<String> {
    let meta = document().query_selector("meta[name=recode-runs]");
    let meta: HtmlMetaElement = meta.ok().flatten()?.unchecked_into();
    Some(meta.content()).filter(|root| !root.is_empty())
}

/// The runs that there are at the moment.
pub async fn list_runs(root: &str) -> Result<Listing, String> {
    let bytes = served(root, None).await?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{root}: {error}"))
}

/// The address of a run's file.
pub fn address_of(root: &str, run: &str, path: &str) -> String {
    let encode = |part: &str| String::from(js_sys::encode_uri_component(part));
    let path: Vec<String> = path.split('/').map(encode).collect();
    format!("{root}/{}/{}", encode(run), path.join("/"))
}
