//! Two kinds of matrix: [`Tensor`], dense f32 that ops write to, and [`Weight`], read-only parameters that may stay bf16.
//!
//! Both are row-major with no gaps. Everything in this crate is a matrix: a batch of tokens has one row a token, and
//! heads lie side by side in a row.

use std::ops::Range;

use half::bf16;

use crate::error::{Error, Result};
use crate::packed::{PackedBf16, PackedF32};

/// A dense row-major f32 matrix: activations, gradients, adapter factors.
#[derive(Clone, PartialEq, Default)]
pub struct Tensor {
    rows: usize,
    cols: usize,
    data: Vec<f32>,
}

impl Tensor {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self::full(rows, cols, 0.0)
    }

    /// A matrix that holds `value` everywhere; tests fill outputs with NaN so that an unwritten element cannot pass.
    #[must_use]
    pub fn full(rows: usize, cols: usize, value: f32) -> Self {
        Self {
            rows,
            cols,
            data: vec![value; rows * cols],
        }
    }

    /// A matrix of the given numbers, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `data` does not have `rows * cols` numbers.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<f32>) -> Result<Self> {
        check_len("Tensor::from_vec", rows, cols, data.len())?;
        Ok(Self { rows, cols, data })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// `[rows, cols]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.cols]
    }

    /// All numbers, row by row.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All numbers, row by row, to be written.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Row `index`.
    ///
    /// # Panics
    /// Where `index >= rows`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        &self.data[index * self.cols..][..self.cols]
    }

    /// Row `index`, to be written.
    ///
    /// # Panics
    /// Where `index >= rows`.
    pub fn row_mut(&mut self, index: usize) -> &mut [f32] {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        &mut self.data[index * self.cols..][..self.cols]
    }

    /// The numbers of rows `range`, row by row.
    ///
    /// # Panics
    /// Where the range ends beyond the last row.
    #[must_use]
    pub fn rows_data(&self, range: Range<usize>) -> &[f32] {
        &self.data[range.start * self.cols..range.end * self.cols]
    }

    /// The numbers, row by row, given away.
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Sets every element.
    pub fn fill(&mut self, value: f32) {
        self.data.fill(value);
    }

    /// Gives the matrix another shape and zeros, keeping its memory where that is large enough.
    pub fn reset(&mut self, rows: usize, cols: usize) {
        self.data.clear();
        self.data.resize(rows * cols, 0.0);
        (self.rows, self.cols) = (rows, cols);
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor[{}, {}]", self.rows, self.cols)
    }
}

/// Parameters of a linear map or an embedding, `[out, in]` as in Hugging Face's files.
///
/// Numbers come in and go out row by row; those of a frozen weight lie in between in the order in which products read
/// them.
#[derive(Clone, PartialEq)]
pub struct Weight {
    rows: usize,
    cols: usize,
    data: WeightData,
}

/// The numbers of a [`Weight`], in the precision they are kept in.
#[derive(Clone, PartialEq)]
pub enum WeightData {
    /// Four bytes a parameter, row by row: the only ones that can be written.
    F32(Vec<f32>),
    /// Four bytes a parameter, frozen.
    PackedF32(PackedF32),
    /// Two bytes a parameter, frozen; every value is also an f32, so widening is exact.
    Bf16(PackedBf16),
}

impl Weight {
    /// Parameters in f32, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `data` does not have `rows * cols` numbers.
    pub fn f32(rows: usize, cols: usize, data: Vec<f32>) -> Result<Self> {
        check_len("Weight::f32", rows, cols, data.len())?;
        Ok(Self {
            rows,
            cols,
            data: WeightData::F32(data),
        })
    }

    /// Parameters in bf16, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `data` does not have `rows * cols` numbers.
    pub fn bf16(rows: usize, cols: usize, data: Vec<bf16>) -> Result<Self> {
        check_len("Weight::bf16", rows, cols, data.len())?;
        Ok(Self {
            rows,
            cols,
            data: WeightData::Bf16(PackedBf16::new(rows, cols, &data)),
        })
    }

    /// The same numbers, frozen: f32 numbers are put into the order of products, which makes decoding several times
    /// faster.
    #[must_use]
    pub fn frozen(self) -> Self {
        let data = match self.data {
            WeightData::F32(data) => {
                WeightData::PackedF32(PackedF32::new(self.rows, self.cols, &data))
            }
            frozen => frozen,
        };
        Self { data, ..self }
    }

    /// Number of rows: outputs of the map, or tokens of the vocabulary.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns: inputs of the map.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// `[rows, cols]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.cols]
    }

    /// The numbers in the precision they are kept in.
    #[must_use]
    pub fn data(&self) -> &WeightData {
        &self.data
    }

    /// The f32 numbers, row by row, to be written; `None` where they are frozen.
    pub fn f32_mut(&mut self) -> Option<&mut [f32]> {
        match &mut self.data {
            WeightData::F32(data) => Some(data),
            WeightData::PackedF32(_) | WeightData::Bf16(_) => None,
        }
    }

    /// Writes rows `range` to `out` as f32, exactly.
    ///
    /// # Panics
    /// Where the range ends beyond the last row or `out` does not have `range.len() * cols` elements.
    pub fn widen_rows(&self, range: Range<usize>, out: &mut [f32]) {
        assert_eq!(
            out.len(),
            range.len() * self.cols,
            "widen_rows: out has another length than the rows"
        );
        match &self.data {
            WeightData::F32(data) => {
                out.copy_from_slice(&data[range.start * self.cols..range.end * self.cols]);
            }
            WeightData::PackedF32(data) => data.copy_rows(range, out),
            WeightData::Bf16(data) => data.widen_rows(range, out),
        }
    }

    /// Writes row `index` to `out` as f32.
    ///
    /// # Panics
    /// Where there is no such row or `out` does not have `cols` elements.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        self.widen_rows(index..index + 1, out);
    }

    /// All numbers as f32, row by row.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.cols];
        self.widen_rows(0..self.rows, &mut out);
        out
    }
}

impl std::fmt::Debug for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weight[{}, {}; {:?}]", self.rows, self.cols, self.data)
    }
}

impl std::fmt::Debug for WeightData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            WeightData::F32(_) => "f32",
            WeightData::PackedF32(_) => "packed f32",
            WeightData::Bf16(_) => "bf16",
        })
    }
}

/// `rows * cols` numbers, without overflow where a file lies about its shape.
fn check_len(op: &'static str, rows: usize, cols: usize, got: usize) -> Result<()> {
    if rows.checked_mul(cols) == Some(got) {
        return Ok(());
    }
    Err(Error::Shape {
        op,
        what: "data",
        expected: vec![rows, cols],
        got: vec![got],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_the_wrong_length_is_refused() {
        let error = Tensor::from_vec(2, 3, vec![0.0; 5]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Tensor::from_vec: data has shape [5], expected [2, 3]"
        );
        assert!(Weight::f32(usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn rows_stand_one_after_the_other() {
        let tensor = Tensor::from_vec(2, 3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(tensor.row(1), [3.0, 4.0, 5.0]);
        assert_eq!(tensor.rows_data(0..1), [0.0, 1.0, 2.0]);
        assert_eq!(tensor.shape(), [2, 3]);
    }

    #[test]
    fn widening_bf16_is_exact() {
        let bits: Vec<bf16> = (0..=u16::MAX)
            .map(bf16::from_bits)
            .filter(|v| v.is_finite())
            .collect();
        let weight = Weight::bf16(1, bits.len(), bits.clone()).unwrap();
        for (wide, narrow) in weight.to_f32().iter().zip(&bits) {
            assert_eq!(wide.to_bits(), narrow.to_f32().to_bits());
        }
    }

    #[test]
    fn a_row_is_widened_alone() {
        let weight = Weight::bf16(
            3,
            2,
            [1.0, -2.0, 0.5, 4.0, 3.0, 8.0].map(bf16::from_f32).to_vec(),
        )
        .unwrap();
        let mut row = [f32::NAN; 2];
        weight.row(1, &mut row);
        assert_eq!(row, [0.5, 4.0]);
    }
}
