//! Tensors out of safetensors files, taken one by one under the names, shapes and types that are expected of them.
//!
//! Format: <https://github.com/huggingface/safetensors>. Accepted are F32, BF16 and F16; bf16 stays bf16, f16 becomes f32 (both
//! exactly). Of a file only its header has to be at hand; a tensor's bytes may come later, and are copied once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;

use crate::device::Device;
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

/// Where a tensor stands in the files that hold a decoder or an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The tensor's name.
    pub name: String,
    /// The file, counted from 0.
    pub file: usize,
    /// Its bytes within the file.
    pub bytes: Range<u64>,
    dtype: Dtype,
    shape: Vec<usize>,
}

/// What is left of the tensors of one or more files, of which only the headers were read.
pub(in crate::decoder) struct TensorFiles {
    tensors: BTreeMap<String, Place>,
}

impl TensorFiles {
    /// Reads the headers, each at the beginning of what is given of a file, and checks them against the files' lengths.
    pub(in crate::decoder) fn read(files: &[(&[u8], u64)]) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (file, &(bytes, length)) in files.iter().enumerate() {
            let (header_end, metadata) = read_header(file, bytes, length)?;
            for (name, info) in metadata.tensors() {
                let (start, end) = info.data_offsets;
                let place = Place {
                    name: name.clone(),
                    file,
                    bytes: header_end + start as u64..header_end + end as u64,
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                };
                if tensors.insert(name.clone(), place).is_some() {
                    return Err(refused(name, "stands in two of the files"));
                }
            }
        }
        Ok(Self { tensors })
    }

    /// Takes `name` out without looking at it.
    pub(in crate::decoder) fn discard(&mut self, name: &str) -> Option<Place> {
        self.tensors.remove(name)
    }

    /// Looks at `name` without taking it.
    pub(in crate::decoder) fn get(&self, name: &str) -> Option<&Place> {
        self.tensors.get(name)
    }

    /// Names of what has not been taken.
    pub(in crate::decoder) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The end: nothing may be left.
    pub(in crate::decoder) fn finish(self, expected: &str) -> Result<()> {
        match self.tensors.first_key_value() {
            None => Ok(()),
            Some((name, place)) => Err(misfit(
                name,
                format!(
                    "has no place in {expected} (shape {:?}; {} such tensors)",
                    place.shape,
                    self.tensors.len()
                ),
            )),
        }
    }

    /// Takes `name` out, which has to be there in this shape.
    pub(in crate::decoder) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Place> {
        let Some(place) = self.tensors.remove(name) else {
            return Err(misfit(
                name,
                format!("is missing, expected with shape {shape:?}"),
            ));
        };
        if place.shape != shape {
            return Err(misfit(
                name,
                format!("has shape {:?}, expected {shape:?}", place.shape),
            ));
        }
        if !matches!(place.dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16) {
            return Err(misfit(
                name,
                format!("has dtype {:?}, expected F32, BF16 or F16", place.dtype),
            ));
        }
        Ok(place)
    }
}

impl Place {
    /// Its part of a whole file.
    pub(in crate::decoder) fn of<'data>(&self, file: &'data [u8]) -> &'data [u8] {
        &file[self.bytes.start as usize..self.bytes.end as usize]
    }

    /// Whether its numbers are as many, in the same shape and precision.
    pub(in crate::decoder) fn is_like(&self, other: &Self) -> bool {
        self.dtype == other.dtype && self.shape == other.shape
    }

    /// Bytes of it once it is loaded: bf16 stays what it is in matrices, everything else becomes f32.
    pub(in crate::decoder) fn loaded_bytes(&self) -> u64 {
        let numbers: u64 = self.shape.iter().map(|&size| size as u64).product();
        match self.is_matrix() && self.dtype == Dtype::BF16 {
            true => 2 * numbers,
            false => 4 * numbers,
        }
    }

    /// Whether it is a matrix, and not a vector.
    pub(in crate::decoder) fn is_matrix(&self) -> bool {
        self.shape.len() == 2
    }

    /// A matrix in the precision of the file, in a device's memory.
    pub(in crate::decoder) fn matrix(&self, bytes: &[u8], device: &Device) -> Result<Weight> {
        let [rows, cols] = *self.shape.as_slice() else {
            unreachable!("{} was taken as a matrix", self.name);
        };
        match self.dtype {
            Dtype::BF16 => {
                let data = bf16_numbers(bytes);
                check_finite(&self.name, &self.shape, &data, |v| v.is_finite())?;
                Weight::bf16_on(device, rows, cols, &data)
            }
            _ => Weight::f32_on(device, rows, cols, self.widened(bytes)?),
        }
    }

    /// A vector in f32.
    pub(in crate::decoder) fn vector(&self, bytes: &[u8]) -> Result<Tensor> {
        Ok(Tensor::vector(self.widened(bytes)?))
    }

    /// All numbers as f32.
    pub(in crate::decoder) fn widened(&self, bytes: &[u8]) -> Result<Vec<f32>> {
        let data: Vec<f32> = match self.dtype {
            Dtype::F32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect(),
            Dtype::BF16 => pairs(bytes)
                .map(|bits| bf16::from_bits(bits).to_f32())
                .collect(),
            _ => pairs(bytes)
                .map(|bits| f16::from_bits(bits).to_f32())
                .collect(),
        };
        check_finite(&self.name, &self.shape, &data, |v| v.is_finite())?;
        Ok(data)
    }
}

/// Where they lie, if the machine reads them so.
fn bf16_numbers(bytes: &[u8]) -> Cow<'_, [bf16]> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(numbers) if cfg!(target_endian = "little") => Cow::Borrowed(numbers),
        _ => Cow::Owned(pairs(bytes).map(bf16::from_bits).collect()),
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let (pairs, _) = bytes.as_chunks::<2>();
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

/// How many bytes of a file the header takes, its length's eight included, by those eight; and what it says.
fn read_header(file: usize, bytes: &[u8], length: u64) -> Result<(u64, Metadata)> {
    let too_short = || Error::WeightsFile {
        file,
        reason: format!(
            "has {length} bytes, too few for the header it announces: truncated, or not a safetensors file"
        ),
    };
    // In a browser, whose programs have 32 bits.
    if usize::try_from(length).is_err() {
        return Err(Error::WeightsFile {
            file,
            reason: format!(
                "has {length} bytes, and here a file can have at most {}: save the model again in shards (save_pretrained(dir, max_shard_size=\"2GB\"))",
                usize::MAX
            ),
        });
    }
    let (first, rest) = bytes.split_first_chunk().ok_or_else(too_short)?;
    let size = header_bytes(*first).filter(|size| 8 + size <= length);
    let size = size.ok_or_else(too_short)?;
    let header = rest.get(..size as usize).ok_or_else(too_short)?;
    let available = length - 8 - size;
    match serde_json::from_slice::<Metadata>(header) {
        Ok(metadata) if metadata.data_len() as u64 == available => Ok((8 + size, metadata)),
        read => Err(match find_lie(header, available) {
            Some((Some(tensor), reason)) => Error::Weights {
                tensor,
                file: Some(file),
                reason,
            },
            Some((None, reason)) => Error::WeightsFile { file, reason },
            None => Error::WeightsFile {
                file,
                reason: match read {
                    Err(error) => format!("cannot be read: {error}"),
                    Ok(_) => format!("has {available} bytes of data, not what the header says"),
                },
            },
        }),
    }
}

/// The length of a header, by the eight bytes before it; `None` for one that no file has.
pub(in crate::decoder) fn header_bytes(first: [u8; 8]) -> Option<u64> {
    // The limit of the format's own library.
    const MOST: u64 = 100_000_000;
    Some(u64::from_le_bytes(first)).filter(|&size| size <= MOST)
}

/// What the header says that cannot be so, and of which tensor.
fn find_lie(header: &[u8], available: u64) -> Option<(Option<String>, String)> {
    let header: Value = serde_json::from_slice(header).ok()?;
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
        if end > available {
            return lie(format!(
                "ends at byte {end} of the data, of which there are {available}: the file is truncated"
            ));
        }
        end_of_all = end_of_all.max(end);
    }
    (end_of_all < available).then(|| {
        (
            None,
            format!("has {available} bytes of data, of which the header explains {end_of_all}"),
        )
    })
}
