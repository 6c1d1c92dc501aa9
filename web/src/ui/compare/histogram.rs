//! How the values of both sides are spread, on the measure's whole scale.

use super::state::State;
use crate::compare::{BINS, Bin, Filter, Measure, Side, histogram};
use crate::ui::download::{Caption, save_chart};
use crate::ui::save_table::SaveTable;
use leptos::prelude::*;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 36.0;
const BELOW: f64 = 36.0;
const EDGE: f64 = 8.0;

/// The picture, and below it its numbers, each a filter.
#[component]
pub fn Histogram() -> impl IntoView {
    let state = expect_context::<State>();
    let bins = Memo::new(move |_| {
        state.compared.with(|c| {
            c.as_ref()
                .map(|c| histogram(&c.comparison))
                .unwrap_or_default()
        })
    });
    let measure = Memo::new(move |_| {
        state
            .compared
            .with(|c| c.as_ref().map_or(Measure::Total, |c| c.comparison.measure))
    });
    let chart = NodeRef::<leptos::svg::Svg>::new();
    let label = move || {
        let most = |side: fn(&Bin) -> usize| {
            bins.with(|bins| {
                let most = bins.iter().max_by_key(|bin| side(bin));
                most.map_or(String::new(), |bin| {
                    format!("{} from {:.2} to {:.2}", side(bin), bin.from, bin.to)
                })
            })
        };
        format!(
            "Histogram of {}: the fullest of {BINS} bars has of A {}, of B {}.",
            measure.get().title(),
            most(|bin| bin.a),
            most(|bin| bin.b)
        )
    };
    let bars = move || {
        bins.with(|bins| {
            let top = bins.iter().map(|bin| bin.a.max(bin.b)).max().unwrap_or(0).max(1);
            let top = nice(top);
            let y = move |count: usize| HEIGHT - BELOW - (HEIGHT - BELOW - EDGE) * count as f64 / top as f64;
            let wide = (WIDTH - LEFT - EDGE) / BINS as f64;
            let bar = |(at, bin): (usize, &Bin)| {
                let x = LEFT + wide * at as f64;
                let rect = |side: Side, count: usize, x: f64| {
                    let filter = Filter::Within(side, bin.from, bin.to);
                    let class = match side {
                        Side::A => "spread a",
                        Side::B => "spread b",
                    };
                    view! {
                        <rect class=class class:on=move || state.is_on(filter) x=format!("{x:.2}") y=format!("{:.2}", y(count)) width=format!("{:.2}", wide * 0.42) height=format!("{:.2}", y(0) - y(count)) on:click=move |_| state.toggle(filter)></rect>
                    }
                };
                view! { {rect(Side::A, bin.a, x + wide * 0.06)}{rect(Side::B, bin.b, x + wide * 0.52)} }
            };
            let tick = |count: usize| view! {
                <line class="tick" x1=LEFT.to_string() x2=(WIDTH - EDGE).to_string() y1=format!("{:.2}", y(count)) y2=format!("{:.2}", y(count))></line>
                <text class="axis" x=(LEFT - 6.0).to_string() y=format!("{:.2}", y(count) + 4.0) text-anchor="end">{count}</text>
            };
            let ticks = [0, top / 2, top].map(tick).collect_view();
            let (low, high) = measure.get().scale();
            let step = if high - low > 2.0 { 1.0 } else { 0.5 };
            let count = ((high - low) / step).round() as usize;
            let mark = |at: usize| {
                let value = low + step * at as f64;
                let x = LEFT + (WIDTH - LEFT - EDGE) * (value - low) / (high - low);
                view! { <text class="axis" x=format!("{x:.2}") y=(HEIGHT - BELOW + 14.0).to_string() text-anchor="middle">{format!("{value:.1}").replace('-', "−").replace(".0", "")}</text> }
            };
            let marks = (0..=count).map(mark).collect_view();
            view! {
                {ticks}
                {bins.iter().enumerate().map(bar).collect_view()}
                {marks}
                <text class="axis" x=(0.5 * (WIDTH + LEFT)).to_string() y=(HEIGHT - 6.0).to_string() text-anchor="middle">{measure.get().title()}</text>
                <text class="axis" x="10" y=(0.5 * HEIGHT).to_string() text-anchor="middle" transform=format!("rotate(-90 10 {})", 0.5 * HEIGHT)>"pairs"</text>
            }
        })
    };
    let captions = move || {
        let [a, b] = state.names();
        let side = |class: &str, said: String| Caption {
            mark: Some((class.to_owned(), "M6 1h10v10h-10z".to_owned())),
            said,
        };
        let measure = measure.get_untracked().title();
        [
            Caption::text(format!("How many examples have which {measure}")),
            side("spread a", format!("A, filled: {a}")),
            side("spread b", format!("B, outlined: {b}")),
        ]
    };
    let numbers = move || {
        bins.with(|bins| {
            let row = |bin: &Bin| {
                let bin = *bin;
                let count = |side: Side, count: usize| {
                    let filter = Filter::Within(side, bin.from, bin.to);
                    match count {
                        0 => view! { <td class="number">"0"</td> }.into_any(),
                        _ => view! {
                            <td class="number"><button type="button" class="plain" aria-pressed=move || state.is_on(filter).to_string() aria-label=format!("{count} of {}: show only these", side.name()) on:click=move |_| state.toggle(filter)>{count}</button></td>
                        }.into_any(),
                    }
                };
                view! { <tr><th scope="row" class="number">{format!("{:.2}", bin.from)}</th><td class="number">{format!("{:.2}", bin.to)}</td>{count(Side::A, bin.a)}{count(Side::B, bin.b)}</tr> }
            };
            bins.iter().filter(|bin| bin.a + bin.b > 0).map(row).collect_view()
        })
    };
    let table = NodeRef::new();
    view! {
        <figure class="chart" data-testid="histogram">
            <h2>"Spread"</h2>
            <svg node_ref=chart role="img" aria-label=label viewBox=format!("0 0 {WIDTH} {HEIGHT}") width="100%">{bars}</svg>
            <figcaption class="hint">
                <span class="key"><svg width="14" height="14" aria-hidden="true"><rect class="spread a" x="2" y="2" width="10" height="10"></rect></svg>"A, filled"</span>
                <span class="key"><svg width="14" height="14" aria-hidden="true"><rect class="spread b" x="2" y="2" width="10" height="10"></rect></svg>"B, outlined"</span>
                <button type="button" class="plain" data-testid="save-histogram" on:click=move |_| if let Some(chart) = chart.get_untracked() {
                    // A browser that refuses a download says so itself.
                    let _ = save_chart("histogram.svg", &chart, &captions());
                }>"SVG"</button>
            </figcaption>
            <details data-testid="histogram-table">
                <summary>"its numbers"</summary>
                <table node_ref=table class="numbers">
                    <thead><tr><th scope="col" class="number">{move || measure.get().title()}" from"</th><th scope="col" class="number">"to"</th><th scope="col" class="number">"A"</th><th scope="col" class="number">"B"</th></tr></thead>
                    <tbody>{numbers}</tbody>
                </table>
                <SaveTable name="histogram-numbers" table=table/>
            </details>
        </figure>
    }
}

/// The next even number that reads well.
fn nice(top: usize) -> usize {
    let mut unit = 1;
    loop {
        for step in [2, 4, 6, 10] {
            if step * unit >= top {
                return step * unit;
            }
        }
        unit *= 10;
    }
}
