//! Everything that can be wrong with a row.

use crate::python::SyntaxError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something wrong with a row. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// A field is not there.
    MissingField {
        /// Its name.
        field: String,
    },
    /// A field is null.
    NullField {
        /// Its name.
        field: String,
    },
    /// A field is no text.
    NotText {
        /// Its name.
        field: String,
        /// What it is.
        found: String,
    },
    /// A field that the prompt or the reward needs is blank.
    BlankField {
        /// Its name.
        field: String,
    },
    /// The target is not Python.
    NewNotPython {
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// The old code is not Python.
    OldNotPython {
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// Old and new code are the same text.
    SameText,
    /// Old and new code differ in layout and comments alone.
    SameSyntaxTree,
    /// An earlier row is the same in all fields.
    Duplicate {
        /// That row, counted from 0.
        of: usize,
    },
    /// The prompt is over the budget.
    TooLong {
        /// Its length.
        length: usize,
        /// The budget.
        max_prompt_length: usize,
    },
    /// The version is not a requirement; the reference cuts two characters off it all the same.
    NoOperator {
        /// The version.
        new_version: String,
    },
    /// A line of the target begins with ```` ``` ````, which ends an answer's block: only in a longer fence, which the strict rules know, can a
    /// right answer be given.
    FenceInCode,
    /// Most rows of this library call it by another name.
    UnusualSpelling {
        /// The name here.
        dependency: String,
        /// The name elsewhere.
        usual: String,
    },
}

/// The kinds of [`Finding`], gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is told at the finding of its name")]
pub enum FindingKind {
    MissingField,
    NullField,
    NotText,
    BlankField,
    NewNotPython,
    OldNotPython,
    SameText,
    SameSyntaxTree,
    Duplicate,
    TooLong,
    NoOperator,
    FenceInCode,
    UnusualSpelling,
}

impl Finding {
    /// The finding without its particulars.
    pub fn kind(&self) -> FindingKind {
        match self {
            Finding::MissingField { .. } => FindingKind::MissingField,
            Finding::NullField { .. } => FindingKind::NullField,
            Finding::NotText { .. } => FindingKind::NotText,
            Finding::BlankField { .. } => FindingKind::BlankField,
            Finding::NewNotPython { .. } => FindingKind::NewNotPython,
            Finding::OldNotPython { .. } => FindingKind::OldNotPython,
            Finding::SameText => FindingKind::SameText,
            Finding::SameSyntaxTree => FindingKind::SameSyntaxTree,
            Finding::Duplicate { .. } => FindingKind::Duplicate,
            Finding::TooLong { .. } => FindingKind::TooLong,
            Finding::NoOperator { .. } => FindingKind::NoOperator,
            Finding::FenceInCode => FindingKind::FenceInCode,
            Finding::UnusualSpelling { .. } => FindingKind::UnusualSpelling,
        }
    }
}

impl FindingKind {
    /// A row with this cannot be trained on; with the other kinds it can, as nothing that the prompt or the reward needs is wrong.
    pub fn is_defect(self) -> bool {
        !matches!(
            self,
            FindingKind::NoOperator | FindingKind::FenceInCode | FindingKind::UnusualSpelling
        )
    }
}

/// What stands before the kind of a field that is no text.
fn article(kind: &str) -> &'static str {
    match kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => "an",
        false => "a",
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::MissingField { field } => write!(f, "`{field}` is missing"),
            Finding::NullField { field } => write!(f, "`{field}` is null"),
            Finding::NotText { field, found } => {
                let article = article(found);
                write!(f, "`{field}` is {article} {found}, not a text")
            }
            Finding::BlankField { field } => write!(f, "`{field}` is blank"),
            Finding::NewNotPython { error } => write!(f, "`new_code` is not Python: {error}"),
            Finding::OldNotPython { error } => write!(f, "`old_code` is not Python: {error}"),
            Finding::SameText => f.write_str("`new_code` is `old_code`"),
            Finding::SameSyntaxTree => f.write_str("`new_code` is the same program as `old_code`"),
            Finding::Duplicate { of } => write!(f, "the same as row {of}, counted from 0"),
            Finding::TooLong {
                length,
                max_prompt_length,
            } => write!(
                f,
                "the prompt's length {length} is over the budget of {max_prompt_length}"
            ),
            Finding::NoOperator { new_version } => {
                write!(f, "`new_version` {new_version} has no operator")
            }
            Finding::FenceInCode => f.write_str(
                "a line of `new_code` begins with ```, which ends the block of an answer unless its fence is longer",
            ),
            Finding::UnusualSpelling { dependency, usual } => {
                write!(f, "most rows call {dependency} {usual}")
            }
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FindingKind::MissingField => "a field is missing",
            FindingKind::NullField => "a field is null",
            FindingKind::NotText => "a field is no text",
            FindingKind::BlankField => "a field is blank",
            FindingKind::NewNotPython => "new code is not Python",
            FindingKind::OldNotPython => "old code is not Python",
            FindingKind::SameText => "no change: the same text",
            FindingKind::SameSyntaxTree => "no change: the same syntax tree",
            FindingKind::Duplicate => "a duplicate",
            FindingKind::TooLong => "prompt over the budget",
            FindingKind::NoOperator => "version without operator",
            FindingKind::FenceInCode => "a line of new code begins with ```",
            FindingKind::UnusualSpelling => "library under an unusual name",
        })
    }
}
