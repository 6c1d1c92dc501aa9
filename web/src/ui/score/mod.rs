//! The page "Score": fields on the left, what the answer is worth on the right, the rows of a file above both.

mod by_worker;
pub mod completion;
pub mod difference;
mod fields;
mod file;
mod progress;
pub mod reasons;
mod rows;
mod state;
pub mod waterfall;

pub use completion::Completion;
pub use difference::Difference;
pub use reasons::Parts;
pub use state::{Kept, State};
pub use waterfall::Total;

use super::keys::on_key;
use super::live::TryPrompt;
use file::FilePanel;
use leptos::prelude::*;

/// The page.
#[component]
pub fn ScorePage() -> impl IntoView {
    let kept = expect_context::<Kept>();
    let state = State::new(kept);
    provide_context(state);
    // Memos: what they decide on is built anew with every change of them, and not with every keystroke.
    let unjudged = Memo::new(move |_| {
        let unread = kept.file.unread.get();
        state.judged.with(Option::is_none).then_some(unread)
    });
    let unscored = Memo::new(move |_| state.unscored());
    let is_scoring = Memo::new(move |_| state.is_scoring());
    let detailed = Memo::new(move |_| state.details.with(Option::is_some));
    let said = RwSignal::new(None::<String>);
    let copy_link = move || super::download::copy(state.link(), said);
    on_key(move |key| match key {
        "c" => {
            copy_link();
            true
        }
        _ => false,
    });
    view! {
        <FilePanel/>
        <div class="score">
            <section class="inputs" aria-label="the case">
                <fields::Fields/>
                <p class="actions">
                    <button type="button" data-testid="copy-link" title="c" on:click=move |_| copy_link()>"Copy link"</button>
                    " "
                    <TryPrompt row=move || (state.case.get_untracked().row(kept.file.dependency(), kept.file.new_version()), state.rules.get_untracked())/>
                    <span class="said" role="status">{move || said.get()}</span>
                </p>
            </section>
            <section class="results" aria-label="what the answer is worth" data-testid="results" aria-busy=move || (state.busy.get() || is_scoring.get()).to_string()>
                <p class="hint" role="status" data-testid="scoring">{move || is_scoring.get().then_some("scoring… until then this is of the texts as they were")}</p>
                {move || match unjudged.get() {
                    Some(None) if is_scoring.get() => ().into_any(),
                    Some(None) if unscored.with(Option::is_some) => view! { <p class="wrong" role="alert" data-testid="unscored">{unscored.get()}</p> }.into_any(),
                    Some(Some(why)) => view! { <p class="wrong" role="alert" data-testid="unread">"This row could not be read, so there is no score: "{crate::visible::escaped(&why)}</p> }.into_any(),
                    Some(None) => view! { <p class="hint">"Write a target: there is nothing yet to hold the answer against."</p> }.into_any(),
                    None => view! {
                        <waterfall::Total/>
                        <Show when=move || detailed.get()>
                            <reasons::Higher/>
                            <reasons::Parts/>
                            <completion::Completion/>
                            <difference::Difference/>
                            <reasons::SideBySide/>
                        </Show>
                    }.into_any(),
                }}
            </section>
        </div>
    }
}
