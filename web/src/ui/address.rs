//! Addresses: the page's own, and those that it may fetch from.

use crate::odd_link::odd;
use crate::page::{self, Page};
use leptos::ev;
use leptos::leptos_dom::helpers::{TimeoutHandle, WindowListenerHandle, set_timeout_with_handle};
use leptos::prelude::*;
use std::cell::RefCell;
use std::time::Duration;
use wasm_bindgen::JsCast;
use web_sys::{Element, Url};

/// The page that the address names; of an address that names none, the first.
pub fn current() -> Page {
    page::parse(&hash()).map_or(Page::ALL[0], |(page, _)| page)
}

/// What of the address is not understood.
pub fn odd_parts() -> Vec<String> {
    let hash = hash();
    match page::parse(&hash) {
        Some((page, query)) => odd(page, query),
        None if hash.trim_start_matches(['#', '/']).is_empty() => Vec::new(),
        None => vec![format!("{hash} (there is no such page)")],
    }
}

fn hash() -> String {
    window().location().hash().unwrap_or_default()
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

/// How long the browser is waited for that was told to go back: it may refuse without a word.
const PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    static LEAVING: RefCell<Option<Leaving>> = const { RefCell::new(None) };
    /// The hash that the page has gone back to by itself, until the browser says so.
    static OUTRUN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The browser has been told to go back, which it does after a while.
struct Leaving {
    /// Writes the page's state as it is by then.
    settle: Box<dyn Fn()>,
    /// What somebody has asked for since.
    then: Option<Box<dyn FnOnce()>>,
    listener: WindowListenerHandle,
    patience: Option<TimeoutHandle>,
}

/// The browser has gone back, or will not.
fn arrive(has_gone: bool) {
    let Some(leaving) = LEAVING.take() else {
        return;
    };
    leaving.listener.remove();
    if let Some(patience) = leaving.patience {
        patience.clear();
    }
    (leaving.settle)();
    if let Some(then) = leaving.then {
        then();
    }
    OUTRUN.set(has_gone.then(hash));
}

/// Does something now, or where the browser is going back, after that, which would undo it. The last one counts.
fn after_leaving(work: impl FnOnce() + 'static) {
    let work: Box<dyn FnOnce()> = Box::new(work);
    let now = LEAVING.with_borrow_mut(|leaving| match leaving {
        Some(leaving) => {
            leaving.then = Some(work);
            None
        }
        None => Some(work),
    });
    if let Some(work) = now {
        work();
    }
}

/// Opens a page.
pub fn go(page: Page) {
    open(page.address());
}

fn open(hash: String) {
    after_leaving(move || {
        // A browser that refuses stays where it is.
        let _ = window().location().set_hash(&hash);
    });
}

/// Where a link is clicked while the browser is going back, it is followed after that, as by [`go`].
pub fn on_link(event: &ev::MouseEvent) {
    let is_leaving = LEAVING.with_borrow(Option::is_some);
    let is_plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let target = event.target();
    let element = target.and_then(|target| target.dyn_into::<Element>().ok());
    let link = element.and_then(|element| element.closest("a[href^='#/']").ok().flatten());
    if let (true, true, Some(link)) = (is_leaving, is_plain, link) {
        event.prevent_default();
        open(link.get_attribute("href").unwrap_or_default());
    }
}

/// What steps of the browser's history are marked with: one that [`enter`] made, and the one before it.
const ENTERED: &str = "entered";
const BEFORE: &str = "before";

/// Whether somebody came back to this step of the history, and not by a link: its address, however empty, says how the page was.
pub fn is_return() -> bool {
    let mark = window().history().and_then(|history| history.state());
    mark.is_ok_and(|mark| mark == BEFORE)
}

/// Has the address follow a page's state, unless another page is open by now: pages write after a while.
pub fn follow(page: Page, query: &str) {
    if current() == page
        && let Ok(history) = window().history()
    {
        let mark = history.state().unwrap_or_default();
        // A browser that refuses keeps the old address, which costs nothing else.
        let _ = history.replace_state_with_url(&mark, "", Some(&address(page, query)));
    }
}

/// Calls `take` whenever somebody has come to another address, by a link or by "Back" and "Forward".
///
/// Not where the page has gone back by itself ([`leave`]): the browser says so after the page has written its state there, and somebody may have done
/// something in between.
pub fn on_visit(take: impl Fn() + 'static) -> WindowListenerHandle {
    window_event_listener(ev::hashchange, move |_| {
        if OUTRUN.take() != Some(hash()) {
            take();
        }
    })
}

/// Makes a step of the browser's history of what was opened on a page, so that "Back" closes it: the page's state without it, and with it.
pub fn enter(page: Page, without: String, with: String) {
    after_leaving(move || {
        // Whoever came by "Forward" stands on it again.
        if is_entered() {
            return follow(page, &with);
        }
        if current() == page
            && let Ok(history) = window().history()
        {
            let (without, with) = (address(page, &without), address(page, &with));
            // As above.
            let _ = history.replace_state_with_url(&BEFORE.into(), "", Some(&without));
            let _ = history.push_state_with_url(&ENTERED.into(), "", Some(&with));
        }
    });
}

/// Whether this step of the history is one that [`enter`] made.
fn is_entered() -> bool {
    let mark = window().history().and_then(|history| history.state());
    mark.is_ok_and(|mark| mark == ENTERED)
}

/// Goes back from what [`enter`] made to a page's state as it is by then: what was opened was closed by other ways than "Back".
pub fn leave(page: Page, query: impl Fn() -> String + 'static) {
    let is_leaving = LEAVING.with_borrow_mut(|leaving| {
        // What was opened since is closed, too.
        leaving.as_mut().map(|leaving| leaving.then = None)
    });
    if is_leaving.is_some() {
        return;
    }
    let settle = move || follow(page, &query());
    let history = window().history();
    let (Ok(history), true) = (history, is_entered() && current() == page) else {
        return settle();
    };
    LEAVING.set(Some(Leaving {
        settle: Box::new(settle),
        then: None,
        listener: window_event_listener(ev::popstate, |_| arrive(true)),
        patience: set_timeout_with_handle(|| arrive(false), PATIENCE).ok(),
    }));
    // A browser that refuses is waited for in vain.
    let _ = history.back();
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
