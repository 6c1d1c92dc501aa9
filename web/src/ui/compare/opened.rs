//! An opened pair, in a drawer: the prompt, both answers with their rewards, and the differences between all three.

use super::state::State;
use crate::compare::{Key, Outcome, Texts};
use crate::score::{Diff, Judgement, Rules, Waterfall, signed};
use crate::ui::keys::on_escape;
use crate::ui::live::TryPrompt;
use crate::ui::score::completion::marked;
use crate::ui::score::difference::DiffTable;
use crate::ui::score::reasons::parts_of;
use crate::ui::score::waterfall::WaterfallChart;
use crate::ui::show_more::FIRST;
use crate::ui::text::shown;
use leptos::prelude::*;

/// The pair's texts, and what its page says of it.
#[derive(Debug, Clone)]
struct Example {
    key: Key,
    title: String,
    a: Texts,
    b: Texts,
    rules: Rules,
}

/// The drawer.
#[component]
pub fn Opened() -> impl IntoView {
    let state = expect_context::<State>();
    let example = RwSignal::new(None::<Result<Example, String>>);
    // The pair, by what it is: another measure is no reason to read it again.
    let chosen = Memo::new(move |_| {
        let at = state.selected.get()?;
        state.compared.with(|compared| {
            let compared = compared.as_ref()?;
            let pair = *compared.comparison.pairs.get(at as usize)?;
            let sides = compared.sides();
            let (a, b) = sides.records(&pair);
            let (a, b) = (a.clone(), b.clone());
            let by = pair.difference().map(signed).unwrap_or_default();
            let title = match pair.outcome {
                Outcome::Win => format!("B wins, {by}"),
                Outcome::Loss => format!("B loses, {by}"),
                Outcome::Tie => "a tie".to_owned(),
                Outcome::NoValue => "without a value".to_owned(),
            };
            Some((
                compared.a.0,
                compared.b.0,
                a,
                b,
                title,
                compared.rules().name(),
            ))
        })
    });
    Effect::new(move |_| {
        let Some((a_file, b_file, a, b, title, rules)) = chosen.get() else {
            return;
        };
        leptos::task::spawn_local(async move {
            let read = async {
                Ok(Example {
                    key: a.key,
                    title,
                    a: state
                        .files
                        .texts(a_file, &a)
                        .await
                        .map_err(|why| format!("A: {why}"))?,
                    b: state
                        .files
                        .texts(b_file, &b)
                        .await
                        .map_err(|why| format!("B: {why}"))?,
                    rules: Rules::named(rules).unwrap_or_default(),
                })
            };
            let read = read.await;
            // Another pair may have been opened meanwhile, or the drawer closed.
            let still = chosen.try_get_untracked().flatten();
            if still.is_some_and(|(_, _, now, ..)| now.key == a.key) {
                example.set(Some(read));
            }
        });
    });
    let close = move || state.close_pair();
    on_escape(close);
    view! {
        <aside class="drawer" aria-label="the opened pair" data-testid="drawer">
            <div class="drawer-head">
                <h2><span role="status" data-testid="drawer-title">{move || example.with(|example| match example {
                    Some(Ok(example)) => format!("{}: {}", example.key, example.title),
                    Some(Err(_)) => "cannot be read".to_owned(),
                    None => String::new(),
                })}</span></h2>
                <button type="button" data-testid="close-drawer" title="Esc" on:click=move |_| close()>"Close"</button>
            </div>
            {move || example.with(|example| match example.as_ref()? {
                Ok(example) => Some(body(example).into_any()),
                Err(why) => Some(view! { <p class="wrong" role="alert">{crate::visible::escaped(why)}</p> }.into_any()),
            })}
        </aside>
    }
}

fn body(example: &Example) -> impl IntoView {
    let (a, b) = (&example.a, &example.b);
    let judged = |texts: &Texts| Judgement::of(&texts.case, example.rules);
    let (a_judged, b_judged) = (judged(a), judged(b));
    let code = |judgement: &Option<Judgement>, texts: &Texts| {
        let code = judgement.as_ref().and_then(|judgement| judgement.code());
        code.map_or_else(|| texts.case.answer.clone(), str::to_owned)
    };
    let (a_code, b_code) = (code(&a_judged, a), code(&b_judged, b));
    let target = a.case.target.trim().to_owned();
    let against_target = |name: &'static str, code: &str| {
        (!target.is_empty()).then(|| view! {
            <details open>
                <summary>{format!("{name} against the target")}</summary>
                <DiffTable diff=Diff::between(code, &target) caption=format!("a line diff of {name}'s code and the target's as written") left=name right="target"/>
            </details>
        })
    };
    view! {
        <Prompt texts=a.clone() rules=example.rules/>
        <div class="answers">
            {answer("A", "a", a, a_judged.as_ref())}
            {answer("B", "b", b, b_judged.as_ref())}
        </div>
        {against_target("A", &a_code)}
        {against_target("B", &b_code)}
        <details open data-testid="a-b">
            <summary>"A against B"</summary>
            <DiffTable diff=Diff::between(&a_code, &b_code) caption="a line diff of the codes, or of the answers where there is none".to_owned() left="A" right="B"/>
        </details>
    }
}

#[component]
fn Prompt(texts: Texts, rules: Rules) -> impl IntoView {
    let Texts {
        dependency,
        new_version,
        case,
    } = texts;
    if case.target.trim().is_empty() {
        return view! { <p class="hint" data-testid="no-prompt">"The lines hold no prompt and no target: a run's completions name their row by its number. The rewards are those that were logged."</p> }.into_any();
    }
    let title = match dependency.is_empty() {
        true => "The prompt".to_owned(),
        false => format!("The prompt, {}", crate::visible::escaped(&dependency)),
    };
    let row = (case.clone().row(dependency, new_version), rules);
    view! {
        <details open data-testid="prompt">
            <summary>{title}</summary>
            <p class="update">{shown(&case.update_info)}</p>
            <div class="answers">
                <div><h3>"old code"</h3><pre tabindex="0" aria-label="old code">{shown(&case.old_code)}</pre></div>
                <div><h3>"target"</h3><pre tabindex="0" aria-label="target">{shown(&case.target)}</pre></div>
            </div>
            <p><TryPrompt row=move || row.clone()/></p>
        </details>
    }
    .into_any()
}

fn answer(
    name: &'static str,
    class: &'static str,
    texts: &Texts,
    judgement: Option<&Judgement>,
) -> AnyView {
    let head = view! { <h3><span class=format!("letter side-{class}")>{name}</span></h3> };
    let Some(judgement) = judgement else {
        return view! { <div>{head}<pre tabindex="0" aria-label=format!("answer of {name}")>{shown(&texts.case.answer)}</pre></div> }.into_any();
    };
    view! {
        <div data-testid=format!("answer-{class}")>
            {head}
            <WaterfallChart waterfall=Waterfall::of(judgement) baselines=Vec::new()/>
            {parts_of(name, &judgement.explanation)}
            {marked(judgement, RwSignal::new(FIRST))}
        </div>
    }
    .into_any()
}
