//! Lines of a file that could not be read, and those that were read without one of their values.

use crate::score::rows::LineFaults;
use crate::visible::escaped;
use leptos::prelude::*;

/// How many of each are listed.
const LISTED: usize = 50;

/// What of a file's lines is to be told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// The file.
    name: String,
    /// What is wrong with them, no more than is shown.
    lines: LineFaults,
}

impl Faults {
    /// The first of a file's faults.
    pub fn of(name: &str, all: &LineFaults) -> Self {
        Faults {
            name: name.to_owned(),
            lines: all.shortened(LISTED),
        }
    }
}

/// The two lists, where there are any.
#[component]
pub fn FaultLists(
    /// What is in them.
    #[prop(into)]
    faults: Signal<Faults>,
) -> impl IntoView {
    let list = move |counts: bool| {
        faults.with(|faults| {
            let (count, id, what) = match counts {
                false => (faults.lines.unread, "faults", "could not be read"),
                true => (faults.lines.remarked, "remarks", "read without a value"),
            };
            let told = faults.lines.told(counts);
            let summary = match count {
                0 => return None,
                1 => format!("1 line {what}"),
                n if n > told => format!("{n} lines {what}; {told} of them:"),
                n => format!("{n} lines {what}"),
            };
            let own = faults.lines.first.iter();
            let own = own.filter(|fault| fault.counts == counts);
            let said = own.map(|fault| view! { <li>{escaped(&fault.said(&faults.name))}</li> });
            Some(view! {
                <details data-testid=id open>
                    <summary>{summary}</summary>
                    <ul>{said.collect_view()}</ul>
                </details>
            })
        })
    };
    view! {
        {move || list(false)}
        {move || list(true)}
    }
}
