//! The page "Try it": what is asked on the left, two checkpoints and their answers on the right. Nothing of the checkpoints' module is loaded before one
//! is asked for.

mod answer;
mod fields;
mod module;
mod side;
mod side_state;
mod sources;
mod state;
mod told;
mod try_prompt;

pub use module::Module;
pub use state::State;
pub use try_prompt::TryPrompt;

use super::address;
use super::download::copy;
use super::keys::{on_escape, on_key};
use super::score::completion::MarkLegend;
use super::score::difference::DiffTable;
use super::served::served;
use crate::live::{FIRST, Question, rows};
use crate::score::{Diff, signed};
use crate::visible::escaped;
use answer::{Answer, Progress};
use leptos::prelude::*;
use side_state::Status;
use state::DEMO;
use std::time::Duration;

/// How long after the last change the address follows.
const ADDRESS_DELAY: Duration = Duration::from_millis(400);
/// The demo's held-out rows.
const ROWS: &str = "demo-before.jsonl";

/// The page.
#[component]
pub fn TryPage() -> impl IntoView {
    let (state, module) = (expect_context::<State>(), expect_context::<Module>());
    state.take_linked_question();
    load_rows(state);
    leptos::task::spawn_local(async move { state.offer_served().await });
    let moved = address::on_visit(move || state.take_linked_question());
    // Who loads or answers goes on behind another page.
    on_cleanup(move || moved.remove());
    let mut write =
        leptos::leptos_dom::helpers::debounce(ADDRESS_DELAY, move |()| state.write_address());
    Effect::new(move |before: Option<()>| {
        state.question.track();
        state.judge_again();
        if before.is_some() {
            state.unfit.set(None);
            // What was refused, before a word of an answer, may be right now.
            let is_stale = untrack(|| state.is_stale());
            for side in state.sides {
                let is_refused = side.answer.with_untracked(|answer| {
                    matches!(answer.progress, Progress::Failed(_)) && answer.text.is_empty()
                });
                if is_stale && is_refused {
                    side.answer.set(Answer::default());
                }
            }
            write(());
        }
    });
    let is_stale = Memo::new(move |_| state.is_stale());
    let said = RwSignal::new(None::<String>);
    let ask = move || leptos::task::spawn_local(async move { state.ask().await });
    on_key(move |key| {
        match key {
            "g" => ask(),
            "c" => copy(state.link(), said),
            _ => return false,
        }
        true
    });
    on_escape(move || state.stop());
    let load_demo = move |_| {
        state.failures.set(Vec::new());
        for side in state.sides {
            side.model.set(DEMO.0);
        }
        state.sides[0].adapter.set(None);
        state.sides[1].adapter.set(Some(DEMO.1));
        leptos::task::spawn_local(async move {
            let [a, b] = state.sides;
            a.load(b, state, module).await;
            // Of a base that could not be loaded there is no second one.
            if matches!(a.status.get_untracked(), Status::Ready(_)) {
                b.load(a, state, module).await;
            }
        });
    };
    let failures = move || {
        let failures = state.failures.get();
        (!failures.is_empty()).then(|| view! { <div role="alert"><ul class="wrong" data-testid="failures">{failures.iter().map(|said| view! { <li>{escaped(said)}</li> }).collect_view()}</ul></div> })
    };
    view! {
        <section class="file" aria-label="checkpoints" data-testid="checkpoints">
            <sources::Bar on_demo=load_demo/>
            {failures}
            <div class="sides">
                {state.sides.map(|side| view! { <side::LoadForm side=side/> }).collect_view()}
            </div>
        </section>
        <div class="score">
            <section class="inputs" aria-label="what is asked">
                <fields::Fields/>
                <p class="actions in-reach">
                    <button type="button" class="main" data-testid="ask" title="g" aria-disabled=move || (!state.can_ask()).to_string() on:click=move |_| ask()>"Answer"</button>
                    " "
                    <button type="button" data-testid="stop" title="Esc" aria-disabled=move || (!state.busy.get()).to_string() on:click=move |_| state.stop()>"Stop"</button>
                    " "
                    <button type="button" data-testid="copy-link" title="c" on:click=move |_| copy(state.link(), said)>"Copy link"</button>
                    <span class="said" role="status">{move || said.get()}</span>
                </p>
            </section>
            <section class="results tried" aria-label="what they answer" data-testid="answers" aria-busy=move || state.busy.get().to_string()>
                <Verdict/>
                <Show when=move || is_stale.get()>
                    <p class="wrong" data-testid="stale">"These are answers to the question as it was before: ask again."</p>
                </Show>
                <Show when=move || state.question.with(|question| question.row.new_code.trim().is_empty())>
                    <p class="hint">"Without a true migration nothing is judged."</p>
                </Show>
                <MarkLegend/>
                <div class="answers">
                    {state.sides.map(|side| view! { <side::AnswerView side=side/> }).collect_view()}
                </div>
                <Difference/>
                <Prompt/>
            </section>
        </div>
    }
}

/// Fetches the rows to choose from; a page that names no question asks one of them.
fn load_rows(state: State) {
    if state.rows.with_untracked(|rows| !rows.is_empty()) {
        return;
    }
    leptos::task::spawn_local(async move {
        let found = served(ROWS, None).await;
        let found = found.and_then(|bytes| {
            rows(&String::from_utf8_lossy(&bytes)).map_err(|why| format!("{ROWS}: {why}"))
        });
        let found = match found {
            Ok(found) => found,
            Err(why) => return state.failures.update(|all| all.push(why)),
        };
        let untouched = state.question.with_untracked(Question::has_no_row);
        if let Some(first) = found.get(FIRST).filter(|_| untouched) {
            state
                .question
                .update(|question| question.row = first.clone());
        }
        state.rows.set(found);
    });
}

/// Which answer is worth more, as soon as both are whole.
#[component]
fn Verdict() -> impl IntoView {
    let state = expect_context::<State>();
    let verdict = move || {
        let [a, b] = state.sides.map(|side| side.answer.get());
        let whole = |answer: &Answer| matches!(answer.progress, Progress::Finished(_));
        // Of answers to another question nothing is said but that.
        if !whole(&a) || !whole(&b) || state.is_stale() {
            return None;
        }
        if a.text == b.text {
            return Some("A and B answer the same.".to_owned());
        }
        let more = b.total()? - a.total()?;
        Some(if more == 0.0 {
            "A and B earn the same.".to_owned()
        } else if more > 0.0 {
            format!("B earns {} more than A.", signed(more))
        } else {
            format!("A earns {} more than B.", signed(-more))
        })
    };
    view! { <p class="verdict" role="status" data-testid="verdict">{verdict}</p> }
}

/// A's code beside B's.
#[component]
fn Difference() -> impl IntoView {
    let state = expect_context::<State>();
    let codes = Memo::new(move |_| {
        let [a, b] = state.sides.map(|side| {
            side.answer.with(|answer| {
                let over = matches!(
                    answer.progress,
                    Progress::Finished(_) | Progress::Stopped(_)
                );
                let judgement = answer.judgement.as_ref().filter(|_| over)?;
                Some(judgement.code()?.to_owned())
            })
        });
        Some((a?, b?))
    });
    move || {
        let (a, b) = codes.get().filter(|(a, b)| a != b)?;
        Some(view! {
            <details open data-testid="a-b">
                <summary>"A against B"</summary>
                <DiffTable diff=Diff::between(&a, &b) caption="a line diff of the two codes".to_owned() left="A" right="B"/>
            </details>
        })
    }
}

/// What the checkpoints read.
#[component]
fn Prompt() -> impl IntoView {
    let state = expect_context::<State>();
    let prompt = Memo::new(move |_| state.question.with(Question::prompt));
    view! {
        <details data-testid="prompt">
            <summary>"The prompt that they go on from"</summary>
            <pre tabindex="0" aria-label="the prompt">{move || prompt.with(|prompt| super::text::shown(prompt))}</pre>
        </details>
    }
}
