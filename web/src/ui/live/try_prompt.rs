//! The way from an answer on another page to one's own: the same prompt, asked of checkpoints.

use super::State;
use crate::page::Page;
use crate::score::Rules;
use crate::ui::address::go;
use leptos::prelude::*;
use recode_core::migration::Migration;

/// A button that takes a row to the page "Try it", however long it is.
#[component]
pub fn TryPrompt(
    /// The row, and what answers are judged by.
    row: impl Fn() -> (Migration, Rules) + 'static,
) -> impl IntoView {
    let state = expect_context::<State>();
    let take = move |_| {
        let (row, rules) = row();
        state.question.update(|question| {
            question.row = row;
            question.rules = rules;
        });
        // The page writes the question into the address where it fits.
        go(Page::TryIt);
    };
    view! { <button type="button" data-testid="try-prompt" on:click=take>"Try this prompt"</button> }
}
