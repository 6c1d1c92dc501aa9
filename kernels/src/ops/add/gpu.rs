use cubecl::prelude::*;

use crate::gpu::{Buffer, CUBE_UNITS, unit_each};

#[cube(launch_unchecked)]
fn add_into_kernel(a: &[f32], b: &[f32], out: &mut [f32]) {
    if ABSOLUTE_POS < out.len() {
        out[ABSOLUTE_POS] = a[ABSOLUTE_POS] + b[ABSOLUTE_POS];
    }
}

#[cube(launch_unchecked)]
fn add_kernel(x: &[f32], y: &mut [f32]) {
    if ABSOLUTE_POS < y.len() {
        y[ABSOLUTE_POS] += x[ABSOLUTE_POS];
    }
}

pub(super) fn add(x: &Buffer, y: &Buffer) {
    let Some(grid) = unit_each(y.words()) else {
        return;
    };
    // SAFETY: the buffers have one length, and a unit beyond it does nothing.
    unsafe {
        add_kernel::launch_unchecked(
            y.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            x.arg(),
            y.arg(),
        );
    }
}

pub(super) fn add_into(a: &Buffer, b: &Buffer, out: &Buffer) {
    let Some(grid) = unit_each(out.words()) else {
        return;
    };
    // SAFETY: the buffers have one length, and a unit beyond it does nothing.
    unsafe {
        add_into_kernel::launch_unchecked(
            out.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            a.arg(),
            b.arg(),
            out.arg(),
        );
    }
}

#[cube(launch_unchecked)]
fn subtract_row_kernel(row: &[f32], y: &mut [f32]) {
    if ABSOLUTE_POS < y.len() {
        y[ABSOLUTE_POS] -= row[ABSOLUTE_POS % row.len()];
    }
}

pub(super) fn subtract_row(row: &Buffer, y: &Buffer) {
    let Some(grid) = unit_each(y.words()) else {
        return;
    };
    // SAFETY: a unit beyond the end does nothing.
    unsafe {
        subtract_row_kernel::launch_unchecked(
            y.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            row.arg(),
            y.arg(),
        );
    }
}
