//! What the page holds: the case and the rules, which its address carries, and what follows from them.

use crate::page::{self, Page};
use crate::score::{Baseline, Case, EXAMPLES, Judgement, Rules};
use crate::ui::address;
use leptos::ev;
use leptos::prelude::*;
use std::time::Duration;

/// How long after the last change the address follows: browsers take some hundred changes in half a minute.
const ADDRESS_DELAY: Duration = Duration::from_millis(400);

/// How long after the last keystroke the details follow.
const DETAILS_DELAY: Duration = Duration::from_millis(60);

/// The page's state.
#[derive(Clone, Copy)]
pub struct State {
    /// The case.
    pub case: RwSignal<Case>,
    /// The rules.
    pub rules: RwSignal<Rules>,
    /// What follows, with every keystroke.
    pub judgement: Memo<Option<Judgement>>,
    /// What others would earn; it follows from the row and the rules alone.
    pub baselines: Memo<Vec<Baseline>>,
    /// The judgement as soon as nobody types: the long parts of the page are drawn of this.
    pub details: RwSignal<Option<Judgement>>,
    /// The details are behind.
    pub busy: RwSignal<bool>,
}

impl State {
    /// Of the address, or the first example.
    pub fn new() -> Self {
        let (case, rules) = of_address().unwrap_or_else(|| (EXAMPLES[0].case(), Rules::default()));
        let state = State::holding(case, rules);
        let State { case, rules, .. } = state;
        let moved = window_event_listener(ev::hashchange, move |_| {
            if let Some((linked, by)) = of_address() {
                case.set(linked);
                rules.set(by);
            }
        });
        on_cleanup(move || moved.remove());
        let mut write = leptos::leptos_dom::helpers::debounce(ADDRESS_DELAY, move |()| {
            write_address(case, rules)
        });
        let first = StoredValue::new(true);
        Effect::new(move |_| {
            case.track();
            rules.track();
            // What the page opens with, the address has said or need not say.
            if !first.get_value() {
                write(());
            }
            first.set_value(false);
        });
        state
    }

    /// Of a case, whatever the address says.
    pub fn holding(case: Case, rules: Rules) -> Self {
        let (case, rules) = (RwSignal::new(case), RwSignal::new(rules));
        let judgement = Memo::new(move |_| case.with(|case| Judgement::of(case, rules.get())));
        let row = Memo::new(move |_| {
            case.with(|case| Case {
                old_code: case.old_code.clone(),
                target: case.target.clone(),
                ..Case::default()
            })
        });
        let baselines = Memo::new(move |_| row.with(|row| Baseline::of(row, rules.get())));
        let (details, busy) = (RwSignal::new(None), RwSignal::new(true));
        let mut draw = leptos::leptos_dom::helpers::debounce(DETAILS_DELAY, move |()| {
            details.set(judgement.get_untracked());
            busy.set(false);
        });
        Effect::new(move |_| {
            judgement.track();
            busy.set(true);
            draw(());
        });
        State {
            case,
            rules,
            judgement,
            baselines,
            details,
            busy,
        }
    }

    /// The address that carries the case.
    pub fn link(self) -> Result<String, String> {
        let query = self
            .case
            .with(|case| case.to_query(self.rules.get_untracked()));
        let query = query.map_err(|error| error.to_string())?;
        Ok(address::link(Page::Score, &query))
    }
}

fn of_address() -> Option<(Case, Rules)> {
    let hash = window().location().hash().ok()?;
    match page::parse(&hash)? {
        (Page::Score, query) => Case::from_query(query),
        _ => None,
    }
}

fn write_address(case: RwSignal<Case>, rules: RwSignal<Rules>) {
    let query = case.with_untracked(|case| case.to_query(rules.get_untracked()));
    // A case that is too long for a link stays in the page alone.
    address::follow(Page::Score, &query.unwrap_or_default());
}
