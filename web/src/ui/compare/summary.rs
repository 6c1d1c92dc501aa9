//! Every file's means, and how far they are from the baseline's.

use super::state::State;
use crate::compare::summary::{Cell, Row, row};
use crate::compare::{Measure, written};
use crate::ui::download::save;
use crate::visible::escaped;
use leptos::prelude::*;

/// A file in the table.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    name: String,
    letter: &'static str,
    answers: usize,
    cells: Row,
}

/// The table.
#[component]
pub fn Summary() -> impl IntoView {
    let state = expect_context::<State>();
    let lines = Memo::new(move |_| {
        let (a, b, basis) = (state.a.get(), state.b.get(), state.used_basis.get());
        state.files.all.with(|all| {
            let baseline = all
                .get(a)
                .map(|file| file.records.clone())
                .unwrap_or_default();
            let with_answers = all
                .iter()
                .enumerate()
                .filter(|(_, file)| !file.records.is_empty());
            let line = |(at, file): (usize, &super::files::Loaded)| Line {
                name: file.name.clone(),
                letter: if at == a {
                    "A"
                } else if at == b {
                    "B"
                } else {
                    ""
                },
                answers: file.records.len(),
                cells: row(&file.records, (at != a).then_some(&baseline), basis),
            };
            with_answers.map(line).collect::<Vec<_>>()
        })
    });
    let cell = |(measure, cell): (Measure, &Cell), answers: usize| {
        let mean = cell
            .mean
            .map_or("–".to_owned(), |mean| match measure.is_share() {
                true => format!("{:.1} %", 100.0 * mean),
                false => format!("{mean:.3}"),
            });
        let clear = cell
            .difference
            .is_some_and(|difference| difference.is_clear());
        let title = cell.difference.map(|d| {
            let chance = if d.half.is_none() {
                "all of one update, so that there is no interval"
            } else if clear {
                "the interval leaves out 0"
            } else {
                "the interval holds 0: this may be chance"
            };
            format!("{} pairs of {} updates; {chance}", d.pairs, d.updates)
        });
        let difference = cell.difference.map(|difference| view! {
            <span class="delta" class:clear=clear title=title>{written(difference, measure)}</span>
        });
        let of = (cell.count != answers && cell.count > 0).then(|| {
            view! { <span class="hint">{format!(" of {}", cell.count)}</span> }
        });
        view! { <td class="number">{mean}{of}{difference}</td> }
    };
    let rows = move || {
        let line = |line: &Line| {
            let letter = (!line.letter.is_empty()).then(|| view! { <span class=format!("letter side-{}", line.letter.to_lowercase())>{line.letter}</span> });
            view! {
                <tr data-testid="summary-row">
                    <th scope="row">{letter}{escaped(&line.name)}</th>
                    <td class="number">{line.answers}</td>
                    {Measure::ALL.into_iter().zip(&line.cells).map(|own| cell(own, line.answers)).collect_view()}
                </tr>
            }
        };
        lines.with(|lines| lines.iter().map(line).collect_view())
    };
    let csv = move || {
        let mut text = "file,side".to_owned();
        for measure in Measure::ALL {
            let name = measure.name();
            text.push_str(&format!(
                ",{name},{name}_n,{name}_difference,{name}_half_interval,{name}_pairs"
            ));
        }
        text.push_str("\r\n");
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        lines.with_untracked(|lines| {
            for line in lines {
                text.push_str(&format!(
                    "{},{}",
                    crate::csv::field(&line.name),
                    line.letter
                ));
                for cell in &line.cells {
                    let d = cell.difference;
                    let pairs = d.map(|d| d.pairs.to_string()).unwrap_or_default();
                    text.push_str(&format!(
                        ",{},{},{},{},{pairs}",
                        number(cell.mean),
                        cell.count,
                        number(d.map(|d| d.mean)),
                        number(d.and_then(|d| d.half))
                    ));
                }
                text.push_str("\r\n");
            }
        });
        // A browser that refuses a download says so itself.
        let _ = save("summary.csv", "text/csv;charset=utf-8", &text);
    };
    view! {
        <section>
            <p class="hint" id="summary-means">"Means over each file's n answers, or as many as have the value; below them the paired difference to A with its 95 % interval, bold where that leaves out 0. "<button type="button" class="plain" data-testid="save-summary" on:click=move |_| csv()>"CSV"</button></p>
            <div class="scroll" tabindex="0" role="region" aria-label="summary of the files">
                <table class="summary-table" data-testid="summary-table" aria-describedby="summary-means">
                    <thead><tr><th scope="col">"file"</th><th scope="col" class="number">"n"</th>{Measure::ALL.map(|measure| view! { <th scope="col" class="number">{measure.title()}</th> }).collect_view()}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}
