//! A buffer full of one number, and a copy of a buffer.

use std::sync::Arc;

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{CUBE_UNITS, Gpu, unit_each};
use crate::error::Result;

#[cube(launch_unchecked)]
fn fill_kernel(out: &mut [f32], value: f32) {
    if ABSOLUTE_POS < out.len() {
        out[ABSOLUTE_POS] = value;
    }
}

/// Copies words: a buffer may hold pairs of bf16, which are no numbers of f32.
#[cube(launch_unchecked)]
fn copy_kernel(from: &[u32], out: &mut [u32], count: u32) {
    if (ABSOLUTE_POS as u32) < count {
        out[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

impl Buffer {
    /// A buffer that holds `value` everywhere.
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub fn filled(gpu: &Arc<Gpu>, words: usize, value: f32) -> Result<Self> {
        let buffer = Self::empty(gpu, words)?;
        buffer.fill(value);
        Ok(buffer)
    }

    /// Sets every number.
    pub fn fill(&self, value: f32) {
        let Some(grid) = unit_each(self.words()) else {
            return;
        };
        // SAFETY: a unit beyond the end writes nothing.
        unsafe {
            fill_kernel::launch_unchecked(
                self.gpu().launcher(),
                grid,
                CubeDim::new_1d(CUBE_UNITS),
                self.arg(),
                value,
            );
        }
    }

    /// Copies all numbers to a buffer that is as long.
    pub(crate) fn copy_to(&self, out: &Self) {
        self.copy_first(out, self.words());
    }

    /// Copies the first numbers, of which either buffer has as many.
    pub(crate) fn copy_first(&self, out: &Self, count: usize) {
        let Some(grid) = unit_each(count) else {
            return;
        };
        // SAFETY: a unit beyond the end writes nothing.
        unsafe {
            copy_kernel::launch_unchecked(
                self.gpu().launcher(),
                grid,
                CubeDim::new_1d(CUBE_UNITS),
                self.arg(),
                out.arg(),
                count as u32,
            );
        }
    }
}

impl Clone for Buffer {
    /// Another buffer with the same numbers.
    fn clone(&self) -> Self {
        let copy = Self::empty(self.gpu(), self.words()).expect("as large as one that there is");
        self.copy_to(&copy);
        copy
    }
}
