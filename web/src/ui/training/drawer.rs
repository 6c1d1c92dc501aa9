//! The completions of a step, beside the charts: every logged one, the same ones folded.

use super::chart::letter;
use super::completions::Chosen;
use super::state::{Opened, Run, State};
use crate::run::{Fold, fold, to_json_lines};
use crate::score::signed;
use crate::ui::download::save;
use crate::ui::keys::on_key;
use crate::visible::escaped;
use leptos::html;
use leptos::prelude::*;

/// How much of a completion its row shows.
const BEGINNING: usize = 90;

/// The drawer.
#[component]
pub fn Drawer() -> impl IntoView {
    let state = expect_context::<State>();
    let folds = RwSignal::new(Ok::<_, String>(Vec::<Fold>::new()));
    let chosen = RwSignal::new(0usize);
    // The step and where its lines stand: completions come behind metrics, and a run that is written to grows.
    let asked = Memo::new(move |_| {
        let opened = state.opened.get()?;
        let lines = state.run(opened.run, |run| run.index.get(opened.step))?;
        Some((opened, lines))
    });
    Effect::new(move |before: Option<Option<Opened>>| {
        let (opened, lines) = asked.get()?;
        let is_another = before.flatten() != Some(opened);
        leptos::task::spawn_local(async move {
            let found = state.completions(opened).await.map(fold);
            // What is shown is what was asked for last.
            if asked.try_get_untracked().flatten() == Some((opened, lines)) {
                if is_another {
                    chosen.set(0);
                }
                folds.set(found);
            }
        });
        Some(opened)
    });
    // The rules of its run, as soon as all is read that they are tried on.
    let due = Memo::new(move |_| {
        let id = state.opened.get()?.run;
        let is_read = state.reading.with(Option::is_none);
        let are_due = state.run(id, Run::rules_are_due)?;
        (is_read && are_due).then_some(id)
    });
    Effect::new(move |_| {
        if let Some(id) = due.get() {
            leptos::task::spawn_local(async move { state.find_rules(id).await });
        }
    });
    let heading = NodeRef::<html::H2>::new();
    Effect::new(move |_| {
        if let Some(heading) = heading.get() {
            // Without focus the drawer is still there.
            let _ = heading.focus();
        }
    });
    on_key(move |key| {
        let count = folds.with_untracked(|folds| folds.as_ref().map_or(0, Vec::len));
        match key {
            "j" => chosen.update(|at| *at = (*at + 1).min(count.saturating_sub(1))),
            "k" => chosen.update(|at| *at = at.saturating_sub(1)),
            _ => return false,
        }
        true
    });
    let title = move || {
        let opened = state.opened.get()?;
        let run = state.runs.with(|runs| {
            let slot = runs.iter().position(|run| run.id == opened.run)?;
            Some(format!("{} {}", letter(slot), escaped(&runs[slot].name)))
        });
        Some(format!(
            "Step {} of {}",
            opened.step,
            run.unwrap_or_default()
        ))
    };
    let go = move |forward: bool| {
        let next = state.opened.get_untracked().and_then(|opened| {
            let step = state
                .run(opened.run, |run| run.index.beside(opened.step, forward))
                .flatten()?;
            Some(Opened { step, ..opened })
        });
        if let Some(next) = next {
            state.cursor.set(Some(next.step));
            state.opened.set(Some(next));
        }
    };
    let said = move || {
        folds.with(|folds| match folds {
            Ok(folds) => {
                let all: usize = folds.iter().map(|fold| fold.count).sum();
                match folds.len() {
                    0 => String::new(),
                    different => format!("{all} completions, {different} different."),
                }
            }
            Err(why) => absent(state, why),
        })
    };
    let nearest = move || {
        let opened = state.opened.get()?;
        let (there, nearest) = state.run(opened.run, |run| {
            (
                run.index.get(opened.step).is_some(),
                run.index.nearest(opened.step),
            )
        })?;
        let step = nearest.filter(|_| !there)?;
        let open = move |_| {
            state.cursor.set(Some(step));
            state.opened.set(Some(Opened { step, ..opened }));
        };
        Some(
            view! { <button type="button" data-testid="nearest" on:click=open>{format!("Open step {step}, the nearest with completions")}</button> },
        )
    };
    let any =
        Memo::new(move |_| folds.with(|folds| folds.as_ref().is_ok_and(|folds| !folds.is_empty())));
    view! {
        <aside class="drawer" aria-label="completions of a step" data-testid="drawer">
            <div class="drawer-head">
                <h2 node_ref=heading tabindex="-1">{title}</h2>
                <button type="button" aria-label="the step before with completions" data-testid="drawer-back" on:click=move |_| go(false)>"◂"</button>
                <button type="button" aria-label="the step after with completions" data-testid="drawer-on" on:click=move |_| go(true)>"▸"</button>
                <button type="button" data-testid="drawer-close" title="Esc" on:click=move |_| state.close_step()>"Close"</button>
            </div>
            <p class="hint" role="status" data-testid="drawer-said">{said}</p>
            {nearest}
            <Show when=move || any.get()>
                <Folds folds=folds chosen=chosen/>
                <Chosen folds=folds chosen=chosen/>
            </Show>
        </aside>
    }
}

/// Why there are no completions.
fn absent(state: State, why: &str) -> String {
    let of_run = state
        .opened
        .get()
        .and_then(|opened| state.run(opened.run, |run| run.completions.is_some()));
    match of_run {
        Some(false) => "This run was opened without its completions.jsonl: open its folder, or drop that file as well.".to_owned(),
        _ => format!("{why}."),
    }
}

/// The list.
#[component]
fn Folds(folds: RwSignal<Result<Vec<Fold>, String>>, chosen: RwSignal<usize>) -> impl IntoView {
    let row = move |(at, fold): (usize, &Fold)| {
        let line = &fold.line;
        let number = |value: Option<f64>| value.map_or("–".to_owned(), signed);
        let text: String = line.completion.trim().chars().take(BEGINNING).collect();
        let is_chosen = move || chosen.get() == at;
        view! {
            <tr class:chosen=is_chosen data-testid="completion-row" on:click=move |_| chosen.set(at)>
                <td class="number"><button type="button" class="row-button" aria-pressed=move || is_chosen().to_string() aria-label=format!("×{} completion {}", fold.count, at + 1)>"×"{fold.count}</button></td>
                <td class="number">{line.row.map_or("–".to_owned(), |row| row.to_string())}</td>
                <td class="number">{number(line.total)}</td>
                <td class="number">{number(line.advantage)}</td>
                <td class="number">{line.tokens.map_or("–".to_owned(), |tokens| tokens.to_string())}{(line.finish_reason.as_deref() == Some("length")).then_some(" ✂")}</td>
                <td class="beginning">{escaped(&text.replace('\n', " ⏎ "))}</td>
            </tr>
        }
    };
    let state = expect_context::<State>();
    let save_all = move |_| {
        let name = untrack(|| {
            let Opened { run, step } = state.opened.get()?;
            state.run(run, |run| format!("{}-step-{step}.jsonl", run.name))
        });
        let text = folds.with_untracked(|folds| folds.as_deref().ok().map(to_json_lines));
        if let Some((name, text)) = name.zip(text) {
            // A browser that refuses a download says so itself.
            let _ = save(&name, "application/jsonl", &text);
        }
    };
    view! {
        <p class="actions"><button type="button" class="plain" data-testid="save-folds" on:click=save_all>"Save as JSON Lines"</button></p>
        <div class="scroll folds" tabindex="0" role="region" aria-label="the step's completions">
            <table data-testid="folds">
                <thead><tr>
                    <th scope="col" class="number">"times"</th><th scope="col" class="number">"row"</th><th scope="col" class="number">"reward"</th>
                    <th scope="col" class="number">"advantage"</th><th scope="col" class="number" title="✂: cut off at the longest length">"tokens"</th><th scope="col">"completion"</th>
                </tr></thead>
                <tbody>{move || folds.with(|folds| folds.as_ref().map(|folds| folds.iter().enumerate().map(row).collect_view()).ok())}</tbody>
            </table>
        </div>
    }
}
