//! What surrounds every page: the tabs, the keys, and what they are for.

use super::address::{current, go, odd_parts, on_link};
use super::compare::{self, ComparePage};
use super::keys::{Keys, on_key};
use super::live::{self, TryPage};
use super::score::{self, ScorePage};
use super::training::{self, TrainingPage};
use crate::page::Page;
use crate::visible::escaped;
use leptos::ev;
use leptos::html;
use leptos::prelude::*;

/// What a key does, for the list.
const SHORTCUTS: &[(&str, &str)] = &[
    ("1  2  3  4", "the pages Score, Compare, Training, Try it"),
    (
        "j  k",
        "next and previous row of a file, pair, or completion of a step",
    ),
    ("[  ]", "Training: the step before, the step after"),
    ("+  -  0", "Training: closer, farther, all steps"),
    ("o", "Training: open the step's completions"),
    ("/", "Score: filter the rows of a file"),
    (
        "c",
        "copy a link to the case, the comparison, or the question",
    ),
    (
        "d",
        "Score, Training: differences as compared, or as written",
    ),
    ("w  l  t", "Compare: where B wins, loses, ties"),
    ("n", "Compare: where the answers differ"),
    ("x", "Compare: turn A and B around"),
    ("g", "Try it: let the checkpoints answer"),
    ("?", "this list"),
    (
        "Esc",
        "close the list or the drawer, stop reading, loading or answering",
    ),
];

/// Tabs, page, help.
#[component]
pub fn Shell() -> impl IntoView {
    let shown = RwSignal::new(current());
    let odd = RwSignal::new(odd_parts());
    let moved = window_event_listener(ev::hashchange, move |_| {
        odd.set(odd_parts());
        if shown.get_untracked() != current() {
            shown.set(current());
        }
    });
    on_cleanup(move || moved.remove());
    let clicked = window_event_listener(ev::click, |event| on_link(&event));
    on_cleanup(move || clicked.remove());
    Effect::new(move |_| {
        document().set_title(&format!("{} – recode playground", shown.get().title()))
    });
    // What was opened and loaded stays while another page is looked at.
    provide_context(score::Kept::new());
    provide_context(compare::State::new());
    let runs = training::State::new();
    provide_context(runs);
    provide_context(training::Reader::new(runs));
    provide_context(live::State::new());
    let help = NodeRef::<html::Dialog>::new();
    let open_help = move || {
        if let Some(dialog) = help.get_untracked()
            && !dialog.open()
        {
            // Fails on a dialog that is not on the page, which this one is.
            let _ = dialog.show_modal();
        }
    };
    on_key(move |key| {
        if key == "?" {
            open_help();
        } else if let Some(page) = Page::of_key(key) {
            go(page);
        } else {
            return false;
        }
        true
    });
    let tab = move |page: Page| {
        let current = move || (shown.get() == page).then_some("page");
        view! { <a href=page.address() aria-current=current>{page.title()}</a> }
    };
    view! {
        <a class="skip" href="#main" on:click=move |event| {
            // The address belongs to the pages.
            event.prevent_default();
            if let Some(main) = document().get_element_by_id("main") {
                use wasm_bindgen::JsCast;
                let _ = main.unchecked_into::<web_sys::HtmlElement>().focus();
            }
        }>"to the content"</a>
        <header>
            <h1>"recode " <span>"playground"</span></h1>
            <nav aria-label="pages">{Page::ALL.map(tab).collect_view()}</nav>
            <button type="button" aria-label="keyboard shortcuts" title="keyboard shortcuts" on:click=move |_| open_help()>"?"</button>
        </header>
        <main id="main" tabindex="-1">
            <div role="alert">{move || odd.with(|odd| (!odd.is_empty()).then(|| view! {
                <p class="wrong" data-testid="odd-link">"Not understood in the address, and passed over: "{escaped(&odd.join("; "))}"."</p>
            }))}</div>
            {move || match shown.get() {
                Page::Score => view! { <ScorePage/> }.into_any(),
                Page::Compare => view! { <ComparePage/> }.into_any(),
                Page::Training => view! { <TrainingPage/> }.into_any(),
                Page::TryIt => view! { <TryPage/> }.into_any(),
            }}
        </main>
        <Help dialog=help/>
    }
}

/// The list of keys.
#[component]
fn Help(dialog: NodeRef<html::Dialog>) -> impl IntoView {
    let keys = expect_context::<Keys>();
    let row = |&(key, what): &(&'static str, &'static str)| {
        view! { <tr><th scope="row"><kbd>{key}</kbd></th><td>{what}</td></tr> }
    };
    view! {
        <dialog node_ref=dialog aria-labelledby="help-title" data-testid="help">
            <form method="dialog">
                <h2 id="help-title">"Keyboard shortcuts"</h2>
                <table>{SHORTCUTS.iter().map(row).collect_view()}</table>
                <label class="check">
                    <input
                        type="checkbox"
                        data-testid="single-keys"
                        prop:checked=move || keys.on()
                        on:change:target=move |event| keys.set(event.target().checked())
                    />
                    "single keys do something (never while you type)"
                </label>
                <p>"Nothing that you type or open leaves this page."</p>
                <button autofocus>"Close"</button>
            </form>
        </dialog>
    }
}
