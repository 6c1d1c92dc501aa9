//! A metric of all runs that are drawn: its picture, its values at the cursor, its table and what can be saved.

use super::plot::{BOTTOM, HEIGHT, LEFT, Plot, RIGHT, TOP};
use super::state::State;
use crate::run::Metrics;
use crate::training::{Chart, LineOf, Place, Scale, csv, value};
use crate::ui::download::{Caption, save, save_chart};
use crate::visible::escaped;
use leptos::prelude::*;
use leptos::svg;

/// The most rows of a chart's table.
const MAX_TABLE_ROWS: usize = 500;

/// What a run is called beside its name: A, B, ….
pub fn letter(slot: usize) -> char {
    char::from(b'A' + (slot % 26) as u8)
}

/// The look of a run's lines.
pub fn look(slot: usize) -> String {
    format!("run-{}", slot % 6)
}

/// A run's line, and whose it is.
#[derive(Clone, PartialEq)]
pub struct Drawn {
    pub slot: usize,
    pub run: u32,
    pub line: LineOf,
}

/// The chart, its values at the cursor, and what can be done with it.
#[component]
pub fn ChartView(
    /// Which.
    chart: Chart,
) -> impl IntoView {
    let state = expect_context::<State>();
    let chart = StoredValue::new(chart);
    let lines = Memo::new(move |_| {
        let smoothing = state.view.get().smoothing;
        state.runs.with(|runs| {
            let shown = runs.iter().enumerate().filter(|(_, run)| run.shown);
            let lines = shown.filter_map(|(slot, run)| {
                let line =
                    chart.with_value(|chart| LineOf::of(&run.metrics.metrics, chart, smoothing))?;
                Some(Drawn {
                    slot,
                    run: run.id,
                    line,
                })
            });
            lines.collect::<Vec<_>>()
        })
    });
    let place = Memo::new(move |_| {
        let steps = state.steps();
        let values =
            lines.with(|lines| LineOf::range(lines.iter().map(|drawn| &drawn.line), steps));
        Place {
            x: Scale {
                values: steps,
                pixels: (LEFT, state.width.get() - RIGHT),
            },
            y: Scale {
                values,
                pixels: (HEIGHT - BOTTOM, TOP),
            },
        }
    });
    let summary = Memo::new(move |_| chart.with_value(|chart| summary(state, chart)));
    let picture = NodeRef::<svg::Svg>::new();
    let (title, unit, metric) =
        chart.with_value(|chart| (escaped(&chart.title), chart.unit, escaped(&chart.metric)));
    let name = title.clone();
    let save_svg = move |_| {
        if let Some(picture) = picture.get_untracked() {
            let captions = chart.with_value(|chart| captions(state, chart, &lines.get_untracked()));
            // A browser that refuses a download says so itself.
            let _ = save_chart(&file_name(&chart.get_value(), "svg"), &picture, &captions);
        }
    };
    let save_csv = move |_| {
        let text = state.runs.with_untracked(|runs| {
            let shown = runs.iter().filter(|run| run.shown);
            let runs: Vec<(&str, &Metrics)> = shown
                .map(|run| (&*run.name, &run.metrics.metrics))
                .collect();
            chart.with_value(|chart| csv(chart, &runs))
        });
        // As above.
        let _ = save(&file_name(&chart.get_value(), "csv"), "text/csv", &text);
    };
    view! {
        <figure class="curve" data-testid="chart" data-metric=metric.clone()>
            <div class="curve-head">
                <h2 title=metric.clone()>{title}</h2>
                <span class="hint">{unit}</span>
                <Values lines=lines/>
            </div>
            <Plot lines=lines place=place picture=picture name=name summary=summary/>
            <figcaption>
                <details data-testid="more">
                    <summary>"Summary, table, save"</summary>
                    <p data-testid="summary">{move || summary.get()}</p>
                    <p class="actions">
                        <button type="button" data-testid="save-svg" on:click=save_svg>"Save as SVG"</button>
                        " "
                        <button type="button" data-testid="save-csv" on:click=save_csv>"Save as CSV"</button>
                    </p>
                    <Table chart=chart/>
                </details>
            </figcaption>
        </figure>
    }
}

/// The values at the cursor, or the last ones.
#[component]
fn Values(lines: Memo<Vec<Drawn>>) -> impl IntoView {
    let state = expect_context::<State>();
    let values = move || {
        let (cursor, smoothed) = (state.cursor.get(), state.view.get().smoothing > 0.0);
        lines.with(|lines| {
            let value_of = |drawn: &Drawn| {
                let at = state.run(drawn.run, |run| {
                    let metrics = &run.metrics.metrics;
                    match cursor {
                        Some(step) => metrics.steps().binary_search(&step).ok(),
                        None => metrics.steps().len().checked_sub(1),
                    }
                });
                let text = match at.flatten().and_then(|at| drawn.line.at(at)) {
                    None => "–".to_owned(),
                    Some((raw, smooth)) if smoothed && cursor.is_some() => format!("{} ({})", value(smooth), value(raw)),
                    Some((raw, _)) => value(raw),
                };
                view! { <span class=format!("value {}", look(drawn.slot))><b>{letter(drawn.slot)}</b>" "{text}</span> }
            };
            lines.iter().map(value_of).collect_view()
        })
    };
    view! { <span class="values" data-testid="values">{values}</span> }
}

/// What a saved chart is of, and which line is whose.
fn captions(state: State, chart: &Chart, lines: &[Drawn]) -> Vec<Caption> {
    let smoothing = state.view.get_untracked().smoothing;
    let unit = match chart.unit {
        "" => String::new(),
        unit => format!(" ({unit})"),
    };
    let smoothed = match smoothing > 0.0 {
        true => format!(", smoothed by {smoothing:.2} over the raw values"),
        false => String::new(),
    };
    let title = format!("{}{unit} by step{smoothed}", escaped(&chart.title));
    let of_line = |drawn: &Drawn| {
        let name = untrack(|| state.run(drawn.run, |run| escaped(&run.name)));
        Caption {
            mark: Some((format!("line {}", look(drawn.slot)), "M0 6L24 6".to_owned())),
            said: format!("{} {}", letter(drawn.slot), name.unwrap_or_default()),
        }
    };
    let lines = lines.iter().map(of_line);
    std::iter::once(Caption::text(title)).chain(lines).collect()
}

/// What a chart shows, in a sentence a run.
fn summary(state: State, chart: &Chart) -> String {
    let said = state.runs.with(|runs| {
        let shown = runs.iter().enumerate().filter(|(_, run)| run.shown);
        let of_run = shown.filter_map(|(slot, run)| {
            let metrics = &run.metrics.metrics;
            let column = metrics.column(&chart.metric)?;
            let values = || metrics.steps().iter().zip(column).filter(|(_, value)| value.is_finite());
            let (first, last) = (values().next()?, values().next_back()?);
            let low = values().min_by(|a, b| a.1.total_cmp(b.1))?;
            let high = values().max_by(|a, b| a.1.total_cmp(b.1))?;
            Some(format!(
                "{} ({}) goes from {} at step {} to {} at step {}; lowest {} at step {}, highest {} at step {}.",
                letter(slot), escaped(&run.name), value(*first.1), first.0, value(*last.1), last.0, value(*low.1), low.0, value(*high.1), high.0
            ))
        });
        of_run.collect::<Vec<_>>().join(" ")
    });
    format!("{}: {said}", escaped(&chart.title))
}

/// The values, built when somebody looks at them.
#[component]
fn Table(chart: StoredValue<Chart>) -> impl IntoView {
    let state = expect_context::<State>();
    let open = RwSignal::new(false);
    let table = move || {
        open.get().then(|| {
            state.runs.with(|runs| {
                let shown: Vec<_> = runs.iter().enumerate().filter(|(_, run)| run.shown).collect();
                let (from, to) = state.steps();
                let mut steps: Vec<u64> = shown.iter().flat_map(|(_, run)| run.metrics.metrics.steps()).copied().collect();
                steps.retain(|step| (from..=to).contains(&(*step as f64)));
                steps.sort_unstable();
                steps.dedup();
                let every = steps.len().div_ceil(MAX_TABLE_ROWS).max(1);
                let note = (every > 1).then(|| format!("one of {every} steps; the CSV has all"));
                let row = |step: &u64| {
                    let cell = |(_, run): &(usize, &super::state::Run)| {
                        let metrics = &run.metrics.metrics;
                        let at = metrics.steps().binary_search(step).ok();
                        let number = at.and_then(|at| chart.with_value(|chart| Some(metrics.column(&chart.metric)?[at])));
                        view! { <td class="number">{number.map_or("–".to_owned(), value)}</td> }
                    };
                    view! { <tr><th scope="row" class="number">{*step}</th>{shown.iter().map(cell).collect_view()}</tr> }
                };
                let head = shown.iter().map(|(slot, run)| view! { <th scope="col" class="number">{format!("{} {}", letter(*slot), escaped(&run.name))}</th> });
                view! {
                    <div class="scroll values-table" tabindex="0" role="region" aria-label="the values by step">
                        <table data-testid="table">
                            <caption>"raw values by step"{note.map(|note| format!(" ({note})"))}</caption>
                            <thead><tr><th scope="col" class="number">"step"</th>{head.collect_view()}</tr></thead>
                            <tbody>{steps.iter().step_by(every).map(row).collect_view()}</tbody>
                        </table>
                    </div>
                }
            })
        })
    };
    view! {
        <button type="button" data-testid="show-table" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|open| *open = !*open)>
            {move || if open.get() { "Hide the table" } else { "Show the table" }}
        </button>
        {table}
    }
}

fn file_name(chart: &Chart, end: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    format!(
        "{}.{end}",
        chart.metric.chars().map(plain).collect::<String>()
    )
}
