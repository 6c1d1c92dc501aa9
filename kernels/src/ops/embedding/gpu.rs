use cubecl::prelude::*;

use crate::gpu::product::widen;
use crate::gpu::{Buffer, CUBE_UNITS, LAUNCH_ROUNDS, unit_each};
use crate::{Result, Tensor, Weight};

/// Rows of a part of the table; ids of other parts leave their row alone.
#[cube(launch_unchecked)]
fn forward_kernel(
    ids: &[u32],
    words: &[u32],
    out: &mut [f32],
    cols: u32,
    first_row: u32,
    end_row: u32,
    stride: u32,
    #[comptime] narrow: bool,
) {
    if ABSOLUTE_POS < out.len() {
        let place = ABSOLUTE_POS as u32;
        let id = ids[(place / cols) as usize];
        let col = place % cols;
        if id >= first_row && id < end_row {
            let row = (id - first_row) * stride;
            if comptime!(narrow) {
                out[ABSOLUTE_POS] = widen(words[(row + col / 2) as usize], col % 2);
            } else {
                out[ABSOLUTE_POS] = f32::reinterpret(words[(row + col) as usize]);
            }
        }
    }
}

/// One unit a column, which adds its numbers in the order of some of the ids.
#[cube(launch_unchecked)]
fn backward_kernel(
    ids: &[u32],
    d_out: &[f32],
    d_table: &mut [f32],
    cols: u32,
    first: u32,
    end: u32,
) {
    let col = ABSOLUTE_POS as u32;
    if col < cols {
        for n in first..end {
            let at = (ids[n as usize] * cols + col) as usize;
            d_table[at] += d_out[(n * cols + col) as usize];
        }
    }
}

pub(super) fn forward(ids: &[u32], table: &Weight, out: &Tensor) -> Result<()> {
    let gpu = out.buffer().gpu();
    let Some(_) = unit_each(out.buffer().words()) else {
        return Ok(());
    };
    let (ids, weight) = (Buffer::from_words(gpu, ids)?, table.gpu());
    for part in &weight.parts {
        let grid = unit_each(out.buffer().words()).expect("looked at above");
        // SAFETY: ids are below the table's rows, and those of the part are looked at alone.
        unsafe {
            forward_kernel::launch_unchecked(
                gpu.launcher(),
                grid,
                CubeDim::new_1d(CUBE_UNITS),
                ids.arg(),
                part.words.arg(),
                out.buffer().arg(),
                table.cols() as u32,
                part.rows.start as u32,
                part.rows.end as u32,
                weight.stride(table.cols()) as u32,
                weight.narrow,
            );
        }
    }
    Ok(())
}

pub(super) fn backward(ids: &[u32], d_out: &Tensor, d_table: &Tensor) -> Result<()> {
    let gpu = d_table.buffer().gpu();
    let count = ids.len();
    if count == 0 || d_table.cols() == 0 {
        return Ok(());
    }
    let ids = Buffer::from_words(gpu, ids)?;
    for first in (0..count).step_by(LAUNCH_ROUNDS) {
        let grid = unit_each(d_table.cols()).expect("looked at above");
        // SAFETY: ids are below the table's rows; a unit beyond the last column does nothing.
        unsafe {
            backward_kernel::launch_unchecked(
                gpu.launcher(),
                grid,
                CubeDim::new_1d(CUBE_UNITS),
                ids.arg(),
                d_out.buffer().arg(),
                d_table.buffer().arg(),
                d_table.cols() as u32,
                first as u32,
                count.min(first + LAUNCH_ROUNDS) as u32,
            );
        }
    }
    Ok(())
}
