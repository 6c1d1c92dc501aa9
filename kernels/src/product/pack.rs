//! Copies of blocks, straight or transposed, widened where they are bf16: what fills panels of B and blocks of a transposed A.

use half::bf16;

use super::Isa;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// A block of a row-major matrix: element `(r, c)` is `source[r * stride + c]`.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub rows: usize,
    pub cols: usize,
    pub stride: usize,
}

impl Block {
    /// Panics where the block reaches beyond its source or, written, beyond its destination.
    fn check(self, source: usize, out: usize, out_stride: usize, transposed: bool) {
        let reach = |rows: usize, cols: usize, stride: usize| match (rows, cols) {
            (0, _) | (_, 0) => 0,
            _ => {
                assert!(rows == 1 || cols <= stride, "pack: rows overlap");
                (rows - 1) * stride + cols
            }
        };
        assert!(
            reach(self.rows, self.cols, self.stride) <= source,
            "pack: the block ends after its source"
        );
        let (rows, cols) = if transposed {
            (self.cols, self.rows)
        } else {
            (self.rows, self.cols)
        };
        assert!(
            reach(rows, cols, out_stride) <= out,
            "pack: the block ends after its destination"
        );
    }
}

/// `out[r * out_stride + c] = source(r, c)`; transposed, `out[c * out_stride + r] = source(r, c)`.
pub(super) fn f32(
    isa: Isa,
    source: &[f32],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
    transposed: bool,
) {
    block.check(source.len(), out.len(), out_stride, transposed);
    match isa {
        // SAFETY: the machine has the instructions of `isa`; the block lies inside both slices, as just checked.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if transposed => unsafe { x86::transpose_f32(source, block, out, out_stride) },
        _ => plain(source, block, out, out_stride, transposed, |v| v),
    }
}

/// As [`f32`](self::f32), widened exactly.
pub(super) fn bf16(
    isa: Isa,
    source: &[bf16],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
    transposed: bool,
) {
    block.check(source.len(), out.len(), out_stride, transposed);
    match isa {
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if transposed => unsafe { x86::transpose_bf16(source, block, out, out_stride) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::widen_bf16(source, block, out, out_stride) },
        _ => plain(source, block, out, out_stride, transposed, widen),
    }
}

/// A bf16 is the upper half of an f32.
pub(super) fn widen(narrow: bf16) -> f32 {
    f32::from_bits(u32::from(narrow.to_bits()) << 16)
}

/// The same with plain loops; a transposed block in squares that stay in the first-level cache.
fn plain<T: Copy>(
    source: &[T],
    block: Block,
    out: &mut [f32],
    out_stride: usize,
    transposed: bool,
    widen: impl Fn(T) -> f32,
) {
    if !transposed {
        for r in 0..block.rows {
            let source = &source[r * block.stride..][..block.cols];
            for (out, &v) in out[r * out_stride..][..block.cols].iter_mut().zip(source) {
                *out = widen(v);
            }
        }
        return;
    }
    const SQUARE: usize = 16;
    for first_row in (0..block.rows).step_by(SQUARE) {
        let rows = first_row..block.rows.min(first_row + SQUARE);
        for c in 0..block.cols {
            let out = &mut out[c * out_stride + first_row..][..rows.len()];
            for (out, r) in out.iter_mut().zip(rows.clone()) {
                *out = widen(source[r * block.stride + c]);
            }
        }
    }
}
