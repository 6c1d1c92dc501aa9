//! The operands of a product, read where they lie.

use std::ops::Range;

use super::Isa;
use super::pack::{self, Lines};
#[cfg(target_arch = "x86_64")]
use crate::packed::{LINES, Line};
use crate::packed::{PANEL, PackedBf16, PackedF32};
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

    /// Writes `self[rows, cols]` to `out`, row i to `out[i * stride..]`; the block that is needed next begins at `next`.
    pub(super) fn copy_block(
        &self,
        isa: Isa,
        rows: Range<usize>,
        cols: Range<usize>,
        next: [usize; 2],
        out: &mut [f32],
        stride: usize,
    ) {
        let (outer, inner, next) = if self.transposed {
            (cols, rows, [next[1], next[0]])
        } else {
            (rows, cols, next)
        };
        let from = outer.start * self.stored[1] + inner.start;
        let next = next[0] * self.stored[1] + next[1];
        let block = pack::Block {
            rows: outer.len(),
            cols: inner.len(),
            stride: self.stored[1],
            ahead: next as isize - from as isize,
        };
        if self.transposed {
            pack::transpose(isa, &self.data[from..], block, out, stride);
        } else {
            pack::copy(&self.data[from..], block, out, stride);
        }
    }
}

/// The right operand: any f32 matrix, or rows of a frozen weight.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Dense(Dense<'a>),
    Frozen(Frozen<'a>),
}

/// Rows of a frozen weight, as they stand or transposed.
#[derive(Clone, Copy)]
pub(crate) struct Frozen<'a> {
    matrix: Matrix<'a>,
    first_panel: usize,
    /// Rows and columns of the weight's part.
    part: [usize; 2],
    transposed: bool,
}

#[derive(Clone, Copy)]
enum Matrix<'a> {
    F32(&'a PackedF32),
    Bf16(&'a PackedBf16),
}

/// A panel of B as a weight has it.
#[derive(Clone, Copy)]
pub(super) enum Ready<'a> {
    /// `[k][PANEL]`, beginning with a cache line.
    Panel(&'a [f32]),
    Lines(Lines<'a>),
}

impl<'a> View<'a> {
    /// Rows `range` of a weight; of a frozen one they begin with a panel.
    pub fn weight_rows(weight: &'a Weight, range: Range<usize>) -> Self {
        assert!(
            range.end <= weight.rows(),
            "view: rows {range:?} of {}",
            weight.rows()
        );
        let cols = weight.cols();
        let matrix = match weight.data() {
            WeightData::F32(data) => {
                return Self::Dense(Dense::new(
                    range.len(),
                    cols,
                    &data[range.start * cols..range.end * cols],
                ));
            }
            WeightData::PackedF32(matrix) => Matrix::F32(matrix),
            WeightData::Bf16(matrix) => Matrix::Bf16(matrix),
            #[cfg(feature = "gpu")]
            WeightData::Gpu(_) => panic!("{weight:?} lies in a GPU's memory"),
        };
        assert_eq!(range.start % PANEL, 0, "view: rows begin inside a panel");
        Self::Frozen(Frozen {
            matrix,
            first_panel: range.start / PANEL,
            part: [range.len(), cols],
            transposed: false,
        })
    }

    /// The transposed matrix; nothing moves.
    pub fn t(self) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.t()),
            Self::Frozen(frozen) => Self::Frozen(Frozen {
                transposed: !frozen.transposed,
                ..frozen
            }),
        }
    }

    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Dense(dense) => dense.shape(),
            Self::Frozen(Frozen {
                part,
                transposed: false,
                ..
            }) => *part,
            Self::Frozen(Frozen {
                part: [rows, cols],
                transposed: true,
                ..
            }) => [*cols, *rows],
        }
    }
}

impl<'a> Frozen<'a> {
    #[cfg(target_arch = "x86_64")]
    pub(super) fn is_bf16(&self) -> bool {
        matches!(self.matrix, Matrix::Bf16(_))
    }

    /// Writes the panel of columns `cols` of a bf16 weight as it stands, rows in pairs as [`PackedBf16`] has a weight's
    /// inputs; `ks` begins with a panel of the weight and ends with a pair.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn turn_pairs(&self, ks: Range<usize>, cols: Range<usize>, out: &mut [Line]) {
        let Matrix::Bf16(matrix) = self.matrix else {
            unreachable!("pairs are of bf16");
        };
        assert!(!self.transposed && ks.start.is_multiple_of(PANEL));
        for first in ks.clone().step_by(PANEL) {
            let (panel, outputs) = (self.first_panel + first / PANEL, PANEL.min(ks.end - first));
            let out = &mut out[(first - ks.start) / 2 * LINES..];
            pack::transpose_pairs(Lines::new(matrix.panel(panel), cols.clone()), outputs, out);
        }
    }

    /// Rows `ks` of the panel of columns that begins with `first_col`, where panels of the weight are panels of B: where
    /// it is transposed.
    pub(super) fn ready(&self, ks: Range<usize>, first_col: usize) -> Option<Ready<'a>> {
        let panel = self.first_panel + first_col / PANEL;
        self.transposed.then(|| match self.matrix {
            Matrix::F32(matrix) => {
                Ready::Panel(&matrix.panel(panel)[ks.start * PANEL..ks.end * PANEL])
            }
            Matrix::Bf16(matrix) => Ready::Lines(Lines::new(matrix.panel(panel), ks)),
        })
    }

    /// As [`Dense::copy_block`], for one panel of B, of a weight as it stands; `ks` begins with a panel of the weight.
    pub(super) fn turn_panel(
        &self,
        isa: Isa,
        ks: Range<usize>,
        cols: Range<usize>,
        out: &mut [f32],
    ) {
        assert!(!self.transposed && ks.start.is_multiple_of(PANEL));
        for first in ks.clone().step_by(PANEL) {
            let (panel, outputs) = (self.first_panel + first / PANEL, PANEL.min(ks.end - first));
            let out = &mut out[(first - ks.start) * PANEL..];
            match self.matrix {
                Matrix::F32(matrix) => {
                    let block = pack::Block {
                        rows: cols.len(),
                        cols: outputs,
                        stride: PANEL,
                        ahead: 0,
                    };
                    pack::transpose(
                        isa,
                        &matrix.panel(panel)[cols.start * PANEL..],
                        block,
                        out,
                        PANEL,
                    );
                }
                Matrix::Bf16(matrix) => {
                    pack::transpose_lines(
                        isa,
                        Lines::new(matrix.panel(panel), cols.clone()),
                        outputs,
                        out,
                    );
                }
            }
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
