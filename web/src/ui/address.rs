//! Addresses: the page's own, and those that it may fetch from.

use leptos::prelude::*;
use web_sys::Url;

/// The page's address with another hash.
pub fn page_address(hash: &str) -> String {
    let here = window().location().href().unwrap_or_default();
    let base = here.split('#').next().unwrap_or_default();
    format!("{base}{hash}")
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
