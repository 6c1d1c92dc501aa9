//! Some rows of a tensor in a GPU's memory, one after the other. On the processor a slice does.

use cubecl::prelude::*;

use crate::gpu::{Buffer, CUBE_UNITS, unit_each};
use crate::{Result, Tensor};

#[cube(launch_unchecked)]
fn gather_kernel(from: &[f32], rows: &[u32], out: &mut [f32], cols: u32) {
    if ABSOLUTE_POS < out.len() {
        let place = ABSOLUTE_POS as u32;
        let row = rows[(place / cols) as usize];
        out[ABSOLUTE_POS] = from[(row * cols + place % cols) as usize];
    }
}

/// `out[i] = from[rows[i]]`; the rows have to be there.
pub(crate) fn gather(from: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let out = Tensor::empty_on(&from.device(), rows.len(), from.cols())?;
    let Some(grid) = unit_each(out.buffer().words()) else {
        return Ok(out);
    };
    let gpu = from.buffer().gpu();
    let rows = Buffer::from_words(gpu, rows)?;
    // SAFETY: the rows are there, as the caller promises.
    unsafe {
        gather_kernel::launch_unchecked(
            gpu.launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            from.buffer().arg(),
            rows.arg(),
            out.buffer().arg(),
            from.cols() as u32,
        );
    }
    Ok(out)
}
