//! Text on the page: that of files, and numbers of things.

use crate::visible::{Fragment, fragments};
use leptos::prelude::*;

/// A text, its hidden characters written out.
pub fn shown(text: &str) -> Vec<AnyView> {
    fragments(text)
        .into_iter()
        .map(|fragment| match fragment {
            Fragment::Plain(text) => text.to_owned().into_any(),
            Fragment::Escaped(text) => {
                view! { <span class="escape" title="a character that cannot be seen">{text}</span> }
                    .into_any()
            }
        })
        .collect()
}

/// A number of things: `1 row`, `2 rows`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
