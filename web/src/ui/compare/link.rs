//! What becomes of a link: its files are asked for or named, made the sides once they are open, and its pair is opened.

use super::files::{Loaded, Reading};
use super::state::State;
use crate::compare::{Key, LinkedFile};
use leptos::prelude::*;

impl State {
    /// Makes a link's files the sides, as soon as they are open, and asks about those that are to be fetched, instead of what was asked about before.
    pub(super) fn take_files(self, files: Vec<LinkedFile>, sides: (usize, usize)) {
        let to_fetch = self.files.with_open(|open| {
            let absent = files.iter().filter(|file| file.place(open).is_none());
            let addresses = absent.filter_map(|file| match file {
                LinkedFile::Address(address) => Some(address.clone()),
                LinkedFile::Own { .. } => None,
            });
            addresses.collect::<Vec<_>>()
        });
        self.asked.set(to_fetch);
        self.linked.set(files);
        self.sides_due.set(Some(sides));
        self.settle_sides();
    }

    /// Lets go of a link: what is open is looked at instead.
    pub fn forget_link(self) {
        self.asked.set(Vec::new());
        self.linked.set(Vec::new());
        self.sides_due.set(None);
        self.pair_due.set(None);
    }

    /// Makes a link's files the sides, where they are open and read: before that nobody knows what is in them.
    pub(super) fn settle_sides(self) {
        let Some((a, b)) = self.sides_due.get_untracked() else {
            return;
        };
        let is_going = |file: &Loaded| matches!(file.reading, Reading::Going(_));
        if self
            .files
            .all
            .with_untracked(|all| all.iter().any(is_going))
        {
            return;
        }
        let places = self.linked.with_untracked(|linked| {
            self.files.with_open(|open| {
                // Of a side that is none of its files a link says no more than the place.
                let place = |at: usize| linked.get(at).map_or(Some(at), |file| file.place(open));
                place(a).zip(place(b))
            })
        });
        if let Some((a, b)) = places {
            self.sides_due.set(None);
            self.a.set(a);
            self.b.set(b);
        }
    }

    /// Whether a link's files are not open yet, so that nothing is compared.
    pub fn awaits_files(self) -> bool {
        self.sides_due.with(Option::is_some)
    }

    /// Makes a file one of the sides. One file is not both: they change places.
    pub(super) fn choose(self, side: RwSignal<usize>, other: RwSignal<usize>, place: usize) {
        // Whoever chooses does not wait for a link's files any more.
        if self.sides_due.get_untracked().is_some() {
            self.forget_link();
        }
        if other.get_untracked() == place {
            other.set(side.get_untracked());
        }
        side.set(place);
    }

    /// Opens the pair of an example.
    pub(super) fn open_linked_pair(self, key: Key) {
        let place = self.compared.with_untracked(|compared| {
            let compared = compared.as_ref()?;
            let (pairs, sides) = (&compared.comparison.pairs, compared.sides());
            let mut places = (0..).zip(pairs);
            let found = places.find(|(_, pair)| sides.records(pair).0.key == key);
            found.map(|(place, _)| place)
        });
        match place {
            Some(place) => self.selected.set(Some(place)),
            None => self.failure.set(Some(format!(
                "the link opens {key}, which is not among the examples of both files"
            ))),
        }
    }

    /// Whether a link is about files that it does not carry.
    pub fn is_about_others(self) -> bool {
        let own = |file: &LinkedFile| matches!(file, LinkedFile::Own { .. });
        self.linked.with_untracked(|linked| linked.iter().any(own))
    }

    /// The files that a link to what is compared would name and not carry.
    pub fn left_behind(self) -> Vec<String> {
        if self.sides_due.get().is_some() {
            return Vec::new();
        }
        let files = self.query().files.into_iter();
        let own = files.filter_map(|file| match file {
            LinkedFile::Own { name, .. } => Some(name),
            LinkedFile::Address(_) => None,
        });
        own.collect()
    }
}
