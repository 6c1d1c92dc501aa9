//! The loaded files, which of them are A and B, and how others are opened.

use super::files::{Loaded, Reading};
use super::folder::{PASSED_OVER, with_answers};
use super::served;
use super::state::State;
use crate::compare::{kind, link_notices};
use crate::ui::address::of_this_site;
use crate::ui::faults;
use crate::ui::keys::on_escape;
use crate::ui::opened::{Opened, chosen, on_drop};
use crate::ui::text::counted;
use crate::visible::escaped;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, HtmlInputElement, Response};

/// The files that come with the page, and what they are called in it.
const BUNDLED: [(&str, &str); 2] = [
    ("demo-before.jsonl", "demo/eval/before.jsonl"),
    ("demo-after.jsonl", "demo/eval/after.jsonl"),
];

/// The list of files and the ways to open more.
#[component]
pub fn Panel() -> impl IntoView {
    let state = expect_context::<State>();
    let files = state.files;
    let failure = state.failure;
    let open = move |opened: Result<Vec<Opened>, String>| {
        failure.set(None);
        match opened.and_then(with_answers) {
            Ok(found) => found
                .into_iter()
                .for_each(|(name, blob)| files.open(name, blob, None, false)),
            Err(why) => failure.set(Some(why)),
        }
    };
    let over = on_drop(move |dropped| {
        leptos::task::spawn_local(async move { open(dropped.files(&PASSED_OVER).await) });
    });
    // What is being read goes on behind another page.
    on_escape(move || files.stop());
    // The view macro does not know this attribute.
    let folder = NodeRef::<leptos::html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = folder.get() {
            // Fails on names that are none.
            let _ = input.set_attribute("webkitdirectory", "");
        }
    });
    // Once the page is there for the first time: never a blank one.
    Effect::new(move |_| {
        if state.begun.get_untracked() {
            return;
        }
        // A link about somebody's own files is not about these.
        match state.is_about_others() {
            true => state.begun.set(true),
            false => load_bundled(state),
        }
    });
    let choose = move |input: HtmlInputElement| {
        if let Some(list) = input.files() {
            open(Ok(chosen(&list)));
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    let bundled = move || files.all.with(|all| all.iter().any(|file| file.bundled));
    let ids = Memo::new(move |_| {
        files
            .all
            .with(|all| all.iter().map(|file| file.id).collect::<Vec<_>>())
    });
    view! {
        <div class="file-bar" class:over=move || over.get()>
            <label class="button">
                "Open files…"
                <input class="hidden-input" type="file" multiple accept=".jsonl,.json,.ndjson,.txt" data-testid="open-answers" on:change:target=move |event| choose(event.target())/>
            </label>
            <label class="button">
                "Open a run's folder…"
                <input class="hidden-input" type="file" node_ref=folder data-testid="open-folder" on:change:target=move |event| choose(event.target())/>
            </label>
        </div>
        <p class="hint">"or drop them anywhere: run folders, "<code>"eval/*.jsonl"</code>", "<code>"completions.jsonl"</code>". Of a run its evaluations are read, and its completions where it has none. Nothing leaves this page."</p>
        <Ask/>
        <served::Served/>
        <Linked/>
        <p class="wrong" role="alert" data-testid="open-failure">{move || failure.get().map(|why| escaped(&why))}</p>
        {move || bundled().then(|| view! {
            <p class="hint" data-testid="bundled">"To begin with: the held-out rows of "<code>"recode-trainer demo"</code>", before and after its training."</p>
        })}
        <ul class="file-list">
            <For each=move || ids.get() key=|id| *id children=|id| view! { <Entry id=id/> }/>
        </ul>
    }
}

/// Fetches and opens the files that come with the page, unless others with answers were opened meanwhile.
fn load_bundled(state: State) {
    state.begun.set(true);
    state.coming.set(true);
    state.failure.set(None);
    leptos::task::spawn_local(async move {
        let fetched = fetch_bundled().await;
        state.coming.set(false);
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(why) => {
                // Whoever comes back asks again.
                state.begun.set(false);
                return state.failure.set(Some(why));
            }
        };
        let files = state.files;
        let is_needed = files.all.with_untracked(|all| {
            let holds = |file: &Loaded| !file.records.is_empty() || file.bundled;
            !all.iter().any(holds)
        });
        if is_needed {
            fetched
                .into_iter()
                .for_each(|(name, blob)| files.open(name, blob, None, true));
        }
    });
}

async fn fetch_bundled() -> Result<Vec<(String, Blob)>, String> {
    let mut fetched = Vec::new();
    for (address, name) in BUNDLED {
        fetched.push((name.to_owned(), fetch(address).await?));
    }
    Ok(fetched)
}

/// What is to be said of a link's files, and the way to the files that come with the page where there is nothing else to see.
#[component]
fn Linked() -> impl IntoView {
    let state = expect_context::<State>();
    let said = Memo::new(move |_| {
        let linked = state.linked.get();
        state.files.with_open(|open| link_notices(&linked, open))
    });
    let is_bare = Memo::new(move |_| {
        let none = |all: &Vec<Loaded>| {
            all.iter()
                .all(|file| file.records.is_empty() && !file.bundled)
        };
        state.begun.get() && !state.coming.get() && state.files.all.with(none)
    });
    move || {
        let said = said
            .get()
            .into_iter()
            .map(|said| view! { <p class="wrong">{escaped(&said)}</p> });
        view! {
            <div role="status" data-testid="linked">{said.collect_view()}</div>
            {is_bare.get().then(|| view! {
                <p><button type="button" class="plain" data-testid="show-demo" on:click=move |_| { state.forget_link(); load_bundled(state) }>"Show the demo's files"</button></p>
            })}
        }
    }
}

/// A file of the list.
#[component]
fn Entry(id: usize) -> impl IntoView {
    let state = expect_context::<State>();
    let files = state.files;
    let with = move |read: fn(&Loaded) -> String| {
        files.all.with(|all| {
            all.iter()
                .find(|file| file.id == id)
                .map(read)
                .unwrap_or_default()
        })
    };
    let place = Memo::new(move |_| {
        files
            .all
            .with(|all| all.iter().position(|file| file.id == id))
    });
    let choice = move |letter: &'static str, side: RwSignal<usize>, other: RwSignal<usize>| {
        let chosen = move || place.get() == Some(side.get()) && !state.awaits_files();
        view! {
            <label class=format!("side side-{}", letter.to_lowercase()) title=if letter == "A" { "the baseline" } else { "compared with the baseline" }>
                <input
                    type="radio"
                    name=format!("side-{letter}")
                    data-testid=format!("side-{}-{id}", letter.to_lowercase())
                    prop:checked=chosen
                    on:change=move |_| if let Some(place) = place.get_untracked() {
                        state.choose(side, other, place);
                    }
                />
                {letter}
            </label>
        }
    };
    let name = move || with(|file| escaped(&file.name));
    let facts = move || {
        with(|file| {
            let rows = match file.reading {
                Reading::Going(done) => {
                    return format!("{:.0} % read", 100.0 * done / file.size.max(1.0));
                }
                // Why, is said below.
                Reading::Stopped if file.failure.is_some() => return "not read".to_owned(),
                Reading::Stopped => {
                    format!("stopped after {}", counted(file.records.len(), "answer"))
                }
                Reading::Full => format!("the first {} answers", file.records.len()),
                Reading::Done if file.records.is_empty() && file.faults.unread == 0 => {
                    return "empty: expected JSON Lines, an answer a line".to_owned();
                }
                Reading::Done => counted(file.records.len(), "answer"),
            };
            match file.hash.is_empty() {
                true => format!("{}, {rows}", kind(&file.records)),
                false => format!("{}, {rows}, {}", kind(&file.records), &file.hash),
            }
        })
    };
    let twin = move || {
        files.all.with(|all| {
            let at = all.iter().position(|file| file.id == id)?;
            let (file, before) = (&all[at], &all[..at]);
            let is_twin = |other: &&Loaded| !file.hash.is_empty() && other.hash == file.hash;
            let twin = before.iter().find(is_twin)?;
            Some(format!("The same content as {}.", escaped(&twin.name)))
        })
    };
    let checked = move || {
        with(|file| {
            if matches!(file.reading, Reading::Going(_)) || file.records.is_empty() {
                return String::new();
            }
            let Some(logged) = file.rules else {
                let has_target = file.records.iter().any(|record| record.content.is_some());
                return match has_target {
                    true => "no rewards were logged; the page computes them".to_owned(),
                    false => "its lines have no target, so its rewards cannot be computed again: they are there as logged (choose that under Rewards)".to_owned(),
                };
            };
            match logged.of - logged.agree {
                0 if logged.of == 1 => format!(
                    "✓ its one logged reward computed again, by {}",
                    logged.rules.name()
                ),
                0 => format!(
                    "✓ all {} logged rewards computed again, by {}",
                    logged.of,
                    logged.rules.name()
                ),
                n => format!(
                    "≠ {n} of {} logged rewards are not what {} gives",
                    logged.of,
                    logged.rules.name()
                ),
            }
        })
    };
    let going = move || {
        !with(|file| {
            if matches!(file.reading, Reading::Going(_)) {
                "going".into()
            } else {
                String::new()
            }
        })
        .is_empty()
    };
    let close = move |_| files.close(id);
    view! {
        <li data-testid="loaded-file">
            <div class="file-head">
                {choice("A", state.a, state.b)}
                {choice("B", state.b, state.a)}
                <b class="file-name">{name}</b>
                <button type="button" class="plain" aria-label=move || format!("close {}", name()) on:click=close>"×"</button>
            </div>
            <p class="hint" role="status" data-testid="file-facts">{facts}</p>
            <p class="wrong" data-testid="file-twin">{twin}</p>
            <p class="hint" data-testid="file-check">{checked}</p>
            {move || going().then(|| view! { <button type="button" data-testid="stop" on:click=move |_| files.stop()>"Stop"</button> })}
            <p class="wrong">{move || with(|file| file.failure.as_deref().map(escaped).unwrap_or_default())}</p>
            <Faults id=id/>
        </li>
    }
}

/// What is wrong with a file's lines.
#[component]
fn Faults(id: usize) -> impl IntoView {
    let files = expect_context::<State>().files;
    let faults = Memo::new(move |_| {
        files.all.with(|all| {
            let file = all.iter().find(|file| file.id == id);
            file.map_or_else(faults::Faults::default, |file| {
                faults::Faults::of(&file.name, &file.faults)
            })
        })
    });
    view! { <faults::FaultLists faults=faults/> }
}

/// Files by their addresses: nothing is fetched that nobody said yes to.
#[component]
fn Ask() -> impl IntoView {
    let state = expect_context::<State>();
    let failure = state.failure;
    let written = RwSignal::new(String::new());
    let ask = move || {
        let address = written.get_untracked().trim().to_owned();
        match resolved(&address) {
            Ok(_) => {
                failure.set(None);
                state.asked.update(|asked| asked.push(address));
                written.set(String::new());
            }
            Err(why) => failure.set(Some(why)),
        }
    };
    let fetch_all = move |_| {
        let addresses = state.asked.get_untracked();
        state.asked.set(Vec::new());
        leptos::task::spawn_local(async move {
            for address in addresses {
                let fetched = match resolved(&address) {
                    Ok(url) => fetch(&url).await,
                    Err(why) => Err(why),
                };
                match fetched {
                    Ok(blob) => state
                        .files
                        .open(address.clone(), blob, Some(address), false),
                    Err(why) => failure.set(Some(why)),
                }
            }
        });
    };
    view! {
        <form class="address" on:submit=move |event| { event.prevent_default(); ask(); }>
            <input aria-label="address of a file on this site" placeholder="address on this site" data-testid="address" prop:value=move || written.get() on:input:target=move |event| written.set(event.target().value())/>
            <button data-testid="address-add">"Fetch…"</button>
        </form>
        {move || state.asked.with(|asked| (!asked.is_empty()).then(|| {
            let list = asked.iter().map(|address| view! { <li><code>{escaped(&resolved(address).unwrap_or_else(|why| why))}</code></li> });
            view! {
                <div class="ask" role="group" aria-label="fetch these files?" data-testid="ask">
                    <p>"Fetch these? They were named by a link or typed in."</p>
                    <ul>{list.collect_view()}</ul>
                    <button type="button" data-testid="ask-yes" on:click=fetch_all>"Fetch"</button>
                    " "
                    <button type="button" data-testid="ask-no" on:click=move |_| state.forget_link()>"Do not"</button>
                </div>
            }
        }))}
    }
}

/// The whole address, where the page may fetch it.
fn resolved(address: &str) -> Result<String, String> {
    of_this_site(address, "runs/a/eval/after.jsonl")
}

pub async fn fetch(address: &str) -> Result<Blob, String> {
    let failed = |why: &str| format!("{address} cannot be fetched: {why}");
    let response = JsFuture::from(window().fetch_with_str(address)).await;
    let response: Response = response
        .map_err(|_| failed("the server does not answer"))?
        .unchecked_into();
    if !response.ok() {
        return Err(failed(&format!("the server says {}", response.status())));
    }
    let blob = response.blob().map_err(|_| failed("no bytes came"))?;
    let blob = JsFuture::from(blob).await;
    Ok(blob.map_err(|_| failed("it broke off"))?.unchecked_into())
}
