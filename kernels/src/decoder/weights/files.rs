//! Tensors out of safetensors files, taken one by one under the names, shapes and types that are expected of them.
//!
//! Format: <https://github.com/huggingface/safetensors>. Accepted are F32, BF16 and F16; bf16 stays bf16, f16 becomes f32 (both
//! exactly). A file is borrowed bytes, so that it can be a memory map; every tensor is copied out once.

use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::tensor::{Tensor, Weight};

/// The error for a tensor, with what is wrong with it.
pub(in crate::decoder) fn refused(tensor: impl Into<String>, reason: impl ToString) -> Error {
    Error::Weights {
        tensor: tensor.into(),
        file: None,
        reason: reason.to_string(),
    }
}

/// The error for a tensor that is not the one that was asked for.
fn misfit(tensor: impl Into<String>, reason: String) -> Error {
    Error::Misfit {
        tensor: tensor.into(),
        reason,
    }
}

/// What is left of the tensors of one or more files.
pub(in crate::decoder) struct TensorFiles<'data> {
    tensors: BTreeMap<String, TensorView<'data>>,
}

impl<'data> TensorFiles<'data> {
    /// Reads the headers and checks them against the files' lengths.
    pub(in crate::decoder) fn read(files: &[&'data [u8]]) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (index, &bytes) in files.iter().enumerate() {
            let file =
                SafeTensors::deserialize(bytes).map_err(|error| explain(index, bytes, &error))?;
            for (name, view) in file.tensors() {
                if tensors.insert(name.clone(), view).is_some() {
                    return Err(refused(name, "stands in two of the files"));
                }
            }
        }
        Ok(Self { tensors })
    }

    /// The tensor `name` as a matrix, in the precision of the file.
    pub(in crate::decoder) fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        cols: usize,
    ) -> Result<Weight> {
        let view = self.take(name, &[rows, cols])?;
        match view.dtype() {
            Dtype::BF16 => {
                let data = pairs(&view).map(bf16::from_bits).collect::<Vec<_>>();
                check_finite(name, view.shape(), &data, |v| v.is_finite())?;
                Weight::bf16(rows, cols, data)
            }
            _ => Weight::f32(rows, cols, self.widened(name, &view)?),
        }
    }

    /// The tensor `name` as a vector in f32.
    pub(in crate::decoder) fn vector(&mut self, name: &str, len: usize) -> Result<Tensor> {
        let view = self.take(name, &[len])?;
        Ok(Tensor::vector(self.widened(name, &view)?))
    }

    /// Takes `name` out without looking at it; whether it was there.
    pub(in crate::decoder) fn discard(&mut self, name: &str) -> bool {
        self.tensors.remove(name).is_some()
    }

    /// Whether `name` is there and holds the same bytes as `other` does.
    pub(in crate::decoder) fn same(&self, name: &str, other: &str) -> bool {
        match (self.tensors.get(name), self.tensors.get(other)) {
            (Some(a), Some(b)) => {
                a.dtype() == b.dtype() && a.shape() == b.shape() && a.data() == b.data()
            }
            _ => false,
        }
    }

    /// Names of what has not been taken.
    pub(in crate::decoder) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The end: nothing may be left.
    pub(in crate::decoder) fn finish(self, expected: &str) -> Result<()> {
        match self.tensors.first_key_value() {
            None => Ok(()),
            Some((name, view)) => Err(misfit(
                name,
                format!(
                    "has no place in {expected} (shape {:?}; {} such tensors)",
                    view.shape(),
                    self.tensors.len()
                ),
            )),
        }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorView<'data>> {
        let Some(view) = self.tensors.remove(name) else {
            return Err(misfit(
                name,
                format!("is missing, expected with shape {shape:?}"),
            ));
        };
        if view.shape() != shape {
            return Err(misfit(
                name,
                format!("has shape {:?}, expected {shape:?}", view.shape()),
            ));
        }
        if !matches!(view.dtype(), Dtype::F32 | Dtype::BF16 | Dtype::F16) {
            return Err(misfit(
                name,
                format!("has dtype {:?}, expected F32, BF16 or F16", view.dtype()),
            ));
        }
        Ok(view)
    }

    fn widened(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
        let data: Vec<f32> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect(),
            Dtype::BF16 => pairs(view)
                .map(|bits| bf16::from_bits(bits).to_f32())
                .collect(),
            _ => pairs(view)
                .map(|bits| f16::from_bits(bits).to_f32())
                .collect(),
        };
        check_finite(name, view.shape(), &data, |v| v.is_finite())?;
        Ok(data)
    }
}

fn pairs<'view>(view: &'view TensorView<'_>) -> impl Iterator<Item = u16> + 'view {
    let (pairs, _) = view.data().as_chunks::<2>();
    pairs.iter().map(|&bytes| u16::from_le_bytes(bytes))
}

fn check_finite<T: Copy + std::fmt::Display>(
    name: &str,
    shape: &[usize],
    data: &[T],
    finite: impl Fn(T) -> bool,
) -> Result<()> {
    let Some(index) = data.iter().position(|&value| !finite(value)) else {
        return Ok(());
    };
    let place = match shape {
        [_, cols] => format!("[{}, {}]", index / cols, index % cols),
        _ => format!("[{index}]"),
    };
    Err(refused(
        name,
        format!("is {} at {place}: the weights are damaged", data[index]),
    ))
}

/// The crate's error in words that name the tensor where one can be named.
fn explain(file: usize, bytes: &[u8], error: &SafeTensorError) -> Error {
    let found = match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::HeaderTooLarge => Some((
            None,
            format!(
                "has {} bytes, too few for the header it announces: truncated, or not a safetensors file",
                bytes.len()
            ),
        )),
        _ => find_lie(bytes),
    };
    match found {
        Some((Some(tensor), reason)) => Error::Weights {
            tensor,
            file: Some(file),
            reason,
        },
        Some((None, reason)) => Error::WeightsFile { file, reason },
        None => Error::WeightsFile {
            file,
            reason: format!("cannot be read: {error}"),
        },
    }
}

/// What the header says that cannot be so, and of which tensor.
fn find_lie(bytes: &[u8]) -> Option<(Option<String>, String)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let header: Value = serde_json::from_slice(rest.get(..length)?).ok()?;
    let available = rest.len() - length;
    let mut end_of_all = 0;
    for (name, info) in header.as_object()? {
        if name == "__metadata__" {
            continue;
        }
        let lie = |reason: String| Some((Some(name.clone()), reason));
        let shape = info["shape"].as_array()?;
        let (Some(start), Some(end)) = (
            info["data_offsets"][0].as_u64(),
            info["data_offsets"][1].as_u64(),
        ) else {
            return lie("has no data_offsets".to_string());
        };
        let size = match info["dtype"].as_str() {
            Some("F64" | "I64" | "U64") => 8,
            Some("F32" | "I32" | "U32") => 4,
            Some("F16" | "BF16" | "I16" | "U16") => 2,
            Some("BOOL" | "U8" | "I8") => 1,
            _ => {
                return lie(format!(
                    "has dtype {}, expected F32, BF16 or F16",
                    info["dtype"]
                ));
            }
        };
        let needed = shape
            .iter()
            .try_fold(size, |product: u64, dim| product.checked_mul(dim.as_u64()?));
        if needed != end.checked_sub(start) {
            return lie(format!(
                "has dtype {} and shape {}, but data_offsets {start}..{end}",
                info["dtype"], info["shape"]
            ));
        }
        if end > available as u64 {
            return lie(format!(
                "ends at byte {end} of the data, of which there are {available}: the file is truncated"
            ));
        }
        end_of_all = end_of_all.max(end);
    }
    (end_of_all < available as u64).then(|| {
        (
            None,
            format!("has {available} bytes of data, of which the header explains {end_of_all}"),
        )
    })
}
