//! A against B, pair by pair: what lies above the diagonal B has more of.

use super::state::State;
use crate::compare::{Dot, Measure, Outcome, scatter};
use crate::ui::download::{Caption, save_chart};
use leptos::prelude::*;

/// The picture's size; it is drawn as wide as its place is.
const SIZE: f64 = 320.0;
/// Room for the axis on the left.
const LEFT: f64 = 40.0;
/// Room for the axis below.
const BELOW: f64 = 36.0;
/// Room on the other sides.
const EDGE: f64 = 8.0;

/// A measure's scale in the picture.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(measure: Measure) -> Self {
        let (low, high) = measure.scale();
        Scale { low, high }
    }

    fn share(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn x(self, value: f64) -> f64 {
        LEFT + self.share(value) * (SIZE - LEFT - EDGE)
    }

    fn y(self, value: f64) -> f64 {
        SIZE - BELOW - self.share(value) * (SIZE - BELOW - EDGE)
    }

    fn ticks(self) -> Vec<f64> {
        let step = if self.high - self.low > 2.0 { 1.0 } else { 0.5 };
        let count = ((self.high - self.low) / step).round() as usize;
        (0..=count).map(|at| self.low + step * at as f64).collect()
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}").replace('-', "−").replace(".0", "")
}

fn coordinate(value: f64) -> String {
    format!("{value:.2}")
}

/// The picture. Its dots are reached by arrow keys; Enter, or a click, opens the next pair that lies on one.
#[component]
pub fn Scatter() -> impl IntoView {
    let state = expect_context::<State>();
    let dots = Memo::new(move |_| {
        state.compared.with(|c| {
            c.as_ref()
                .map(|c| scatter(&c.comparison))
                .unwrap_or_default()
        })
    });
    let measure = Memo::new(move |_| {
        state
            .compared
            .with(|c| c.as_ref().map_or(Measure::Total, |c| c.comparison.measure))
    });
    let current = RwSignal::new(None::<usize>);
    let chart = NodeRef::<leptos::svg::Svg>::new();
    let open = move |at: usize| {
        let next = dots.with_untracked(|dots| {
            let pairs = &dots.get(at)?.pairs;
            let selected = state.selected.get_untracked();
            let place = pairs.iter().position(|pair| selected == Some(*pair));
            Some(pairs[place.map_or(0, |place| (place + 1) % pairs.len())])
        });
        current.set(Some(at));
        state.selected.set(next);
    };
    let go = move |event: web_sys::KeyboardEvent| {
        let count = dots.with_untracked(Vec::len);
        let last = count.saturating_sub(1);
        let at = current.get_untracked();
        match &*event.key() {
            "ArrowRight" | "ArrowUp" => current.set(Some(at.map_or(0, |at| (at + 1).min(last)))),
            "ArrowLeft" | "ArrowDown" => current.set(Some(at.map_or(0, |at| at.saturating_sub(1)))),
            "Home" => current.set(Some(0)),
            "End" => current.set(Some(last)),
            "Enter" => {
                if let Some(at) = at {
                    open(at);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let said = move || {
        let at = current.get()?;
        dots.with(|dots| {
            let dot = dots.get(at)?;
            let pairs = match dot.pairs.len() {
                1 => "1 pair".to_owned(),
                n => format!("{n} pairs"),
            };
            Some(format!("A {:.3}, B {:.3}: {pairs}", dot.a, dot.b))
        })
    };
    let drawn = move || {
        let scale = Scale::of(measure.get());
        dots.with(|dots| {
            let dot = |(at, dot): (usize, &Dot)| {
                let (x, y) = (scale.x(dot.a), scale.y(dot.b));
                let (class, path) = shape(dot.outcome, x, y, radius(dot.pairs.len()));
                view! { <path class=class d=path on:click=move |_| open(at)></path> }
            };
            dots.iter().enumerate().map(dot).collect_view()
        })
    };
    let ring = move || {
        let scale = Scale::of(measure.get());
        let at = current.get()?;
        dots.with(|dots| {
            let dot = dots.get(at)?;
            let r = radius(dot.pairs.len()) + 4.0;
            Some(view! { <circle class="ring" cx=coordinate(scale.x(dot.a)) cy=coordinate(scale.y(dot.b)) r=coordinate(r)></circle> })
        })
    };
    let label = move || {
        state.compared.with(|c| {
            let Some(compared) = c else { return String::new() };
            let comparison = &compared.comparison;
            format!(
                "Scatter of {} by A, across, against B, upward: {} of {} pairs lie above the diagonal, where B is better, {} below.",
                comparison.measure.title(),
                comparison.count(Outcome::Win),
                comparison.pairs.len(),
                comparison.count(Outcome::Loss)
            )
        })
    };
    let captions = move || {
        let [a, b] = state.names();
        let dot = |outcome, class: &str, said: &str| Caption {
            mark: Some((class.to_owned(), shape(outcome, 11.0, 6.0, 4.0).1)),
            said: said.to_owned(),
        };
        let measure = measure.get_untracked().title();
        [
            Caption::text(format!("{measure}, example by example")),
            Caption::text(format!("A: {a}")),
            Caption::text(format!("B: {b}")),
            dot(Outcome::Win, "dot b", "B better"),
            dot(Outcome::Loss, "dot a", "A better"),
            dot(Outcome::Tie, "dot tie", "tie; larger: more examples"),
        ]
    };
    view! {
        <figure class="chart" data-testid="scatter">
            <h2>"Pair by pair"</h2>
            <div tabindex="0" role="group" aria-label="dots of the scatter: arrow keys go from one to the next, Enter opens its pairs" on:keydown=go>
                <svg node_ref=chart role="img" aria-label=label viewBox=format!("0 0 {SIZE} {SIZE}") width="100%">
                    {move || axes(measure.get())}
                    {drawn}
                    {ring}
                </svg>
            </div>
            <figcaption class="hint">
                <span class="key"><svg width="14" height="14" aria-hidden="true"><path class="dot b" d=shape(Outcome::Win, 7.0, 7.0, 4.0).1></path></svg>"B better"</span>
                <span class="key"><svg width="14" height="14" aria-hidden="true"><path class="dot a" d=shape(Outcome::Loss, 7.0, 7.0, 4.0).1></path></svg>"A better"</span>
                <span class="key"><svg width="14" height="14" aria-hidden="true"><path class="dot tie" d=shape(Outcome::Tie, 7.0, 7.0, 4.0).1></path></svg>"tie"</span>
                <span>"larger: more pairs"</span>
                <span role="status" data-testid="dot">{said}</span>
                <button type="button" class="plain" data-testid="save-scatter" on:click=move |_| if let Some(chart) = chart.get_untracked() {
                    // A browser that refuses a download says so itself.
                    let _ = save_chart("scatter.svg", &chart, &captions());
                }>"SVG"</button>
            </figcaption>
        </figure>
    }
}

/// Area by number.
fn radius(pairs: usize) -> f64 {
    (3.0 * (pairs as f64).sqrt()).min(14.0)
}

/// A triangle that points to where B is better, or worse, or a circle; and its class.
fn shape(outcome: Outcome, x: f64, y: f64, r: f64) -> (&'static str, String) {
    let triangle = |up: f64| {
        let (side, tip, foot) = (r * 1.05, y - up * r * 1.15, y + up * r * 0.75);
        format!(
            "M{x:.2} {tip:.2}L{:.2} {foot:.2}L{:.2} {foot:.2}Z",
            x + side,
            x - side
        )
    };
    match outcome {
        Outcome::Win => ("dot b", triangle(1.0)),
        Outcome::Loss => ("dot a", triangle(-1.0)),
        Outcome::Tie | Outcome::NoValue => {
            let left = x - r;
            let d = 2.0 * r;
            (
                "dot tie",
                format!(
                    "M{left:.2} {y:.2}a{r:.2} {r:.2} 0 1 0 {d:.2} 0a{r:.2} {r:.2} 0 1 0 -{d:.2} 0Z"
                ),
            )
        }
    }
}

fn axes(measure: Measure) -> impl IntoView {
    let scale = Scale::of(measure);
    let (x_low, x_high) = (
        coordinate(scale.x(scale.low)),
        coordinate(scale.x(scale.high)),
    );
    let (y_low, y_high) = (
        coordinate(scale.y(scale.low)),
        coordinate(scale.y(scale.high)),
    );
    let tick = |value: f64| {
        let (x, y) = (coordinate(scale.x(value)), coordinate(scale.y(value)));
        view! {
            <line class="tick" x1=x.clone() x2=x.clone() y1=y_low.clone() y2=y_high.clone()></line>
            <line class="tick" x1=x_low.clone() x2=x_high.clone() y1=y.clone() y2=y.clone()></line>
            <text class="axis" x=x y=coordinate(SIZE - BELOW + 14.0) text-anchor="middle">{number(value)}</text>
            <text class="axis" x=coordinate(LEFT - 6.0) y=coordinate(scale.y(value) + 4.0) text-anchor="end">{number(value)}</text>
        }
    };
    let ticks = scale.ticks().into_iter().map(tick).collect_view();
    let middle = coordinate(0.5 * (SIZE - BELOW + EDGE));
    view! {
        {ticks}
        <line class="zero" x1=x_low.clone() y1=y_low.clone() x2=x_high.clone() y2=y_high.clone()></line>
        <text class="axis" x=coordinate(0.5 * (SIZE + LEFT)) y=coordinate(SIZE - 6.0) text-anchor="middle">{format!("A: {}", measure.title())}</text>
        <text class="axis" x="11" y=middle.clone() text-anchor="middle" transform=format!("rotate(-90 11 {middle})")>{format!("B: {}", measure.title())}</text>
    }
}
