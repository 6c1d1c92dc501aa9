//! The table of a file's rows: those in sight are drawn, the others are room.

use super::file::OpenFile;
use crate::score::rows::{Column, Export, Filter, Outcome};
use crate::score::signed;
use crate::ui::download::save;
use crate::ui::faults;
use crate::ui::in_sight::{InSight, arrows};
use crate::ui::keys::on_key;
use crate::visible::escaped;
use leptos::html;
use leptos::prelude::*;
use std::ops::Range;

/// Filters, table and what could not be read.
#[component]
pub fn Rows() -> impl IntoView {
    let file = expect_context::<OpenFile>();
    let count = Memo::new(move |_| file.table.with(|table| table.shown.len()));
    let in_sight = InSight::new(count, 320.0);
    let select = move |step: isize| {
        let next = file.table.with_untracked(|table| {
            let at = file.selected.get_untracked();
            let at = at.and_then(|at| table.shown.iter().position(|&shown| shown == at));
            let next = at.map_or(0, |at| at.saturating_add_signed(step));
            let next = next.min(table.shown.len().checked_sub(1)?);
            Some((next, table.shown[next]))
        });
        let Some((place, row)) = next else { return };
        file.select(Some(row));
        in_sight.show(place);
    };
    // Who comes back to the page finds the row again.
    Effect::new(move |_| {
        if in_sight.container.get().is_some() {
            let at = file.selected.get_untracked();
            let place = file
                .table
                .with_untracked(|table| table.shown.iter().position(|&row| Some(row) == at));
            place.into_iter().for_each(|place| in_sight.show(place));
        }
    });
    let filter_value = NodeRef::<html::Input>::new();
    on_key(move |key| {
        match key {
            "j" => select(1),
            "k" => select(-1),
            "/" => {
                if let Some(input) = filter_value.get_untracked() {
                    let _ = input.focus();
                }
            }
            _ => return false,
        }
        true
    });
    let unanswered = move || {
        let count = file.table.with(|table| {
            let outcomes = table.outcomes().into_iter();
            let mut unanswered = outcomes.filter(|(outcome, _)| *outcome == Outcome::Unanswered);
            unanswered.next().map_or(0, |(_, count)| count)
        });
        (count > 0).then(|| {
            let said = match count {
                1 => "1 row has no completion, as one of a data set".to_owned(),
                count => format!("{count} rows have no completion, as those of a data set"),
            };
            view! { <p class="hint" data-testid="unanswered">{said}": open one and write an answer to it."</p> }
        })
    };
    view! {
        {unanswered}
        <Filters value=filter_value/>
        <div
            class="rows"
            tabindex="0"
            role="region"
            aria-label="scored rows"
            data-testid="rows"
            node_ref=in_sight.container
            on:scroll=move |_| in_sight.measure()
            on:keydown=arrows(select)
        >
            <table aria-rowcount=move || (count.get() + 1).to_string()>
                <thead><Head/></thead>
                <tbody>
                    <tr class="room" aria-hidden="true" style:height=move || in_sight.room_above()></tr>
                    <Drawn range=in_sight.range/>
                    <tr class="room" aria-hidden="true" style:height=move || in_sight.room_below()></tr>
                </tbody>
            </table>
        </div>
        <Faults/>
    }
}

/// The names of the columns, each a button that sorts.
#[component]
fn Head() -> impl IntoView {
    let file = expect_context::<OpenFile>();
    let head = move |column: Column| {
        let sorted = move || {
            let order = file.table.with(|table| table.order);
            (order.column == column).then_some(match order.direction {
                crate::score::rows::Direction::Ascending => "ascending",
                crate::score::rows::Direction::Descending => "descending",
            })
        };
        view! {
            <th scope="col" class="number" aria-sort=sorted>
                <button type="button" data-testid=format!("sort-{}", column.name()) on:click=move |_| file.table.update(|table| table.sort_by(column))>
                    {column.name()}
                    <span aria-hidden="true">{move || match sorted() { Some("ascending") => " ↑", Some(_) => " ↓", None => "" }}</span>
                </button>
            </th>
        }
    };
    view! {
        <tr aria-rowindex="1">
            {Column::ALL.map(head).collect_view()}
            <th scope="col">"library"</th>
            <th scope="col">"outcome"</th>
        </tr>
    }
}

/// The rows in sight.
#[component]
fn Drawn(range: Memo<Range<usize>>) -> impl IntoView {
    let file = expect_context::<OpenFile>();
    let places = move || {
        let shown = |table: &crate::score::rows::Table| {
            let places = range.get();
            places
                .filter_map(|place| {
                    Some((
                        place,
                        *table.shown.get(place)?,
                        *table.rows.get(table.shown[place] as usize)?,
                    ))
                })
                .collect::<Vec<_>>()
        };
        file.table.with(shown)
    };
    let row = move |(place, at, row): (usize, u32, crate::score::rows::RowScore)| {
        let number = |column: Column| {
            let value = row.value(column);
            let text = match column {
                Column::Line => row.line.to_string(),
                Column::Similarity => value.map_or("–".to_owned(), |value| format!("{value:.3}")),
                _ => value.map_or("–".to_owned(), signed),
            };
            view! { <td class="number">{text}</td> }
        };
        let dependency = file
            .dependencies
            .with_untracked(|all| all.get(row.dependency as usize).cloned());
        let logged = (row.differs_from_logged() == Some(true)).then_some(" · not the logged total");
        view! {
            <tr
                aria-rowindex=(place + 2).to_string()
                aria-selected=move || (file.selected.get() == Some(at)).to_string()
                data-testid="row"
                on:click=move |_| file.select(Some(at))
            >
                {Column::ALL.map(number).collect_view()}
                <td class="text">{escaped(&dependency.unwrap_or_default())}</td>
                <td class="text">{row.outcome.name()}{logged}{move || file.is_edited(at).then_some(" · changed")}</td>
            </tr>
        }
    };
    // A row's key holds its values: under other rules it is another one.
    view! { <For each=places key=|(place, at, row)| (*place, *at, row.to_numbers().map(f64::to_bits)) children=row/> }
}

/// Conditions on rows, how many pass, and the shown rows as a file.
#[component]
fn Filters(value: NodeRef<html::Input>) -> impl IntoView {
    let file = expect_context::<OpenFile>();
    let (column, at_most) = (RwSignal::new(Column::Total), RwSignal::new(false));
    let said = RwSignal::new(None::<String>);
    let add = move || {
        let Some(input) = value.get_untracked() else {
            return;
        };
        match input.value().trim().replace('−', "-").parse::<f64>() {
            Ok(number) if number.is_finite() => {
                let filter = match at_most.get_untracked() {
                    true => Filter::AtMost(column.get_untracked(), number),
                    false => Filter::AtLeast(column.get_untracked(), number),
                };
                file.table.update(|table| table.toggle(filter));
                input.set_value("");
                said.set(None);
            }
            _ => said.set(Some(format!(
                "`{}` is no number: write one as in -1.5",
                escaped(&input.value())
            ))),
        }
    };
    let is_on = move |filter: Filter| file.table.with(|table| table.filters.contains(&filter));
    let toggle = move |filter: Filter, text: String| {
        view! {
            <button type="button" class="chip" aria-pressed=move || is_on(filter).to_string() on:click=move |_| file.table.update(|table| table.toggle(filter))>
                {text}
            </button>
        }
    };
    let outcomes = move || {
        let counts: Vec<(Outcome, usize)> = file.table.with(|table| table.outcomes());
        let differing = file.table.with(|table| {
            table
                .rows
                .iter()
                .filter(|row| row.differs_from_logged() == Some(true))
                .count()
        });
        let chips = counts.into_iter().map(|(outcome, count)| {
            toggle(
                Filter::Outcome(outcome),
                format!("{} {count}", outcome.name()),
            )
        });
        let logged = (differing > 0).then(|| {
            toggle(
                Filter::DiffersFromLogged,
                format!("not the logged total {differing}"),
            )
        });
        view! { {chips.collect_view()}{logged} }
    };
    let numeric = move || {
        let filters = file.table.with(|table| table.filters.clone());
        let own = filters
            .into_iter()
            .filter(|f| matches!(f, Filter::AtLeast(..) | Filter::AtMost(..)));
        own.map(|filter| toggle(filter, format!("{} ×", filter.in_words())))
            .collect_view()
    };
    let summary = move || {
        file.table.with(|table| {
            let (mean, count) = table.mean(Column::Total);
            let mean = mean.map_or(String::new(), |mean| {
                format!(", mean total {} of {count}", signed(mean))
            });
            format!(
                "{} of {} rows shown{mean}",
                table.shown.len(),
                table.rows.len()
            )
        })
    };
    let export = move |export: Export| {
        let text = file.table.with_untracked(|table| {
            file.dependencies
                .with_untracked(|names| export.of(table, names))
        });
        let saved = save(
            &format!("scores.{}", export.extension()),
            "text/plain;charset=utf-8",
            &text,
        );
        if saved.is_err() {
            said.set(Some(
                "the browser does not let the page save a file".to_owned(),
            ));
        }
    };
    view! {
        <form class="filters" on:submit=move |event| { event.prevent_default(); add(); }>
            <label for="filter-column">"Rows with"</label>
            <select id="filter-column" on:change:target=move |event| column.set(Column::named(&event.target().value()).unwrap_or(Column::Total))>
                {Column::ALL.map(|c| view! { <option value=c.name() selected=c == Column::Total>{c.name()}</option> }).collect_view()}
            </select>
            <select aria-label="at least or at most" on:change:target=move |event| at_most.set(event.target().value() == "most")>
                <option value="least">"≥"</option>
                <option value="most">"≤"</option>
            </select>
            <input node_ref=value aria-label="value" data-testid="filter-value" inputmode="decimal" size="6"/>
            <button data-testid="filter-add">"Filter"</button>
            {numeric}
            {outcomes}
        </form>
        <p class="summary">
            <span role="status" data-testid="summary">{summary}</span>
            <button type="button" data-testid="save-jsonl" on:click=move |_| export(Export::JsonLines)>"Save as JSON Lines"</button>
            <button type="button" data-testid="save-csv" on:click=move |_| export(Export::Csv)>"Save as CSV"</button>
            <span class="said" role="status">{move || said.get()}</span>
        </p>
    }
}

/// What is wrong with the file's lines.
#[component]
fn Faults() -> impl IntoView {
    let file = expect_context::<OpenFile>();
    // A memo: it changes less often than the rows do.
    let faults = Memo::new(move |_| {
        let name = file.name.get().unwrap_or_default();
        file.faults.with(|faults| faults::Faults::of(&name, faults))
    });
    view! { <faults::FaultLists faults=faults/> }
}
