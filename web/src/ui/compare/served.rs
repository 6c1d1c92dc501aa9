//! The answers of the runs that `recode-trainer playground` serves: their evaluations and their completions, a click each.

use super::panel::fetch;
use super::state::State;
use crate::ui::served::{Listing, address_of, list_runs, runs_address};
use crate::visible::escaped;
use leptos::prelude::*;

/// A file of a run that holds answers.
#[derive(Clone, PartialEq)]
struct Answers {
    name: String,
    address: String,
}

/// What can be opened; nothing where the page's server has no runs.
#[component]
pub fn Served() -> impl IntoView {
    let state = expect_context::<State>();
    let found = RwSignal::new(Vec::<Answers>::new());
    let failure = RwSignal::new(None::<String>);
    let look = move || {
        let Some(root) = runs_address() else { return };
        leptos::task::spawn_local(async move {
            match list_runs(&root).await {
                Ok(listing) => {
                    failure.set(None);
                    found.set(answers(&root, &listing));
                }
                Err(why) => failure.set(Some(why)),
            }
        });
    };
    look();
    let open = move |answers: Answers| {
        leptos::task::spawn_local(async move {
            match fetch(&answers.address).await {
                Ok(blob) => state
                    .files
                    .open(answers.name, blob, Some(answers.address), false),
                Err(why) => failure.set(Some(why)),
            }
        });
    };
    let entry = move |answers: &Answers| {
        let answers = answers.clone();
        let name = escaped(&answers.name);
        view! { <li><button type="button" class="plain" on:click=move |_| open(answers.clone())>{name}</button></li> }
    };
    runs_address().map(|_| view! {
        <details open data-testid="served">
            <summary>"The runs of this page's server"</summary>
            <p class="wrong">{move || failure.get().map(|why| escaped(&why))}</p>
            <ul>{move || found.with(|found| found.iter().map(entry).collect_view())}</ul>
            <p class="hint">
                {move || found.with(Vec::is_empty).then_some("No run has answers yet. ")}
                <button type="button" class="plain" data-testid="served-again" on:click=move |_| look()>"Look again"</button>
            </p>
        </details>
    })
}

/// Every run's evaluations, and its completions.
fn answers(root: &str, listing: &Listing) -> Vec<Answers> {
    let mut found = Vec::new();
    for run in &listing.runs {
        let files = run.files.iter().map(|file| &*file.path);
        let of_answers =
            files.filter(|path| path.starts_with("eval/") || *path == "completions.jsonl");
        found.extend(of_answers.map(|path| Answers {
            name: format!("{}/{path}", run.name),
            address: address_of(root, &run.name, path),
        }));
    }
    found
}
