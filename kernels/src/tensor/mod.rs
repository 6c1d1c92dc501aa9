//! Two kinds of matrix: [`Tensor`], dense f32 that ops write to, and [`Weight`], read-only parameters that may stay bf16.
//!
//! Both are row-major with no gaps. Everything in this crate is a matrix: a batch of tokens has one row a token, and
//! heads lie side by side in a row.

mod weight;

pub use weight::{Weight, WeightData};

use std::borrow::Borrow;
use std::ops::Range;
#[cfg(feature = "gpu")]
use std::sync::Arc;

use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::gpu::{Buffer, joined};

use crate::error::{Error, Result};

/// A dense row-major f32 matrix: activations, gradients, adapter factors.
///
/// Its numbers lie in the processor's memory or in a GPU's. Those of a GPU are for the ops; [`Tensor::read`] brings them over.
#[derive(Clone, Default)]
pub struct Tensor {
    rows: usize,
    cols: usize,
    data: Storage,
}

#[derive(Clone)]
enum Storage {
    Host(Vec<f32>),
    #[cfg(feature = "gpu")]
    Gpu(Buffer),
}

impl Default for Storage {
    fn default() -> Self {
        Storage::Host(Vec::new())
    }
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
            data: Storage::Host(vec![value; rows * cols]),
        }
    }

    /// A matrix of the given numbers, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `data` does not have `rows * cols` numbers.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<f32>) -> Result<Self> {
        check_len("Tensor::from_vec", rows, cols, data.len())?;
        Ok(Self {
            rows,
            cols,
            data: Storage::Host(data),
        })
    }

    /// A matrix of one row: a norm's weight, a bias, a magnitude.
    #[must_use]
    pub fn vector(data: Vec<f32>) -> Self {
        Self {
            rows: 1,
            cols: data.len(),
            data: Storage::Host(data),
        }
    }

    /// A matrix of zeros in a device's memory.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is larger than the device's buffers can be.
    pub fn zeros_on(device: &Device, rows: usize, cols: usize) -> Result<Self> {
        match device {
            Device::Cpu => Ok(Self::zeros(rows, cols)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Ok(Self {
                rows,
                cols,
                data: Storage::Gpu(Buffer::filled(gpu, rows * cols, 0.0)?),
            }),
        }
    }

    /// A matrix in a device's memory that an op is to write: what stands in it is not said.
    ///
    /// # Errors
    /// As [`Tensor::zeros_on`].
    pub fn empty_on(device: &Device, rows: usize, cols: usize) -> Result<Self> {
        match device {
            Device::Cpu => Ok(Self::zeros(rows, cols)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Ok(Self {
                rows,
                cols,
                data: Storage::Gpu(Buffer::empty(gpu, rows * cols)?),
            }),
        }
    }

    /// The same matrix in a device's memory; one of a GPU comes over to the processor by [`Tensor::read`] alone.
    ///
    /// # Errors
    /// As [`Tensor::zeros_on`]; [`Error::Argument`] for one that lies in another GPU's memory.
    pub fn to(&self, device: &Device) -> Result<Self> {
        match (&self.data, device) {
            #[cfg(feature = "gpu")]
            (Storage::Host(data), Device::Gpu(gpu)) => Ok(Self {
                data: Storage::Gpu(Buffer::from_f32(gpu, data)?),
                ..*self
            }),
            _ if self.device() == *device => Ok(self.clone()),
            _ => Err(Error::Argument {
                op: "Tensor::to",
                what: "self",
                reason: "lies in the memory of another device: read it first".to_string(),
            }),
        }
    }

    /// The matrix in the processor's memory, once all that writes it is computed.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Gpu`]: what should have written it failed.
    pub async fn read(&self) -> Result<Self> {
        match &self.data {
            Storage::Host(_) => Ok(self.clone()),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => Ok(Self {
                data: Storage::Host(buffer.read_f32().await?),
                ..*self
            }),
        }
    }

    /// [`Tensor::read`] of many, in one read.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub async fn read_all<T: Borrow<Self>>(tensors: &[T]) -> Result<Vec<Self>> {
        let tensors: Vec<&Self> = tensors.iter().map(Borrow::borrow).collect();
        #[cfg(feature = "gpu")]
        let mut read = {
            let buffers = tensors.iter().filter_map(|tensor| match &tensor.data {
                Storage::Host(_) => None,
                Storage::Gpu(buffer) => Some(buffer),
            });
            let buffers: Vec<&Buffer> = buffers.collect();
            Buffer::read_all_f32(&buffers).await?.into_iter()
        };
        let here = |tensor: &&Self| Self {
            data: Storage::Host(match &tensor.data {
                Storage::Host(data) => data.clone(),
                #[cfg(feature = "gpu")]
                Storage::Gpu(_) => read.next().expect("one for each"),
            }),
            ..**tensor
        };
        Ok(tensors.iter().map(here).collect())
    }

    /// Zeros in the shapes and on the device of these tensors of one device; on a GPU they lie side by side, for what is done to all of them.
    ///
    /// # Errors
    /// As [`Tensor::zeros_on`].
    pub fn zeros_like_all(tensors: &[&Self]) -> Result<Vec<Self>> {
        match tensors.first().map(|tensor| tensor.device()) {
            #[cfg(feature = "gpu")]
            Some(Device::Gpu(gpu)) => {
                let words: Vec<usize> = tensors.iter().map(|t| t.rows * t.cols).collect();
                let buffers = Buffer::zeros_side_by_side(&gpu, &words)?;
                Ok(Self::of_buffers(tensors, buffers))
            }
            _ => Ok(tensors
                .iter()
                .map(|t| Self::zeros(t.rows, t.cols))
                .collect()),
        }
    }

    /// The same matrices in a device's memory, on a GPU side by side.
    ///
    /// # Errors
    /// As [`Tensor::to`].
    pub fn all_to(tensors: &[&Self], device: &Device) -> Result<Vec<Self>> {
        match device {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) if tensors.iter().all(|t| t.device() == Device::Cpu) => {
                let numbers: Vec<&[f32]> = tensors.iter().map(|tensor| tensor.data()).collect();
                let buffers = Buffer::side_by_side(gpu, &numbers)?;
                Ok(Self::of_buffers(tensors, buffers))
            }
            _ => tensors.iter().map(|tensor| tensor.to(device)).collect(),
        }
    }

    #[cfg(feature = "gpu")]
    fn of_buffers(shapes: &[&Self], buffers: Vec<Buffer>) -> Vec<Self> {
        let tensor = |(shape, buffer): (&&Self, Buffer)| Self {
            rows: shape.rows,
            cols: shape.cols,
            data: Storage::Gpu(buffer),
        };
        shapes.iter().zip(buffers).map(tensor).collect()
    }

    /// Sets every element of tensors of one device.
    pub fn fill_all(tensors: Vec<&mut Self>, value: f32) {
        #[cfg(feature = "gpu")]
        {
            let mut buffers = Vec::new();
            for tensor in tensors {
                match &mut tensor.data {
                    Storage::Host(data) => data.fill(value),
                    Storage::Gpu(buffer) => buffers.push(&*buffer),
                }
            }
            for [run] in joined([&buffers]) {
                run.fill(value);
            }
        }
        #[cfg(not(feature = "gpu"))]
        for tensor in tensors {
            tensor.fill(value);
        }
    }

    /// Where its numbers lie.
    #[must_use]
    pub fn device(&self) -> Device {
        match &self.data {
            Storage::Host(_) => Device::Cpu,
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => Device::Gpu(Arc::clone(buffer.gpu())),
        }
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

    /// Number of elements.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a matrix, not a list")]
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> u64 {
        (self.len() * size_of::<f32>()) as u64
    }

    /// `[rows, cols]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        [self.rows, self.cols]
    }

    /// All numbers, row by row.
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        match &self.data {
            Storage::Host(data) => data,
            #[cfg(feature = "gpu")]
            Storage::Gpu(_) => panic!("{self:?} lies in a GPU's memory: read it"),
        }
    }

    /// All numbers, row by row, to be written.
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    pub fn data_mut(&mut self) -> &mut [f32] {
        match &mut self.data {
            Storage::Host(data) => data,
            #[cfg(feature = "gpu")]
            Storage::Gpu(_) => panic!("a tensor in a GPU's memory is written by ops alone"),
        }
    }

    /// The numbers in a GPU's memory.
    ///
    /// # Panics
    /// Where they lie in the processor's.
    #[cfg(feature = "gpu")]
    pub(crate) fn buffer(&self) -> &Buffer {
        match &self.data {
            Storage::Host(_) => panic!("{self:?} lies in the processor's memory"),
            Storage::Gpu(buffer) => buffer,
        }
    }

    /// Row `index`.
    ///
    /// # Panics
    /// Where `index >= rows`, or the numbers lie in a GPU's memory.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        &self.data()[index * self.cols..][..self.cols]
    }

    /// Row `index`, to be written.
    ///
    /// # Panics
    /// Where `index >= rows`, or the numbers lie in a GPU's memory.
    pub fn row_mut(&mut self, index: usize) -> &mut [f32] {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        let cols = self.cols;
        &mut self.data_mut()[index * cols..][..cols]
    }

    /// The numbers of rows `range`, row by row.
    ///
    /// # Panics
    /// Where the range ends beyond the last row, or the numbers lie in a GPU's memory.
    #[must_use]
    pub fn rows_data(&self, range: Range<usize>) -> &[f32] {
        &self.data()[range.start * self.cols..range.end * self.cols]
    }

    /// The numbers, row by row, given away.
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    #[must_use]
    pub fn into_vec(self) -> Vec<f32> {
        match self.data {
            Storage::Host(data) => data,
            #[cfg(feature = "gpu")]
            Storage::Gpu(_) => panic!("a tensor lies in a GPU's memory: read it"),
        }
    }

    /// Sets every element.
    pub fn fill(&mut self, value: f32) {
        match &mut self.data {
            Storage::Host(data) => data.fill(value),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => buffer.fill(value),
        }
    }

    /// Gives the matrix another shape, keeping its memory where that is large enough; what stands in it is not said.
    ///
    /// # Errors
    /// As [`Tensor::zeros_on`]; the matrix is empty then.
    pub fn reshape(&mut self, rows: usize, cols: usize) -> Result<()> {
        match &mut self.data {
            Storage::Host(data) => data.resize(rows * cols, 0.0),
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) if buffer.words() == rows * cols => {}
            #[cfg(feature = "gpu")]
            Storage::Gpu(buffer) => {
                // The old memory goes first: both together may be the most that a pass takes.
                let gpu = Arc::clone(buffer.gpu());
                *buffer = Buffer::empty(&gpu, 0)?;
                (self.rows, self.cols) = (0, 0);
                *buffer = Buffer::empty(&gpu, rows * cols)?;
            }
        }
        (self.rows, self.cols) = (rows, cols);
        Ok(())
    }
}

impl PartialEq for Tensor {
    /// # Panics
    /// Where the numbers of one lie in a GPU's memory.
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.data() == other.data()
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor[{}, {}]", self.rows, self.cols)
    }
}

/// The device that all operands of an op lie on.
///
/// # Errors
/// [`Error::Argument`] that names the first one that lies elsewhere than the first.
pub(crate) fn common_device<const N: usize>(
    op: &'static str,
    operands: [(&'static str, &Tensor); N],
) -> Result<Device> {
    let device = operands[0].1.device();
    for (what, operand) in operands {
        if operand.device() != device {
            return Err(Error::Argument {
                op,
                what,
                reason: format!("does not lie on the device of {}", operands[0].0),
            });
        }
    }
    Ok(device)
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
    }

    #[test]
    fn rows_stand_one_after_the_other() {
        let tensor = Tensor::from_vec(2, 3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(tensor.row(1), [3.0, 4.0, 5.0]);
        assert_eq!(tensor.rows_data(0..1), [0.0, 1.0, 2.0]);
        assert_eq!(tensor.shape(), [2, 3]);
    }
}
