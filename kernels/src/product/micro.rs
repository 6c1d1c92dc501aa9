//! The innermost loops.

/// Columns of a packed panel of B.
pub(super) const PANEL: usize = 48;
/// Rows computed at once.
const ROWS: usize = 4;

/// Which part of C is written.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub rows: usize,
    pub cols: usize,
    pub stride: usize,
}

/// `c[i, j] += Σ_k a[i, k] panel[k, j]` over one block of k.
pub(super) fn rows(a: &[f32], depth: usize, panel: &[f32], c: &mut [f32], tile: Tile) {
    for first in (0..tile.rows).step_by(ROWS) {
        let rows = ROWS.min(tile.rows - first);
        let mut sums = [[0.0f32; PANEL]; ROWS];
        for k in 0..depth {
            let b: &[f32; PANEL] = panel[k * PANEL..][..PANEL].try_into().expect("a panel row");
            for (i, sums) in sums.iter_mut().enumerate().take(rows) {
                let a = a[(first + i) * depth + k];
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum += a * b;
                }
            }
        }
        for (i, sums) in sums.iter().enumerate().take(rows) {
            for (c, sum) in c[(first + i) * tile.stride..]
                .iter_mut()
                .zip(&sums[..tile.cols])
            {
                *c += sum;
            }
        }
    }
}
