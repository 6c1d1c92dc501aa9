//! Long lists of lines, drawn a stretch at a time: thousands of them at once would hold the page up.

use leptos::prelude::*;

/// How many lines are drawn before anybody asks for more.
pub const FIRST: usize = 200;
/// How many come with every asking.
const STEP: usize = 1000;

/// How many of all lines are not drawn, and a way to have more of them.
#[component]
pub fn ShowMore(
    /// How many are drawn, at most.
    drawn: RwSignal<usize>,
    /// How many there are.
    all: usize,
) -> impl IntoView {
    move || {
        let left = all.saturating_sub(drawn.get());
        (left > 0).then(|| {
            let next = left.min(STEP);
            let said = match left {
                1 => "1 more line of ".to_owned(),
                left => format!("{left} more lines of "),
            };
            view! {
                <p class="hint" data-testid="more-lines">
                    {said}{all}" not shown. "
                    <button type="button" class="plain" on:click=move |_| drawn.update(|drawn| *drawn += STEP)>{format!("Show {next} more")}</button>
                </p>
            }
        })
    }
}
