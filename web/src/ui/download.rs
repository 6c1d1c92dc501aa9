//! Files that the page writes, and texts that it copies.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, Element, HtmlAnchorElement, Url, XmlSerializer};

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

/// What a chart's look consists of.
const LOOK: [&str; 10] = [
    "fill",
    "fill-opacity",
    "stroke-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-width",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
];

/// Saves a chart as it looks: what the page's style sheet says of it is written into it.
///
/// # Errors
/// What the browser says against it.
pub fn save_chart(name: &str, chart: &web_sys::SvgElement) -> Result<(), JsValue> {
    let copy: Element = chart.clone_node_with_deep(true)?.unchecked_into();
    let (own, copied) = (
        chart.query_selector_all("*")?,
        copy.query_selector_all("*")?,
    );
    for at in 0..own.length() {
        let (Some(own), Some(copied)) = (own.get(at), copied.get(at)) else {
            continue;
        };
        let (own, copied): (Element, Element) = (own.unchecked_into(), copied.unchecked_into());
        if let Some(style) = window().get_computed_style(&own)? {
            for property in LOOK {
                copied.set_attribute(property, &style.get_property_value(property)?)?;
            }
        }
    }
    let place = chart.get_bounding_client_rect();
    copy.set_attribute("xmlns", "http://www.w3.org/2000/svg")?;
    copy.set_attribute("width", &place.width().to_string())?;
    let text = XmlSerializer::new()?.serialize_to_string(&copy)?;
    save(name, "image/svg+xml", &text)
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
