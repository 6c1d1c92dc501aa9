//! Answer and target beside each other: as the scorer compared them, or as they were written.

use super::state::State;
use crate::score::{Cell, Diff, DiffRow};
use crate::ui::keys::on_key;
use crate::ui::show_more::{FIRST, ShowMore};
use crate::ui::text::shown;
use leptos::prelude::*;

/// The two views of the difference.
#[component]
pub fn Difference() -> impl IntoView {
    let state = expect_context::<State>();
    let written = RwSignal::new(false);
    // What was asked for stays while one types.
    let drawn = RwSignal::new(FIRST);
    on_key(move |key| {
        let own = key == "d";
        if own {
            written.update(|written| *written = !*written);
        }
        own
    });
    let choice = move |as_written: bool, name: &'static str| {
        view! {
            <label class="check">
                <input type="radio" name="diff" prop:checked=move || written.get() == as_written on:change=move |_| written.set(as_written)/>
                {name}
            </label>
        }
    };
    let diff = move || {
        state.details.with(|judged| {
            let judged = judged.as_ref()?;
            let judgement = &judged.judgement;
            let compared = judgement.explanation.edits.as_ref();
            Some(match (written.get(), compared) {
                (false, Some(edits)) => Ok((Diff::from(edits), "the scorer's own alignment, without what it strips")),
                (false, None) => Err("The codes were not compared, so the scorer has no alignment: see them as written."),
                (true, _) => match judgement.code() {
                    Some(code) => Ok((Diff::between(code, judged.case.target.trim()), "a line diff of what was written, comments included")),
                    None => Err("There is no code to compare."),
                },
            })
        })
    };
    view! {
        <section>
            <h2>"Answer and target"</h2>
            <fieldset class="inline">
                <legend>"Show"</legend>
                {choice(false, "as compared")}
                {choice(true, "as written")}
            </fieldset>
            {move || diff().map(|diff| match diff {
                Ok((diff, caption)) => view! { <DiffTable diff=diff caption=caption.to_owned() drawn=drawn/> }.into_any(),
                Err(why) => view! { <p class="hint" data-testid="no-diff">{why}</p> }.into_any(),
            })}
        </section>
    }
}

/// A diff as a table of two columns.
#[component]
pub fn DiffTable(
    /// What is shown.
    diff: Diff,
    /// What it is.
    caption: String,
    /// What stands on the left.
    #[prop(default = "answer")]
    left: &'static str,
    /// What stands on the right.
    #[prop(default = "target")]
    right: &'static str,
    /// How many of its lines are drawn.
    #[prop(default = RwSignal::new(FIRST))]
    drawn: RwSignal<usize>,
) -> impl IntoView {
    let same = diff.rows.iter().all(DiffRow::keeps) && !diff.rows.is_empty();
    let all = diff.rows.len();
    let rows = StoredValue::new(diff.rows);
    let row = move |at: usize| {
        rows.with_value(|rows| {
            let row = &rows[at];
            let keeps = row.keeps();
            view! {
                <tr class:keeps=keeps>
                    {cell(row.left.as_ref(), keeps, "−", "gone")}
                    {cell(row.right.as_ref(), keeps, "+", "new")}
                </tr>
            }
        })
    };
    let label = caption.clone();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=label>
            <table class="diff" data-testid="diff">
                <caption>{caption}{same.then_some(": no difference")}</caption>
                <colgroup>
                    <col class="gutter"/><col class="sign"/><col/>
                    <col class="gutter"/><col class="sign"/><col/>
                </colgroup>
                <thead><tr><th scope="col" colspan="3">{left}</th><th scope="col" colspan="3">{right}</th></tr></thead>
                <tbody><For each=move || 0..all.min(drawn.get()) key=|at| *at children=row/></tbody>
            </table>
        </div>
        <ShowMore drawn=drawn all=all/>
        {diff.note.map(|note| view! { <p class="hint" data-testid="diff-note">{note}</p> })}
    }
}

fn cell(cell: Option<&Cell>, keeps: bool, sign: &'static str, class: &'static str) -> AnyView {
    let Some(cell) = cell else {
        return view! { <td class="none-gutter"></td><td class="none-gutter"></td><td class="none"></td> }
            .into_any();
    };
    let (pieces, left_out) = cell.drawn();
    let pieces: Vec<AnyView> = pieces
        .into_iter()
        .map(|(changed, text)| match changed {
            true if class == "gone" => view! { <del>{shown(text)}</del> }.into_any(),
            true => view! { <ins>{shown(text)}</ins> }.into_any(),
            false => shown(text).into_any(),
        })
        .collect();
    let left_out = (left_out > 0).then(|| {
        view! { <span class="hint" data-testid="line-cut">{format!(" … {left_out} more bytes of this line, too many to show")}</span> }
    });
    let class = if keeps { "" } else { class };
    view! {
        <td class="gutter">{cell.line}</td>
        <td class=format!("sign {class}")>{if keeps { "" } else { sign }}</td>
        <td class=format!("text {class}")>{pieces}{left_out}</td>
    }
    .into_any()
}
