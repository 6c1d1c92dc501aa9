//! The way from an answer on another page to one's own: the same prompt, asked of checkpoints.

use super::State;
use crate::page::Page;
use crate::score::{Case, Rules};
use leptos::prelude::*;
use recode_core::migration::Migration;

/// A button that takes a row to the page "Try it", however long it is.
#[component]
pub fn TryPrompt(
    /// The library, the row's texts, and what answers are judged by.
    row: impl Fn() -> (String, Case, Rules) + 'static,
) -> impl IntoView {
    let state = expect_context::<State>();
    let take = move |_| {
        let (dependency, case, rules) = row();
        state.question.update(|question| {
            question.row = Migration {
                dependency,
                // Rows that are scored say nothing of these.
                new_version: String::new(),
                description: String::new(),
                update_info: case.update_info,
                old_code: case.old_code,
                new_code: case.target,
            };
            question.rules = rules;
        });
        // The page writes the question into the address where it fits. What a browser refuses leaves the page as it is.
        let _ = window().location().set_hash(&Page::TryIt.address());
    };
    view! { <button type="button" data-testid="try-prompt" on:click=take>"Try this prompt"</button> }
}
