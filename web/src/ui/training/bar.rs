//! What stands above the charts: how to open runs, which are open, what is wrong with them, and how they are looked at.

use super::chart::{letter, look};
use super::open::Reader;
use super::state::{Run, State};
use crate::score::rows::LineFaults;
use crate::training::{Far, View};
use crate::ui::opened::chosen;
use crate::ui::text::counted;
use crate::visible::escaped;
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

/// The bar.
#[component]
pub fn Bar() -> impl IntoView {
    let (state, reader) = (expect_context::<State>(), expect_context::<Reader>());
    let choose = move |input: HtmlInputElement| {
        if let Some(files) = input.files() {
            reader.open(chosen(&files));
        }
        // The same may be chosen again.
        input.set_value("");
    };
    let folder = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(folder) = folder.get() {
            // A browser without it offers single files, which do as well.
            let _ = folder.set_attribute("webkitdirectory", "");
        }
    });
    let any = Memo::new(move |_| state.runs.with(|runs| !runs.is_empty()));
    let failures = move || {
        let failures = state.failures.get();
        (!failures.is_empty()).then(|| view! { <div role="alert"><ul class="wrong" data-testid="failures">{failures.iter().map(|said| view! { <li>{escaped(said)}</li> }).collect_view()}</ul></div> })
    };
    let missing = move || {
        let is_reading = state.reading.with(Option::is_some) || reader.example_comes.get();
        let said = state.missing_step().filter(|_| !is_reading)?;
        Some(escaped(&said))
    };
    view! {
        <div class="file-bar">
            <label class="button">
                "Open a run's folder…"
                <input class="hidden-input" type="file" node_ref=folder data-testid="open-folder" on:change:target=move |event| choose(event.target())/>
            </label>
            <label class="button">
                "Open files…"
                <input class="hidden-input" type="file" multiple accept=".jsonl,.ndjson,.json,.txt,.toml" data-testid="open-files" on:change:target=move |event| choose(event.target())/>
            </label>
            <Show when=move || any.get() && !state.is_example.get()>
                <button type="button" data-testid="close-runs" on:click=move |_| state.clear()>"Close all"</button>
            </Show>
            <Reading/>
            <span class="hint" role="status" data-testid="following">{move || state.following.get().map(|said| escaped(&said))}</span>
            <Show when=move || state.is_example.get()>
                <span class="hint" data-testid="example">"An example: a run of recode-trainer demo. Drop run folders, or metrics.jsonl and completions.jsonl, anywhere."</span>
            </Show>
        </div>
        {failures}
        <Show when=move || any.get()>
            <Runs/>
            <Looks/>
        </Show>
        <p class="hint" role="status" data-testid="missing">{missing}</p>
    }
}

/// How far reading is, and a way to stop.
#[component]
fn Reading() -> impl IntoView {
    let (state, reader) = (expect_context::<State>(), expect_context::<Reader>());
    let said = move || {
        state.reading.get().map(|(name, done, size)| {
            format!(
                "reading {}: {:.0} %",
                escaped(&name),
                100.0 * done / size.max(1.0)
            )
        })
    };
    let is_reading = Memo::new(move |_| state.reading.with(Option::is_some));
    view! {
        <span class="hint" data-testid="progress">{said}</span>
        <Show when=move || is_reading.get()>
            <button type="button" data-testid="stop" on:click=move |_| reader.stop()>"Stop"</button>
        </Show>
    }
}

/// What is to be seen of a run in the bar.
#[derive(Clone, PartialEq)]
struct Entry {
    id: u32,
    slot: usize,
    name: String,
    shown: bool,
    said: String,
    unread: usize,
    faults: Vec<String>,
    remarked: usize,
    remarks: Vec<String>,
}

impl Entry {
    fn of(slot: usize, run: &Run) -> Self {
        let steps = run.metrics.metrics.steps();
        let mut said = vec![match (steps.first(), steps.last()) {
            (Some(first), Some(_)) if steps.len() == 1 => format!("1 step, {first}"),
            (Some(first), Some(last)) => format!("{} steps, {first} to {last}", steps.len()),
            _ if run.completions.is_some() => {
                "no metrics, and so no curves to open a step by: open its metrics.jsonl, too"
                    .to_owned()
            }
            _ => "no step yet".to_owned(),
        }];
        said.push(match (&run.completions, run.index.len()) {
            (None, _) => "no completions".to_owned(),
            (Some(_), 1) => "completions of 1 step".to_owned(),
            (Some(_), steps) => format!("completions of {steps} steps"),
        });
        if run.rows.is_none() && run.completions.is_some() {
            said.push("targets not known".to_owned());
        }
        for (file, line) in [
            ("metrics.jsonl", run.metrics.being_written()),
            ("completions.jsonl", run.completion_being_written),
        ] {
            if let Some(line) = line {
                said.push(format!(
                    "line {line} of {file} has no end: it is being written, or was cut off"
                ));
            }
        }
        if run.metrics.twice > 0 {
            said.push(match run.metrics.twice {
                1 => "1 step stands twice: the later line counts".to_owned(),
                twice => format!("{twice} steps stand twice: the later line counts"),
            });
        }
        said.extend(
            run.notes
                .iter()
                .chain(&run.failure)
                .map(|said| escaped(said)),
        );
        let files = [
            ("metrics.jsonl", &run.metrics.faults),
            ("completions.jsonl", &run.completion_faults),
        ];
        let told = |counts: bool| -> Vec<String> {
            let of = |(file, faults): (&str, &LineFaults)| {
                let own = faults.first.iter().filter(|of| of.counts == counts);
                let mut told: Vec<String> = own.map(|of| of.said(file)).collect();
                let count = if counts {
                    faults.remarked
                } else {
                    faults.unread
                };
                let more = count - faults.told(counts);
                if more > 0 {
                    told.push(format!("{file}: {}", counted(more, "more line")));
                }
                told
            };
            files.into_iter().flat_map(of).collect()
        };
        Entry {
            id: run.id,
            slot,
            name: escaped(&run.name),
            shown: run.shown,
            said: said.join(", "),
            unread: files.iter().map(|(_, faults)| faults.unread).sum(),
            faults: told(false),
            remarked: files.iter().map(|(_, faults)| faults.remarked).sum(),
            remarks: told(true),
        }
    }
}

/// The runs with their lines' look, which of them are drawn, and what is wrong with them.
#[component]
fn Runs() -> impl IntoView {
    let state = expect_context::<State>();
    let entries = Memo::new(move |_| {
        state.runs.with(|runs| {
            runs.iter()
                .enumerate()
                .map(|(slot, run)| Entry::of(slot, run))
                .collect::<Vec<_>>()
        })
    });
    let row = move |entry: Entry| {
        let id = entry.id;
        let shown = entry.shown;
        let list = |count: usize, faults: &[String], id: &'static str, what: &str| {
            (!faults.is_empty()).then(|| {
                view! {
                    <details class="faults" data-testid=id>
                        <summary class="wrong">{format!("{} {what}", counted(count, "line"))}</summary>
                        <ul>{faults.iter().map(|fault| view! { <li>{escaped(fault)}</li> }).collect_view()}</ul>
                    </details>
                }
            })
        };
        let faults = list(entry.unread, &entry.faults, "faults", "could not be read");
        let remarks = list(
            entry.remarked,
            &entry.remarks,
            "remarks",
            "read without a value",
        );
        view! {
            <li data-testid="run">
                <label class="check">
                    <input type="checkbox" prop:checked=shown on:change:target=move |event| state.change(id, |run| run.shown = event.target().checked())/>
                    <svg class="swatch" width="34" height="12" aria-hidden="true"><path class=format!("line {}", look(entry.slot)) d="M1 6L33 6"></path></svg>
                    <b>{letter(entry.slot)}</b>
                    <span class="file-name">{entry.name}</span>
                </label>
                <span class="hint">{entry.said}</span>
                {faults}
                {remarks}
            </li>
        }
    };
    view! { <ul class="runs" data-testid="legend">{move || entries.get().into_iter().map(row).collect_view()}</ul> }
}

/// Smoothing, the steps in sight, the step at the cursor.
#[component]
fn Looks() -> impl IntoView {
    let state = expect_context::<State>();
    let in_sight = move || match state.view.get().steps {
        None => "all steps".to_owned(),
        Some((from, to)) => format!("steps {:.0} to {:.0}", from.ceil(), to.floor()),
    };
    let none_in_sight = move || {
        let (first, last) = state.out_of_sight()?;
        let said = format!("none of the shown runs' steps, {first} to {last}, is in sight");
        Some(view! { <span class="wrong" data-testid="none-in-sight">{said}</span> })
    };
    let cursor = move || match state.cursor.get() {
        Some(step) => format!("at step {step}: smoothed (raw)"),
        None => "last values".to_owned(),
    };
    let far = Memo::new(move |_| {
        let mut steps: Vec<u64> = state.runs.with(|runs| {
            let shown = runs.iter().filter(|run| run.shown);
            shown
                .flat_map(|run| run.metrics.metrics.steps())
                .copied()
                .collect()
        });
        steps.sort_unstable();
        steps.dedup();
        Far::of(&steps)
    });
    let far = move || {
        let Far {
            step,
            count,
            others: (first, last),
        } = far.get()?;
        state.view.get().steps.is_none().then(|| {
            let said = match count {
                1 => format!("Step {step} stands far from all others: "),
                count => format!("{count} steps stand far from all others, {step} among them: "),
            };
            let look = move |_| state.view.update(|view| view.steps = Some((first as f64, last as f64)));
            view! {
                <span class="wrong" data-testid="far">
                    {said}<button type="button" on:click=look>{format!("Look at {first} to {last}")}</button>
                </span>
            }
        })
    };
    let no_cursor = move || state.cursor.get().is_none();
    view! {
        <div class="filters">
            <label class="smooth">
                "Smoothing "
                <input
                    type="range"
                    min="0"
                    max=View::MOST.to_string()
                    step="0.01"
                    data-testid="smoothing"
                    prop:value=move || state.view.get().smoothing.to_string()
                    on:input:target=move |event| {
                        if let Ok(smoothing) = event.target().value().parse::<f64>() {
                            state.view.update(|view| view.smoothing = smoothing.clamp(0.0, View::MOST));
                        }
                    }
                />
                <span class="number fixed" data-testid="smoothing-value">{move || format!("{:.2}", state.view.get().smoothing)}</span>
            </label>
            <span class="group" role="group" aria-label="steps">
                <span data-testid="in-sight">{in_sight}</span>
                {none_in_sight}
                <button type="button" data-testid="zoom-reset" title="0" disabled=move || state.view.get().steps.is_none() on:click=move |_| state.view.update(|view| view.steps = None)>"All steps"</button>
                {far}
            </span>
            <span class="group" role="group" aria-label="the step that values are read at">
                <button type="button" title="[" aria-label="the step before" data-testid="step-back" on:click=move |_| state.walk(-1)>"◂"</button>
                <button type="button" title="]" aria-label="the step after" data-testid="step-on" on:click=move |_| state.walk(1)>"▸"</button>
                <span role="status" data-testid="cursor">{cursor}</span>
                <button type="button" title="o" data-testid="open-step" disabled=no_cursor on:click=move |_| state.open_cursor()>"Completions"</button>
            </span>
            <span class="hint">"Drag over a chart to zoom, click a point for its completions."</span>
        </div>
    }
}
