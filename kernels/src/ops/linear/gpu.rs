//! The linear map on a GPU: products, one for each part of a weight that was split.

use cubecl::prelude::*;

use crate::gpu::product::{Left, Order, Out, Right, product};
use crate::gpu::{Buffer, CUBE_UNITS, GpuWeight, Part, unit_each};
use crate::{Tensor, Weight};

/// A weight's rows as the right operand of a product: [O, I], or transposed [I, O].
fn right<'a>(w: &GpuWeight, part: &'a Part, cols: usize, order: Order) -> Right<'a> {
    Right {
        words: &part.words,
        order,
        narrow: w.narrow,
        stride: w.stride(cols),
    }
}

pub(super) fn forward(x: &Tensor, w: &Weight, bias: Option<&Buffer>, y: &Tensor) {
    let (weight, [outputs, inputs]) = (w.gpu(), w.shape());
    let left = Left {
        numbers: x.buffer(),
        order: Order::Rows,
        stride: inputs,
        offset: 0,
    };
    for part in &weight.parts {
        let out = Out {
            numbers: y.buffer(),
            stride: outputs,
            offset: part.rows.start,
            accumulate: false,
        };
        let right = right(weight, part, inputs, Order::Transposed);
        let bias = bias.map(|bias| (bias, part.rows.start));
        product([x.rows(), inputs, part.rows.len()], left, right, bias, out);
    }
}

pub(super) fn backward_input(d_y: &Tensor, w: &Weight, d_x: &Tensor, accumulate: bool) {
    let (weight, [outputs, inputs]) = (w.gpu(), w.shape());
    for (index, part) in weight.parts.iter().enumerate() {
        let left = Left {
            numbers: d_y.buffer(),
            order: Order::Rows,
            stride: outputs,
            offset: part.rows.start,
        };
        let out = Out {
            numbers: d_x.buffer(),
            stride: inputs,
            offset: 0,
            accumulate: accumulate || index > 0,
        };
        let right = right(weight, part, inputs, Order::Rows);
        product(
            [d_y.rows(), part.rows.len(), inputs],
            left,
            right,
            None,
            out,
        );
    }
}

pub(super) fn backward_weight(x: &Tensor, d_y: &Tensor, d_w: &Tensor) {
    let [outputs, inputs] = d_w.shape();
    let left = Left {
        numbers: d_y.buffer(),
        order: Order::Transposed,
        stride: outputs,
        offset: 0,
    };
    let right = Right {
        words: x.buffer(),
        order: Order::Rows,
        narrow: false,
        stride: inputs,
    };
    let out = Out {
        numbers: d_w.buffer(),
        stride: inputs,
        offset: 0,
        accumulate: true,
    };
    product([outputs, x.rows(), inputs], left, right, None, out);
}

/// One unit a column, which adds up its rows in order.
#[cube(launch_unchecked)]
fn bias_kernel(d_y: &[f32], d_bias: &mut [f32], rows: u32) {
    let cols = d_bias.len();
    if ABSOLUTE_POS < cols {
        let mut sum = 0.0f32;
        for row in 0..rows as usize {
            sum += d_y[row * cols + ABSOLUTE_POS];
        }
        d_bias[ABSOLUTE_POS] += sum;
    }
}

pub(super) fn backward_bias(d_y: &Tensor, d_bias: &Tensor) {
    let Some(grid) = unit_each(d_y.cols()) else {
        return;
    };
    // SAFETY: a unit beyond the last column does nothing, the others stay in theirs.
    unsafe {
        bias_kernel::launch_unchecked(
            d_y.buffer().gpu().client(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            d_y.buffer().arg(),
            d_bias.buffer().arg(),
            d_y.rows() as u32,
        );
    }
}
