//! The operands of a product, read where they lie.

use std::ops::Range;

use super::{Isa, pack};
use crate::packed::{PANEL, PackedBf16};
use crate::tensor::{Tensor, Weight, WeightData};

/// An f32 matrix, as it stands or transposed: either operand.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    data: &'a [f32],
    /// Rows and columns of what is stored, row-major with no gaps.
    stored: [usize; 2],
    transposed: bool,
}

impl<'a> Dense<'a> {
    /// `rows * cols` numbers, row by row.
    pub fn new(rows: usize, cols: usize, data: &'a [f32]) -> Self {
        assert_eq!(data.len(), rows * cols, "dense: data has another size");
        Self {
            data,
            stored: [rows, cols],
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

    pub fn shape(&self) -> [usize; 2] {
        let [rows, cols] = self.stored;
        if self.transposed {
            [cols, rows]
        } else {
            [rows, cols]
        }
    }

    /// The numbers row by row, if that is how they lie.
    pub(super) fn as_rows(&self) -> Option<&'a [f32]> {
        (!self.transposed).then_some(self.data)
    }

    /// Writes `self[rows, cols]` to `out`, row i to `out[i * stride..]`.
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
        if self.transposed {
            pack::transpose(isa, &self.data[from..], block, out, stride);
        } else {
            pack::copy(&self.data[from..], block, out, stride);
        }
    }
}

/// The right operand: f32, or rows of a bf16 weight.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Dense(Dense<'a>),
    Packed(Packed<'a>),
}

/// Rows of a bf16 weight, as they stand or transposed.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    matrix: &'a PackedBf16,
    first_panel: usize,
    rows: usize,
    transposed: bool,
}

impl<'a> View<'a> {
    /// Rows `range` of a weight; of a bf16 weight they begin with a panel.
    pub fn weight_rows(weight: &'a Weight, range: Range<usize>) -> Self {
        assert!(
            range.end <= weight.rows(),
            "view: rows {range:?} of {}",
            weight.rows()
        );
        match weight.data() {
            WeightData::F32(data) => {
                let cols = weight.cols();
                Self::Dense(Dense::new(
                    range.len(),
                    cols,
                    &data[range.start * cols..range.end * cols],
                ))
            }
            WeightData::Bf16(matrix) => {
                assert_eq!(range.start % PANEL, 0, "view: rows begin inside a panel");
                Self::Packed(Packed {
                    matrix,
                    first_panel: range.start / PANEL,
                    rows: range.len(),
                    transposed: false,
                })
            }
        }
    }

    /// The transposed matrix; nothing moves.
    pub fn t(self) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.t()),
            Self::Packed(packed) => Self::Packed(Packed {
                transposed: !packed.transposed,
                ..packed
            }),
        }
    }

    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Dense(dense) => dense.shape(),
            Self::Packed(Packed {
                matrix,
                rows,
                transposed: false,
                ..
            }) => [*rows, matrix.cols()],
            Self::Packed(Packed {
                matrix,
                rows,
                transposed: true,
                ..
            }) => [matrix.cols(), *rows],
        }
    }
}

impl<'a> Packed<'a> {
    /// Of the transposed matrix, the lines of rows `ks` in the panel of columns that begins with `first_col`, if it is
    /// transposed: then panels of the weight are panels of the operand.
    pub(super) fn lines(&self, ks: Range<usize>, first_col: usize) -> Option<pack::Lines<'a>> {
        debug_assert!(first_col.is_multiple_of(PANEL) && first_col < self.rows.max(1));
        self.transposed
            .then(|| pack::Lines::new(self.matrix.panel(self.first_panel + first_col / PANEL), ks))
    }

    /// As [`Dense::copy_block`] for one panel of B; `ks` begins with a panel of the weight.
    pub(super) fn copy_panel(
        &self,
        isa: Isa,
        ks: Range<usize>,
        cols: Range<usize>,
        out: &mut [f32],
    ) {
        if let Some(lines) = self.lines(ks.clone(), cols.start) {
            return pack::widen(lines, out);
        }
        for first in ks.clone().step_by(PANEL) {
            let width = PANEL.min(ks.end - first);
            let lines = self.matrix.panel(self.first_panel + first / PANEL);
            pack::transpose_lines(
                isa,
                lines,
                width,
                cols.clone(),
                &mut out[(first - ks.start) * PANEL..],
            );
        }
    }
}

impl<'a> From<&'a Tensor> for Dense<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::new(tensor.rows(), tensor.cols(), tensor.data())
    }
}

impl<'a> From<Dense<'a>> for View<'a> {
    fn from(dense: Dense<'a>) -> Self {
        Self::Dense(dense)
    }
}

impl<'a> From<&'a Tensor> for View<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Dense(tensor.into())
    }
}

impl<'a> From<&'a Weight> for View<'a> {
    fn from(weight: &'a Weight) -> Self {
        Self::weight_rows(weight, 0..weight.rows())
    }
}
