//! What the page holds: the case and the rules, which its address carries, and what follows from them. Case, rules and the open file outlive the page.

use super::file::OpenFile;
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

/// What stays while another page is looked at.
#[derive(Clone, Copy)]
pub struct Kept {
    case: RwSignal<Case>,
    rules: RwSignal<Rules>,
    /// The file of rows.
    pub file: OpenFile,
}

impl Kept {
    /// The first example, and no file.
    pub fn new() -> Self {
        Kept {
            case: RwSignal::new(EXAMPLES[0].case()),
            rules: RwSignal::new(Rules::default()),
            file: OpenFile::new(),
        }
    }

    /// Takes the case of the address. An address without one, as a tab's, is given the page's, unless it is what the page opens with.
    fn take_linked_case(self) {
        if let Some((linked, by)) = of_address() {
            // Whoever comes back to the row that is shown finds it so still.
            if self.case.with_untracked(|case| *case != linked) {
                self.file.select(None);
                self.file.unread.set(None);
            }
            self.case.set(linked);
            self.rules.set(by);
            return;
        }
        let is_first = self.case.with_untracked(|case| *case == EXAMPLES[0].case());
        if !is_first || self.rules.get_untracked() != Rules::default() {
            self.write_address();
        }
    }

    fn write_address(self) {
        let rules = self.rules.get_untracked();
        let query = self.case.with_untracked(|case| case.to_query(rules));
        // A case that is too long for a link stays in the page alone.
        address::follow(Page::Score, &query.unwrap_or_default());
    }
}

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
    /// Of the address, or of what was there before.
    pub fn new(kept: Kept) -> Self {
        kept.take_linked_case();
        let moved = window_event_listener(ev::hashchange, move |_| kept.take_linked_case());
        on_cleanup(move || moved.remove());
        let mut write =
            leptos::leptos_dom::helpers::debounce(ADDRESS_DELAY, move |()| kept.write_address());
        Effect::new(move |before: Option<()>| {
            kept.case.track();
            kept.rules.track();
            // What the page begins with, the address has said by now, or need not say.
            if before.is_some() {
                write(());
            }
        });
        State::following(kept.case, kept.rules)
    }

    /// Of a case, whatever the address says.
    pub fn holding(case: Case, rules: Rules) -> Self {
        State::following(RwSignal::new(case), RwSignal::new(rules))
    }

    fn following(case: RwSignal<Case>, rules: RwSignal<Rules>) -> Self {
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
