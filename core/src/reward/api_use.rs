//! Which of the old code's API names an answer still uses, and which of the target's it has adopted.
//!
//! An API name is old's where the old code uses it and the target does not, and new where it is the other way round; what counts as a name,
//! and what cannot be seen, says `python/api.rs`.

use crate::python::ApiNames;
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

impl ApiUse {
    pub(super) fn of(answer: &ApiNames, old: &ApiNames, target: &ApiNames) -> Self {
        let uses = answer.resolve(&[target, old]);
        let (old, new) = (
            old.resolve(&[target, answer]),
            target.resolve(&[old, answer]),
        );
        let split = |names: &BTreeSet<String>, others: &BTreeSet<String>| -> (Vec<_>, Vec<_>) {
            names
                .difference(others)
                .cloned()
                .partition(|name| uses.contains(name))
        };
        let ((adopted, missing), (left, gone)) = (split(&new, &old), split(&old, &new));
        ApiUse {
            adopted,
            missing,
            left,
            gone,
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

fn share(part: usize, rest: usize) -> Option<f64> {
    let all = part + rest;
    (all > 0).then(|| part as f64 / all as f64)
}
