//! What the page holds: the case and the rules, which its address carries, and what follows from them. Case, rules and the open file outlive the page.

use super::by_worker::{ByWorker, Found};
use super::file::OpenFile;
use crate::page::{self, Page};
use crate::score::{Baseline, Case, EXAMPLES, Judged, Rules, Size, TooLarge};
use crate::ui::address;
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// How long after the last change the address follows: browsers take some hundred changes in half a minute.
const ADDRESS_DELAY: Duration = Duration::from_millis(400);

/// How long after the last keystroke the details follow.
const DETAILS_DELAY: Duration = Duration::from_millis(60);

/// How long after the last keystroke a worker is given a long case.
const WORKER_DELAY: Duration = Duration::from_millis(150);

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

    /// Takes the case of the address, or the rules alone. An address without either, as a tab's, is given the page's, unless it is what the page opens
    /// with.
    fn take_linked_case(self) {
        let (linked, by) = of_address();
        if let Some(linked) = linked {
            // Whoever comes back to the row that is shown finds it so still.
            if self.case.with_untracked(|case| *case != linked) {
                self.file.select(None);
                self.file.unread.set(None);
            }
            self.case.set(linked);
            self.rules.set(by.unwrap_or_default());
            return;
        }
        if let Some(by) = by {
            return self.rules.set(by);
        }
        let is_first = self.case.with_untracked(|case| *case == EXAMPLES[0].case());
        if !is_first || self.rules.get_untracked() != Rules::default() {
            self.write_address();
        }
    }

    fn write_address(self) {
        let rules = self.rules.get_untracked();
        // A case that is too long for a link stays in the page alone; one that is too long to be scored at once is.
        let query = self.case.with_untracked(|case| match Size::of(case) {
            Ok(Size::AtOnce) => case.to_query(rules).ok(),
            _ => None,
        });
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
    pub judged: Memo<Option<Arc<Judged>>>,
    /// What others would earn; it follows from the row and the rules alone.
    pub baselines: Memo<Vec<Baseline>>,
    /// The same as soon as nobody types: the long parts of the page are drawn of this.
    pub details: RwSignal<Option<Arc<Judged>>>,
    /// The details are behind.
    pub busy: RwSignal<bool>,
    size: Memo<Result<Size, TooLarge>>,
    /// What a worker found out about the case as it is now.
    found: Memo<Found>,
}

impl State {
    /// Of the address, or of what was there before.
    pub fn new(kept: Kept) -> Self {
        kept.take_linked_case();
        let moved = address::on_visit(move || kept.take_linked_case());
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
        let size = Memo::new(move |_| case.with(Size::of));
        let by_worker = ByWorker::new();
        // Whoever looks first after a change finds what was found before it.
        let found = Memo::new(move |_| match by_worker.found.get() {
            Found::Scored(scored) if !case.with(|case| scored.judged.is_of(case, rules.get())) => {
                Found::Nothing
            }
            found => found,
        });
        let judged = Memo::new(move |before: Option<&Option<Arc<Judged>>>| {
            case.with(|case| match (size.get(), found.get()) {
                (Ok(Size::AtOnce), _) => Judged::of(case, rules.get()).map(Arc::new),
                (Ok(Size::Long), Found::Scored(scored)) => Some(scored.judged),
                // Until that is there, the one before stays, and it is said.
                (Ok(Size::Long), Found::Nothing) if !case.target.trim().is_empty() => {
                    before.cloned().flatten()
                }
                _ => None,
            })
        });
        let row = Memo::new(move |_| {
            case.with(|case| Case {
                old_code: case.old_code.clone(),
                target: case.target.clone(),
                ..Case::default()
            })
        });
        let baselines = Memo::new(move |before: Option<&Vec<Baseline>>| {
            row.with(|row| match (size.get(), found.get()) {
                (Ok(Size::AtOnce), _) => Baseline::of(row, rules.get()),
                (Ok(Size::Long), Found::Scored(scored)) => scored.baselines,
                (Ok(Size::Long), Found::Nothing) => before.cloned().unwrap_or_default(),
                _ => Vec::new(),
            })
        });
        let mut send = leptos::leptos_dom::helpers::debounce(WORKER_DELAY, move |()| {
            let is_due = size.try_get_untracked() == Some(Ok(Size::Long));
            if is_due {
                case.with_untracked(|case| by_worker.score(case, rules.get_untracked()));
            }
        });
        Effect::new(move |_| {
            case.track();
            rules.track();
            by_worker.begin_anew();
            if size.get_untracked() == Ok(Size::Long) {
                send(());
            }
        });
        let (details, busy) = (RwSignal::new(None), RwSignal::new(true));
        let mut draw = leptos::leptos_dom::helpers::debounce(DETAILS_DELAY, move |()| {
            details.set(judged.get_untracked());
            busy.set(false);
        });
        Effect::new(move |_| {
            judged.track();
            busy.set(true);
            draw(());
        });
        State {
            case,
            rules,
            judged,
            baselines,
            details,
            busy,
            size,
            found,
        }
    }

    /// What the answer is worth, where that can be had.
    pub fn total(self) -> Option<f64> {
        self.judged
            .with(|judged| judged.as_ref().and_then(|judged| judged.total()))
    }

    /// Why there is no score, where the texts are to blame, or the worker.
    pub fn unscored(self) -> Option<String> {
        match (self.size.get(), self.found.get()) {
            (Err(why), _) => Some(why.to_string()),
            (Ok(Size::Long), Found::Failed(why)) => Some(why),
            _ => None,
        }
    }

    /// Whether a worker scores, or is about to.
    pub fn is_scoring(self) -> bool {
        let has_target = self.case.with(|case| !case.target.trim().is_empty());
        has_target && self.size.get() == Ok(Size::Long) && self.found.get() == Found::Nothing
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

fn of_address() -> (Option<Case>, Option<Rules>) {
    let hash = window().location().hash().unwrap_or_default();
    match page::parse(&hash) {
        Some((Page::Score, query)) => Case::from_query(query),
        _ => (None, None),
    }
}
