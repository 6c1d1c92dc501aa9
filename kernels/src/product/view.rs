//! A matrix read where it lies: f32 or bf16, as it stands or transposed.

use std::ops::Range;

use half::bf16;

use super::{Isa, pack};
use crate::tensor::{Tensor, Weight, WeightData};

/// A matrix operand of [`product`](super::product).
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    numbers: Numbers<'a>,
    /// Rows and columns of what is stored, row-major with no gaps.
    stored: [usize; 2],
    transposed: bool,
}

/// What a [`View`] looks at.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    F32(&'a [f32]),
    Bf16(&'a [bf16]),
}

impl<'a> View<'a> {
    /// `rows * cols` numbers, row by row.
    pub fn dense(rows: usize, cols: usize, data: &'a [f32]) -> Self {
        assert_eq!(data.len(), rows * cols, "view: data has another size");
        Self {
            numbers: Numbers::F32(data),
            stored: [rows, cols],
            transposed: false,
        }
    }

    /// Rows `range` of a weight.
    pub fn weight_rows(weight: &'a Weight, range: Range<usize>) -> Self {
        let cols = weight.cols();
        let span = range.start * cols..range.end * cols;
        let numbers = match weight.data() {
            WeightData::F32(data) => Numbers::F32(&data[span]),
            WeightData::Bf16(data) => Numbers::Bf16(&data[span]),
        };
        Self {
            numbers,
            stored: [range.len(), cols],
            transposed: false,
        }
    }

    /// The transposed matrix; nothing moves.
    pub fn t(self) -> Self {
        Self {
            transposed: !self.transposed,
            ..self
        }
    }

    pub fn rows(&self) -> usize {
        self.stored[usize::from(self.transposed)]
    }

    pub fn cols(&self) -> usize {
        self.stored[usize::from(!self.transposed)]
    }

    /// The numbers row by row, if that is how they lie, in f32.
    pub(super) fn as_rows(&self) -> Option<&'a [f32]> {
        match self.numbers {
            Numbers::F32(data) if !self.transposed => Some(data),
            _ => None,
        }
    }

    /// Writes `self[rows, cols]` to `out`, widened, row i to `out[i * stride..]`.
    pub(super) fn copy_block(
        &self,
        isa: Isa,
        rows: Range<usize>,
        cols: Range<usize>,
        out: &mut [f32],
        stride: usize,
    ) {
        let (outer, inner) = if self.transposed {
            (cols, rows)
        } else {
            (rows, cols)
        };
        let from = outer.start * self.stored[1] + inner.start;
        let block = pack::Block {
            rows: outer.len(),
            cols: inner.len(),
            stride: self.stored[1],
        };
        match self.numbers {
            Numbers::F32(data) => {
                pack::f32(isa, &data[from..], block, out, stride, self.transposed)
            }
            Numbers::Bf16(data) => {
                pack::bf16(isa, &data[from..], block, out, stride, self.transposed)
            }
        }
    }
}

impl<'a> From<&'a Tensor> for View<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::dense(tensor.rows(), tensor.cols(), tensor.data())
    }
}

impl<'a> From<&'a Weight> for View<'a> {
    fn from(weight: &'a Weight) -> Self {
        Self::weight_rows(weight, 0..weight.rows())
    }
}
