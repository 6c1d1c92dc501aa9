//! Lines of a file that could not be read, and those that were read without one of their values.

use crate::score::rows::{LineFault, LineFaults};
use crate::ui::text::counted;
use crate::visible::escaped;
use leptos::prelude::*;

/// How many of each are listed.
const LISTED: usize = 50;

/// What of a file's lines is to be told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// The file.
    pub name: String,
    /// How many lines could not be read.
    pub unread: usize,
    /// How many were read without a value.
    pub remarked: usize,
    /// The first of both.
    pub first: Vec<LineFault>,
}

impl Faults {
    /// The first of a file's faults, no more than are shown.
    pub fn of(name: &str, all: &LineFaults) -> Self {
        let of = |counts| all.first.iter().filter(move |fault| fault.counts == counts);
        Faults {
            name: name.to_owned(),
            unread: all.unread,
            remarked: all.remarked,
            first: [false, true]
                .into_iter()
                .flat_map(|counts| of(counts).take(LISTED))
                .cloned()
                .collect(),
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
                false => (faults.unread, "faults", "could not be read"),
                true => (faults.remarked, "remarks", "read without a value"),
            };
            let own = || faults.first.iter().filter(|fault| fault.counts == counts);
            let told: usize = own().map(|fault| 1 + fault.more).sum();
            let summary = match count {
                0 => return None,
                1 => format!("1 line {what}"),
                n if n > told => format!("{n} lines {what}; {told} of them:"),
                n => format!("{n} lines {what}"),
            };
            let said = own().map(|fault| {
                let more = match fault.more {
                    0 => String::new(),
                    more => format!(" (and {} like it)", counted(more, "more line")),
                };
                let said = format!("{}:{}: {}{more}", faults.name, fault.line, fault.what);
                view! { <li>{escaped(&said)}</li> }
            });
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
