//! Flat tokens without padding: a batch is N tokens in a row, each with a position and the span of tokens it attends to.
//!
//! One representation serves plain causal text, packed sequences and a group of completions behind one copy of their
//! prompt. Rows of a batch are tokens; a *segment* is a run of tokens with one span, causal inside.

use std::ops::Range;

use crate::error::{Error, Result};

/// What token i attends to: the rows of `prefix`, which it may share with other segments, and `start..=i`, its own
/// segment up to itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Span {
    /// Rows before the segment that all of its tokens see; empty where nothing is shared.
    pub prefix: Range<u32>,
    /// The segment's first row.
    pub start: u32,
}

/// A maximal run of tokens with one span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Rows that all tokens of the segment see.
    pub prefix: Range<usize>,
    /// The segment's own rows; token i of them sees `rows.start..=i`.
    pub rows: Range<usize>,
}

/// The rows of a prompt and of the completions behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The prompt's rows.
    pub prompt: Range<usize>,
    /// Each completion's rows, in the order they were given.
    pub completions: Vec<Range<usize>>,
}

/// N tokens in a row: what the decoder takes.
///
/// ```
/// use recode_kernels::batch::TokenBatch;
///
/// let mut batch = TokenBatch::new();
/// let group = batch.push_group(&[5, 6, 7], &[&[8, 9], &[4]]);
/// assert_eq!(group.prompt, 0..3);
/// assert_eq!(group.completions, [3..5, 5..6]);
/// assert_eq!(batch.positions, [0, 1, 2, 3, 4, 3]); // both completions follow the prompt
/// assert_eq!(batch.spans[5].prefix, 0..3);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenBatch {
    /// Token ids, `[N]`.
    pub ids: Vec<u32>,
    /// Positions for the rotary embedding, `[N]`.
    pub positions: Vec<u32>,
    /// What each token attends to, `[N]`.
    pub spans: Vec<Span>,
}

impl TokenBatch {
    /// No tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One sequence of plain causal text, at positions 0, 1, 2 and so on.
    #[must_use]
    pub fn causal(ids: &[u32]) -> Self {
        let mut batch = Self::new();
        batch.push_segment(0..0, 0, ids);
        batch
    }

    /// Appends a segment whose tokens all see the rows of `prefix` and returns its rows.
    ///
    /// Whether `prefix` lies before the segment is for [`TokenBatch::validate`] to say.
    ///
    /// # Panics
    /// Where a row or a position would not fit 32 bits.
    pub fn push_segment(
        &mut self,
        prefix: Range<u32>,
        first_position: u32,
        ids: &[u32],
    ) -> Range<usize> {
        let rows = self.len()..self.len() + ids.len();
        assert!(
            u32::try_from(rows.end).is_ok()
                && first_position.checked_add(ids.len() as u32).is_some(),
            "a batch holds less than 2^32 tokens and positions"
        );
        let start = rows.start as u32;
        self.ids.extend_from_slice(ids);
        self.positions.extend((first_position..).take(ids.len()));
        self.spans.extend((0..ids.len()).map(|_| Span {
            prefix: prefix.clone(),
            start,
        }));
        rows
    }

    /// Appends one prompt and, behind it, the completions that share it.
    ///
    /// # Panics
    /// Where a row would not fit 32 bits.
    pub fn push_group(&mut self, prompt: &[u32], completions: &[&[u32]]) -> Group {
        let prompt = self.push_segment(0..0, 0, prompt);
        let prefix = prompt.start as u32..prompt.end as u32;
        let completions = completions
            .iter()
            .map(|ids| self.push_segment(prefix.clone(), prefix.len() as u32, ids))
            .collect();
        Group {
            prompt,
            completions,
        }
    }

    /// Number of tokens, N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The segments in order; together they are all rows.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        segments(&self.spans)
    }

    /// Checks that there is one position and one span per token and that every span is sound; see [`validate_spans`].
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Argument`], which name the row.
    pub fn validate(&self) -> Result<()> {
        const OP: &str = "TokenBatch";
        let n = [self.len()];
        Error::check_shape(OP, "positions", &n, &[self.positions.len()])?;
        Error::check_shape(OP, "spans", &n, &[self.spans.len()])?;
        validate_spans(OP, &self.spans)
    }
}

/// The maximal runs of equal spans, in order. For sound spans `rows.start` is the span's `start`.
pub fn segments(spans: &[Span]) -> impl Iterator<Item = Segment> + '_ {
    spans.chunk_by(|a, b| a == b).scan(0, |first_row, run| {
        let rows = *first_row..*first_row + run.len();
        *first_row = rows.end;
        let prefix = &run[0].prefix;
        Some(Segment {
            prefix: prefix.start as usize..prefix.end as usize,
            rows,
        })
    })
}

/// Checks that every segment starts where its spans say and sees only rows before it.
///
/// # Errors
/// [`Error::Argument`] that names the first row whose span's `start` is not the first row of its run, or whose `prefix`
/// is reversed or reaches into the segment.
pub fn validate_spans(op: &'static str, spans: &[Span]) -> Result<()> {
    for (segment, run) in segments(spans).zip(spans.chunk_by(|a, b| a == b)) {
        let row = segment.rows.start;
        let Span { prefix, start } = &run[0];
        let reason = if *start as usize != row {
            format!("row {row} begins a segment but its span starts at {start}")
        } else if prefix.start > prefix.end || prefix.end > *start {
            format!("row {row} has the prefix {prefix:?}, which is not a range of rows before it")
        } else {
            continue;
        };
        return Err(Error::Argument {
            op,
            what: "spans",
            reason,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causal_text_is_one_segment_without_prefix() {
        let batch = TokenBatch::causal(&[3, 1, 4, 1, 5]);
        assert_eq!(batch.positions, [0, 1, 2, 3, 4]);
        let segments: Vec<_> = batch.segments().collect();
        assert_eq!(
            segments,
            [Segment {
                prefix: 0..0,
                rows: 0..5
            }]
        );
        batch.validate().unwrap();
    }

    #[test]
    fn a_second_group_sees_only_its_own_prompt() {
        let mut batch = TokenBatch::new();
        batch.push_group(&[1, 2], &[&[3], &[4, 5, 6]]);
        let group = batch.push_group(&[7, 8, 9], &[&[1, 1], &[2]]);
        batch.validate().unwrap();
        assert_eq!(group.prompt, 6..9);
        let own: Vec<_> = batch.segments().skip(3).collect();
        assert_eq!(own[0].prefix, 0..0);
        assert_eq!((&own[1].prefix, &own[1].rows), (&(6..9), &(9..11)));
        assert_eq!((&own[2].prefix, &own[2].rows), (&(6..9), &(11..12)));
        assert_eq!(batch.positions[6..], [0, 1, 2, 3, 4, 3]);
    }

    #[test]
    fn an_empty_completion_has_no_rows_and_no_segment() {
        let mut batch = TokenBatch::new();
        let group = batch.push_group(&[1, 2], &[&[], &[3]]);
        assert_eq!(group.completions, [2..2, 2..3]);
        assert_eq!(batch.segments().count(), 2);
        batch.validate().unwrap();
        assert_eq!(TokenBatch::new().segments().count(), 0);
        TokenBatch::causal(&[]).validate().unwrap();
    }

    #[test]
    fn packed_texts_are_segments_of_their_own() {
        let mut batch = TokenBatch::causal(&[1, 2, 3]);
        let rows = batch.push_segment(0..0, 0, &[4, 5]);
        assert_eq!(rows, 3..5);
        batch.validate().unwrap();
        assert_eq!(
            batch.segments().map(|s| s.rows).collect::<Vec<_>>(),
            [0..3, 3..5]
        );
    }

    #[test]
    fn unsound_spans_are_refused_by_row() {
        let mut late_start = TokenBatch::causal(&[1, 2, 3]);
        late_start.spans[1].start = 1;
        // Row 2 still says 0, but its run begins at row 2.
        assert_eq!(
            late_start.validate().unwrap_err().to_string(),
            "TokenBatch: spans row 2 begins a segment but its span starts at 0"
        );
        let mut own_prefix = TokenBatch::causal(&[1, 2]);
        own_prefix.push_segment(0..3, 2, &[3]);
        assert_eq!(
            own_prefix.validate().unwrap_err().to_string(),
            "TokenBatch: spans row 2 has the prefix 0..3, which is not a range of rows before it"
        );
        let mut short = TokenBatch::causal(&[1, 2]);
        short.positions.pop();
        assert_eq!(
            short.validate().unwrap_err().to_string(),
            "TokenBatch: positions has shape [1], expected [2]"
        );
    }
}
