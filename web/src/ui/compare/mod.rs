//! The page "Compare": the files on the left; the verdict, the summary, the pictures and the pairs beside them; an opened pair in a drawer.

mod files;
mod folder;
mod histogram;
mod link;
mod opened;
mod pairs;
mod panel;
mod scatter;
mod served;
mod state;
mod summary;
mod verdict;

use super::keys::on_key;
use crate::compare::{Filter, Outcome};
use crate::visible::escaped;
use leptos::prelude::*;
pub use state::State;

/// The page.
#[component]
pub fn ComparePage() -> impl IntoView {
    let state = expect_context::<State>();
    state.follow();
    let said = RwSignal::new(None::<String>);
    let left_behind = Memo::new(move |_| state.left_behind());
    let copy_link = move || super::download::copy(Ok(state.link()), said);
    on_key(move |key| {
        match key {
            "w" => state.toggle(Filter::Outcome(Outcome::Win)),
            "l" => state.toggle(Filter::Outcome(Outcome::Loss)),
            "t" => state.toggle(Filter::Outcome(Outcome::Tie)),
            "n" => state.toggle(Filter::OtherAnswer),
            "x" => state.turn(),
            "c" => copy_link(),
            _ => return false,
        }
        true
    });
    // A memo: the page is built anew when it changes, and not with every change of the comparison.
    let comparable = Memo::new(move |_| state.compared.with(Option::is_some));
    let needed = move || {
        if state.awaits_files() {
            return "Nothing is compared until the link's files are open; to compare others, choose A or B among those that are.".to_owned();
        }
        let count = state.files.all.with(Vec::len);
        let sides = [("a", state.a.get()), ("b", state.b.get())];
        let beyond = sides.into_iter().find(|(_, at)| *at >= count);
        match beyond.filter(|_| count > 1) {
            Some((side, at)) => format!(
                "{side}={at} is none of the {count} files that are open, counted from 0: choose A and B among them."
            ),
            None => "Two files with answers are needed: one is A, the other B.".to_owned(),
        }
    };
    let opened = Memo::new(move |_| state.selected.get().is_some());
    view! {
        <div class="compare">
            <aside class="loaded" aria-label="loaded files">
                <panel::Panel/>
                <p class="actions">
                    <button type="button" data-testid="copy-link" title="c" on:click=move |_| copy_link()>"Copy link"</button>
                    <span class="said" role="status">{move || said.get()}</span>
                </p>
                {move || {
                    let left = left_behind.get();
                    (!left.is_empty()).then(|| view! {
                        <p class="hint" data-testid="left-behind">{escaped(&left.join(" and "))}
                        {match left.len() {
                            1 => " of your own does not travel with the link: it names it, and whoever follows it has to open it.",
                            _ => " of your own do not travel with the link: it names them, and whoever follows it has to open them.",
                        }}</p>
                    })
                }}
            </aside>
            <section class="results" aria-label="which is better" data-testid="comparison">
                {move || match comparable.get() {
                    false => view! { <p class="hint" data-testid="not-comparable">{needed}</p> }.into_any(),
                    true => view! {
                        <verdict::Verdict/>
                        <summary::Summary/>
                        <div class="pictures">
                            <scatter::Scatter/>
                            <histogram::Histogram/>
                        </div>
                        <pairs::Pairs/>
                    }.into_any(),
                }}
            </section>
            {move || opened.get().then(|| view! { <opened::Opened/> })}
        </div>
    }
}
