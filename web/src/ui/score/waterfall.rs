//! The total, and how it came about: a bar a part, and below them what others would earn on the same scale.

use super::state::State;
use crate::score::{Baseline, COPY, SCALE, Waterfall, signed};
use crate::ui::chart::{at, between};
use crate::ui::download::{Caption, save_chart};
use crate::visible::escaped;
use leptos::prelude::*;

/// How high a row of the chart is.
const ROW: usize = 32;
/// Where its bar is.
const BAR: usize = 18;

/// The total in figures and as a waterfall.
#[component]
pub fn Total() -> impl IntoView {
    let state = expect_context::<State>();
    let figures = move || state.total().map_or("no total".to_owned(), signed);
    let verdict = move || {
        state.judged.with(|judged| {
            let Some(judged) = judged else {
                return String::new();
            };
            let breakdown = &judged.judgement.explanation.breakdown;
            match (&breakdown.withheld, breakdown.total) {
                (_, None) => {
                    "A part of the total cannot be had: see below which, and why.".to_owned()
                }
                (Some(withheld), _) => {
                    escaped(&format!("The code reward is withheld: {withheld}."))
                }
                (None, Some(total)) => {
                    let copy = state
                        .baselines
                        .with(|all| all.iter().find(|b| b.name == COPY).cloned());
                    match copy.and_then(|copy| copy.total) {
                        Some(copy) if total > copy => {
                            format!("{} more than copying the old code.", signed(total - copy))
                        }
                        Some(copy) if total < copy => {
                            format!("{} against copying the old code.", signed(total - copy))
                        }
                        Some(_) => "As much as copying the old code.".to_owned(),
                        None => "Without old code there is no copy to compare with.".to_owned(),
                    }
                }
            }
        })
    };
    // Those that the total is by, which may not be those that were chosen just now.
    let by = move || {
        state
            .judged
            .with(|judged| Some(judged.as_ref()?.judgement.rules.name()))
    };
    view! {
        <div class="total">
            <p class="figure">
                <span data-testid="total" class:less=move || state.total().is_some_and(|total| total < 0.0)>{figures}</span>
                <span class="hint">" of "{SCALE.to_string()}" by "{by}</span>
            </p>
            <p class="verdict" role="status" data-testid="verdict">{verdict}</p>
        </div>
        <Chart/>
    }
}

#[component]
fn Chart() -> impl IntoView {
    let state = expect_context::<State>();
    move || {
        let waterfall = state
            .judged
            .with(|judged| Some(Waterfall::of(&judged.as_ref()?.judgement)))?;
        Some(view! { <WaterfallChart waterfall=waterfall baselines=state.baselines.get()/> })
    }
}

/// A waterfall, and on the same scale what others would earn.
#[component]
pub fn WaterfallChart(waterfall: Waterfall, baselines: Vec<Baseline>) -> impl IntoView {
    let mut rows = Vec::new();
    for bar in &waterfall.bars {
        let (from, to, best) = (bar.from, bar.to, bar.best);
        rows.push((
            bar.name.clone(),
            Some(to - from),
            bar_of(rows.len(), from, to, Some(best)),
        ));
    }
    if let Some(total) = waterfall.total {
        rows.push((
            "total".to_owned(),
            Some(total),
            bar_of(rows.len(), 0.0, total, None),
        ));
    }
    let own = rows.len();
    let others = baselines.iter().map(|baseline| {
        let total = baseline.total.map_or("no total".to_owned(), signed);
        format!("{} {total}", baseline.name)
    });
    let others = others.collect::<Vec<_>>().join(", ");
    let label = match others.is_empty() {
        true => format!("Waterfall: {}.", waterfall.in_words()),
        false => format!(
            "Waterfall: {}. For comparison: {others}.",
            waterfall.in_words()
        ),
    };
    for baseline in &baselines {
        let row = rows.len();
        let drawn = baseline.total.map(|total| marker_of(row, total)).into_any();
        rows.push((baseline.name.to_owned(), baseline.total, drawn));
    }
    let height = rows.len() * ROW + 24;
    let axis = axis(rows.len() * ROW);
    let chart = NodeRef::<leptos::svg::Svg>::new();
    let drawn = rows.into_iter().enumerate().map(|(row, (name, value, drawn))| {
        let y = (row * ROW + 13).to_string();
        view! {
            {drawn}
            <text class="name" class:base={row >= own} x="0" y=y.clone()>{name}</text>
            <text class="value" x="100%" y=y text-anchor="end">{value.map_or("–".to_owned(), signed)}</text>
        }
    });
    let rule = own * ROW;
    let caption = match baselines.is_empty() {
        true => "Dashed: what was lost.",
        false => "Dashed: what was lost. Dots: what others would earn.",
    };
    let title = format!("Reward, {SCALE} at most");
    let captions = [Caption::text(title), Caption::text(caption)];
    view! {
        <figure class="chart" data-testid="waterfall">
            <svg node_ref=chart role="img" aria-label=label width="100%" height=height.to_string()>
                {axis}
                <line class="rule" x1="0" x2="100%" y1=rule.to_string() y2=rule.to_string()></line>
                {drawn.collect_view()}
            </svg>
            <figcaption class="hint">
                <span>{caption}</span>
                <button type="button" data-testid="save-svg" on:click=move |_| {
                if let Some(chart) = chart.get_untracked() {
                    // A browser that refuses a download says so itself.
                    let _ = save_chart("waterfall.svg", &chart, &captions);
                }
            }>"Save as SVG"</button>
            </figcaption>
        </figure>
    }
}

/// Ticks at whole rewards, and what they are.
fn axis(height: usize) -> impl IntoView {
    let end = SCALE as i32;
    let tick = move |tick: i32| {
        let x = at(f64::from(tick));
        let label = match tick == end {
            true => format!("{tick} reward"),
            false => tick.to_string().replace('-', "−"),
        };
        let anchor = if tick == end {
            "end"
        } else if tick == -end {
            "start"
        } else {
            "middle"
        };
        let x_of_label = match tick {
            t if t == end => "100%".to_owned(),
            t if t == -end => "0".to_owned(),
            _ => x.clone(),
        };
        view! {
            <line class="tick" class:zero={tick == 0} x1=x.clone() x2=x y1="0" y2=height.to_string()></line>
            <text class="axis" x=x_of_label y=(height + 16).to_string() text-anchor=anchor>{label}</text>
        }
    };
    (-end..=end).map(tick).collect_view()
}

/// A bar, and dashed what was lost.
fn bar_of(row: usize, from: f64, to: f64, best: Option<f64>) -> AnyView {
    let y = (row * ROW + BAR).to_string();
    let lost = best.filter(|best| *best > to).map(|best| {
        view! { <rect class="lost" x=at(to) y=y.clone() width=between(best, to) height="8"></rect> }
    });
    view! {
        {lost}
        <rect class="bar" class:less={to < from} x=at(from.min(to)) y=y width=between(from, to) height="8"></rect>
    }
    .into_any()
}

fn marker_of(row: usize, value: f64) -> impl IntoView {
    let y = (row * ROW + BAR + 4).to_string();
    view! {
        <line class="stem" x1=at(0.0) x2=at(value) y1=y.clone() y2=y.clone()></line>
        <circle class="dot" cx=at(value) cy=y r="4"></circle>
    }
}
