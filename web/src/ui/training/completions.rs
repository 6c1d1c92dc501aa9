//! The chosen completion: its logged reward, and, where the row's target is known, the reward computed once more, explained as on the page "Score".

use super::state::State;
use crate::run::{Fold, Row};
use crate::score::{AnswerKind, Case, Judgement, Rules, signed};
use crate::ui::score::{self, Completion, Difference, Parts, Total};
use crate::ui::text::shown;
use leptos::prelude::*;

/// The most by which a recomputed reward may differ from the logged one and be the same.
const SAME: f64 = 1e-9;

/// The completion.
#[component]
pub fn Chosen(
    folds: RwSignal<Result<Vec<Fold>, String>>,
    chosen: RwSignal<usize>,
) -> impl IntoView {
    let state = expect_context::<State>();
    let fold =
        Memo::new(move |_| folds.with(|folds| folds.as_ref().ok()?.get(chosen.get()).cloned()));
    let shown = move || {
        let fold = fold.get()?;
        let run = state.opened.get_untracked()?.run;
        let row = state
            .run(run, |run| {
                Some(run.rows.as_ref()?.get(&fold.line.row?)?.clone())
            })
            .flatten();
        Some(match row {
            Some(row) => view! { <Judged fold=fold row=row/> }.into_any(),
            None => view! { <Logged fold=fold/> }.into_any(),
        })
    };
    view! { <div class="results" data-testid="chosen">{shown}</div> }
}

/// Held against its target.
#[component]
fn Judged(fold: Fold, row: Row) -> impl IntoView {
    let logged = fold.line.total;
    let case = Case {
        update_info: row.update_info,
        old_code: row.old_code,
        answer: fold.line.completion,
        kind: AnswerKind::Completion,
        target: row.new_code,
    };
    let totals = Rules::ALL.map(|rules| {
        (
            rules,
            Judgement::of(&case, rules).and_then(|judgement| judgement.explanation.breakdown.total),
        )
    });
    let is_same = |total: &Option<f64>| matches!((total, logged), (Some(total), Some(logged)) if (total - logged).abs() <= SAME);
    // The run does not say by which rules: those that give what it logged, the usual ones first.
    let order = [Rules::Strict, Rules::EditGain, Rules::Paper];
    let same = order.into_iter().find(|rules| {
        totals
            .iter()
            .any(|(of, total)| of == rules && is_same(total))
    });
    let rules = same.unwrap_or_default();
    let badge = match (same, logged) {
        (Some(rules), _) => (true, format!("recomputed = logged, by {}", rules.name())),
        (None, Some(logged)) => (
            false,
            format!(
                "logged {}, which none of the rules gives: other weights, or not the rows of this run",
                signed(logged)
            ),
        ),
        (None, None) => (false, "no reward was logged".to_owned()),
    };
    let link = case
        .to_query(rules)
        .ok()
        .map(|query| format!("{}?{query}", crate::page::Page::Score.address()));
    provide_context(score::State::holding(case, rules));
    view! {
        <p class="badge" class:differs=!badge.0 data-testid="badge">{if badge.0 { "✓ " } else { "≠ " }}{badge.1}</p>
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
    view! {
        <p class="hint" data-testid="no-target">
            "The target of "{number}" is not among the run's files, so that the reward cannot be computed again and there is no difference to show: drop the rows that the run was trained on (data.train of its config.toml) as well."
        </p>
        <table class="parts" data-testid="logged-parts">
            <caption>"as logged"{line.withheld().map(|reason| format!("; the code reward was withheld: {}", crate::visible::escaped(reason)))}</caption>
            <tbody>{parts.into_iter().map(row).collect_view()}</tbody>
        </table>
        <pre data-testid="completion" tabindex="0" aria-label="the completion">{shown(&line.completion)}</pre>
    }
}
