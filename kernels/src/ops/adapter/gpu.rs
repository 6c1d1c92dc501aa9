//! Adapters on a GPU: thin products, and passes over rows.

use cubecl::prelude::*;

use super::{FactorGradients, Factors, MergedWeight};
use crate::gpu::columns::{Terms, add_columns};
use crate::gpu::product::{Left, Order, Out, Right, product, widen};
use crate::gpu::reduce::cube_sum;
use crate::gpu::{Buffer, CUBE_UNITS, GpuWeight, grid, unit_each};
use crate::{Result, Tensor, Weight};

/// Units of a cube, each cube one row.
const UNITS: u32 = 64;

/// One cube a row of `merged`, which holds B A: V = W + s B A, its norm, W'.
#[cube(launch_unchecked)]
fn merge_kernel(
    words: &[u32],
    merged: &mut [f32],
    magnitude: &[f32],
    norm_scale: &mut [f32],
    rows: u32,
    cols: u32,
    stride: u32,
    first_row: u32,
    scaling: f32,
    #[comptime] narrow: bool,
    #[comptime] dora: bool,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) {
    let row = CUBE_POS as u32;
    if row < rows {
        let mut squares = 0.0f32;
        let mut c = UNIT_POS;
        while c < cols {
            let mut value = if comptime!(narrow) {
                widen(words[(row * stride + c / 2) as usize], c % 2)
            } else {
                f32::reinterpret(words[(row * stride + c) as usize])
            };
            let at = (row * cols + c) as usize;
            value += scaling * merged[at];
            merged[at] = value;
            squares += value * value;
            c += units;
        }
        if comptime!(dora) {
            let scale =
                magnitude[(first_row + row) as usize] / cube_sum(squares, units, planes).sqrt();
            let mut c = UNIT_POS;
            while c < cols {
                merged[(row * cols + c) as usize] *= scale;
                c += units;
            }
            if UNIT_POS == 0 {
                norm_scale[(first_row + row) as usize] = scale;
            }
        }
    }
}

/// `out = from` or `out += from`, each row times the scaling and, for DoRA, its norm's scale.
#[cube(launch_unchecked)]
fn scale_rows_kernel(
    from: &[f32],
    norm_scale: &[f32],
    out: &mut [f32],
    cols: u32,
    scaling: f32,
    #[comptime] dora: bool,
    #[comptime] accumulate: bool,
) {
    if ABSOLUTE_POS < out.len() {
        let mut value = from[ABSOLUTE_POS] * scaling;
        if comptime!(dora) {
            value *= norm_scale[(ABSOLUTE_POS as u32 / cols) as usize];
        }
        if comptime!(accumulate) {
            value += out[ABSOLUTE_POS];
        }
        out[ABSOLUTE_POS] = value;
    }
}

pub(super) fn merge(w: &Weight, factors: &Factors<'_>) -> Result<MergedWeight> {
    let [o, i] = w.shape();
    let (a, b, weight) = (factors.a.buffer(), factors.b.buffer(), w.gpu());
    let (gpu, r) = (a.gpu(), factors.a.rows());
    let norm_scale = match factors.magnitude {
        Some(_) => Some(Tensor::zeros_on(&w.device(), 1, o)?),
        None => None,
    };
    let parts = weight.parts.iter().map(|part| {
        let rows = part.rows.len();
        let merged = Buffer::empty(gpu, rows * i)?;
        product(
            [rows, r, i],
            Left::new(b, Order::Rows, r).from(part.rows.start * r),
            Right::new(a, Order::Rows, i),
            None,
            Out::new(&merged, i, false),
        );
        let unused = [Buffer::unused(gpu), Buffer::unused(gpu)];
        // SAFETY: rows and columns are those of the checked operands.
        unsafe {
            merge_kernel::launch_unchecked(
                gpu.launcher(),
                grid(rows),
                CubeDim::new_1d(UNITS),
                part.words.arg(),
                merged.arg(),
                factors.magnitude.map_or(&unused[0], Tensor::buffer).arg(),
                norm_scale.as_ref().map_or(&unused[1], Tensor::buffer).arg(),
                rows as u32,
                i as u32,
                weight.stride(i) as u32,
                part.rows.start as u32,
                factors.scaling,
                weight.narrow,
                factors.magnitude.is_some(),
                UNITS,
                gpu.planes(),
            );
        }
        Ok((part.rows.clone(), merged))
    });
    let weight = GpuWeight::from_parts(parts.collect::<Result<_>>()?);
    Ok(MergedWeight {
        weight: Weight::on_gpu(o, i, weight),
        norm_scale,
    })
}

pub(super) fn backward(
    x: &Tensor,
    y: &Tensor,
    d_y: &Tensor,
    factors: &Factors<'_>,
    merged: &MergedWeight,
    gradients: FactorGradients<'_>,
) -> Result<()> {
    let (n, r) = (d_y.rows(), factors.a.rows());
    let (i, o) = (factors.a.cols(), factors.b.rows());
    let (x, d_y) = (x.buffer(), d_y.buffer());
    let gpu = x.gpu();
    let scaled_b = Buffer::empty(gpu, o * r)?;
    scale_rows(
        factors.b.buffer(),
        merged,
        factors.scaling,
        &scaled_b,
        r,
        false,
    );
    let d_y_b = Buffer::empty(gpu, n * r)?;
    product(
        [n, o, r],
        Left::new(d_y, Order::Rows, o),
        Right::new(&scaled_b, Order::Rows, r),
        None,
        Out::new(&d_y_b, r, false),
    );
    product(
        [r, n, i],
        Left::new(&d_y_b, Order::Transposed, r),
        Right::new(x, Order::Rows, i),
        None,
        Out::new(gradients.d_a.buffer(), i, true),
    );
    let x_a = d_y_b; // [N, R], in the same memory: its last reader has been launched
    product(
        [n, i, r],
        Left::new(x, Order::Rows, i),
        Right::new(factors.a.buffer(), Order::Transposed, i),
        None,
        Out::new(&x_a, r, false),
    );
    let d_b = scaled_b; // [O, R], likewise
    product(
        [o, n, r],
        Left::new(d_y, Order::Transposed, o),
        Right::new(&x_a, Order::Rows, r),
        None,
        Out::new(&d_b, r, false),
    );
    scale_rows(
        &d_b,
        merged,
        factors.scaling,
        gradients.d_b.buffer(),
        r,
        true,
    );
    let (Some(magnitude), Some(d_magnitude)) = (factors.magnitude, gradients.d_magnitude) else {
        return Ok(());
    };
    // d_m[o] += Σ_n d_y[n, o] y[n, o] / m[o]
    let terms = Terms {
        a: d_y,
        b: Some(y.buffer()),
        row_scales: None,
        divisors: Some(magnitude.buffer()),
    };
    add_columns(terms, n, d_magnitude.buffer());
    Ok(())
}

fn scale_rows(
    from: &Buffer,
    merged: &MergedWeight,
    scaling: f32,
    out: &Buffer,
    cols: usize,
    accumulate: bool,
) {
    let Some(grid) = unit_each(out.words()) else {
        return;
    };
    let unused = Buffer::unused(out.gpu());
    // SAFETY: both have one length, and `norm_scale` a number for every row.
    unsafe {
        scale_rows_kernel::launch_unchecked(
            out.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            from.arg(),
            merged
                .norm_scale
                .as_ref()
                .map_or(&unused, Tensor::buffer)
                .arg(),
            out.arg(),
            cols as u32,
            scaling,
            merged.norm_scale.is_some(),
            accumulate,
        );
    }
}
