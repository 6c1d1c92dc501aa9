//! A matrix read where it lies: f32 or bf16, as it stands or transposed.

use std::ops::Range;

use half::bf16;

use crate::tensor::{Tensor, Weight, WeightData};

/// A matrix operand of [`product`](super::product).
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    numbers: Numbers<'a>,
    /// Rows and columns of what is stored, row-major with no gaps.
    stored: [usize; 2],
    transposed: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Numbers<'a> {
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

    /// Writes `self[rows, cols]` to `out`, widened, `stride` elements from row to row.
    pub fn copy_block(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        out: &mut [f32],
        stride: usize,
    ) {
        for (i, r) in rows.enumerate() {
            for (j, c) in cols.clone().enumerate() {
                let at = if self.transposed {
                    c * self.stored[1] + r
                } else {
                    r * self.stored[1] + c
                };
                out[i * stride + j] = match self.numbers {
                    Numbers::F32(data) => data[at],
                    Numbers::Bf16(data) => data[at].to_f32(),
                };
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
