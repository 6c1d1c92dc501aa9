//! The innermost loops with AVX-512 and AVX2.

use std::arch::x86_64::*;

use half::bf16;

use super::pack::{Block, widen};
use super::{PANEL, Panel, Rows, Tile};

/// Calls a kernel with its number of rows and of registers a row as constants.
macro_rules! with_constants {
    ($kernel:ident, $rows:expr, $vectors:expr, [$($r:literal)*], $arguments:tt) => {
        match ($rows, $vectors) {
            $(($r, 1) => $kernel::<$r, 1> $arguments,)*
            $(($r, 2) => $kernel::<$r, 2> $arguments,)*
            $(($r, 3) => $kernel::<$r, 3> $arguments,)*
            _ => unreachable!("a tile of {} rows and {} registers", $rows, $vectors),
        }
    };
}

/// See [`Isa::multiply`](super::Isa::multiply).
///
/// # Safety
/// The machine has AVX-512 F; `a` has `c.rows` rows of `depth` numbers; `c` is what [`Tile::new`] asks for.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512_multiply(a: Rows<'_>, panel: &Panel, depth: usize, c: Tile, add: bool) {
    let vectors = c.cols.div_ceil(16);
    let last = (0xffff_u32 >> (vectors * 16 - c.cols)) as __mmask16;
    for first in (0..c.rows).step_by(8) {
        let rows = (c.rows - first).min(8);
        // SAFETY: the caller's promises, for these rows.
        unsafe {
            let a_start = a.data.as_ptr().add(first * a.stride);
            let c_start = c.start.add(first * c.stride);
            let panel = panel.0.as_ptr();
            with_constants!(avx512_tile, rows, vectors, [1 2 3 4 5 6 7 8],
                (a_start, a.stride, panel, depth, c_start, c.stride, last, add));
        }
    }
}

/// `ROWS` x `16 VECTORS` elements of C; of the last register of a row only those in `last`.
///
/// # Safety
/// As [`avx512_multiply`]'s, for `ROWS` rows.
#[target_feature(enable = "avx512f")]
#[allow(
    clippy::too_many_arguments,
    reason = "three matrices with their strides"
)]
unsafe fn avx512_tile<const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    a_stride: usize,
    panel: *const f32,
    depth: usize,
    c: *mut f32,
    c_stride: usize,
    last: __mmask16,
    add: bool,
) {
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    for k in 0..depth {
        // SAFETY: k < depth, so the panel's row and the rows of A have this element.
        unsafe {
            let mut b = [_mm512_setzero_ps(); VECTORS];
            for (v, b) in b.iter_mut().enumerate() {
                *b = _mm512_load_ps(panel.add(k * PANEL + v * 16));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*a.add(i * a_stride + k));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            let mask = if v + 1 == VECTORS { last } else { 0xffff };
            // SAFETY: masked to the tile's columns.
            unsafe {
                let c = c.add(i * c_stride + v * 16);
                let sum = if add {
                    _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), sum)
                } else {
                    sum
                };
                _mm512_mask_storeu_ps(c, mask, sum);
            }
        }
    }
}

/// See [`Isa::multiply`](super::Isa::multiply).
///
/// # Safety
/// The machine has AVX2 and FMA; the rest as for [`avx512_multiply`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn avx2_multiply(a: Rows<'_>, panel: &Panel, depth: usize, c: Tile, add: bool) {
    for first in (0..c.rows).step_by(6) {
        let rows = (c.rows - first).min(6);
        for first_col in (0..c.cols).step_by(16) {
            let cols = (c.cols - first_col).min(16);
            let vectors = cols.div_ceil(8);
            // SAFETY: the caller's promises, for these rows and columns.
            unsafe {
                let a_start = a.data.as_ptr().add(first * a.stride);
                let c_start = c.start.add(first * c.stride + first_col);
                let panel = panel.0.as_ptr().add(first_col);
                with_constants!(avx2_tile, rows, vectors, [1 2 3 4 5 6],
                    (a_start, a.stride, panel, depth, c_start, c.stride, cols, add));
            }
        }
    }
}

/// `ROWS` x `cols` elements of C, `cols` being at most `8 VECTORS`.
///
/// # Safety
/// As [`avx2_multiply`]'s, for `ROWS` rows.
#[target_feature(enable = "avx2,fma")]
#[allow(
    clippy::too_many_arguments,
    reason = "three matrices with their strides"
)]
unsafe fn avx2_tile<const ROWS: usize, const VECTORS: usize>(
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

/// Transposes 16 registers of 16 words: word j of result i is word i of argument j.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose_16x16(r: [__m512i; 16]) -> [__m512i; 16] {
    let mut t = [_mm512_setzero_si512(); 16];
    // Pairs of words, then quadruples, inside each quarter of a register.
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    let mut q = [_mm512_setzero_si512(); 16];
    for i in 0..4 {
        let t = &t[4 * i..4 * i + 4];
        q[4 * i] = _mm512_unpacklo_epi64(t[0], t[2]);
        q[4 * i + 1] = _mm512_unpackhi_epi64(t[0], t[2]);
        q[4 * i + 2] = _mm512_unpacklo_epi64(t[1], t[3]);
        q[4 * i + 3] = _mm512_unpackhi_epi64(t[1], t[3]);
    }
    // q[4 i + c] holds words c, 4 + c, 8 + c, 12 + c of arguments 4 i..4 i + 4: now the quarters.
    let mut out = [_mm512_setzero_si512(); 16];
    for c in 0..4 {
        let low = _mm512_shuffle_i32x4::<0b10_00_10_00>(q[c], q[4 + c]);
        let high = _mm512_shuffle_i32x4::<0b11_01_11_01>(q[c], q[4 + c]);
        let low_2 = _mm512_shuffle_i32x4::<0b10_00_10_00>(q[8 + c], q[12 + c]);
        let high_2 = _mm512_shuffle_i32x4::<0b11_01_11_01>(q[8 + c], q[12 + c]);
        out[c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, low_2);
        out[8 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, low_2);
        out[4 + c] = _mm512_shuffle_i32x4::<0b10_00_10_00>(high, high_2);
        out[12 + c] = _mm512_shuffle_i32x4::<0b11_01_11_01>(high, high_2);
    }
    out
}

/// `out[c * out_stride + r] = source[r * block.stride + c]`.
///
/// # Safety
/// The machine has AVX-512 F; the block lies inside both slices.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose_f32(
    source: &[f32],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
) {
    for r in (0..block.rows).step_by(16) {
        let rows = (block.rows - r).min(16);
        let row_mask = (0xffff_u32 >> (16 - rows)) as __mmask16;
        for c in (0..block.cols).step_by(16) {
            let cols = (block.cols - c).min(16);
            let col_mask = (0xffff_u32 >> (16 - cols)) as __mmask16;
            let mut lines = [_mm512_setzero_si512(); 16];
            for (i, line) in lines.iter_mut().enumerate().take(rows) {
                // SAFETY: row r + i and, masked, columns c.. are in the block.
                *line = unsafe {
                    let start = source.as_ptr().add((r + i) * block.stride + c);
                    _mm512_maskz_loadu_epi32(col_mask, start.cast())
                };
            }
            let lines = transpose_16x16(lines);
            for (j, line) in lines.iter().enumerate().take(cols) {
                // SAFETY: column c + j and, masked, rows r.. are in the block.
                unsafe {
                    let start = out.as_mut_ptr().add((c + j) * out_stride + r);
                    _mm512_mask_storeu_epi32(start.cast(), row_mask, *line);
                }
            }
        }
    }
}

/// `out[c * out_stride + r] = source[r * block.stride + c]`, widened.
///
/// # Safety
/// As [`transpose_f32`]'s.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose_bf16(
    source: &[bf16],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
) {
    // Pairs of columns travel as one word and are taken apart at the end.
    let pairs = block.cols / 32 * 16;
    for r in (0..block.rows).step_by(16) {
        let rows = (block.rows - r).min(16);
        let row_mask = (0xffff_u32 >> (16 - rows)) as __mmask16;
        for p in (0..pairs).step_by(16) {
            let mut lines = [_mm512_setzero_si512(); 16];
            for (i, line) in lines.iter_mut().enumerate().take(rows) {
                // SAFETY: row r + i and columns 2 p..2 p + 32 are in the block.
                *line = unsafe {
                    _mm512_loadu_epi32(source.as_ptr().add((r + i) * block.stride + 2 * p).cast())
                };
            }
            let lines = transpose_16x16(lines);
            for (j, line) in lines.iter().enumerate() {
                let even = _mm512_slli_epi32::<16>(*line);
                let odd = _mm512_and_epi32(*line, _mm512_set1_epi32(0xffff_0000_u32 as i32));
                // SAFETY: columns 2 (p + j) and the next and, masked, rows r.. are in the block.
                unsafe {
                    let start = out.as_mut_ptr().add(2 * (p + j) * out_stride + r);
                    _mm512_mask_storeu_epi32(start.cast(), row_mask, even);
                    _mm512_mask_storeu_epi32(start.add(out_stride).cast(), row_mask, odd);
                }
            }
        }
        for c in 2 * pairs..block.cols {
            for i in r..r + rows {
                out[c * out_stride + i] = widen(source[i * block.stride + c]);
            }
        }
    }
}

/// `out[r * out_stride + c] = source[r * block.stride + c]`, widened.
///
/// # Safety
/// The machine has AVX-512 F and BW; the block lies inside both slices.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn widen_bf16(source: &[bf16], block: Block, out: &mut [f32], out_stride: usize) {
    for r in 0..block.rows {
        let source = &source[r * block.stride..][..block.cols];
        let out = &mut out[r * out_stride..][..block.cols];
        for (out, source) in out.iter_mut().zip(source) {
            *out = widen(*source);
        }
    }
}
