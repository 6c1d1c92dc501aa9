//! The picture of a chart: looked at with the pointer or by keys, zoomed by dragging, opened by a click.

use super::chart::{Drawn, letter, look};
use super::state::{Opened, State};
use crate::training::{Line, Place, ticks, value};
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::{html, svg};
use web_sys::{KeyboardEvent, PointerEvent};

/// How high a chart is.
pub const HEIGHT: f64 = 150.0;
/// The room for labels on the left and below, and a little on the other sides.
pub const LEFT: f64 = 64.0;
pub const RIGHT: f64 = 8.0;
pub const TOP: f64 = 6.0;
pub const BOTTOM: f64 = 20.0;
/// How far a pointer moves before it is a drag.
const DRAG: f64 = 4.0;
/// The picture.
#[component]
pub fn Plot(
    lines: Memo<Vec<Drawn>>,
    place: Memo<Place>,
    picture: NodeRef<svg::Svg>,
    name: String,
    summary: Memo<String>,
) -> impl IntoView {
    let state = expect_context::<State>();
    let host = NodeRef::<html::Div>::new();
    // Where a drag began, and where it is.
    let drag = RwSignal::new(None::<(f64, f64)>);
    let x_of = move |event: &MouseEvent| {
        let left = host
            .get_untracked()
            .map_or(0.0, |host| host.get_bounding_client_rect().left());
        f64::from(event.client_x()) - left
    };
    let step_at = move |x: f64| {
        let step = place.with_untracked(|place| place.x.value(x));
        let runs =
            lines.with_untracked(|lines| lines.iter().map(|drawn| drawn.run).collect::<Vec<_>>());
        let nearest = |&run: &u32| {
            state
                .run(run, |run| {
                    run.metrics
                        .metrics
                        .nearest(step)
                        .map(|at| run.metrics.metrics.steps()[at])
                })
                .flatten()
        };
        runs.iter().filter_map(nearest).min_by(|a, b| {
            (*a as f64 - step)
                .abs()
                .total_cmp(&(*b as f64 - step).abs())
        })
    };
    let moved = move |event: PointerEvent| {
        let x = x_of(&event);
        match drag.get_untracked() {
            Some((from, _)) => drag.set(Some((from, x))),
            None => state.cursor.set(step_at(x)),
        }
    };
    let pressed = move |event: PointerEvent| {
        if event.button() == 0 {
            let x = x_of(&event);
            state.cursor.set(step_at(x));
            drag.set(Some((x, x)));
        }
    };
    let released = move |event: PointerEvent| {
        let Some((from, to)) = drag.get_untracked() else {
            return;
        };
        drag.set(None);
        if (to - from).abs() > DRAG {
            let place = place.get_untracked();
            let (a, b) = (place.x.value(from.min(to)), place.x.value(from.max(to)));
            let (first, last) = place.x.values;
            if b - a >= 1.0 {
                state
                    .view
                    .update(|view| view.steps = Some((a.max(first), b.min(last))));
            }
            return;
        }
        let top = host
            .get_untracked()
            .map_or(0.0, |host| host.get_bounding_client_rect().top());
        let (y, cursor) = (
            f64::from(event.client_y()) - top,
            state.cursor.get_untracked(),
        );
        if let Some(opened) = cursor.and_then(|step| nearest_line(state, lines, place, step, y)) {
            state.opened.set(Some(opened));
        }
    };
    let pushed = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let by = if event.shift_key() { 10 } else { 1 };
        match &*event.key() {
            "ArrowLeft" | "ArrowDown" => state.walk(-by),
            "ArrowRight" | "ArrowUp" => state.walk(by),
            "Home" => {
                state.cursor.set(None);
                state.walk(1);
            }
            "End" => {
                state.cursor.set(None);
                state.walk(-1);
            }
            "Enter" => state.open_cursor(),
            _ => return,
        }
        event.prevent_default();
    };
    let now = move || {
        state
            .cursor
            .get()
            .unwrap_or(state.all_steps().1.max(0.0) as u64)
    };
    let in_words = move || {
        let cursor = state.cursor.get();
        let said = lines.with(|lines| {
            let of = |drawn: &Drawn| {
                let at = state.run(drawn.run, |run| {
                    cursor.and_then(|step| run.metrics.metrics.steps().binary_search(&step).ok())
                });
                let raw = at
                    .flatten()
                    .and_then(|at| drawn.line.at(at))
                    .map_or(f64::NAN, |(raw, _)| raw);
                format!("{} {}", letter(drawn.slot), value(raw))
            };
            lines.iter().map(of).collect::<Vec<_>>().join(", ")
        });
        match cursor {
            Some(step) => format!("step {step}: {said}"),
            None => "no step chosen".to_owned(),
        }
    };
    view! {
        <div
            class="plot"
            node_ref=host
            role="slider"
            tabindex="0"
            data-testid="plot"
            aria-label=format!("{name} by step")
            aria-description=move || summary.get()
            aria-valuemin=move || state.all_steps().0.max(0.0).to_string()
            aria-valuemax=move || state.all_steps().1.max(0.0).to_string()
            aria-valuenow=move || now().to_string()
            aria-valuetext=in_words
            on:pointermove=moved
            on:pointerdown=pressed
            on:pointerup=released
            on:pointerleave=move |_| drag.set(None)
            on:dblclick=move |_| state.view.update(|view| view.steps = None)
            on:keydown=pushed
        >
            <svg node_ref=picture aria-hidden="true" width="100%" height=HEIGHT.to_string()>
                <Axes place=place/>
                <Lines lines=lines place=place/>
                <Cursor lines=lines place=place drag=drag/>
            </svg>
        </div>
    }
}

/// The run whose line is nearest to a height at a step.
fn nearest_line(
    state: State,
    lines: Memo<Vec<Drawn>>,
    place: Memo<Place>,
    step: u64,
    y: f64,
) -> Option<Opened> {
    let distance = |drawn: &Drawn| {
        let at = state.run(drawn.run, |run| {
            run.metrics.metrics.steps().binary_search(&step).ok()
        })??;
        let (_, smoothed) = drawn.line.at(at)?;
        let distance = place.with_untracked(|place| (place.y.at(smoothed) - y).abs());
        Some((
            if distance.is_finite() {
                distance
            } else {
                f64::MAX
            },
            drawn.run,
        ))
    };
    let nearest = lines.with_untracked(|lines| {
        lines
            .iter()
            .filter_map(distance)
            .min_by(|a, b| a.0.total_cmp(&b.0))
    });
    nearest.map(|(_, run)| Opened { run, step })
}

#[component]
fn Axes(place: Memo<Place>) -> impl IntoView {
    move || {
        let Place { x, y } = place.get();
        let (left, right) = x.pixels;
        let across = ticks(y.values.0, y.values.1, 5).into_iter().map(|tick| {
            let at = format!("{:.1}", y.at(tick));
            let below = format!("{:.1}", y.at(tick) + 4.0);
            view! {
                <line class="tick" x1=left.to_string() x2=right.to_string() y1=at.clone() y2=at></line>
                <text class="axis" x=(LEFT - 5.0).to_string() y=below text-anchor="end">{value(tick)}</text>
            }
        });
        let most = (((right - left) / 70.0) as usize).max(2);
        let steps: Vec<f64> = ticks(x.values.0, x.values.1, most)
            .into_iter()
            .filter(|step| step.fract() == 0.0)
            .collect();
        let last = steps.len().saturating_sub(1);
        let along = steps.into_iter().enumerate().map(|(index, tick)| {
            let at = format!("{:.1}", x.at(tick));
            let near_end = x.at(tick) > right - 40.0;
            let label = if index == last { format!("step {}", value(tick)) } else { value(tick) };
            view! {
                <line class="tick" x1=at.clone() x2=at.clone() y1=(HEIGHT - BOTTOM).to_string() y2=(HEIGHT - BOTTOM + 3.0).to_string()></line>
                <text class="axis" x=if near_end { right.to_string() } else { at } y=(HEIGHT - 5.0).to_string() text-anchor=if near_end { "end" } else { "middle" }>{label}</text>
            }
        });
        view! { {across.collect_view()} {along.collect_view()} }
    }
}

#[component]
fn Lines(lines: Memo<Vec<Drawn>>, place: Memo<Place>) -> impl IntoView {
    let state = expect_context::<State>();
    move || {
        let (place, smoothing) = (place.get(), state.view.get().smoothing);
        lines.with(|lines| {
            let draw = |drawn: &Drawn| {
                let Line { line, raw, band } = drawn.line.draw(place, smoothing);
                let look = look(drawn.slot);
                view! {
                    <path class=format!("band {look}") d=band></path>
                    <path class=format!("raw {look}") d=raw></path>
                    <path class=format!("line {look}") d=line></path>
                }
            };
            lines.iter().map(draw).collect_view()
        })
    }
}

/// The step that values are read at, the one that is open, and what is being dragged over.
#[component]
fn Cursor(
    lines: Memo<Vec<Drawn>>,
    place: Memo<Place>,
    drag: RwSignal<Option<(f64, f64)>>,
) -> impl IntoView {
    let state = expect_context::<State>();
    let upright = move |step: Option<u64>, class: &'static str| {
        let scale = place.with(|place| place.x);
        let at = step
            .map(|step| scale.at(step as f64))
            .filter(|at| (scale.pixels.0 - 0.5..=scale.pixels.1 + 0.5).contains(at))?;
        let at = format!("{at:.1}");
        Some(
            view! { <line class=class x1=at.clone() x2=at y1=TOP.to_string() y2=(HEIGHT - BOTTOM).to_string()></line> },
        )
    };
    let points = move || {
        let step = state.cursor.get()?;
        let place = place.get();
        let inside = (place.x.values.0..=place.x.values.1).contains(&(step as f64));
        let points = lines.with(|lines| {
            let point = |drawn: &Drawn| {
                let at = state.run(drawn.run, |run| run.metrics.metrics.steps().binary_search(&step).ok())??;
                let (_, smoothed) = drawn.line.at(at).filter(|(_, smoothed)| smoothed.is_finite())?;
                let (x, y) = (place.x.at(step as f64), place.y.at(smoothed));
                Some(view! { <circle class=format!("point {}", look(drawn.slot)) cx=format!("{x:.1}") cy=format!("{y:.1}") r="3"></circle> })
            };
            lines.iter().filter_map(point).collect_view()
        });
        inside.then_some(points)
    };
    let dragged = move || {
        let (from, to) = drag.get().filter(|(from, to)| (to - from).abs() > DRAG)?;
        Some(view! {
            <rect class="selection" x=from.min(to).to_string() width=(to - from).abs().to_string() y=TOP.to_string() height=(HEIGHT - BOTTOM - TOP).to_string()></rect>
        })
    };
    view! {
        {dragged}
        {move || upright(state.opened.get().map(|opened| opened.step), "opened")}
        {move || upright(state.cursor.get(), "cursor")}
        {points}
    }
}
