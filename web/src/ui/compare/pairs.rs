//! The table of pairs: those in sight are drawn, the others are room.

use super::state::State;
use crate::compare::{Column, Filter, Measure, Pair, Side, export};
use crate::score::rows::{Direction, Export};
use crate::score::signed;
use crate::ui::download::save;
use crate::ui::in_sight::{InSight, arrows};
use crate::ui::keys::on_key;
use leptos::prelude::*;
use std::ops::Range;

/// Filters, table, downloads.
#[component]
pub fn Pairs() -> impl IntoView {
    let state = expect_context::<State>();
    let count = Memo::new(move |_| state.shown.with(Vec::len));
    let in_sight = InSight::new(count, 480.0);
    let step = move |step: isize| {
        if let Some(place) = state.step(step) {
            in_sight.show(place);
        }
    };
    on_key(move |key| {
        match key {
            "j" => step(1),
            "k" => step(-1),
            _ => return false,
        }
        true
    });
    view! {
        <section>
            <Bar/>
            <div class="rows pairs" tabindex="0" role="region" aria-label="pairs" data-testid="pairs" node_ref=in_sight.container on:scroll=move |_| in_sight.measure() on:keydown=arrows(step)>
                <table aria-rowcount=move || (count.get() + 1).to_string()>
                    <thead><Head/></thead>
                    <tbody>
                        <tr class="room" aria-hidden="true" style:height=move || in_sight.room_above()></tr>
                        <Drawn range=in_sight.range/>
                        <tr class="room" aria-hidden="true" style:height=move || in_sight.room_below()></tr>
                    </tbody>
                </table>
            </div>
        </section>
    }
}

/// How many are shown, by which filters, and the shown ones as a file.
#[component]
fn Bar() -> impl IntoView {
    let state = expect_context::<State>();
    let all = Memo::new(move |_| {
        state
            .compared
            .with(|c| c.as_ref().map_or(0, |c| c.comparison.pairs.len()))
    });
    let said = RwSignal::new(None::<String>);
    let chips = move || {
        let chip = |filter: Filter| {
            view! {
                <button type="button" class="chip" aria-pressed="true" data-testid="active-filter" on:click=move |_| state.toggle(filter)>{filter.in_words()}" ×"</button>
            }
        };
        state.filters.get().into_iter().map(chip).collect_view()
    };
    let save_as = move |form: Export| {
        let text = state.compared.with_untracked(|compared| {
            let compared = compared.as_ref()?;
            let shown = state.shown.get_untracked();
            Some(export(form, &compared.comparison, compared.sides(), &shown))
        });
        let name = format!("pairs.{}", form.extension());
        let saved = save(&name, "text/plain;charset=utf-8", &text.unwrap_or_default());
        said.set(
            saved
                .is_err()
                .then(|| "the browser does not let the page save a file".to_owned()),
        );
    };
    view! {
        <p class="summary">
            <span role="status" data-testid="shown">{move || format!("{} of {} pairs shown", state.shown.with(Vec::len), all.get())}</span>
            {chips}
            <span class="hint">"w, l, t, n filter; j and k open the next"</span>
            <button type="button" data-testid="save-jsonl" on:click=move |_| save_as(Export::JsonLines)>"Save as JSON Lines"</button>
            <button type="button" data-testid="save-csv" on:click=move |_| save_as(Export::Csv)>"Save as CSV"</button>
            <span class="said" role="status">{move || said.get()}</span>
        </p>
    }
}

/// The columns behind the compared measure: how the others differ.
const OTHERS: [Measure; 5] = [
    Measure::Total,
    Measure::EsStar,
    Measure::EmStar,
    Measure::EditGain,
    Measure::GainOverCopy,
];

#[component]
fn Head() -> impl IntoView {
    let state = expect_context::<State>();
    let head = move |column: Column, id: String, text: String, number: bool| {
        let sorted = move || {
            let order = state.order.get();
            (order.column == column).then_some(match order.direction {
                Direction::Ascending => "ascending",
                Direction::Descending => "descending",
            })
        };
        view! {
            <th scope="col" class:number=number aria-sort=sorted>
                <button type="button" data-testid=format!("sort-{id}") on:click=move |_| state.order.update(|order| *order = order.by(column))>
                    {text}
                    <span aria-hidden="true">{move || match sorted() { Some("ascending") => " ↑", Some(_) => " ↓", None => "" }}</span>
                </button>
            </th>
        }
    };
    move || {
        let measure = state.measure.get();
        let others = OTHERS.into_iter().filter(|other| *other != measure);
        let others = others.map(|other| {
            head(
                Column::Difference(other),
                other.name().to_owned(),
                format!("Δ {}", other.title()),
                true,
            )
        });
        view! {
            <tr aria-rowindex="1">
                {head(Column::Example, "example".to_owned(), "example".to_owned(), false)}
                <th scope="col">"outcome"</th>
                {head(Column::Value(Side::A), "a".to_owned(), format!("A {}", measure.title()), true)}
                {head(Column::Value(Side::B), "b".to_owned(), format!("B {}", measure.title()), true)}
                {head(Column::Difference(measure), "difference".to_owned(), "B − A".to_owned(), true)}
                {others.collect_view()}
                <th scope="col">"logged"</th>
            </tr>
        }
    }
}

/// A row as it is drawn.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    place: usize,
    at: u32,
    pair: Pair,
    name: String,
    others: Vec<Option<f64>>,
    logged: Option<bool>,
}

/// The rows in sight.
#[component]
fn Drawn(range: Memo<Range<usize>>) -> impl IntoView {
    let state = expect_context::<State>();
    let rows = move || {
        state.compared.with(|compared| {
            let Some(compared) = compared else {
                return Vec::new();
            };
            let (comparison, sides) = (&compared.comparison, compared.sides());
            let row = |place: usize| {
                let at = state.shown.with(|shown| shown.get(place).copied())?;
                let pair = *comparison.pairs.get(at as usize)?;
                let value = |side, measure| sides.value(&pair, side, measure, comparison.basis);
                let others = OTHERS
                    .into_iter()
                    .filter(|other| *other != comparison.measure);
                Some(Row {
                    place,
                    at,
                    pair,
                    name: sides.records(&pair).0.key.to_string(),
                    others: others
                        .map(|other| Some(value(Side::B, other)? - value(Side::A, other)?))
                        .collect(),
                    logged: sides.as_logged(&pair),
                })
            };
            range.get().filter_map(row).collect()
        })
    };
    let number = |value: Option<f64>| view! { <td class="number">{value.map_or("–".to_owned(), signed)}</td> };
    let row = move |row: Row| {
        let at = row.at;
        let (logged, title) = match row.logged {
            Some(true) => ("✓", "the page computes the rewards that were logged"),
            Some(false) => ("≠ differs", "a logged reward is not what the page computes"),
            None => ("–", "there is nothing to check"),
        };
        let outcome = row.pair.outcome.counted(1);
        let outcome = outcome.trim_start_matches("1 ").to_owned();
        view! {
            <tr aria-rowindex=(row.place + 2).to_string() aria-selected=move || (state.selected.get() == Some(at)).to_string() data-testid="pair" on:click=move |_| state.selected.set(Some(at))>
                <td class="text">{row.name}</td>
                <td class=format!("text outcome-{}", row.pair.outcome.name())>{outcome}{row.pair.same_answer.then_some(" · same answer")}</td>
                {number(row.pair.a)}
                {number(row.pair.b)}
                {number(row.pair.difference())}
                {row.others.into_iter().map(number).collect_view()}
                <td class="text" title=title>{logged}</td>
            </tr>
        }
    };
    // A row's key holds its values: by another measure it is another one.
    let key = |row: &Row| {
        let bits = |value: &Option<f64>| value.map(f64::to_bits);
        (
            row.place,
            row.at,
            bits(&row.pair.a),
            bits(&row.pair.b),
            row.others.iter().map(bits).collect::<Vec<_>>(),
            row.logged,
        )
    };
    view! { <For each=rows key=key children=row/> }
}
