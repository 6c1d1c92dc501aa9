//! Row blocks in parallel, a head's two halves at a time.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::RopeAngles;
use crate::Tensor;
use crate::ops::lanes::{dispatch, lanewise};

/// Rows of a task.
const ROWS: usize = 32;

/// Turns by the table's angles times `direction`, which is 1 or -1.
pub(super) fn rotate(x: &mut Tensor, angles: &RopeAngles, direction: f32) {
    let cols = x.cols().max(1);
    x.data_mut()
        .par_chunks_mut(ROWS * cols)
        .enumerate()
        .for_each(|(task, x)| {
            dispatch(Rotate {
                x,
                cols,
                first_row: task * ROWS,
                angles,
                direction,
            });
        });
}

struct Rotate<'a> {
    x: &'a mut [f32],
    cols: usize,
    first_row: usize,
    angles: &'a RopeAngles,
    direction: f32,
}

impl WithSimd for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let size = self.angles.head_size();
        let direction = simd.splat_f32s(self.direction);
        for (row, n) in self.x.chunks_mut(self.cols).zip(self.first_row..) {
            let (cos, sin) = self.angles.row(n);
            for head in row.chunks_mut(size) {
                let (low, high) = head.split_at_mut(size / 2);
                lanewise(
                    simd,
                    [cos, sin],
                    [low, high],
                    #[inline(always)]
                    |[cos, sin], [low, high]| {
                        let sin = simd.mul_f32s(sin, direction);
                        [
                            simd.negate_mul_add_e_f32s(high, sin, simd.mul_f32s(low, cos)),
                            simd.mul_add_e_f32s(low, sin, simd.mul_f32s(high, cos)),
                        ]
                    },
                );
            }
        }
    }
}
