//! The chosen completion: its logged reward, and, where the row's target is known, the reward computed once more by the run's own
//! rules, explained as on the page "Score".

use super::state::State;
use crate::run::{Fold, Row, RunRules, case_of};
use crate::score::{Rules, signed};
use crate::ui::save_table::SaveTable;
use crate::ui::score::{self, Completion, Difference, Parts, Total};
use crate::ui::text::shown;
use leptos::prelude::*;

/// The completion.
#[component]
pub fn Chosen(
    folds: RwSignal<Result<Vec<Fold>, String>>,
    chosen: RwSignal<usize>,
) -> impl IntoView {
    let state = expect_context::<State>();
    let fold =
        Memo::new(move |_| folds.with(|folds| folds.as_ref().ok()?.get(chosen.get()).cloned()));
    // A memo: a run that grows is no reason to build all of it anew.
    let held = Memo::new(move |_| {
        let fold = fold.get()?;
        let run = state.opened.get_untracked()?.run;
        let held_against = state.run(run, |run| {
            let row = run.rows.as_ref()?.get(&fold.line.row?)?.clone();
            Some((row, run.rules.clone()))
        });
        Some((fold, held_against.flatten()))
    });
    let shown = move || {
        Some(match held.get()? {
            (fold, Some((row, rules))) => {
                view! { <Judged fold=fold row=row rules=rules/> }.into_any()
            }
            (fold, None) => view! { <Logged fold=fold/> }.into_any(),
        })
    };
    view! { <div class="results" data-testid="chosen">{shown}</div> }
}

/// Held against its target, by the run's own rules.
#[component]
fn Judged(fold: Fold, row: Row, rules: Option<RunRules>) -> impl IntoView {
    let case = case_of(&row, &fold.line);
    let by = rules.as_ref().map_or(Rules::default(), RunRules::rules);
    let link = case
        .to_query(by)
        .ok()
        .map(|query| format!("{}?{query}", crate::page::Page::Score.address()));
    let state = score::State::holding(case, by);
    provide_context(state);
    let logged = fold.line.total;
    let badge = Memo::new(move |_| match (&rules, logged) {
        (_, None) => (None, "no reward was logged".to_owned()),
        (None, Some(_)) => (None, "trying which rules the run was scored by…".to_owned()),
        (Some(_), Some(_)) if state.is_scoring() => (None, "scoring…".to_owned()),
        (Some(rules), Some(logged)) => match state.unscored() {
            Some(why) => (None, why),
            None => {
                let (fits, said) = rules.held_against(logged, state.total());
                (Some(fits), said)
            }
        },
    });
    // Nothing, as long as nobody knows.
    let fits = move || badge.with(|(fits, _)| *fits);
    let sign = move || match fits() {
        Some(true) => "✓ ",
        Some(false) => "≠ ",
        None => "",
    };
    view! {
        <p class="badge" class:differs=move || fits() == Some(false) data-testid="badge">{sign}{move || badge.get().1}</p>
        <Total/>
        <Completion/>
        <Difference/>
        <Parts/>
        {link.map(|link| view! { <p><a href=link data-testid="open-in-score">"Open on the page Score"</a></p> })}
    }
}

/// As it was logged: there is nothing to hold it against.
#[component]
fn Logged(fold: Fold) -> impl IntoView {
    let line = fold.line;
    let parts = [
        "format",
        "es_star",
        "em_star",
        "edit_gain",
        "api_adopted",
        "api_left",
        "repetition",
        "overlong",
    ];
    let parts: Vec<(&str, f64)> = parts
        .into_iter()
        .filter_map(|name| Some((name, line.part(name)?)))
        .collect();
    let row = |(name, value): (&str, f64)| view! { <tr><th scope="row">{name.to_owned()}</th><td class="number">{signed(value)}</td></tr> };
    let number = match line.row {
        Some(row) => format!("row {row}"),
        None => "its row".to_owned(),
    };
    let table = NodeRef::new();
    view! {
        <p class="hint" data-testid="no-target">
            "The target of "{number}" is not among the run's files, so that the reward cannot be computed again and there is no difference to show: drop the rows that the run was trained on (data.train of its config.toml) as well."
        </p>
        <table node_ref=table class="parts" data-testid="logged-parts">
            <caption><SaveTable name="logged-parts" table=table/>" as logged"{line.withheld().map(|reason| format!("; the code reward was withheld: {}", crate::visible::escaped(reason)))}</caption>
            <tbody>{parts.into_iter().map(row).collect_view()}</tbody>
        </table>
        <pre data-testid="completion" tabindex="0" aria-label="the completion">{shown(&line.completion)}</pre>
    }
}
