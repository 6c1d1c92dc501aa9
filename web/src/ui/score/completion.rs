//! The completion with its parts marked, and dimmed what did not count.

use super::state::State;
use crate::score::{Judgement, Place, Segment, segments};
use crate::ui::show_more::{FIRST, ShowMore};
use crate::ui::text::shown;
use leptos::prelude::*;
use recode_core::python::LeftOut;

/// The longest completion in bytes whose parts are marked.
const MAX_MARKED_BYTES: usize = 256 << 10;

/// The completion.
#[component]
pub fn Completion() -> impl IntoView {
    let state = expect_context::<State>();
    // What was asked for stays while one types.
    let drawn = RwSignal::new(FIRST);
    let text = move || {
        state.details.with(|judged| {
            let judged = judged.as_ref()?;
            Some(marked(&judged.judgement, drawn))
        })
    };
    view! {
        <section>
            <h2>"The completion as it was read"</h2>
            <MarkLegend/>
            {text}
        </section>
    }
}

/// What the marks of a completion mean.
#[component]
pub fn MarkLegend() -> impl IntoView {
    let key =
        |place: Place| view! { <span class=format!("part {}", place.name())>{place.name()}</span> };
    view! {
        <p class="legend">
            {[Place::Thinking, Place::Tag, Place::Answer, Place::Code].map(key).collect_view()}
            <span class="part code out">"stripped"</span>
        </p>
    }
}

/// A judged completion with its parts marked, as many of its lines as are `drawn`.
pub fn marked(judgement: &Judgement, drawn: RwSignal<usize>) -> AnyView {
    let completion = &judgement.completion;
    if completion.len() > MAX_MARKED_BYTES {
        return view! { <p class="hint">{format!("{} bytes are too many to mark: {MAX_MARKED_BYTES} at most.", completion.len())}</p> }.into_any();
    }
    let parts = segments(completion, &judgement.explanation);
    let (completion, all) = (completion.clone(), completion.lines().count());
    let shown = move || {
        let lines = completion.split_inclusive('\n').take(drawn.get());
        let end: usize = lines.map(str::len).sum();
        let parts = parts.iter().filter(|part| part.bytes.start < end);
        let parts = parts.map(|part| segment(&completion[..end], part));
        parts.collect::<Vec<AnyView>>()
    };
    view! {
        <pre data-testid="completion" tabindex="0" aria-label="the completion, its parts marked">{shown}</pre>
        <ShowMore drawn=drawn all=all/>
    }
    .into_any()
}

fn segment(completion: &str, segment: &Segment) -> AnyView {
    // The last one that is drawn may go on beyond.
    let text = &completion[segment.bytes.start..segment.bytes.end.min(completion.len())];
    let left_out = segment.left_out.map(|what| match what {
        LeftOut::Comment => "a comment, which does not count",
        LeftOut::BlankLines => "blank lines, which do not count",
        LeftOut::Unreachable => "this cannot run, and does not count",
    });
    let class = format!(
        "part {}{}{}",
        segment.place.name(),
        if left_out.is_some() { " out" } else { "" },
        if segment.error { " error" } else { "" }
    );
    let title = match segment.error {
        true => Some("not Python from here on"),
        false => left_out,
    };
    match segment.error {
        true => view! { <mark class=class title=title>{shown(text)}</mark> }.into_any(),
        false => view! { <span class=class title=title>{shown(text)}</span> }.into_any(),
    }
}
