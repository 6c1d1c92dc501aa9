//! From scores to probabilities and their gradients, for one tile of the backward pass.

use pulp::{Simd, WithSimd};

use super::tile::{hide, lane_rows};
use crate::ops::exp::exp;

/// `p <- exp(p - log_sum_exp)`, then `d_s <- p (d_s - delta)`.
pub(super) struct Probabilities<'a> {
    pub vectors: usize,
    pub p: &'a mut [f32],   // [keys, width]
    pub d_s: &'a mut [f32], // [keys, width]
    pub log_sum_exp: &'a mut [f32],
    pub delta: &'a mut [f32],
    pub limits: Option<&'a [f32]>,
}

impl WithSimd for Probabilities<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.vectors {
            1 => self.run::<S, 1>(simd),
            2 => self.run::<S, 2>(simd),
            3 => self.run::<S, 3>(simd),
            other => unreachable!("{other} vectors of lanes"),
        }
    }
}

impl Probabilities<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let p = lane_rows::<S, V>(self.p);
        let d_s = lane_rows::<S, V>(self.d_s);
        let log_sum_exp = lane_rows::<S, V>(self.log_sum_exp)[0];
        let delta = lane_rows::<S, V>(self.delta)[0];
        if let Some(limits) = self.limits {
            hide(simd, p, limits);
        }
        for (p, d_s) in p.iter_mut().zip(d_s) {
            for v in 0..V {
                p[v] = exp(simd, simd.sub_f32s(p[v], log_sum_exp[v]));
                d_s[v] = simd.mul_f32s(p[v], simd.sub_f32s(d_s[v], delta[v]));
            }
        }
    }
}
