//! The page "Training": runs as curves over each other, and the completions of a step beside them.

mod bar;
mod chart;
mod completions;
mod drawer;
mod example;
mod follow;
mod open;
mod plot;
mod state;

pub use open::Reader;
pub use state::State;

use super::address;
use super::keys::{on_escape, on_key};
use super::opened::on_drop;
use crate::page::Page;
use crate::training::{Chart, charts, constant, value};
use chart::ChartView;
use leptos::html;
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::prelude::*;

/// How long after the last change the address follows.
const ADDRESS_DELAY: Duration = Duration::from_millis(400);

/// The page.
#[component]
pub fn TrainingPage() -> impl IntoView {
    let state = expect_context::<State>();
    // What is being read goes on behind another page.
    let reader = expect_context::<Reader>();
    state.take_linked_view();
    if !follow::begin(state) && state.runs.with_untracked(Vec::is_empty) {
        example::load(state, reader);
    }
    let over = on_drop(move |dropped| {
        leptos::task::spawn_local(async move {
            // Checkpoints are large, many, and no matter here.
            match dropped.files(&["checkpoints"]).await {
                Ok(files) => reader.open(files),
                Err(why) => state.failures.set(vec![why]),
            }
        });
    });
    let moved = address::on_visit(move || state.take_linked_view());
    on_cleanup(move || moved.remove());
    keys(state, reader);
    let mut write =
        leptos::leptos_dom::helpers::debounce(ADDRESS_DELAY, move |()| state.write_address());
    let is_open = Memo::new(move |_| state.opened.get().is_some());
    Effect::new(move |before: Option<bool>| {
        state.view.track();
        state.opened.track();
        let is_open = is_open.get();
        if before == Some(false) && is_open {
            let query = untrack(|| state.query());
            let without = state.view.get_untracked().to_query();
            address::enter(Page::Training, without, query.join("&"));
        }
        if before.is_some() {
            write(());
        }
        is_open
    });
    Effect::new(move |_| state.open_due_step());
    view! {
        <section class="file" class:over=move || over.get() aria-label="runs" data-testid="runs">
            <bar::Bar/>
        </section>
        <div class="training" class:with-drawer=move || is_open.get()>
            <Charts/>
            <Show when=move || is_open.get()>
                <drawer::Drawer/>
            </Show>
        </div>
    }
}

/// Single keys, and Escape: what is being read, then the drawer, then the cursor.
fn keys(state: State, reader: Reader) {
    on_key(move |key| {
        match key {
            "[" => state.walk(-1),
            "]" => state.walk(1),
            "+" | "=" | "-" => {
                let all = state.all_steps();
                let (from, to) = state.steps();
                let around = state
                    .cursor
                    .get_untracked()
                    .map_or((from + to) / 2.0, |step| step as f64);
                let factor = if key == "-" { 2.0 } else { 0.5 };
                state
                    .view
                    .update(|view| *view = view.zoomed(around.clamp(from, to), factor, all));
            }
            "0" => state.view.update(|view| view.steps = None),
            "o" => state.open_cursor(),
            _ => return false,
        }
        true
    });
    on_escape(move || {
        if state.reading.get_untracked().is_some() {
            reader.stop();
        } else if state.opened.get_untracked().is_some() {
            state.close_step();
        } else {
            state.cursor.set(None);
        }
    });
}

/// A chart a metric, and in a sentence what never changes.
#[component]
fn Charts() -> impl IntoView {
    let state = expect_context::<State>();
    let grid = NodeRef::<html::Div>::new();
    let all = Memo::new(move |_| {
        state.runs.with(|runs| {
            let shown = || {
                runs.iter()
                    .filter(|run| run.shown)
                    .map(|run| &run.metrics.metrics)
            };
            let (mut drawn, mut same) = (Vec::new(), Vec::new());
            for chart in charts(shown()) {
                match constant(&chart.metric, shown()) {
                    Some(only) => same.push(format!(
                        "{} {}",
                        crate::visible::escaped(&chart.metric),
                        value(only)
                    )),
                    None => drawn.push(chart),
                }
            }
            (drawn, same)
        })
    });
    let drawn = Memo::new(move |_| all.with(|(drawn, _)| drawn.clone()));
    let same = Memo::new(move |_| all.with(|(_, same)| same.join(", ")));
    let measure = move || {
        let chart = grid
            .get_untracked()
            .and_then(|grid| grid.query_selector(".plot").ok().flatten());
        let width = chart.map(|chart| chart.get_bounding_client_rect().width().floor());
        if let Some(width) =
            width.filter(|width| *width > 0.0 && *width != state.width.get_untracked())
        {
            state.width.set(width);
        }
    };
    Effect::new(move |_| {
        let Some(grid) = grid.get() else { return };
        drawn.track();
        let resized = Closure::<dyn FnMut()>::new(measure);
        let Ok(observer) = web_sys::ResizeObserver::new(resized.as_ref().unchecked_ref()) else {
            return;
        };
        observer.observe(&grid);
        let kept = StoredValue::new_local((observer, resized));
        on_cleanup(move || {
            kept.with_value(|(observer, _)| observer.disconnect());
        });
    });
    view! {
        <div class="curves">
            <div class="grid" node_ref=grid data-testid="charts">
                <For each=move || drawn.get() key=|chart: &Chart| chart.metric.clone() let:chart>
                    <ChartView chart=chart/>
                </For>
            </div>
            <Show when=move || !same.with(String::is_empty)>
                <p class="hint" data-testid="constant">"The same at every step, and therefore not drawn: "{move || same.get()}"."</p>
            </Show>
        </div>
    }
}
