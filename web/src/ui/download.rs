//! Files that the page writes, and texts that it copies.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Saves a text as a file.
///
/// # Errors
/// What the browser says against it.
pub fn save(name: &str, kind: &str, text: &str) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    Url::revoke_object_url(&url)
}

/// Copies a text and says in `said` what came of it.
pub fn copy(text: Result<String, String>, said: RwSignal<Option<String>>) {
    let text = match text {
        Ok(text) => text,
        Err(why) => return said.set(Some(why)),
    };
    leptos::task::spawn_local(async move {
        let clipboard = window().navigator().clipboard();
        let copied = wasm_bindgen_futures::JsFuture::from(clipboard.write_text(&text)).await;
        said.set(Some(match copied {
            Ok(_) => "copied".to_owned(),
            Err(_) => {
                "the browser does not let the page copy: take it from the address bar".to_owned()
            }
        }));
        set_timeout(move || said.set(None), std::time::Duration::from_secs(4));
    });
}
