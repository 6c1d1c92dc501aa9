//! Places in a text, counted in bytes and in UTF-16 units: a browser's strings are made of the latter.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// In bytes of UTF-8.
    pub bytes: Range<usize>,
    /// In units of UTF-16: what JavaScript's `slice` takes.
    pub utf16: Range<usize>,
}

/// Turns byte ranges of a text into spans, in one pass over the text for all of them.
pub(super) struct Spans {
    /// `(byte, unit)` behind every character that is not ASCII.
    steps: Vec<(usize, usize)>,
}

impl Spans {
    pub(super) fn of(text: &str) -> Self {
        let mut unit_shift = 0; // how many units fewer than bytes
        let steps = text
            .char_indices()
            .filter(|(_, c)| !c.is_ascii())
            .map(|(at, c)| {
                unit_shift += c.len_utf8() - c.len_utf16();
                let behind = at + c.len_utf8();
                (behind, behind - unit_shift)
            });
        Spans {
            steps: steps.collect(),
        }
    }

    pub(super) fn span(&self, bytes: Range<usize>) -> Span {
        let utf16 = self.utf16(bytes.start)..self.utf16(bytes.end);
        Span { bytes, utf16 }
    }

    fn utf16(&self, byte: usize) -> usize {
        match self.steps.partition_point(|&(behind, _)| behind <= byte) {
            0 => byte,
            n => self.steps[n - 1].1 + (byte - self.steps[n - 1].0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn units_are_those_of_utf16(before in "[aé漢🦀]{0,9}", within in "[aé漢🦀]{0,9}", behind in "[aé漢🦀]{0,9}") {
            let text = format!("{before}{within}{behind}");
            let span = Spans::of(&text).span(before.len()..before.len() + within.len());
            let start = before.encode_utf16().count();
            prop_assert_eq!(span.utf16, start..start + within.encode_utf16().count());
        }
    }
}
