//! The innermost loop with AVX2 and FMA.

use std::arch::x86_64::*;

use super::{PANEL, Rows, Tile};

/// See [`Isa::multiply`](super::Isa::multiply).
///
/// # Safety
/// The machine has AVX2 and FMA; the rest as for the AVX-512 one.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn multiply(a: Rows<'_>, panel: &[f32], depth: usize, c: Tile, add: bool) {
    for first in (0..c.rows).step_by(6) {
        let rows = (c.rows - first).min(6);
        for first_col in (0..c.cols).step_by(16) {
            let cols = (c.cols - first_col).min(16);
            let vectors = cols.div_ceil(8);
            // SAFETY: the caller's promises, for these rows and columns.
            unsafe {
                let a_start = a.data.as_ptr().add(first * a.stride);
                let c_start = c.start.add(first * c.stride + first_col);
                let panel = panel.as_ptr().add(first_col);
                super::with_constants!(rows, vectors, [1 2 3 4 5 6], tile::<ROWS, VECTORS>(a_start, a.stride, panel, depth, c_start, c.stride, cols, add));
            }
        }
    }
}

/// `ROWS` x `cols` elements of C, `cols` being at most `8 VECTORS`.
///
/// # Safety
/// As [`multiply`]'s, for `ROWS` rows.
#[target_feature(enable = "avx2,fma")]
#[allow(
    clippy::too_many_arguments,
    reason = "three matrices with their strides"
)]
unsafe fn tile<const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    a_stride: usize,
    panel: *const f32,
    depth: usize,
    c: *mut f32,
    c_stride: usize,
    cols: usize,
    add: bool,
) {
    let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
    for k in 0..depth {
        // SAFETY: k < depth, so the panel's row and the rows of A have this element.
        unsafe {
            let mut b = [_mm256_setzero_ps(); VECTORS];
            for (v, b) in b.iter_mut().enumerate() {
                *b = _mm256_load_ps(panel.add(k * PANEL + v * 8));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_set1_ps(*a.add(i * a_stride + k));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm256_fmadd_ps(a, b, *sum);
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: only the tile's columns are read and written.
            unsafe {
                let c = c.add(i * c_stride + v * 8);
                if cols >= (v + 1) * 8 {
                    let sum = if add {
                        _mm256_add_ps(_mm256_loadu_ps(c), sum)
                    } else {
                        sum
                    };
                    _mm256_storeu_ps(c, sum);
                } else {
                    let mut lanes = [0.0; 8];
                    _mm256_storeu_ps(lanes.as_mut_ptr(), sum);
                    for (j, sum) in lanes.iter().enumerate().take(cols - v * 8) {
                        *c.add(j) = if add { *c.add(j) + sum } else { *sum };
                    }
                }
            }
        }
    }
}
