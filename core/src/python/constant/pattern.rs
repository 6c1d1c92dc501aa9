//! Whether a constant matches a pattern of `match`.

use super::Constant;
use super::operations::{equal, is_the_same};
use ruff_python_ast::{Pattern, Singleton};

/// Whether `subject` matches; `None` where that is not known.
pub(crate) fn matches(pattern: &Pattern, subject: &Constant) -> Option<bool> {
    match pattern {
        Pattern::MatchValue(value) => equal(subject, &Constant::of(&value.value)?),
        Pattern::MatchSingleton(singleton) => {
            let value = match singleton.value {
                Singleton::None => Constant::None,
                Singleton::True => Constant::Bool(true),
                Singleton::False => Constant::Bool(false),
            };
            is_the_same(subject, &value)
        }
        Pattern::MatchAs(capture) => match &capture.pattern {
            Some(pattern) => matches(pattern, subject),
            None => Some(true),
        },
        Pattern::MatchOr(or) => {
            let mut known = Some(false);
            for pattern in &or.patterns {
                match matches(pattern, subject) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => known = None,
                }
            }
            known
        }
        // Texts are no sequences here.
        Pattern::MatchSequence(_) | Pattern::MatchMapping(_) => match subject {
            Constant::Items(..) | Constant::Opaque { .. } => None,
            _ => Some(false),
        },
        Pattern::MatchClass(_) | Pattern::MatchStar(_) => None,
    }
}
