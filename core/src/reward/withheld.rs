//! Why a code reward was withheld, in words a user understands.

use crate::python::SyntaxError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a code reward was withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Withheld {
    /// There is no closed ```` ```python ```` block where the answer's code is looked for.
    NoCode {
        /// Where it was looked for.
        searched: Searched,
    },
    /// The answer's code is not Python.
    AnswerNotPython {
        /// What is wrong with it, lines and columns counted in the code.
        error: SyntaxError,
    },
    /// The answer's block holds no code, comments aside, and the target holds some.
    EmptyCode,
    /// There is more than one pair of answer tags: which of them is the answer?
    SeveralAnswers {
        /// How many.
        answers: usize,
    },
    /// A name has letters other than ASCII's, and neither target nor old code has such a name: Python finds nothing under it, however much
    /// its letters look like the right ones.
    ForeignName {
        /// The name.
        name: String,
    },
    /// The target is not Python: the row can teach nothing.
    TargetNotPython {
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// `paper` mode only: the reference raises instead of returning a number.
    ReferenceRaises {
        /// The exception.
        exception: String,
    },
}

/// The part of a completion in which the code was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Searched {
    /// Between the answer tags.
    Answer,
    /// Behind the thinking, there being no answer tags.
    AfterThinking,
    /// The whole completion.
    Completion,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Withheld::NoCode { searched } => write!(f, "no closed ```python block {searched}"),
            Withheld::AnswerNotPython { error } => {
                write!(f, "the answer's code is not Python: {error}")
            }
            Withheld::EmptyCode => f.write_str("the answer's block holds no code"),
            Withheld::SeveralAnswers { answers } => {
                write!(f, "{answers} answers: one was asked for")
            }
            Withheld::ForeignName { name } => {
                let is_foreign = |c: &char| !c.is_ascii();
                let letter = name.chars().find(is_foreign).map_or(0, u32::from);
                write!(
                    f,
                    "the name {name} has the letter U+{letter:04X}, and nothing in the row has such a name"
                )
            }
            Withheld::TargetNotPython { error } => write!(
                f,
                "the target is not Python, so nothing can be compared with it: {error}"
            ),
            Withheld::ReferenceRaises { exception } => {
                write!(f, "the reference raises {exception}")
            }
        }
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Searched::Answer => "between the answer tags",
            Searched::AfterThinking => "after </think>",
            Searched::Completion => "in the completion",
        })
    }
}
