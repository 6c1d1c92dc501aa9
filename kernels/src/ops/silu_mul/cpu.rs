//! Blocks of elements in parallel.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::ops::exp::exp;
use crate::ops::lanes::{dispatch, lanewise};

/// Elements of a task.
const BLOCK: usize = 16 * 1024;

pub(super) fn forward(gate: &[f32], up: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(BLOCK)
        .zip(gate.par_chunks(BLOCK))
        .zip(up.par_chunks(BLOCK))
        .for_each(|((y, gate), up)| dispatch(Forward { gate, up, y }));
}

pub(super) fn backward(
    gate: &[f32],
    up: &[f32],
    d_y: &[f32],
    d_gate: &mut [f32],
    d_up: &mut [f32],
) {
    d_gate
        .par_chunks_mut(BLOCK)
        .zip(d_up.par_chunks_mut(BLOCK))
        .zip(gate.par_chunks(BLOCK))
        .zip(up.par_chunks(BLOCK))
        .zip(d_y.par_chunks(BLOCK))
        .for_each(|((((d_gate, d_up), gate), up), d_y)| {
            dispatch(Backward {
                gate,
                up,
                d_y,
                d_gate,
                d_up,
            });
        });
}

/// 1 / (1 + exp(-x)); exp overflows to infinity and the quotient to 0 where it should.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

struct Forward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        lanewise(
            simd,
            [self.gate, self.up],
            [self.y],
            #[inline(always)]
            |[gate, up], _| {
                let silu = simd.mul_f32s(gate, sigmoid(simd, gate));
                [simd.mul_f32s(silu, up)]
            },
        );
    }
}

struct Backward<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    d_y: &'a [f32],
    d_gate: &'a mut [f32],
    d_up: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let one = simd.splat_f32s(1.0);
        lanewise(
            simd,
            [self.gate, self.up, self.d_y],
            [self.d_gate, self.d_up],
            #[inline(always)]
            |[gate, up, d_y], _| {
                let s = sigmoid(simd, gate);
                let silu = simd.mul_f32s(gate, s);
                // σ (1 + g (1 - σ)) = σ + silu (1 - σ)
                let slope = simd.mul_add_e_f32s(silu, simd.sub_f32s(one, s), s);
                [
                    simd.mul_f32s(simd.mul_f32s(d_y, up), slope),
                    simd.mul_f32s(d_y, silu),
                ]
            },
        );
    }
}
