//! The innermost loops in plain Rust, for machines without AVX2 and for wasm32.

use super::pack::Lines;
use super::{PANEL, Rows, Tile};
use crate::packed::{LINE, LINES, widen_pair};

/// Rows and columns computed at once: sums for 8 registers of 4 floats.
const ROWS: usize = 2;
const COLS: usize = LINE;

/// See [`Isa::multiply`](super::Isa::multiply), which has checked that rows, panel and tile are large enough.
pub(super) fn multiply(a: Rows<'_>, panel: &[f32], depth: usize, c: Tile, add: bool) {
    let sums = |a, first_col: usize| tile(a, &panel[first_col..], depth);
    each_tile(a, depth, c, add, sums);
}

/// See [`Isa::multiply_lines`](super::Isa::multiply_lines), which has checked likewise.
pub(super) fn multiply_lines(a: Rows<'_>, lines: Lines<'_>, c: Tile, add: bool) {
    let sums = |a, first_col: usize| lines_tile(a, lines, first_col / LINE);
    each_tile(a, lines.len, c, add, sums);
}

/// Writes or adds what `sums` gives for some rows and the columns from one on.
fn each_tile<'a>(
    a: Rows<'a>,
    depth: usize,
    c: Tile,
    add: bool,
    sums: impl Fn([&'a [f32]; ROWS], usize) -> [[f32; COLS]; ROWS],
) {
    for first_row in (0..c.rows).step_by(ROWS) {
        let rows = ROWS.min(c.rows - first_row);
        // The second row of the last pair is the first once more where rows are odd in number.
        let row = |i: usize| &a.data[(first_row + i.min(rows - 1)) * a.stride..][..depth];
        let pair: [&[f32]; ROWS] = [row(0), row(1)];
        for first_col in (0..c.cols).step_by(COLS) {
            let sums = sums(pair, first_col);
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

/// As [`tile`], with B in pairs of bf16 that are widened in registers: line `line` of each pair.
fn lines_tile(a: [&[f32]; ROWS], lines: Lines<'_>, line: usize) -> [[f32; COLS]; ROWS] {
    let mut sums = [[0.0; COLS]; ROWS];
    for (pair, line) in lines.pairs[line..].iter().step_by(LINES).enumerate() {
        let even = line.0.map(|word| widen_pair(word)[0]);
        let odd = line.0.map(|word| widen_pair(word)[1]);
        for (a, sums) in a.iter().zip(&mut sums) {
            let a = &a[2 * pair..];
            for (sum, b) in sums.iter_mut().zip(even) {
                *sum += a[0] * b;
            }
            if let Some(a) = a.get(1) {
                for (sum, b) in sums.iter_mut().zip(odd) {
                    *sum += a * b;
                }
            }
        }
    }
    sums
}
