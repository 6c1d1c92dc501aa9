//! The innermost loop in plain Rust, for machines without AVX2 and for wasm32.

use super::{PANEL, Rows, Tile};

/// Rows and columns computed at once: sums for 8 registers of 4 floats.
const ROWS: usize = 2;
const COLS: usize = 16;

/// See [`Isa::multiply`](super::Isa::multiply), which has checked that rows, panel and tile are large enough.
pub(super) fn multiply(a: Rows<'_>, panel: &[f32], depth: usize, c: Tile, add: bool) {
    for first_row in (0..c.rows).step_by(ROWS) {
        let rows = ROWS.min(c.rows - first_row);
        // The second row of the last pair is the first once more where rows are odd in number.
        let row = |i: usize| &a.data[(first_row + i.min(rows - 1)) * a.stride..][..depth];
        let pair: [&[f32]; ROWS] = [row(0), row(1)];
        for first_col in (0..c.cols).step_by(COLS) {
            let sums = tile(pair, &panel[first_col..], depth);
            let cols = COLS.min(c.cols - first_col);
            for (i, sums) in sums.iter().enumerate().take(rows) {
                // SAFETY: rows and columns of the tile are valid and this thread's, as whoever made it promised.
                let out = unsafe {
                    let start = c.start.add((first_row + i) * c.stride + first_col);
                    std::slice::from_raw_parts_mut(start, cols)
                };
                for (c, sum) in out.iter_mut().zip(sums) {
                    *c = if add { *c + sum } else { *sum };
                }
            }
        }
    }
}

fn tile(a: [&[f32]; ROWS], panel: &[f32], depth: usize) -> [[f32; COLS]; ROWS] {
    let mut sums = [[0.0; COLS]; ROWS];
    for (k, b) in panel.chunks(PANEL).enumerate().take(depth) {
        for (a, sums) in a.iter().zip(&mut sums) {
            for (sum, b) in sums.iter_mut().zip(&b[..COLS]) {
                *sum += a[k] * b;
            }
        }
    }
    sums
}
