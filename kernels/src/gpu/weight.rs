//! Frozen parameters in a GPU's memory, split by rows where they are larger than a buffer can be.

use std::ops::Range;
use std::sync::Arc;

use half::bf16;

use super::buffer::Buffer;
use super::device::Gpu;
use crate::error::Result;

/// A matrix of parameters, row by row: f32 numbers, or bf16 numbers in pairs, the even column's below and the odd one's above, a row of odd
/// length with a zero behind it.
#[derive(Debug, Clone)]
pub struct GpuWeight {
    pub(crate) parts: Vec<Part>,
    /// Whether the numbers are bf16.
    pub(crate) narrow: bool,
}

/// Some rows of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Which.
    pub rows: Range<usize>,
    /// Their numbers.
    pub words: Buffer,
}

impl GpuWeight {
    pub(crate) fn f32(gpu: &Arc<Gpu>, rows: usize, cols: usize, data: &[f32]) -> Result<Self> {
        Self::split(gpu, rows, cols, false, |range| {
            Buffer::from_f32(gpu, &data[range.start * cols..range.end * cols])
        })
    }

    pub(crate) fn bf16(gpu: &Arc<Gpu>, rows: usize, cols: usize, data: &[bf16]) -> Result<Self> {
        Self::split(gpu, rows, cols, true, |range| {
            if cols.is_multiple_of(2) && cfg!(target_endian = "little") {
                // They lie in pairs as it is.
                let numbers = &data[range.start * cols..range.end * cols];
                return Buffer::from_bytes(gpu, bytemuck::cast_slice(numbers));
            }
            let mut words = Vec::with_capacity(range.len() * cols.div_ceil(2));
            for row in data[range.start * cols..range.end * cols].chunks(cols.max(1)) {
                words.extend(row.chunks(2).map(|pair| {
                    let odd = pair.get(1).map_or(0, |odd| odd.to_bits());
                    u32::from(odd) << 16 | u32::from(pair[0].to_bits())
                }));
            }
            Buffer::from_words(gpu, &words)
        })
    }

    /// Parts that were computed, in f32.
    pub(crate) fn from_parts(parts: Vec<(Range<usize>, Buffer)>) -> Self {
        Self {
            parts: parts
                .into_iter()
                .map(|(rows, words)| Part { rows, words })
                .collect(),
            narrow: false,
        }
    }

    /// Words of a row of `cols` numbers.
    pub(crate) fn stride(&self, cols: usize) -> usize {
        if self.narrow { cols.div_ceil(2) } else { cols }
    }

    /// Rows that a part may have do not depend on the precision, so that what is made of a weight has the same parts.
    fn split(
        gpu: &Gpu,
        rows: usize,
        cols: usize,
        narrow: bool,
        part: impl Fn(Range<usize>) -> Result<Buffer>,
    ) -> Result<Self> {
        let most = (gpu.weight_bytes() as usize / 4 / cols.max(1)).max(1);
        let firsts = (0..rows.max(1)).step_by(most);
        let parts = firsts.map(|first| {
            let rows = first..rows.min(first + most);
            Ok(Part {
                words: part(rows.clone())?,
                rows,
            })
        });
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
            narrow,
        })
    }
}
