//! How long the texts of a case may be: short ones are scored with every keystroke, longer ones by a worker, and the longest not at all.

use super::Case;
use recode_core::python::MAX_SOURCE_BYTES;

/// The most bytes of all texts that are scored at once: above, a keystroke would wait for longer than two frames.
const AT_ONCE_BYTES: usize = 16 << 10;

/// Who scores a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The page, with every keystroke.
    AtOnce,
    /// A worker, as soon as nobody types.
    Long,
}

/// Why a case is not scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} has {bytes} bytes, more than the {MAX_SOURCE_BYTES} of a text that are scored: shorten it"
)]
pub struct TooLarge {
    what: &'static str,
    bytes: usize,
}

impl Size {
    /// Of a case.
    ///
    /// # Errors
    /// The first text that is too long for the scorer.
    pub fn of(case: &Case) -> Result<Self, TooLarge> {
        let texts = [
            ("the answer", &case.answer),
            ("the true migration", &case.target),
            ("the old code", &case.old_code),
        ];
        let too_large = texts.iter().find(|(_, text)| text.len() > MAX_SOURCE_BYTES);
        if let Some(&(what, text)) = too_large {
            let bytes = text.len();
            return Err(TooLarge { what, bytes });
        }
        let all: usize = texts.iter().map(|(_, text)| text.len()).sum();
        Ok(match all <= AT_ONCE_BYTES {
            true => Size::AtOnce,
            false => Size::Long,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_to_the_worker_and_the_longest_nowhere() {
        let of = |answer: usize, target: usize| {
            let text = |length| "x".repeat(length);
            Size::of(&Case {
                answer: text(answer),
                target: text(target),
                ..Case::default()
            })
        };
        assert_eq!(of(16_000, 384), Ok(Size::AtOnce));
        assert_eq!(of(16_000, 385), Ok(Size::Long));
        assert_eq!(of(1 << 20, 1 << 20), Ok(Size::Long));
        assert_eq!(
            of(5, (1 << 20) + 1).unwrap_err().to_string(),
            "the true migration has 1048577 bytes, more than the 1048576 of a text that are scored: shorten it"
        );
    }
}
