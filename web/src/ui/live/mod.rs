//! The page "Try it": what is asked on the left, two checkpoints and their answers on the right. Nothing of the checkpoints' module is loaded before one
//! is asked for.

mod fields;
mod module;
mod side;
mod sources;
mod state;

pub use module::Module;
pub use state::State;

use super::download::copy;
use super::keys::{on_escape, on_key};
use super::score::difference::DiffTable;
use crate::live::{Question, rows};
use crate::score::{Diff, signed};
use leptos::ev;
use leptos::prelude::*;
use state::{DEMO, Status};

/// The demo's held-out rows.
const ROWS: &str = "demo-before.jsonl";
/// The one that the page begins with: training has changed its answer for the better, as it has on average. The others are in the list.
const FIRST: usize = 17;

/// The page.
#[component]
pub fn TryPage() -> impl IntoView {
    let (state, module) = (expect_context::<State>(), expect_context::<Module>());
    state.read_address();
    load_rows(state);
    let moved = window_event_listener(ev::hashchange, move |_| state.read_address());
    on_cleanup(move || {
        moved.remove();
        state.stop();
    });
    Effect::new(move |_| {
        state.question.track();
        state.judge_again();
    });
    let said = RwSignal::new(None::<String>);
    let ask = move || {
        if state.can_ask() {
            leptos::task::spawn_local(async move { state.ask().await });
        }
    };
    on_key(move |key| {
        match key {
            "g" => ask(),
            "c" => copy(state.link(), said),
            _ => return false,
        }
        true
    });
    on_escape(move || {
        state.stop();
    });
    let load_demo = move |_| {
        for side in state.sides {
            side.model.set(DEMO.0);
        }
        state.sides[0].adapter.set(None);
        state.sides[1].adapter.set(Some(DEMO.1));
        leptos::task::spawn_local(async move {
            state.load(module, 0).await;
            // Of a base that could not be loaded there is no second one.
            if matches!(state.sides[0].status.get_untracked(), Status::Ready(_)) {
                state.load(module, 1).await;
            }
        });
    };
    let failures = move || {
        let failures = state.failures.get();
        (!failures.is_empty()).then(|| view! { <ul class="wrong" role="alert" data-testid="failures">{failures.iter().map(|said| view! { <li>{crate::visible::escaped(said)}</li> }).collect_view()}</ul> })
    };
    view! {
        <section class="file" aria-label="checkpoints" data-testid="checkpoints">
            <sources::Bar on_demo=load_demo/>
            {failures}
            <div class="sides">
                {state.sides.map(|side| view! { <side::Choice side=side/> }).collect_view()}
            </div>
        </section>
        <div class="score">
            <section class="inputs" aria-label="what is asked">
                <fields::Fields/>
                <p class="actions">
                    <button type="button" class="main" data-testid="ask" title="g" disabled=move || !state.can_ask() on:click=move |_| ask()>"Answer"</button>
                    " "
                    <button type="button" data-testid="stop" title="Esc" disabled=move || !state.busy.get() on:click=move |_| { state.stop(); }>"Stop"</button>
                    " "
                    <button type="button" data-testid="copy-link" title="c" on:click=move |_| copy(state.link(), said)>"Copy link"</button>
                    <span class="said" role="status">{move || said.get()}</span>
                </p>
            </section>
            <section class="results" aria-label="what they answer" data-testid="answers" aria-busy=move || state.busy.get().to_string()>
                <Verdict/>
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
        let found = match super::training::served(ROWS, None).await {
            Ok(bytes) => rows(&String::from_utf8_lossy(&bytes)),
            Err(why) => return state.failures.update(|all| all.push(why)),
        };
        let untouched = state
            .question
            .with_untracked(|question| *question == Question::default());
        if let Some(first) = found.get(FIRST).filter(|_| untouched) {
            state
                .question
                .update(|question| question.row = first.clone());
        }
        state.rows.set(found);
    });
}

/// Which answer is worth more, as soon as both are there.
#[component]
fn Verdict() -> impl IntoView {
    let state = expect_context::<State>();
    let verdict = move || {
        let [a, b] = state.sides.map(|side| side.answer.get());
        if a.going || b.going {
            return None;
        }
        let (a_total, b_total) = (a.total()?, b.total()?);
        Some(match b_total - a_total {
            _ if a.text == b.text => "A and B answer the same.".to_owned(),
            0.0 => "A and B earn the same.".to_owned(),
            more if more > 0.0 => format!("B earns {} more than A.", signed(more)),
            less => format!("A earns {} more than B.", signed(-less)),
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
                let judgement = answer.judgement.as_ref().filter(|_| !answer.going)?;
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
