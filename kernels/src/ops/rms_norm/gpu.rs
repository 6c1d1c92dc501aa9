use cubecl::prelude::*;

use crate::gpu::columns::{Terms, add_columns};
use crate::gpu::reduce::cube_sum;
use crate::gpu::{Buffer, grid};
use crate::{Result, Tensor};

/// Units of a cube, each cube one row.
const UNITS: u32 = 64;

#[cube]
fn row_scale(
    x: &[f32],
    start: u32,
    cols: u32,
    eps: f32,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) -> f32 {
    let mut squares = 0.0f32;
    let mut c = UNIT_POS;
    while c < cols {
        let value = x[(start + c) as usize];
        squares += value * value;
        c += units;
    }
    (cube_sum(squares, units, planes) / cols as f32 + eps).inverse_sqrt()
}

#[cube(launch_unchecked)]
fn forward_kernel(
    x: &[f32],
    weight: &[f32],
    y: &mut [f32],
    rows: u32,
    cols: u32,
    eps: f32,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) {
    let row = CUBE_POS as u32;
    if row < rows {
        let start = row * cols;
        let scale = row_scale(x, start, cols, eps, units, planes);
        let mut c = UNIT_POS;
        while c < cols {
            let at = (start + c) as usize;
            y[at] = x[at] * scale * weight[c as usize];
            c += units;
        }
    }
}

/// Adds to `d_x`, and leaves each row's scale in `scales`, for the weight's gradient.
#[cube(launch_unchecked)]
fn backward_kernel(
    x: &[f32],
    weight: &[f32],
    d_y: &[f32],
    d_x: &mut [f32],
    scales: &mut [f32],
    rows: u32,
    cols: u32,
    eps: f32,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) {
    let row = CUBE_POS as u32;
    if row < rows {
        let start = row * cols;
        let scale = row_scale(x, start, cols, eps, units, planes);
        let mut products = 0.0f32;
        let mut c = UNIT_POS;
        while c < cols {
            let at = (start + c) as usize;
            products += d_y[at] * weight[c as usize] * x[at];
            c += units;
        }
        let product = cube_sum(products, units, planes);
        let along = product * scale * scale * scale / cols as f32;
        let mut c = UNIT_POS;
        while c < cols {
            let at = (start + c) as usize;
            d_x[at] += scale * d_y[at] * weight[c as usize] - x[at] * along;
            c += units;
        }
        if UNIT_POS == 0 {
            scales[row as usize] = scale;
        }
    }
}

pub(super) fn forward(x: &Tensor, weight: &Tensor, eps: f32, y: &Tensor) {
    let [rows, cols] = x.shape();
    if rows * cols == 0 {
        return;
    }
    // SAFETY: every unit stays in its row and in `weight`, which has as many columns.
    unsafe {
        forward_kernel::launch_unchecked(
            x.buffer().gpu().launcher(),
            grid(rows),
            CubeDim::new_1d(UNITS),
            x.buffer().arg(),
            weight.buffer().arg(),
            y.buffer().arg(),
            rows as u32,
            cols as u32,
            eps,
            UNITS,
            x.buffer().gpu().planes(),
        );
    }
}

pub(super) fn backward(
    x: &Tensor,
    weight: &Tensor,
    eps: f32,
    d_y: &Tensor,
    d_x: &Tensor,
    d_weight: Option<&Tensor>,
) -> Result<()> {
    let [rows, cols] = x.shape();
    if rows * cols == 0 {
        return Ok(());
    }
    let gpu = x.buffer().gpu();
    let scales = Buffer::empty(gpu, rows)?;
    // SAFETY: as in `forward`; `scales` has a number for every row.
    unsafe {
        backward_kernel::launch_unchecked(
            gpu.launcher(),
            grid(rows),
            CubeDim::new_1d(UNITS),
            x.buffer().arg(),
            weight.buffer().arg(),
            d_y.buffer().arg(),
            d_x.buffer().arg(),
            scales.arg(),
            rows as u32,
            cols as u32,
            eps,
            UNITS,
            x.buffer().gpu().planes(),
        );
    }
    if let Some(d_weight) = d_weight {
        let terms = Terms {
            a: d_y.buffer(),
            b: Some(x.buffer()),
            row_scales: Some(&scales),
            divisors: None,
        };
        add_columns(terms, rows, d_weight.buffer());
    }
    Ok(())
}
