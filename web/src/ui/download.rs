//! Files that the page writes, and texts that it copies.

use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Blob, BlobPropertyBag, Element, HtmlAnchorElement, SvgTextContentElement, Url, XmlSerializer,
};

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

/// What stands above a saved chart, a line each: a text, and the mark that it explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The class and the path of a mark of 24 by 12 pixels.
    pub mark: Option<(String, String)>,
    /// What is said.
    pub said: String,
}

impl Caption {
    /// A text alone.
    pub fn text(said: impl Into<String>) -> Self {
        Caption {
            mark: None,
            said: said.into(),
        }
    }
}

/// How high a caption is, and where its text begins beside a mark.
const CAPTION: f64 = 18.0;
const BESIDE: f64 = 32.0;

/// Draws captions above a chart of this width and height, and makes room for them; gives the width with them, as a caption may be longer.
fn caption(chart: &Element, captions: &[Caption], width: f64, height: f64) -> Result<f64, JsValue> {
    const SVG: Option<&str> = Some("http://www.w3.org/2000/svg");
    let above = CAPTION * captions.len() as f64;
    let mut widest = width;
    for (row, caption) in captions.iter().enumerate() {
        let top = CAPTION * row as f64 - above;
        let text: SvgTextContentElement =
            document().create_element_ns(SVG, "text")?.unchecked_into();
        let x = if caption.mark.is_some() { BESIDE } else { 0.0 };
        text.set_attribute("x", &x.to_string())?;
        text.set_attribute("y", &(top + 12.0).to_string())?;
        text.set_text_content(Some(&caption.said));
        chart.append_child(&text)?;
        widest = widest.max(x + f64::from(text.get_computed_text_length()));
        if let Some((class, path)) = &caption.mark {
            let mark = document().create_element_ns(SVG, "path")?;
            mark.set_attribute("class", class)?;
            mark.set_attribute("d", path)?;
            mark.set_attribute("transform", &format!("translate(0 {})", top + 2.0))?;
            chart.append_child(&mark)?;
        }
    }
    let view_box = format!("0 {} {widest} {}", -above, height + above);
    chart.set_attribute("viewBox", &view_box)?;
    Ok(widest)
}

/// Saves a chart as it looks, under captions: what the page's style sheet says of it is written into it.
///
/// # Errors
/// What the browser says against it.
pub fn save_chart(
    name: &str,
    chart: &web_sys::SvgElement,
    captions: &[Caption],
) -> Result<(), JsValue> {
    let place = chart.get_bounding_client_rect();
    // Of the picture's own pixels, where it says how many those are.
    let own_box = chart.get_attribute("viewBox");
    let sizes: Vec<f64> = own_box
        .iter()
        .flat_map(|own| own.split(' ').filter_map(|number| number.parse().ok()))
        .collect();
    let (width, height) = match sizes[..] {
        [_, _, width, height] => (width, height),
        _ => (place.width(), place.height()),
    };
    // The style sheet speaks only of what is in the page.
    let before = chart.child_element_count();
    let captioned = caption(chart, captions, width, height);
    let text = captioned.and_then(|widest| drawn(chart, place.width() * widest / width));
    while chart.child_element_count() > before {
        if let Some(last) = chart.last_element_child() {
            last.remove();
        }
    }
    match own_box {
        Some(own_box) => chart.set_attribute("viewBox", &own_box)?,
        None => chart.remove_attribute("viewBox")?,
    }
    save(name, "image/svg+xml", &text?)
}

/// A chart's text, with its look in it.
fn drawn(chart: &web_sys::SvgElement, width: f64) -> Result<String, JsValue> {
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
    copy.set_attribute("xmlns", "http://www.w3.org/2000/svg")?;
    copy.set_attribute("width", &width.to_string())?;
    // Its height follows from that.
    for of_the_page in ["height", "aria-hidden"] {
        copy.remove_attribute(of_the_page)?;
    }
    XmlSerializer::new()?.serialize_to_string(&copy)
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
