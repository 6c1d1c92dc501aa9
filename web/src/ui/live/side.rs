//! A or B on the page: which checkpoint it is, and what that answers.

use super::answer::{Answer, Progress};
use super::module::Module;
use super::side_state::{Choice, Side, Status};
use super::state::State;
use crate::live::Part;
use crate::score::{SCALE, Waterfall, signed};
use crate::ui::score::completion::marked;
use crate::ui::score::reasons::parts_of;
use crate::ui::score::waterfall::WaterfallChart;
use crate::ui::show_more::FIRST;
use crate::ui::text::shown;
use crate::visible::escaped;
use leptos::prelude::*;

fn letter(side: Side) -> impl IntoView {
    let class = format!("letter side-{}", side.letter.to_lowercase());
    view! { <span class=class>{side.letter}</span> }
}

fn other(state: State, side: Side) -> Side {
    let [a, b] = state.sides;
    if side.letter == a.letter { b } else { a }
}

/// What a choice is called.
fn name(state: State, choice: &Choice) -> String {
    let adapter = choice.adapter.map(|id| state.name_of(id));
    let adapter = adapter.unwrap_or_else(|| "no adapter".to_owned());
    escaped(&format!("{}, {adapter}", state.name_of(choice.model)))
}

/// Its model, its adapter, and how far they are.
#[component]
pub fn LoadForm(
    /// A or B.
    side: Side,
) -> impl IntoView {
    let (state, module) = (expect_context::<State>(), expect_context::<Module>());
    let options = move |part: Part, chosen: Option<usize>| {
        state.sources.with(|all| {
            let own = all.iter().filter(|source| source.part == part);
            own.map(|source| {
                let selected = chosen == Some(source.id);
                view! { <option value=source.id.to_string() selected=selected>{escaped(&source.name)}</option> }
            })
            .collect_view()
        })
    };
    let loading = Memo::new(move |_| {
        side.status
            .with(|status| matches!(status, Status::Loading { .. }))
    });
    let loaded = Memo::new(move |_| side.loaded());
    let progress = move || {
        let Status::Loading { done, all } = side.status.get() else {
            return None;
        };
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let said = match all > 0.0 {
            true => format!("{:.1} of {:.1} MiB", mib(done), mib(all)),
            false => "loading".to_owned(),
        };
        Some(view! {
            <progress max="1" value=(done / all.max(1.0)).to_string() aria-label=format!("loading {}", side.letter)></progress>
            " "
            <span class="hint">{said}</span>
        })
    };
    let status = move || match side.status.get() {
        Status::Empty => view! { <span class="hint">"not loaded"</span> }.into_any(),
        Status::Loading { .. } => ().into_any(),
        Status::Ready(device) => {
            let shared = match side.shares_with(other(state, side)) {
                true => ", where A and B share the model",
                false => "",
            };
            let what = loaded.with(|loaded| loaded.as_ref().map(|choice| name(state, choice)));
            view! { <span class="hint">{what}": "{escaped(&device.in_words())}{shared}</span> }
                .into_any()
        }
        Status::Failed(why) => view! { <span class="wrong">{escaped(&why)}</span> }.into_any(),
    };
    // What answers is not what stands in the lists any more.
    let other_chosen = move || {
        loaded.with(|loaded| {
            loaded
                .as_ref()
                .is_some_and(|loaded| *loaded != side.chosen(state))
        })
    };
    let test = |name: &str| format!("{name}-{}", side.letter.to_lowercase());
    view! {
        <div class="side-choice" role="group" aria-label=format!("checkpoint {}", side.letter) data-testid=test("checkpoint")>
            <div class="choices wrap">
                {letter(side)}
                <label class="named">
                    "model"
                    <select data-testid=test("model") on:change:target=move |event| if let Ok(id) = event.target().value().parse() { side.choose_model(id) }>
                        {move || options(Part::Model, Some(side.model.get()))}
                    </select>
                </label>
                <label class="named">
                    "adapter"
                    <select data-testid=test("adapter") on:change:target=move |event| { side.adapter.set(event.target().value().parse().ok()); side.choose() }>
                        <option value="" selected=move || side.adapter.get().is_none()>"none"</option>
                        {move || options(Part::Adapter, side.adapter.get())}
                    </select>
                </label>
                <button
                    type="button"
                    class:main=other_chosen
                    data-testid=test("load")
                    aria-disabled=move || state.busy.get().to_string()
                    on:click=move |_| if !state.busy.get_untracked() {
                        leptos::task::spawn_local(async move { side.load(other(state, side), state, module).await })
                    }
                >
                    {move || if loaded.with(Option::is_some) { "Load anew" } else { "Load" }}
                </button>
                <button
                    type="button"
                    data-testid=test("unload")
                    aria-disabled=move || (!loading.get() && loaded.with(Option::is_none)).to_string()
                    on:click=move |_| side.unload()
                >
                    {move || if loading.get() { "Cancel" } else { "Unload" }}
                </button>
            </div>
            <div class="status">
                {progress}
                <span role="status" data-testid=test("status")>{status}</span>
                {move || other_chosen().then(|| view! { <span class="wrong" data-testid=test("differs")>" Not what is chosen now: load anew."</span> })}
            </div>
        </div>
    }
}

/// What it answered, and what that is worth.
#[component]
pub fn AnswerView(
    /// A or B.
    side: Side,
) -> impl IntoView {
    let state = expect_context::<State>();
    let test = |name: &str| format!("{name}-{}", side.letter.to_lowercase());
    let body = move || side.answer.with(|answer| answer_body(side, answer));
    let of = move || {
        side.loaded()
            .map(|choice| format!("of {}", name(state, &choice)))
    };
    let outcome = move || {
        side.answer.with(|answer| match &answer.progress {
            Progress::Idle => ().into_any(),
            Progress::Waiting => "waits for the other one".into_any(),
            Progress::Reading { done, all } => view! {
                "reading the prompt… "
                // On a GPU all layers are launched at once: from then on nobody knows how far it is.
                <progress max=all.to_string() value=(done < all).then(|| done.to_string()) aria-label="layers that have read the prompt"></progress>
            }
            .into_any(),
            Progress::Answering => "answering…".into_any(),
            Progress::Finished(said) | Progress::Stopped(said) => said.clone().into_any(),
            Progress::Failed(why) => view! { <span class="wrong">{escaped(why)}</span> }.into_any(),
        })
    };
    view! {
        <div data-testid=test("answer")>
            <h2>{letter(side)}"answer "<span class="hint">{of}</span></h2>
            <p class="hint" role="status" data-testid=test("outcome")>{outcome}</p>
            {body}
        </div>
    }
}

fn answer_body(side: Side, answer: &Answer) -> AnyView {
    if answer.text.is_empty() {
        let idle = answer.progress == Progress::Idle;
        return idle
            .then(|| view! { <p class="hint">"Not asked yet."</p> })
            .into_any();
    }
    let Some(judgement) = &answer.judgement else {
        return view! { <pre tabindex="0" aria-label=format!("answer of {}", side.letter)>{shown(&answer.text)}</pre> }.into_any();
    };
    let figure = answer.total().map_or("–".to_owned(), signed);
    let less = answer.total().is_some_and(|total| total < 0.0);
    let total_id = format!("total-{}", side.letter.to_lowercase());
    view! {
        <p class="figure">
            <span class:less=less data-testid=total_id>{figure}</span>
            <span class="hint">" of "{SCALE.to_string()}" by "{judgement.rules.name()}</span>
        </p>
        // What grows comes last, so that nothing jumps.
        <WaterfallChart waterfall=Waterfall::of(judgement) baselines=Vec::new()/>
        {parts_of(side.letter, &judgement.explanation)}
        {marked(judgement, RwSignal::new(FIRST))}
    }
    .into_any()
}
