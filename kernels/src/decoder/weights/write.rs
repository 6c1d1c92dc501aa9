//! Tensors into one safetensors file.

use std::borrow::Cow;
use std::collections::HashMap;

use half::bf16;
use safetensors::tensor::{Dtype, View};

use super::{Decoder, Named};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::{Weight, WeightData};

/// A tensor on its way into a file; its bytes are made when they are written, one tensor at a time.
pub(in crate::decoder) struct Stored<'a> {
    pub(in crate::decoder) dtype: Dtype,
    pub(in crate::decoder) shape: Vec<usize>,
    pub(in crate::decoder) data: StoredData<'a>,
}

/// The numbers of a [`Stored`] as they are in memory.
#[derive(Clone, Copy)]
pub(in crate::decoder) enum StoredData<'a> {
    F32(&'a [f32]),
    Weight(&'a Weight),
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match (self.data, self.dtype) {
            (StoredData::Weight(weight), _) => match weight.data() {
                WeightData::Bf16(data) => {
                    data.to_vec().iter().flat_map(|v| v.to_le_bytes()).collect()
                }
                _ => weight
                    .to_f32()
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            },
            (StoredData::F32(data), Dtype::BF16) => data
                .iter()
                .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
                .collect(),
            (StoredData::F32(data), _) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// A safetensors file of the given tensors, marked as PyTorch's layout; the same tensors give the same bytes.
pub(in crate::decoder) fn write_file(tensors: Vec<(String, Stored<'_>)>) -> Result<Vec<u8>> {
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(tensors, Some(metadata)).map_err(|error| Error::WeightsFile {
        file: 0,
        reason: error.to_string(),
    })
}

impl Decoder {
    /// One safetensors file that [`Decoder::from_safetensors`] and transformers read.
    ///
    /// A matrix is written in the precision it is kept in. Norms and biases are written in bf16 where the embedding is and
    /// nothing is lost, otherwise in f32, so that a bf16 or f32 file that was read is written as it was.
    ///
    /// # Errors
    /// [`Error::WeightsFile`](crate::Error::WeightsFile) where the format cannot hold them; [`Error::Argument`] for a decoder on a GPU, which
    /// was made of one that is not.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        if self.embed_tokens.device() != Device::Cpu {
            return Err(Error::Argument {
                op: "Decoder::to_safetensors",
                what: "self",
                reason: "lies on a GPU: write the one it was made of".to_string(),
            });
        }
        let narrow = matches!(self.embed_tokens.data(), WeightData::Bf16(_));
        let exact = |data: &[f32]| data.iter().all(|&v| bf16::from_f32(v).to_f32() == v);
        let stored = |tensor| match tensor {
            Named::Matrix(weight) => {
                let dtype = match weight.data() {
                    WeightData::Bf16(_) => Dtype::BF16,
                    _ => Dtype::F32,
                };
                let shape = weight.shape().to_vec();
                Stored {
                    dtype,
                    shape,
                    data: StoredData::Weight(weight),
                }
            }
            Named::Vector(data) => Stored {
                dtype: match narrow && exact(data) {
                    true => Dtype::BF16,
                    false => Dtype::F32,
                },
                shape: vec![data.len()],
                data: StoredData::F32(data),
            },
        };
        let tensors = self.tensors().into_iter();
        write_file(
            tensors
                .map(|(name, tensor)| (name, stored(tensor)))
                .collect(),
        )
    }
}
