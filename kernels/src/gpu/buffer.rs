//! Numbers in a GPU's memory.

use std::fmt;
use std::sync::Arc;

use cubecl::prelude::BufferArg;
use cubecl::server::Handle;

use super::device::Gpu;
use crate::error::{Error, Result};

/// A run of 32-bit words in a GPU's memory: f32 numbers, indices, or pairs of bf16 numbers.
pub struct Buffer {
    allocation: Arc<Allocation>,
    /// Of the whole allocation.
    handle: Handle,
    /// Words of the allocation before the first.
    offset: usize,
    words: usize,
}

/// What is counted as long as some buffer lies in it.
struct Allocation {
    gpu: Arc<Gpu>,
    bytes: u64,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        self.gpu.memory().give_back(self.bytes);
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer[{} words]", self.words)
    }
}

impl Buffer {
    /// A buffer in which anything may stand.
    ///
    /// # Errors
    /// [`Error::Argument`] for more words than the adapter can bind at once.
    pub fn empty(gpu: &Arc<Gpu>, words: usize) -> Result<Self> {
        check_size(gpu, words)?;
        // Nothing cannot be bound.
        Ok(Self::new(gpu, gpu.client().empty(4 * words.max(1)), words))
    }

    /// What is bound where a kernel does not look: a buffer of its own, because none may be bound twice.
    pub(crate) fn unused(gpu: &Arc<Gpu>) -> Self {
        Self::new(gpu, gpu.client().empty(4), 1)
    }

    fn new(gpu: &Arc<Gpu>, handle: Handle, words: usize) -> Self {
        let bytes = 4 * words.max(1) as u64;
        gpu.memory().take(bytes);
        let gpu = Arc::clone(gpu);
        Self {
            allocation: Arc::new(Allocation { gpu, bytes }),
            handle,
            offset: 0,
            words,
        }
    }

    /// A buffer with these numbers.
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub fn from_f32(gpu: &Arc<Gpu>, numbers: &[f32]) -> Result<Self> {
        Self::from_words(gpu, bytemuck::cast_slice(numbers))
    }

    /// A buffer with these words.
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub fn from_words(gpu: &Arc<Gpu>, words: &[u32]) -> Result<Self> {
        Self::from_bytes(gpu, bytemuck::cast_slice(words))
    }

    /// A buffer with the words that these bytes are, four each.
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub(crate) fn from_bytes(gpu: &Arc<Gpu>, bytes: &[u8]) -> Result<Self> {
        let words = bytes.len() / 4;
        check_size(gpu, words)?;
        // Nothing cannot be bound.
        let bytes = if bytes.is_empty() { &[0; 4] } else { bytes };
        Ok(Self::new(gpu, gpu.client().create_from_slice(bytes), words))
    }

    /// Where it lies.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.allocation.gpu
    }

    /// Its length.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// The numbers, once all that was launched before is computed.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::GpuMemory`], and [`Error::Gpu`] where a launch that should have written them failed.
    pub async fn read_f32(&self) -> Result<Vec<f32>> {
        Ok(Self::read_all_f32(&[self]).await?.remove(0))
    }

    /// The numbers of buffers of one GPU, in one read.
    ///
    /// # Errors
    /// As [`Buffer::read_f32`].
    pub(crate) async fn read_all_f32(buffers: &[&Self]) -> Result<Vec<Vec<f32>>> {
        let Some(first) = buffers.first() else {
            return Ok(Vec::new());
        };
        let handles = buffers.iter().map(|buffer| buffer.place());
        let read = match first.gpu().reader().read_async(handles.collect()).await {
            Ok(read) => read,
            Err(error) => return Err(first.gpu().failure("read", &error).await),
        };
        first.gpu().check()?;
        let numbers = read.iter().zip(buffers).map(|(bytes, buffer)| {
            let mut numbers: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
            numbers.truncate(buffer.words);
            numbers
        });
        Ok(numbers.collect())
    }

    /// Another name for some of the words, `offset` after the first; the allocation has to hold them.
    pub(super) fn part(&self, offset: usize, words: usize) -> Self {
        let offset = self.offset + offset;
        assert!(4 * (offset + words) as u64 <= self.allocation.bytes);
        Self {
            allocation: Arc::clone(&self.allocation),
            handle: self.handle.clone(),
            offset,
            words,
        }
    }

    /// Another name for the words from its first on, some of which lie behind its last.
    pub(super) fn longer(&self, words: usize) -> Self {
        self.part(0, words)
    }

    /// Whether the other begins in the same allocation, so many words after this one's first.
    pub(super) fn is_followed_by(&self, other: &Self, after: usize) -> bool {
        Arc::ptr_eq(&self.allocation, &other.allocation) && self.offset + after == other.offset
    }

    /// The buffer as an argument of a launch.
    pub(crate) fn arg(&self) -> BufferArg {
        // SAFETY: so many words were allocated at least.
        unsafe { BufferArg::from_raw_parts(self.place(), self.words) }
    }

    /// Where it lies, for the runtime: what is bound is as long as it is, though never nothing.
    fn place(&self) -> Handle {
        let behind = self.allocation.bytes - 4 * (self.offset + self.words.max(1)) as u64;
        let handle = self.handle.clone();
        handle
            .offset_start(4 * self.offset as u64)
            .offset_end(behind)
    }
}

fn check_size(gpu: &Gpu, words: usize) -> Result<()> {
    let (bytes, adapter) = (4 * words as u64, gpu.adapter());
    if bytes <= adapter.limits.buffer_bytes {
        return Ok(());
    }
    Err(Error::Argument {
        op: "Buffer",
        what: "words",
        reason: format!(
            "take {bytes} bytes, and a buffer of {} has at most {}: take fewer or shorter sequences at once, a smaller model, or the CPU",
            adapter.name, adapter.limits.buffer_bytes
        ),
    })
}
