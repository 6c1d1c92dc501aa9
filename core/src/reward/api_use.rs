//! Which of the old code's API names an answer still uses, and which of the target's it has adopted.
//!
//! An API name is old's where the old code uses it and the target does not, and new where it is the other way round; what counts as a name,
//! and what cannot be seen, says `python/api.rs`.

use crate::python::{ApiNames, ResolvedNames};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What became of the API names that a migration changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiUse {
    /// New names that the answer uses.
    pub adopted: Vec<String>,
    /// New names that it does not use.
    pub missing: Vec<String>,
    /// Old names that it still uses.
    pub left: Vec<String>,
    /// Old names that it no longer uses.
    pub gone: Vec<String>,
}

/// The API names that a row's migration changes; those that are imported and not used are so in the row, and need no use in the answer.
#[derive(Debug)]
struct Changed<'a> {
    used: BTreeSet<&'a String>,
    imported: BTreeSet<&'a String>,
}

impl<'a> Changed<'a> {
    /// What `these` have and `others` do not.
    fn of(these: &'a ResolvedNames, others: &ResolvedNames) -> Self {
        let is_other =
            |name: &&String| others.used.contains(*name) || others.unused.contains(*name);
        let own =
            |names: &'a BTreeSet<String>| names.iter().filter(|name| !is_other(name)).collect();
        Changed {
            used: own(&these.used),
            imported: own(&these.unused),
        }
    }

    /// Those that the answer has, and those that it does not have.
    fn split(&self, answer: &ResolvedNames) -> (Vec<String>, Vec<String>) {
        let used = self
            .used
            .iter()
            .map(|&name| (name, answer.used.contains(name)));
        let imported = self.imported.iter().map(|&name| {
            (
                name,
                answer.used.contains(name) || answer.unused.contains(name),
            )
        });
        let all: BTreeSet<(&String, bool)> = used.chain(imported).collect();
        let those = |has: bool| {
            all.iter()
                .filter(|(_, has_it)| *has_it == has)
                .map(|(name, _)| (*name).clone())
                .collect()
        };
        (those(true), those(false))
    }
}

impl ApiUse {
    pub(super) fn of(answer: &ApiNames, old: &ApiNames, target: &ApiNames) -> Self {
        let resolved = answer.resolve(&[target, old]);
        let (old, new) = (
            old.resolve(&[target, answer]),
            target.resolve(&[old, answer]),
        );
        let (adopted, missing) = Changed::of(&new, &old).split(&resolved);
        let (left, gone) = Changed::of(&old, &new).split(&with_methods(&resolved, &old, &new));
        ApiUse {
            adopted,
            missing,
            left,
            gone,
        }
    }

    /// What became of them in an answer without code: nothing is adopted, and nothing is known to be gone.
    pub(super) fn of_none(old: &ApiNames, target: &ApiNames) -> Self {
        let none = ApiUse::of(&ApiNames::default(), old, target);
        ApiUse {
            left: none.gone,
            gone: Vec::new(),
            ..none
        }
    }

    /// The share of the new names that the answer uses, in [0, 1]; 1 where nothing is new.
    pub fn api_adopted(&self) -> f64 {
        share(self.adopted.len(), self.missing.len()).unwrap_or(1.0)
    }

    /// Minus the share of the old names that the answer still uses, in [-1, 0]; 0 where nothing is old.
    pub fn api_left(&self) -> f64 {
        match share(self.left.len(), self.gone.len()) {
            Some(share) if share > 0.0 => -share,
            _ => 0.0,
        }
    }
}

/// The answer's names, and each old one that it may use of something whose type is not known: `(n := np).row_stack` is `.row_stack`.
fn with_methods(answer: &ResolvedNames, old: &ResolvedNames, new: &ResolvedNames) -> ResolvedNames {
    let method = |name: &str| name.rfind('.').map(|at| name[at..].to_owned());
    let may_be_used = |name: &&String| {
        method(name)
            .is_some_and(|method| answer.used.contains(&method) && !new.used.contains(&method))
    };
    let mut with = answer.clone();
    with.used
        .extend(old.used.iter().filter(may_be_used).cloned());
    with
}

fn share(part: usize, rest: usize) -> Option<f64> {
    let all = part + rest;
    (all > 0).then(|| part as f64 / all as f64)
}
