//! Blocks of parameters in parallel.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{AdamW, Scalars};
use crate::ops::lanes::{dispatch, lanewise};

/// Parameters of a task.
const BLOCK: usize = 16 * 1024;

pub(super) fn step(
    param: &mut [f32],
    grad: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    step: u64,
    config: &AdamW,
) {
    let scalars = Scalars::new(step, config);
    param
        .par_chunks_mut(BLOCK)
        .zip(grad.par_chunks(BLOCK))
        .zip(m.par_chunks_mut(BLOCK))
        .zip(v.par_chunks_mut(BLOCK))
        .for_each(|(((param, grad), m), v)| {
            dispatch(Lanes {
                scalars,
                param,
                grad,
                m,
                v,
            });
        });
}

struct Lanes<'a> {
    scalars: Scalars,
    param: &'a mut [f32],
    grad: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl WithSimd for Lanes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let splat = |value: f32| simd.splat_f32s(value);
        let keep = splat(self.scalars.keep);
        let one_minus_beta1 = splat(self.scalars.one_minus_beta1);
        let beta2 = splat(self.scalars.beta2);
        let one_minus_beta2 = splat(self.scalars.one_minus_beta2);
        let step_size = splat(-self.scalars.step_size);
        let root_correction2 = splat(self.scalars.root_correction2);
        let epsilon = splat(self.scalars.epsilon);
        lanewise(
            simd,
            [self.grad],
            [self.param, self.m, self.v],
            #[inline(always)]
            |[grad], [param, m, v]| {
                // As torch's lerp: m + (1 - beta1) (grad - m).
                let m = simd.mul_add_e_f32s(one_minus_beta1, simd.sub_f32s(grad, m), m);
                let square = simd.mul_f32s(grad, grad);
                let v = simd.mul_add_e_f32s(one_minus_beta2, square, simd.mul_f32s(beta2, v));
                let root = simd.div_f32s(simd.sqrt_f32s(v), root_correction2);
                let direction = simd.div_f32s(m, simd.add_f32s(root, epsilon));
                let param = simd.mul_f32s(param, keep);
                [simd.mul_add_e_f32s(step_size, direction, param), m, v]
            },
        );
    }
}
