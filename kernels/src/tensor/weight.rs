//! [`Weight`]: parameters that ops read.

use std::ops::Range;
#[cfg(feature = "gpu")]
use std::sync::Arc;

use half::bf16;

use super::check_len;
use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::error::Error;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::GpuWeight;
use crate::packed::{PackedBf16, PackedF32};

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
#[derive(Clone)]
pub enum WeightData {
    /// Four bytes a parameter, row by row: the only ones that can be written.
    F32(Vec<f32>),
    /// Four bytes a parameter, frozen.
    PackedF32(PackedF32),
    /// Two bytes a parameter, frozen; every value is also an f32, so widening is exact.
    Bf16(PackedBf16),
    /// In a GPU's memory, frozen.
    #[cfg(feature = "gpu")]
    Gpu(GpuWeight),
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
        Self::bf16_on(&Device::Cpu, rows, cols, &data)
    }

    /// [`Weight::f32`] in a device's memory.
    ///
    /// # Errors
    /// Also [`Error::Argument`](crate::Error::Argument) where one row is larger than the device's buffers can be.
    pub fn f32_on(device: &Device, rows: usize, cols: usize, data: Vec<f32>) -> Result<Self> {
        match device {
            Device::Cpu => Self::f32(rows, cols, data),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                check_len("Weight::f32", rows, cols, data.len())?;
                let data = GpuWeight::f32(gpu, rows, cols, &data)?;
                Ok(Self::on_gpu(rows, cols, data))
            }
        }
    }

    /// [`Weight::bf16`] in a device's memory.
    ///
    /// # Errors
    /// Also [`Error::Argument`](crate::Error::Argument) where one row is larger than the device's buffers can be.
    pub fn bf16_on(device: &Device, rows: usize, cols: usize, data: &[bf16]) -> Result<Self> {
        match device {
            Device::Cpu => {
                check_len("Weight::bf16", rows, cols, data.len())?;
                Ok(Self {
                    rows,
                    cols,
                    data: WeightData::Bf16(PackedBf16::new(rows, cols, data)),
                })
            }
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                check_len("Weight::bf16", rows, cols, data.len())?;
                let data = GpuWeight::bf16(gpu, rows, cols, data)?;
                Ok(Self::on_gpu(rows, cols, data))
            }
        }
    }

    /// Parameters in a GPU's memory.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_gpu(rows: usize, cols: usize, data: GpuWeight) -> Self {
        Self {
            rows,
            cols,
            data: WeightData::Gpu(data),
        }
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

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> u64 {
        let each = match &self.data {
            WeightData::F32(_) | WeightData::PackedF32(_) => 4,
            WeightData::Bf16(_) => 2,
            #[cfg(feature = "gpu")]
            WeightData::Gpu(weight) if weight.narrow => 2,
            #[cfg(feature = "gpu")]
            WeightData::Gpu(_) => 4,
        };
        each * (self.rows * self.cols) as u64
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
            _ => None,
        }
    }

    /// Writes rows `range` to `out` as f32, exactly.
    ///
    /// # Panics
    /// Where the parameters lie in a GPU's memory, the range ends beyond the last row or `out` does not have `range.len() * cols` elements.
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
            #[cfg(feature = "gpu")]
            WeightData::Gpu(_) => panic!("{self:?} lies in a GPU's memory"),
        }
    }

    /// The same parameters in a device's memory, in the precision that they have here.
    ///
    /// # Errors
    /// [`Error::Argument`] where one row is larger than the device's buffers can be, and for parameters that lie in the memory of another GPU.
    pub fn to(&self, device: &Device) -> Result<Self> {
        match (&self.data, device) {
            _ if self.device() == *device => Ok(self.clone()),
            #[cfg(feature = "gpu")]
            (WeightData::Gpu(_), _) => Err(Error::Argument {
                op: "Weight::to",
                what: "self",
                reason: "lies in a GPU's memory, where it stays".to_string(),
            }),
            #[cfg(feature = "gpu")]
            (data, Device::Gpu(_)) => {
                let wide = self.to_f32();
                match data {
                    WeightData::Bf16(_) => {
                        let narrow: Vec<bf16> = wide.iter().map(|&v| bf16::from_f32(v)).collect();
                        Self::bf16_on(device, self.rows, self.cols, &narrow)
                    }
                    _ => Self::f32_on(device, self.rows, self.cols, wide),
                }
            }
            #[allow(unreachable_patterns, reason = "without GPUs there is one device")]
            _ => Ok(self.clone()),
        }
    }

    /// Where the parameters lie.
    #[must_use]
    pub fn device(&self) -> Device {
        match &self.data {
            #[cfg(feature = "gpu")]
            WeightData::Gpu(data) => Device::Gpu(Arc::clone(data.parts[0].words.gpu())),
            _ => Device::Cpu,
        }
    }

    /// The parameters in a GPU's memory.
    ///
    /// # Panics
    /// Where they lie in the processor's.
    #[cfg(feature = "gpu")]
    pub(crate) fn gpu(&self) -> &GpuWeight {
        match &self.data {
            WeightData::Gpu(data) => data,
            _ => panic!("{self:?} lies in the processor's memory"),
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

impl PartialEq for WeightData {
    /// # Panics
    /// Where the numbers of one lie in a GPU's memory.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (WeightData::F32(a), WeightData::F32(b)) => a == b,
            (WeightData::PackedF32(a), WeightData::PackedF32(b)) => a == b,
            (WeightData::Bf16(a), WeightData::Bf16(b)) => a == b,
            #[cfg(feature = "gpu")]
            (WeightData::Gpu(_), _) | (_, WeightData::Gpu(_)) => {
                panic!("a weight lies in a GPU's memory")
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for WeightData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            WeightData::F32(_) => "f32",
            WeightData::PackedF32(_) => "packed f32",
            WeightData::Bf16(_) => "bf16",
            #[cfg(feature = "gpu")]
            WeightData::Gpu(_) => "on a GPU",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_the_wrong_length_is_refused() {
        assert!(Weight::f32(usize::MAX, 2, vec![]).is_err());
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
