//! Names in use, and what they stand for where another module imports what they begin with.

use std::collections::{BTreeMap, BTreeSet};

/// The names a module uses, before aliases of other modules are resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ApiNames {
    /// What each imported name may stand for.
    pub(super) imports: BTreeMap<String, Vec<String>>,
    /// In full where the module itself says what they begin with.
    pub(super) used: BTreeSet<Used>,
    /// What is imported and not used.
    pub(super) unused: BTreeSet<String>,
}

/// A name in use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Used {
    /// `numpy.vstack` or `.append`.
    Full(String),
    /// `np` and `.vstack`: what it begins with is nothing of the module's own.
    Open { root: String, rest: String },
}

/// Names in full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedNames {
    pub(crate) used: BTreeSet<String>,
    /// Imported, and not used.
    pub(crate) unused: BTreeSet<String>,
}

impl ApiNames {
    /// The names in full; an alias that is not imported here is looked for in `others`.
    pub(crate) fn resolve(&self, others: &[&ApiNames]) -> ResolvedNames {
        let mut used = BTreeSet::new();
        for name in &self.used {
            match name {
                Used::Full(name) => {
                    used.insert(name.clone());
                }
                Used::Open { root, rest } => {
                    let all = std::iter::once(&self).chain(others);
                    match all.filter_map(|names| names.imports.get(root)).next() {
                        Some(paths) => used.extend(paths.iter().map(|path| path.clone() + rest)),
                        None => {
                            used.insert(root.clone() + rest);
                        }
                    }
                }
            }
        }
        ResolvedNames {
            used,
            unused: self.unused.clone(),
        }
    }
}
