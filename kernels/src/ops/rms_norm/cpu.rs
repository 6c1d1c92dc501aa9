//! Row blocks in parallel; the weight's gradient, which sums over rows, in column blocks, rows in order.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::Tensor;
use crate::ops::lanes::{dispatch, lanewise, lanewise_sum};

/// Rows of a task.
const ROWS: usize = 32;
/// Columns of a task of the weight's gradient.
const COLS: usize = 128;

pub(super) fn forward(x: &Tensor, weight: &[f32], eps: f32, y: &mut Tensor) {
    let block = ROWS * x.cols().max(1);
    y.data_mut()
        .par_chunks_mut(block)
        .zip(x.data().par_chunks(block))
        .for_each(|(y, x)| dispatch(Forward { x, weight, eps, y }));
}

pub(super) fn backward(
    x: &Tensor,
    weight: &[f32],
    eps: f32,
    d_y: &Tensor,
    d_x: &mut Tensor,
    d_weight: Option<&mut [f32]>,
) {
    let cols = x.cols();
    let block = ROWS * cols.max(1);
    let mut scales = vec![0.0; x.rows()]; // [N]
    d_x.data_mut()
        .par_chunks_mut(block)
        .zip(x.data().par_chunks(block))
        .zip(d_y.data().par_chunks(block))
        .zip(scales.par_chunks_mut(ROWS))
        .for_each(|(((d_x, x), d_y), scales)| {
            dispatch(Backward {
                x,
                weight,
                eps,
                d_y,
                d_x,
                scales,
            });
        });
    if let Some(d_weight) = d_weight {
        d_weight
            .par_chunks_mut(COLS)
            .enumerate()
            .for_each(|(block, d_weight)| {
                dispatch(WeightGradient {
                    x: x.data(),
                    d_y: d_y.data(),
                    scales: &scales,
                    cols,
                    first_col: block * COLS,
                    d_weight,
                });
            });
    }
}

/// 1 / sqrt(mean(x²) + eps) of one row.
#[inline(always)]
fn scale<S: Simd>(simd: S, x: &[f32], eps: f32) -> f32 {
    let squares = lanewise_sum(
        simd,
        [x],
        #[inline(always)]
        |[x]| simd.mul_f32s(x, x),
    );
    1.0 / (squares / x.len() as f32 + eps).sqrt()
}

struct Forward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let cols = self.weight.len();
        for (x, y) in self.x.chunks(cols).zip(self.y.chunks_mut(cols)) {
            let scale = simd.splat_f32s(scale(simd, x, self.eps));
            lanewise(
                simd,
                [x, self.weight],
                [y],
                #[inline(always)]
                |[x, weight], _| [simd.mul_f32s(simd.mul_f32s(x, scale), weight)],
            );
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    d_y: &'a [f32],
    d_x: &'a mut [f32],
    scales: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let cols = self.weight.len();
        let rows = self.x.chunks(cols).zip(self.d_y.chunks(cols));
        let outputs = self.d_x.chunks_mut(cols).zip(self.scales);
        for ((x, d_y), (d_x, kept)) in rows.zip(outputs) {
            let scale = scale(simd, x, self.eps);
            *kept = scale;
            let along = lanewise_sum(
                simd,
                [x, d_y, self.weight],
                #[inline(always)]
                |[x, d_y, weight]| simd.mul_f32s(simd.mul_f32s(d_y, weight), x),
            );
            let scale_lanes = simd.splat_f32s(scale);
            let shrink = simd.splat_f32s(-along / cols as f32 * scale * scale * scale);
            lanewise(
                simd,
                [x, d_y, self.weight],
                [d_x],
                #[inline(always)]
                |[x, d_y, weight], [d_x]| {
                    let d_x = simd.mul_add_e_f32s(x, shrink, d_x);
                    [simd.mul_add_e_f32s(simd.mul_f32s(d_y, weight), scale_lanes, d_x)]
                },
            );
        }
    }
}

struct WeightGradient<'a> {
    x: &'a [f32],
    d_y: &'a [f32],
    scales: &'a [f32],
    cols: usize,
    first_col: usize,
    d_weight: &'a mut [f32],
}

impl WithSimd for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, scale) in self.scales.iter().enumerate() {
            let first = row * self.cols + self.first_col;
            let part = first..first + self.d_weight.len();
            let scale = simd.splat_f32s(*scale);
            lanewise(
                simd,
                [&self.x[part.clone()], &self.d_y[part]],
                [self.d_weight],
                #[inline(always)]
                |[x, d_y], [d_weight]| {
                    [simd.mul_add_e_f32s(d_y, simd.mul_f32s(x, scale), d_weight)]
                },
            );
        }
    }
}
