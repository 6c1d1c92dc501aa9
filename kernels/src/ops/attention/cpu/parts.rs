//! What the backward pass does side by side: long segments cut into parts, short ones whole.

use std::ops::Range;

use crate::batch::{Segment, segments};
use crate::ops::attention::{Operands, Sizes};

/// Into how many parts a batch of one segment is cut.
const PARTS: usize = 16;
/// Lanes that the cuts between parts are multiples of: whole tiles on every machine.
const LANES: usize = 48;

/// Some rows of a segment.
pub(super) struct Part {
    pub segment: Segment,
    pub rows: Range<usize>,
}

impl Part {
    /// The rows it sees: those of the prefix, and its segment's up to its own last.
    pub fn keys(&self) -> [Range<usize>; 2] {
        [
            self.segment.prefix.clone(),
            self.segment.rows.start..self.rows.end,
        ]
    }
}

/// Cuts long segments into parts of about equal work, a [`PARTS`]th of the whole or a whole segment each.
pub(super) fn parts(sizes: Sizes, operands: &Operands<'_>) -> Vec<Part> {
    // Pairs of row and key among the segment's first `rows` rows.
    let pairs = |segment: &Segment, rows: usize| {
        rows as f64 * segment.prefix.len() as f64 + rows as f64 * (rows as f64 + 1.0) / 2.0
    };
    let segments: Vec<Segment> = segments(operands.spans).collect();
    let all: f64 = segments.iter().map(|s| pairs(s, s.rows.len())).sum();
    // Rows that fill whole tiles: LANES / gcd(LANES, group).
    let unit = (1..=LANES)
        .find(|rows| (rows * sizes.group()).is_multiple_of(LANES))
        .expect("LANES rows of any group are whole tiles");
    let mut parts = Vec::new();
    for segment in segments {
        let len = segment.rows.len();
        let own = pairs(&segment, len);
        let count = (own * PARTS as f64 / all) as usize;
        let mut first = 0;
        for part in 1..=count.max(1) {
            let mut end = first;
            while end < len && pairs(&segment, end) < own * part as f64 / count.max(1) as f64 {
                end = len.min(end + unit);
            }
            if end > first {
                parts.push(Part {
                    rows: segment.rows.start + first..segment.rows.start + end,
                    segment: segment.clone(),
                });
            }
            first = end;
        }
    }
    parts
}
