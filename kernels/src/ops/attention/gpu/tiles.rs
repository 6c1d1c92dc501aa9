//! What each cube of attention's kernels is about, worked out on the processor from the spans.

use std::sync::Arc;

use crate::Result;
use crate::batch::{Segment, Span, segments};
use crate::gpu::{Buffer, Gpu};

/// Words of an entry: `[first row, end, prefix start, prefix end, segment start]`.
pub(super) const WORDS: usize = 5;

/// Queries that are neighbours in one segment, each tile for one cube a key-value head.
pub(super) struct QueryTiles {
    pub count: usize,
    /// [count, 5]
    pub table: Buffer,
}

/// Keys that are neighbours, and for each tile the segments whose queries see some of them.
pub(super) struct KeyTiles {
    pub count: usize,
    /// [count, 4]: first key, end, the place of the first entry in this table, and of the end; behind them the entries, 5 words each.
    pub table: Buffer,
}

fn entry(rows: [usize; 2], segment: &Segment) -> [u32; WORDS] {
    [
        rows[0] as u32,
        rows[1] as u32,
        segment.prefix.start as u32,
        segment.prefix.end as u32,
        segment.rows.start as u32,
    ]
}

pub(super) fn query_tiles(
    gpu: &Arc<Gpu>,
    spans: &[Span],
    rows_a_tile: usize,
) -> Result<QueryTiles> {
    let mut table = Vec::new();
    for segment in segments(spans) {
        for first in segment.rows.clone().step_by(rows_a_tile) {
            let end = segment.rows.end.min(first + rows_a_tile);
            table.extend(entry([first, end], &segment));
        }
    }
    Ok(QueryTiles {
        count: table.len() / WORDS,
        table: Buffer::from_words(gpu, &table)?,
    })
}

pub(super) fn key_tiles(gpu: &Arc<Gpu>, spans: &[Span], keys_a_tile: usize) -> Result<KeyTiles> {
    let segments: Vec<Segment> = segments(spans).collect();
    let (mut table, mut entries) = (Vec::new(), Vec::new());
    let count = spans.len().div_ceil(keys_a_tile);
    for first in (0..spans.len()).step_by(keys_a_tile) {
        let end = spans.len().min(first + keys_a_tile);
        let before = 4 * count + entries.len();
        for segment in &segments {
            let meets = |range: &std::ops::Range<usize>| range.start < end && first < range.end;
            if meets(&segment.rows) || meets(&segment.prefix) {
                entries.extend(entry([segment.rows.start, segment.rows.end], segment));
            }
        }
        let after = 4 * count + entries.len();
        table.extend([first, end, before, after].map(|word| word as u32));
    }
    table.extend(entries);
    Ok(KeyTiles {
        count,
        table: Buffer::from_words(gpu, &table)?,
    })
}
