//! Single keys, which do nothing while somebody types, and can be switched off.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// Where the choice is kept.
const STORED: &str = "recode.single-keys";

/// Whether single keys do anything.
#[derive(Debug, Clone, Copy)]
pub struct Keys(RwSignal<bool>);

impl Keys {
    /// As it was chosen last; a browser that keeps nothing has them on.
    pub fn new() -> Self {
        let kept = storage().and_then(|storage| storage.get_item(STORED).ok().flatten());
        Keys(RwSignal::new(kept.as_deref() != Some("off")))
    }

    /// Whether they are on.
    pub fn on(self) -> bool {
        self.0.get()
    }

    /// Switches them on or off.
    pub fn set(self, on: bool) {
        self.0.set(on);
        if let Some(storage) = storage() {
            // A browser may keep nothing; then the choice holds for this page.
            let _ = storage.set_item(STORED, if on { "on" } else { "off" });
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// Calls `handler` for every single key; it says whether the key was its own.
pub fn on_key(handler: impl Fn(&str) -> bool + 'static) {
    let keys = expect_context::<Keys>();
    let listener = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        let modified = event.ctrl_key() || event.meta_key() || event.alt_key();
        let on = keys.0.get_untracked();
        if on && !modified && !is_typing(&event) && handler(&event.key()) {
            event.prevent_default();
        }
    });
    on_cleanup(move || listener.remove());
}

/// Calls `handler` for Escape, wherever the focus is, but where it closes something else: a dialog, or an editor's panel.
pub fn on_escape(handler: impl Fn() + 'static) {
    let listener = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        let dialog = document().query_selector("dialog[open]").ok().flatten();
        if event.key() == "Escape" && !event.default_prevented() && dialog.is_none() {
            handler();
        }
    });
    on_cleanup(move || listener.remove());
}

/// Whether the key goes to something that takes text; an editor's inner element is seen through its shadow root.
fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event.composed_path().get(0).dyn_into::<HtmlElement>();
    target.is_ok_and(|target| {
        let takes_text = ["INPUT", "TEXTAREA", "SELECT"].contains(&&*target.tag_name());
        takes_text || target.is_content_editable()
    })
}
