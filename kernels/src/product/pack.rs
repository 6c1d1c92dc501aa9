//! What fills panels of B and blocks of a transposed A: copies of blocks, straight, transposed or widened from bf16.

use std::ops::Range;

use super::Isa;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use crate::packed::{LINE, LINES, Line, PANEL, widen_pair};

/// A block of a row-major matrix: element `(r, c)` is `source[r * stride + c]`.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub rows: usize,
    pub cols: usize,
    pub stride: usize,
    /// From an element to its like in the block that is needed next, which is fetched meanwhile; behind the last block of all it leads out
    /// of the matrix, where a fetch does nothing. 0 for none.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "fetching ahead has an instruction on x86 only")
    )]
    pub ahead: isize,
}

impl Block {
    /// The length of a slice that holds the block and ends with it.
    fn reach(self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            return 0;
        }
        assert!(
            self.rows == 1 || self.cols <= self.stride,
            "pack: rows overlap"
        );
        (self.rows - 1) * self.stride + self.cols
    }
}

/// `out[r * out_stride + c] = source(r, c)`.
pub(super) fn copy(source: &[f32], block: Block, out: &mut [f32], out_stride: usize) {
    for r in 0..block.rows {
        out[r * out_stride..][..block.cols]
            .copy_from_slice(&source[r * block.stride..][..block.cols]);
    }
}

/// `out[c * out_stride + r] = source(r, c)`.
pub(super) fn transpose(
    isa: Isa,
    source: &[f32],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
) {
    assert!(
        block.reach() <= source.len(),
        "pack: the block ends after its source"
    );
    let turned = Block {
        rows: block.cols,
        cols: block.rows,
        stride: out_stride,
        ahead: 0,
    };
    assert!(
        turned.reach() <= out.len(),
        "pack: the block ends after its destination"
    );
    match isa {
        // SAFETY: the machine has these instructions; the block lies inside both slices, as just checked.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::transpose(source, block, out, out_stride) },
        _ => {
            // Sixteen rows at once: what is read of them stays in the first-level cache from column to column.
            for first in (0..block.rows).step_by(16) {
                let rows = first..block.rows.min(first + 16);
                for c in 0..block.cols {
                    let out = &mut out[c * out_stride + first..][..rows.len()];
                    for (out, r) in out.iter_mut().zip(rows.clone()) {
                        *out = source[r * block.stride + c];
                    }
                }
            }
        }
    }
}

/// Some inputs of a panel of bf16 weights: `pairs[pair][LINES]`, of the last pair only the first input if `len` is odd.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub pairs: &'a [Line],
    pub len: usize,
}

impl<'a> Lines<'a> {
    /// Inputs `ks` of a panel; the first is even.
    pub fn new(panel: &'a [Line], ks: Range<usize>) -> Self {
        assert!(
            ks.start.is_multiple_of(2),
            "pack: inputs begin inside a pair"
        );
        Self {
            pairs: &panel[ks.start / 2 * LINES..ks.end.div_ceil(2) * LINES],
            len: ks.len(),
        }
    }
}

/// `out[k * PANEL + j]` = input k, output j of the lines.
pub(super) fn widen(lines: Lines<'_>, out: &mut [f32]) {
    let rows = out[..lines.len * PANEL].chunks_mut(2 * PANEL);
    for (lines, rows) in lines.pairs.chunks_exact(LINES).zip(rows) {
        let (even, odd) = rows.split_at_mut(PANEL);
        for (word, out) in lines.iter().flat_map(|line| &line.0).zip(even) {
            *out = widen_pair(*word)[0];
        }
        for (word, out) in lines.iter().flat_map(|line| &line.0).zip(odd) {
            *out = widen_pair(*word)[1];
        }
    }
}

/// `out[o * PANEL + i]` = input i, output o of the lines, for the first `outputs` of them.
pub(super) fn transpose_lines(isa: Isa, lines: Lines<'_>, outputs: usize, out: &mut [f32]) {
    assert!(
        outputs <= PANEL && lines.len <= PANEL && outputs * PANEL <= out.len(),
        "pack: beyond a panel"
    );
    match isa {
        // SAFETY: the machine has these instructions; outputs and inputs fit into `out`, as just checked.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::transpose_lines(lines, outputs, out) },
        _ => {
            for (pair, words) in lines.pairs.chunks_exact(LINES).enumerate() {
                for o in 0..outputs {
                    let wide = widen_pair(words[o / LINE].0[o % LINE]);
                    let width = 2.min(lines.len - 2 * pair);
                    out[o * PANEL + 2 * pair..][..width].copy_from_slice(&wide[..width]);
                }
            }
        }
    }
}

/// `out[pair of outputs][LINES]`: a word for each input, with the even output's number below and the odd one's above, for
/// the first `outputs` of them, which are even in number.
///
/// # Panics
/// Where the machine has no AVX-512.
#[cfg(target_arch = "x86_64")]
pub(super) fn transpose_pairs(lines: Lines<'_>, outputs: usize, out: &mut [Line]) {
    assert!(is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"));
    assert!(
        outputs <= PANEL
            && outputs.is_multiple_of(2)
            && lines.len <= PANEL
            && outputs / 2 * LINES <= out.len(),
        "pack: beyond a panel"
    );
    // SAFETY: the machine has these instructions; outputs and inputs fit into `out`, as just checked.
    unsafe { avx512::transpose_pairs(lines, outputs, out) };
}
