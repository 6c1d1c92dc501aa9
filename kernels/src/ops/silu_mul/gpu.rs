use cubecl::prelude::*;

use crate::gpu::{Buffer, CUBE_UNITS, unit_each};

#[cube]
pub(crate) fn sigmoid(x: f32) -> f32 {
    // Of the number below zero, so that it never overflows.
    let e = (-x.abs()).exp();
    let mut share = 1.0f32;
    if x < 0.0f32 {
        share = e;
    }
    share / (1.0f32 + e)
}

#[cube(launch_unchecked)]
fn forward_kernel(gate: &[f32], up: &[f32], y: &mut [f32]) {
    if ABSOLUTE_POS < y.len() {
        let g = gate[ABSOLUTE_POS];
        y[ABSOLUTE_POS] = g * sigmoid(g) * up[ABSOLUTE_POS];
    }
}

#[cube(launch_unchecked)]
fn backward_kernel(gate: &[f32], up: &[f32], d_y: &[f32], d_gate: &mut [f32], d_up: &mut [f32]) {
    if ABSOLUTE_POS < d_y.len() {
        let g = gate[ABSOLUTE_POS];
        let d = d_y[ABSOLUTE_POS];
        let s = sigmoid(g);
        d_up[ABSOLUTE_POS] = d * g * s;
        d_gate[ABSOLUTE_POS] = d * up[ABSOLUTE_POS] * s * (1.0f32 + g * (1.0f32 - s));
    }
}

pub(super) fn forward(gate: &Buffer, up: &Buffer, y: &Buffer) {
    let Some(grid) = unit_each(y.words()) else {
        return;
    };
    // SAFETY: the buffers have one length, and a unit beyond it does nothing.
    unsafe {
        forward_kernel::launch_unchecked(
            y.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            gate.arg(),
            up.arg(),
            y.arg(),
        );
    }
}

pub(super) fn backward(gate: &Buffer, up: &Buffer, d_y: &Buffer, d_gate: &Buffer, d_up: &Buffer) {
    let Some(grid) = unit_each(d_y.words()) else {
        return;
    };
    // SAFETY: as in `forward`.
    unsafe {
        backward_kernel::launch_unchecked(
            d_y.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            gate.arg(),
            up.arg(),
            d_y.arg(),
            d_gate.arg(),
            d_up.arg(),
        );
    }
}
