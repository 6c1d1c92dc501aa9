//! What the page holds: the files, which two are compared by what, and what follows from it. It outlives the page.

use super::files::{Files, Loaded, Records};
use crate::compare::{
    Basis, Comparison, Filter, Key, LinkedFile, LoggedRules, Measure, Order, Query, Sides, shown,
    toggle,
};
use crate::page::{self, Page};
use crate::score::Rules;
use crate::ui::address;
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// How long after the last change the address follows.
const ADDRESS_DELAY: Duration = Duration::from_millis(300);

/// Two files side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// A's file and its records.
    pub a: (usize, Records),
    /// B's.
    pub b: (usize, Records),
    a_rules: Option<LoggedRules>,
    b_rules: Option<LoggedRules>,
    /// What came of them.
    pub comparison: Arc<Comparison>,
}

impl Compared {
    /// The records, and by what they are checked.
    pub fn sides(&self) -> Sides<'_> {
        Sides {
            a: &self.a.1,
            b: &self.b.1,
            a_rules: self.a_rules.map(|logged| logged.rules),
            b_rules: self.b_rules.map(|logged| logged.rules),
        }
    }

    /// The rules that an opened example is explained by.
    pub fn rules(&self) -> Rules {
        match (self.comparison.basis, self.a_rules) {
            (Basis::Scored(rules), _) => rules,
            (Basis::Logged, Some(logged)) => logged.rules,
            (Basis::Logged, None) => Rules::default(),
        }
    }
}

/// The page's state.
#[derive(Clone, Copy)]
pub struct State {
    /// The files.
    pub files: Files,
    /// Which of them is A, the baseline: its place in the list.
    pub a: RwSignal<usize>,
    /// Which is B.
    pub b: RwSignal<usize>,
    /// What is compared.
    pub measure: RwSignal<Measure>,
    /// Where its values come from; `None` leaves it to the files.
    pub basis: RwSignal<Option<Basis>>,
    /// What shown pairs have to pass.
    pub filters: RwSignal<Vec<Filter>>,
    /// What they are sorted by.
    pub order: RwSignal<Order>,
    /// The opened pair.
    pub selected: RwSignal<Option<u32>>,
    /// Addresses that a link names, or somebody wrote, and that nobody has said yes to.
    pub asked: RwSignal<Vec<String>>,
    /// The files that a link is about.
    pub linked: RwSignal<Vec<LinkedFile>>,
    /// Which of them are to be A and B, as soon as they are open: places among them.
    pub(super) sides_due: RwSignal<Option<(usize, usize)>>,
    /// The pair that a link has opened, as soon as its files are compared.
    pub(super) pair_due: RwSignal<Option<Key>>,
    /// Why something could not be opened.
    pub failure: RwSignal<Option<String>>,
    /// The files that come with the page have been asked for.
    pub begun: RwSignal<bool>,
    /// They are on their way.
    pub(super) coming: RwSignal<bool>,
    /// Where values come from, chosen or not.
    pub used_basis: Memo<Basis>,
    /// The two files; `None` as long as there are not two, or those of a link are not open.
    pub compared: Memo<Option<Compared>>,
    /// The pairs that are shown.
    pub shown: Memo<Vec<u32>>,
}

impl State {
    /// Without any file.
    pub fn new() -> Self {
        let query = Query::default();
        let files = Files::new(query.a, query.b);
        let [a, b] = files.sides;
        let measure = RwSignal::new(query.measure);
        let basis = RwSignal::new(query.basis);
        let filters = RwSignal::new(query.filters);
        let order = RwSignal::new(Order::default());
        let rules_of = move |place: usize| {
            files
                .all
                .with(|all| all.get(place).and_then(|file| file.rules))
        };
        let records = move |place: RwSignal<usize>| {
            Memo::new(move |_| {
                files.all.with(|all| {
                    let file = all.get(place.get())?;
                    (!file.records.is_empty()).then(|| (file.id, file.records.clone()))
                })
            })
        };
        let (a_records, b_records) = (records(a), records(b));
        let used_basis = Memo::new(move |_| {
            let records = |side: Memo<Option<(usize, Records)>>| {
                side.get().map(|(_, records)| records).unwrap_or_default()
            };
            let (a_records, b_records) = (records(a_records), records(b_records));
            basis
                .get()
                .unwrap_or_else(|| Basis::usual(&a_records, rules_of(a.get()), &b_records))
        });
        let sides_due = RwSignal::new(None::<(usize, usize)>);
        let is_due = Memo::new(move |_| sides_due.with(Option::is_some));
        let compared = Memo::new(move |_| {
            // What is open may be anything: its numbers would stand under the address of others.
            if is_due.get() {
                return None;
            }
            let (a_side, b_side) = (a_records.get()?, b_records.get()?);
            let comparison = Comparison::of(&a_side.1, &b_side.1, measure.get(), used_basis.get());
            Some(Compared {
                a: a_side,
                b: b_side,
                a_rules: rules_of(a.get_untracked()),
                b_rules: rules_of(b.get_untracked()),
                comparison: Arc::new(comparison),
            })
        });
        let shown = Memo::new(move |_| {
            compared.with(|compared| {
                let Some(compared) = compared else {
                    return Vec::new();
                };
                let comparison = &compared.comparison;
                filters.with(|filters| shown(comparison, compared.sides(), filters, order.get()))
            })
        });
        State {
            files,
            a,
            b,
            measure,
            basis,
            filters,
            order,
            selected: RwSignal::new(None),
            asked: RwSignal::new(Vec::new()),
            linked: RwSignal::new(query.files),
            sides_due,
            pair_due: RwSignal::new(None),
            failure: RwSignal::new(None),
            begun: RwSignal::new(false),
            coming: RwSignal::new(false),
            used_basis,
            compared,
            shown,
        }
    }

    /// Takes what the address carries. One that carries nothing, as a tab's, is given what the page holds.
    fn take_linked_comparison(self) {
        let hash = window().location().hash().unwrap_or_default();
        let Some((Page::Compare, query)) = page::parse(&hash) else {
            return;
        };
        let here = untrack(|| self.query());
        if query.is_empty() && !address::is_return() {
            return address::follow(Page::Compare, &here.write());
        }
        if query == here.write() {
            return;
        }
        let query = Query::read(query);
        let before = (self.a.get_untracked(), self.b.get_untracked());
        if query.files.is_empty() {
            self.a.set(query.a);
            self.b.set(query.b);
            self.forget_link();
        } else {
            self.take_files(query.files, (query.a, query.b));
        }
        if before != (self.a.get_untracked(), self.b.get_untracked()) || query.pair.is_none() {
            self.selected.set(None);
        }
        self.pair_due.set(query.pair);
        self.measure.set(query.measure);
        self.basis.set(query.basis);
        self.filters.set(query.filters);
    }

    /// Keeps the address and the page the same, as long as it is looked at.
    pub fn follow(self) {
        self.take_linked_comparison();
        let moved = address::on_visit(move || self.take_linked_comparison());
        on_cleanup(move || moved.remove());
        let mut write =
            leptos::leptos_dom::helpers::debounce(ADDRESS_DELAY, move |query: Query| {
                address::follow(Page::Compare, &query.write());
            });
        let query = Memo::new(move |_| self.query());
        Effect::new(move |before: Option<bool>| {
            let query = query.get();
            // A pair that is still to be opened is no step yet.
            let is_open = self.selected.get().is_some();
            if before == Some(false) && is_open {
                let closed = Query {
                    pair: None,
                    ..query.clone()
                };
                address::enter(Page::Compare, closed.write(), query.write());
            }
            if before.is_some() {
                write(query);
            }
            is_open
        });
        Effect::new(move |_| {
            self.files.all.track();
            self.settle_sides();
        });
        // Another pair of files, another list of pairs.
        let ids = Memo::new(move |_| {
            self.compared
                .with(|c| c.as_ref().map(|compared| (compared.a.0, compared.b.0)))
        });
        Effect::new(move |before: Option<Option<(usize, usize)>>| {
            let (ids, due) = (ids.get(), self.pair_due.get());
            if before.is_some_and(|before| before != ids) {
                self.selected.set(None);
            }
            if let (Some(_), Some(due), None) = (ids, due, self.sides_due.get()) {
                self.pair_due.set(None);
                self.open_linked_pair(due);
            }
            ids
        });
    }

    /// Closes the opened pair.
    pub fn close_pair(self) {
        self.selected.set(None);
        address::leave(Page::Compare, move || untrack(|| self.query()).write());
    }

    /// What the address carries.
    pub fn query(self) -> Query {
        let sides = (self.a.get(), self.b.get());
        let (files, (a, b)) = match self.sides_due.get() {
            // What is not open yet still belongs to the link.
            Some(due) => (self.linked.get(), due),
            None => self.files.all.with(|all| {
                let is_side = |at: usize| at == sides.0 || at == sides.1;
                let file = |(at, file): (usize, &Loaded)| {
                    let linked = match &file.address {
                        Some(address) => LinkedFile::Address(address.clone()),
                        None if is_side(at) && !file.bundled && !file.records.is_empty() => {
                            LinkedFile::Own {
                                name: file.name.clone(),
                                hash: file.hash.clone(),
                            }
                        }
                        None => return None,
                    };
                    Some((at, linked))
                };
                let (places, files): (Vec<_>, Vec<_>) =
                    all.iter().enumerate().filter_map(file).unzip();
                // Places are those among the link's files, where it has any.
                let place = |side: usize| places.iter().position(|at| *at == side);
                let usual = Query::default();
                let of_link = place(sides.0).zip(place(sides.1));
                match files.is_empty() {
                    true => (files, sides),
                    false => (files, of_link.unwrap_or((usual.a, usual.b))),
                }
            }),
        };
        let opened = self.selected.get().and_then(|at| {
            self.compared.with(|compared| {
                let compared = compared.as_ref()?;
                let pair = compared.comparison.pairs.get(at as usize)?;
                Some(compared.sides().records(pair).0.key)
            })
        });
        Query {
            files,
            a,
            b,
            measure: self.measure.get(),
            basis: self.basis.get(),
            filters: self.filters.get(),
            pair: opened.or(self.pair_due.get()),
        }
    }

    /// What A's and B's files are called.
    pub fn names(self) -> [String; 2] {
        let sides = [self.a.get_untracked(), self.b.get_untracked()];
        self.files.all.with_untracked(|all| {
            sides.map(|at| {
                let name = all.get(at).map(|file| &*file.name);
                crate::visible::escaped(name.unwrap_or_default())
            })
        })
    }

    /// The address that carries the page.
    pub fn link(self) -> String {
        address::link(Page::Compare, &untrack(|| self.query()).write())
    }

    /// Adds a filter, or takes it away.
    pub fn toggle(self, filter: Filter) {
        self.filters.update(|filters| toggle(filters, filter));
    }

    /// Whether a filter is on.
    pub fn is_on(self, filter: Filter) -> bool {
        self.filters.with(|filters| filters.contains(&filter))
    }

    /// Opens the pair so many places further on in the table.
    pub fn step(self, step: isize) -> Option<usize> {
        let selected = self.selected.get_untracked();
        let (place, next) = self.shown.with_untracked(|shown| {
            let at = selected.and_then(|at| shown.iter().position(|&other| other == at));
            let place = at.map_or(0, |at| at.saturating_add_signed(step));
            let place = place.min(shown.len().checked_sub(1)?);
            Some((place, shown[place]))
        })?;
        self.selected.set(Some(next));
        Some(place)
    }

    /// Turns the sides around.
    pub fn turn(self) {
        let (a, b) = (self.a.get_untracked(), self.b.get_untracked());
        self.a.set(b);
        self.b.set(a);
    }
}
