//! What wgpu refuses outside of any call that could return it: memory, above all.

use std::sync::{Arc, OnceLock};

use cubecl::wgpu::wgpu;

use super::memory::Memory;
use crate::error::{Error, Result};

/// The first thing that was refused: nothing that is computed from then on can be relied upon.
#[derive(Debug, Default, Clone)]
pub(super) struct Refused(Arc<OnceLock<Error>>);

impl Refused {
    /// Takes the place of CubeCL's handler, which panics; `memory` is of the device's buffers.
    pub fn watch(&self, device: &wgpu::Device, memory: &Arc<Memory>) {
        let (first, memory) = (Arc::clone(&self.0), Arc::clone(memory));
        device.on_uncaptured_error(Arc::new(move |error| {
            let reason = error.to_string();
            let error = match error {
                wgpu::Error::OutOfMemory { .. } => Error::GpuMemory {
                    in_use: memory.in_use(),
                    reason,
                },
                _ => Error::Gpu { op: "wgpu", reason },
            };
            // What follows from the first says nothing new.
            let _ = first.set(error);
        }));
    }

    /// Whether nothing was.
    ///
    /// # Errors
    /// [`Error::GpuMemory`], [`Error::Gpu`].
    pub fn check(&self) -> Result<()> {
        self.0.get().cloned().map_or(Ok(()), Err)
    }
}
