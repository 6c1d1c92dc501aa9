use cubecl::prelude::*;

use crate::Tensor;
use crate::gpu::{CUBE_UNITS, unit_each};

/// One unit a pair.
#[cube(launch_unchecked)]
fn rotate_kernel(x: &mut [f32], cos_sin: &[f32], cols: u32, half: u32, direction: f32) {
    let pairs = x.len() / 2;
    if ABSOLUTE_POS < pairs {
        let pair = ABSOLUTE_POS as u32;
        let pairs_a_row = cols / 2;
        let row = pair / pairs_a_row;
        let head = (pair % pairs_a_row) / half;
        let i = pair % half;
        let low = (row * cols + head * 2 * half + i) as usize;
        let high = low + half as usize;
        let angle = (row * 2 * half + i) as usize;
        let cos = cos_sin[angle];
        let sin = cos_sin[angle + half as usize] * direction;
        let (a, b) = (x[low], x[high]);
        x[low] = a * cos - b * sin;
        x[high] = b * cos + a * sin;
    }
}

pub(super) fn rotate(x: &Tensor, cos_sin: &Tensor, direction: f32) {
    let buffer = x.buffer();
    let Some(grid) = unit_each(buffer.words() / 2) else {
        return;
    };
    // SAFETY: pairs lie in their row, angles in that row of `cos_sin`.
    unsafe {
        rotate_kernel::launch_unchecked(
            buffer.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            buffer.arg(),
            cos_sin.buffer().arg(),
            x.cols() as u32,
            cos_sin.cols() as u32 / 2,
            direction,
        );
    }
}
