//! A or B: which checkpoint it is, and what that answers.

use super::module::Module;
use super::state::{Answer, Side, State, Status};
use crate::live::Part;
use crate::score::{SCALE, Waterfall, signed};
use crate::ui::score::completion::marked;
use crate::ui::score::waterfall::WaterfallChart;
use crate::ui::text::shown;
use crate::visible::escaped;
use leptos::prelude::*;

fn letter(side: Side) -> impl IntoView {
    let class = format!("letter side-{}", side.letter.to_lowercase());
    view! { <span class=class>{side.letter}</span> }
}

/// Its model, its adapter, and how far they are.
#[component]
pub fn Choice(
    /// A or B.
    side: Side,
) -> impl IntoView {
    let (state, module) = (expect_context::<State>(), expect_context::<Module>());
    let at = usize::from(side.letter == "B");
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
    let loading = Memo::new(move |_| matches!(side.status.get(), Status::Loading(..)));
    let loaded = Memo::new(move |_| matches!(side.status.get(), Status::Ready(_)));
    let status = move || match side.status.get() {
        Status::Empty => view! { <span class="hint">"not loaded"</span> }.into_any(),
        Status::Loading(done, all) => {
            let mib = |bytes: f64| bytes / f64::from(1 << 20);
            let said = match all > 0.0 {
                true => format!("{:.1} of {:.1} MiB", mib(done), mib(all)),
                false => "loading".to_owned(),
            };
            view! { <progress max="1" value=(done / all.max(1.0)).to_string() aria-label=format!("loading {}", side.letter)></progress>" "<span class="hint">{said}</span> }.into_any()
        }
        Status::Ready(device) => view! { <span class="hint">{escaped(&device)}</span> }.into_any(),
        Status::Failed(why) => {
            view! { <span class="wrong" role="alert">{escaped(&why)}</span> }.into_any()
        }
    };
    let test = |name: &str| format!("{name}-{}", side.letter.to_lowercase());
    view! {
        <div class="side-choice" data-testid=test("checkpoint")>
            <div class="choices wrap">
                {letter(side)}
                <label class="line">
                    "model"
                    <select data-testid=test("model") on:change:target=move |event| if let Ok(id) = event.target().value().parse() { side.model.set(id) }>
                        {move || options(Part::Model, Some(side.model.get()))}
                    </select>
                </label>
                <label class="line">
                    "adapter"
                    <select data-testid=test("adapter") on:change:target=move |event| side.adapter.set(event.target().value().parse().ok())>
                        <option value="" selected=move || side.adapter.get().is_none()>"none"</option>
                        {move || options(Part::Adapter, side.adapter.get())}
                    </select>
                </label>
                <button type="button" data-testid=test("load") on:click=move |_| leptos::task::spawn_local(async move { state.load(module, at).await })>{move || if loaded.get() { "Load anew" } else { "Load" }}</button>
                <Show when=move || loading.get() || loaded.get()>
                    <button type="button" data-testid=test("unload") on:click=move |_| state.unload(side)>{move || if loading.get() { "Cancel" } else { "Unload" }}</button>
                </Show>
            </div>
            <p class="status" role="status" data-testid=test("status")>{status}</p>
        </div>
    }
}

/// What it answered, and what that is worth.
#[component]
pub fn AnswerView(
    /// A or B.
    side: Side,
) -> impl IntoView {
    let test = |name: &str| format!("{name}-{}", side.letter.to_lowercase());
    let body = move || side.answer.with(|answer| answer_body(side, answer));
    view! {
        <div data-testid=test("answer")>
            <h2>{letter(side)}{move || side.answer.with(|answer| (answer.going).then_some("answering…"))}</h2>
            <p class="hint" role="status" data-testid=test("outcome")>
                {move || side.answer.with(|answer| match &answer.outcome {
                    Some(Ok(said)) => said.clone().into_any(),
                    Some(Err(why)) => view! { <span class="wrong">{escaped(why)}</span> }.into_any(),
                    None => ().into_any(),
                })}
            </p>
            {body}
        </div>
    }
}

fn answer_body(side: Side, answer: &Answer) -> AnyView {
    if answer.text.is_empty() && !answer.going && answer.outcome.is_none() {
        return view! { <p class="hint">"Nothing was asked yet."</p> }.into_any();
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
        {marked(judgement)}
        <WaterfallChart waterfall=Waterfall::of(judgement) baselines=Vec::new()/>
    }
    .into_any()
}
