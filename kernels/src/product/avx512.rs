//! The innermost loops with AVX-512.

use std::arch::x86_64::*;

use super::pack::{Block, Lines};
use super::{PANEL, Rows, Tile};
use crate::packed::{LINE, LINES, Line};

/// How far ahead a panel that comes from memory is fetched: the processor's own prefetcher falls behind once there are
/// several rows to multiply.
const AHEAD_BYTES: usize = 8192;

/// See [`Isa::multiply`](super::Isa::multiply).
///
/// # Safety
/// The machine has AVX-512 F; `a` has `c.rows` rows of `depth` numbers; `c` is what [`Tile::new`] asks for.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn multiply<const AHEAD: bool>(
    a: Rows<'_>,
    panel: &[f32],
    depth: usize,
    c: Tile,
    add: bool,
) {
    let vectors = c.cols.div_ceil(16);
    let last = (0xffff_u32 >> (vectors * 16 - c.cols)) as __mmask16;
    for first in (0..c.rows).step_by(8) {
        let rows = (c.rows - first).min(8);
        // SAFETY: the caller's promises, for these rows.
        unsafe {
            let a_start = a.data.as_ptr().add(first * a.stride);
            let c_start = c.start.add(first * c.stride);
            let panel = panel.as_ptr();
            super::with_constants!(rows, vectors, [1 2 3 4 5 6 7 8], tile::<ROWS, VECTORS, AHEAD>(a_start, a.stride, panel, depth, c_start, c.stride, last, add));
        }
    }
}

/// `ROWS` x `16 VECTORS` elements of C; of the last register of a row only those in `last`.
///
/// # Safety
/// As [`multiply`]'s, for `ROWS` rows.
#[target_feature(enable = "avx512f")]
#[allow(
    clippy::too_many_arguments,
    reason = "three matrices with their strides"
)]
unsafe fn tile<const ROWS: usize, const VECTORS: usize, const AHEAD: bool>(
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
                let line = panel.add(k * PANEL + v * 16);
                if AHEAD {
                    _mm_prefetch::<_MM_HINT_T0>(line.cast::<u8>().wrapping_add(AHEAD_BYTES).cast());
                }
                *b = _mm512_load_ps(line);
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*a.add(i * a_stride + k));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { store(&sums, c, c_stride, last, add) };
}

/// `c (+)= sums`.
///
/// # Safety
/// `c` has these rows and, in the last register masked by `last`, columns.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store<const ROWS: usize, const VECTORS: usize>(
    sums: &[[__m512; VECTORS]; ROWS],
    c: *mut f32,
    c_stride: usize,
    last: __mmask16,
    add: bool,
) {
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

/// See [`Isa::multiply_lines`](super::Isa::multiply_lines).
///
/// # Safety
/// The machine has AVX-512 F; `a` has `c.rows` rows of `lines.len` numbers; `c` is what [`Tile::new`] asks for.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn multiply_lines(a: Rows<'_>, lines: Lines<'_>, c: Tile, add: bool) {
    let vectors = c.cols.div_ceil(16);
    let last = (0xffff_u32 >> (vectors * 16 - c.cols)) as __mmask16;
    for first in (0..c.rows).step_by(8) {
        let rows = (c.rows - first).min(8);
        // SAFETY: the caller's promises, for these rows.
        unsafe {
            let a_start = a.data.as_ptr().add(first * a.stride);
            let c_start = c.start.add(first * c.stride);
            super::with_constants!(rows, vectors, [1 2 3 4 5 6 7 8], lines_tile::<ROWS, VECTORS>(a_start, a.stride, lines, c_start, c.stride, last, add));
        }
    }
}

/// As [`tile`], with B in pairs of bf16 that are widened in registers.
///
/// # Safety
/// As [`multiply_lines`]'s, for `ROWS` rows.
#[target_feature(enable = "avx512f")]
unsafe fn lines_tile<const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    a_stride: usize,
    lines: Lines<'_>,
    c: *mut f32,
    c_stride: usize,
    last: __mmask16,
    add: bool,
) {
    let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    let start = lines.pairs.as_ptr();
    for pair in 0..lines.len / 2 {
        // SAFETY: the pair is one of the lines', so both numbers of it are in the rows of A.
        unsafe {
            let mut words = [_mm512_setzero_si512(); VECTORS];
            for (v, words) in words.iter_mut().enumerate() {
                let line = start.add(pair * LINES + v);
                _mm_prefetch::<_MM_HINT_T0>(line.cast::<u8>().wrapping_add(AHEAD_BYTES).cast());
                *words = _mm512_load_si512(line.cast());
            }
            let even = words.map(|words| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*a.add(i * a_stride + 2 * pair));
                for (sum, b) in sums.iter_mut().zip(even) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
            let odd = words.map(|words| _mm512_castsi512_ps(_mm512_and_si512(words, upper)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm512_set1_ps(*a.add(i * a_stride + 2 * pair + 1));
                for (sum, b) in sums.iter_mut().zip(odd) {
                    *sum = _mm512_fmadd_ps(a, b, *sum);
                }
            }
        }
    }
    if lines.len % 2 == 1 {
        let pair = lines.len / 2;
        for (i, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the last pair has lines, and its first number is in the rows of A.
                unsafe {
                    let words = _mm512_load_si512(start.add(pair * LINES + v).cast());
                    let a = _mm512_set1_ps(*a.add(i * a_stride + 2 * pair));
                    *sum = _mm512_fmadd_ps(
                        a,
                        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)),
                        *sum,
                    );
                }
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { store(&sums, c, c_stride, last, add) };
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
pub(super) unsafe fn transpose(source: &[f32], block: Block, out: &mut [f32], out_stride: usize) {
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
                    _mm_prefetch::<_MM_HINT_T1>(start.wrapping_offset(block.ahead).cast());
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

/// `out[o * PANEL + i]` = input i, output o of the lines, for the first `outputs` of them.
///
/// # Safety
/// The machine has AVX-512 F; `outputs` is at most [`PANEL`], and so is `lines.len`; `out` has `outputs * PANEL` elements.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose_lines(lines: Lines<'_>, outputs: usize, out: &mut [f32]) {
    let pairs = lines.pairs.len() / LINES;
    for o in (0..outputs).step_by(LINE) {
        for p in (0..pairs).step_by(16) {
            let mut words = [_mm512_setzero_si512(); 16];
            for (i, words) in words.iter_mut().enumerate().take(pairs - p) {
                // SAFETY: the pair p + i has a line for output o.
                *words = unsafe {
                    _mm512_load_si512(lines.pairs.as_ptr().add((p + i) * LINES + o / LINE).cast())
                };
            }
            // Line j is now 32 inputs of output o + j, in order.
            for (j, words) in transpose_16x16(words).iter().enumerate().take(outputs - o) {
                let halves = [
                    _mm512_castsi512_si256(*words),
                    _mm512_extracti64x4_epi64::<1>(*words),
                ];
                for (half, words) in halves.into_iter().enumerate().take((pairs - p).div_ceil(8)) {
                    let wide = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(words));
                    // SAFETY: there are at most 24 pairs, so p + 8 * half is at most 16 and the 16 inputs from twice
                    // that on end inside row o + j.
                    unsafe {
                        _mm512_storeu_si512(
                            out.as_mut_ptr()
                                .add((o + j) * PANEL + 2 * p + 16 * half)
                                .cast(),
                            wide,
                        )
                    };
                }
            }
        }
    }
}

/// As [`pack::transpose_pairs`](super::pack::transpose_pairs).
///
/// # Safety
/// The machine has AVX-512 F and BW; `outputs` is even and at most [`PANEL`], `lines.len` at most [`PANEL`]; `out` has
/// `outputs / 2 * LINES` lines.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn transpose_pairs(lines: Lines<'_>, outputs: usize, out: &mut [Line]) {
    // Words 0, 0', 1, 1', ... of the first half of two registers, and of the second half.
    let zip: [[u16; 32]; 2] = std::array::from_fn(|half| {
        std::array::from_fn(|i| (16 * half + i / 2 + i % 2 * 32) as u16)
    });
    // SAFETY: 64 bytes are read of each.
    let zip = unsafe { [0, 1].map(|half: usize| _mm512_loadu_si512(zip[half].as_ptr().cast())) };
    let pairs = lines.pairs.len() / LINES;
    for o in (0..outputs).step_by(LINE) {
        for p in (0..pairs).step_by(16) {
            let mut words = [_mm512_setzero_si512(); 16];
            for (i, words) in words.iter_mut().enumerate().take(pairs - p) {
                // SAFETY: the pair p + i has a line for output o.
                *words = unsafe {
                    _mm512_load_si512(lines.pairs.as_ptr().add((p + i) * LINES + o / LINE).cast())
                };
            }
            // Line j is now 32 inputs of output o + j, in order.
            let words = transpose_16x16(words);
            for (j, pair) in words
                .as_chunks::<2>()
                .0
                .iter()
                .enumerate()
                .take((outputs - o) / 2)
            {
                for (half, zip) in zip.iter().enumerate().take((pairs - p).div_ceil(8)) {
                    let zipped = _mm512_permutex2var_epi16(pair[0], *zip, pair[1]);
                    // SAFETY: there are at most 24 pairs, so p / 8 + half is at most 2 and the line is one of the row's.
                    unsafe {
                        let row = out.as_mut_ptr().add((o / 2 + j) * LINES);
                        _mm512_store_si512(row.add(p / 8 + half).cast(), zipped);
                    }
                }
            }
        }
    }
}
