//! Addresses: the page's own, and those that it may fetch from.

use crate::page::{self, Page};
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use web_sys::Url;

/// The page that the address names; of an address that names none, the first.
pub fn current() -> Page {
    let hash = window().location().hash().unwrap_or_default();
    page::parse(&hash).map_or(Page::ALL[0], |(page, _)| page)
}

fn address(page: Page, query: &str) -> String {
    match query.is_empty() {
        true => page.address(),
        false => format!("{}?{query}", page.address()),
    }
}

/// The whole address of a page and its state.
pub fn link(page: Page, query: &str) -> String {
    let here = window().location().href().unwrap_or_default();
    let base = here.split('#').next().unwrap_or_default();
    format!("{base}{}", address(page, query))
}

/// Has the address follow a page's state, unless another page is open by now: pages write after a while.
pub fn follow(page: Page, query: &str) {
    if current() == page
        && let Ok(history) = window().history()
    {
        // A browser that refuses keeps the old address, which costs nothing else.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address(page, query)));
    }
}

/// The whole address of what stands on the page's own site. The Content-Security-Policy says the same, but not to workers where only the document
/// carries it.
///
/// # Errors
/// It is no address, or one of another site; `example` is one as it should be.
pub fn of_this_site(written: &str, example: &str) -> Result<String, String> {
    if written.is_empty() {
        return Err(format!("write an address, as in {example}"));
    }
    let here = window().location();
    let base = here.href().unwrap_or_default();
    let url = Url::new_with_base(written, &base)
        .map_err(|_| format!("`{written}` is no address: write one as in {example}"))?;
    match here.origin().is_ok_and(|origin| origin == url.origin()) {
        true => Ok(url.href()),
        false => Err(format!(
            "{} is another site, and the page speaks with its own alone: download it and open it here",
            url.href()
        )),
    }
}
