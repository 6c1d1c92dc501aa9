//! What wgpu refuses outside of any call that could return it: memory, above all.

use std::sync::{Arc, OnceLock};

use cubecl::wgpu::wgpu;

use crate::error::{Error, Result};

/// The first thing that was refused: nothing that is computed from then on can be relied upon.
#[derive(Debug, Default, Clone)]
pub(super) struct Refused(Arc<OnceLock<(What, String)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Memory,
    Other,
}

impl Refused {
    /// Takes the place of CubeCL's handler, which panics.
    pub fn watch(&self, device: &wgpu::Device) {
        let first = Arc::clone(&self.0);
        device.on_uncaptured_error(Arc::new(move |error| {
            let what = match error {
                wgpu::Error::OutOfMemory { .. } => What::Memory,
                _ => What::Other,
            };
            // What follows from the first says nothing new.
            let _ = first.set((what, error.to_string()));
        }));
    }

    /// Whether nothing was, of a GPU whose buffers take so many bytes.
    ///
    /// # Errors
    /// [`Error::GpuMemory`], [`Error::Gpu`].
    pub fn check(&self, op: &'static str, in_use: u64) -> Result<()> {
        match self.0.get().cloned() {
            None => Ok(()),
            Some((What::Memory, reason)) => Err(Error::GpuMemory { op, in_use, reason }),
            Some((What::Other, reason)) => Err(Error::Gpu { op, reason }),
        }
    }
}
