//! The one matrix product behind every linear op: `C (+)= A B`, with A and B read through [`View`]s.
//!
//! Views know transposition and bf16, so `x wᵀ`, `d_y w` and `d_yᵀ x` are one function, and a bf16 weight is widened while
//! its panel is packed: never a whole widened copy.
//!
//! An element of C is `Σ_blocks (Σ_k a·b)`: the inner sum runs over at most [`DEPTH`] consecutive k, in order, in one
//! accumulator, and the blocks are added in order. That sequence depends on nothing but k: not on the number of rows or
//! columns, not on where the element stands, not on the number of threads. So a row's result has the same bits whether it is
//! computed alone or among a thousand others.

mod micro;
mod view;

pub(crate) use view::View;

use micro::{PANEL, Tile};
use rayon::prelude::*;

/// How many k one accumulator sums before it is added to C: a panel of B this deep stays in the first-level cache.
pub(crate) const DEPTH: usize = 192;
/// Rows of C a task computes: enough to pay for packing a panel of B.
const TASK_ROWS: usize = 384;
/// Columns of C a task computes.
const TASK_COLS: usize = 4 * PANEL;

/// `c[i, j] = (accumulate ? c[i, j] : 0) + Σ_k a[i, k] b[k, j]`.
///
/// # Shapes
/// `a` [m, k], `b` [k, n], `c` [m, n] dense.
///
/// # Panics
/// Where the shapes do not fit: ops check before they call.
pub(crate) fn product(a: View<'_>, b: View<'_>, c: &mut [f32], accumulate: bool) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert_eq!(b.rows(), k, "product: inner dimensions differ");
    assert_eq!(c.len(), m * n, "product: c has another size");
    if !accumulate {
        c.fill(0.0);
    }
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    c.par_chunks_mut(TASK_ROWS * n)
        .enumerate()
        .for_each(|(block, c)| {
            let first_row = block * TASK_ROWS;
            let rows = c.len() / n;
            let mut a_block = vec![0.0; rows * DEPTH];
            let mut panel = vec![0.0; DEPTH * PANEL];
            for first_k in (0..k).step_by(DEPTH) {
                let depth = DEPTH.min(k - first_k);
                a.copy_block(
                    first_row..first_row + rows,
                    first_k..first_k + depth,
                    &mut a_block,
                    depth,
                );
                for first_col in (0..n).step_by(PANEL) {
                    let cols = PANEL.min(n - first_col);
                    b.copy_block(
                        first_k..first_k + depth,
                        first_col..first_col + cols,
                        &mut panel,
                        PANEL,
                    );
                    micro::rows(
                        &a_block,
                        depth,
                        &panel,
                        &mut c[first_col..],
                        Tile {
                            rows,
                            cols,
                            stride: n,
                        },
                    );
                }
            }
        });
    let _ = TASK_COLS;
}
