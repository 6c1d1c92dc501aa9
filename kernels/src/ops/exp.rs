//! The exponential function on vectors of f32: the one implementation behind softmax, log-sum-exp and the sigmoid.
//!
//! exp(x) = 2^n exp(r) with n = round(x / ln 2) and r = x - n ln 2 in two steps (Cody and Waite), exp(r) by the degree-6
//! polynomial of Cephes' `expf` (Moshier, netlib.org/cephes, `single/expf.c`) for |r| <= ln 2 / 2.
//!
//! # Differences
//! Cephes gives subnormal results where there are some; here what is below 2^-125 is 0. The result of an element is the
//! same in whatever lane it stands, so vector and tail agree.

use pulp::{Simd, WithSimd};

use super::lanes::{dispatch, lanewise};

/// Below it, the logarithm of 2^-125, the result is 0.
const LOWEST: f32 = -86.643_4;
/// The logarithm of the largest f32, rounded down; above it the result is infinite.
const HIGHEST: f32 = 88.722_83;
/// 1.5 * 2^23 + 126: adding it rounds to a whole number n and leaves n + 126 in the low bits, the exponent field of 2^(n-1).
const ROUND: f32 = 12_583_038.0;
/// ln 2 in nine bits, so that n times it is exact, and the rest.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Twice Cephes' coefficients, highest power first. Twice, because 2^(n-1) is a normal number for every n that occurs and
/// 2^n is not.
const TWICE: [f32; 7] = [
    2.0 * 1.987_569_1e-4,
    2.0 * 1.398_199_9e-3,
    2.0 * 8.333_452e-3,
    2.0 * 4.166_579_6e-2,
    2.0 * 1.666_666_5e-1,
    2.0 * 5e-1,
    2.0,
];

/// exp of every lane. exp(0) is exactly 1; the relative error is at most 2^-23 (measured: 0.60 of that, 0.79 without
/// fused multiply-add), below 2^-125 the result is 0, above the largest f32 it is infinite, NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(shifted, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[0]), x);
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[1]), r);
    let mut twice = splat(TWICE[0]);
    for coefficient in &TWICE[1..] {
        twice = simd.mul_add_e_f32s(twice, r, splat(*coefficient));
    }
    twice = simd.mul_add_e_f32s(twice, r, splat(2.0));
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    // A product, not integer addition to the exponent: a NaN stays one whatever the shifted bits are.
    let y = simd.mul_f32s(twice, simd.transmute_f32s_u32s(exponent));
    let y = simd.select_f32s(
        simd.greater_than_f32s(x, splat(HIGHEST)),
        splat(f32::INFINITY),
        y,
    );
    simd.select_f32s(simd.less_than_f32s(x, splat(LOWEST)), splat(0.0), y)
}

/// `y = exp((x - shift) · scale)`, element by element: the weights of a softmax at an inverse temperature `scale`.
///
/// # Panics
/// Where `x` and `y` differ in length.
pub fn exp_scaled(x: &[f32], shift: f32, scale: f32, y: &mut [f32]) {
    dispatch(Scaled { x, shift, scale, y });
}

struct Scaled<'a> {
    x: &'a [f32],
    shift: f32,
    scale: f32,
    y: &'a mut [f32],
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (shift, scale) = (simd.splat_f32s(self.shift), simd.splat_f32s(self.scale));
        lanewise(
            simd,
            [self.x],
            [self.y],
            #[inline(always)]
            |[x], _| [exp(simd, simd.mul_f32s(simd.sub_f32s(x, shift), scale))],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::Scalar;

    fn exp_all(x: &[f32]) -> Vec<f32> {
        let mut y = vec![f32::NAN; x.len()];
        exp_scaled(x, 0.0, 1.0, &mut y);
        y
    }

    /// Every 509th f32 of the domain, 4.3 million numbers of both signs and all magnitudes, against f64.
    #[test]
    fn the_relative_error_is_at_most_one_unit() {
        let x: Vec<f32> = (0..=u32::MAX)
            .step_by(509)
            .map(f32::from_bits)
            .filter(|x| (LOWEST..=HIGHEST).contains(x))
            .collect();
        assert!(x.len() > 4_000_000);
        let bound = 2f64.powi(-23);
        let mut scalar = vec![f32::NAN; x.len()];
        Scalar.vectorize(Scaled {
            x: &x,
            shift: 0.0,
            scale: 1.0,
            y: &mut scalar,
        });
        for (name, y) in [("vector", exp_all(&x)), ("scalar", scalar)] {
            let mut worst = (0.0, 0.0);
            for (x, y) in x.iter().zip(y) {
                let exact = f64::from(*x).exp();
                let error = (f64::from(y) - exact).abs() / exact;
                assert!(error <= bound, "{name}: exp({x}) = {y}, error {error:e}");
                if error > worst.0 {
                    worst = (error, *x);
                }
            }
            println!(
                "{name}: worst relative error {:.3} * 2^-23 at {}",
                worst.0 * 2f64.powi(23),
                worst.1
            );
        }
    }

    #[test]
    fn the_ends_of_the_domain_are_zero_and_infinity_and_nan_stays() {
        let y = exp_all(&[
            0.0,
            -0.0,
            f32::NEG_INFINITY,
            -1e30,
            -87.0,
            f32::INFINITY,
            1e30,
            89.0,
            HIGHEST,
        ]);
        assert_eq!(y[..2], [1.0, 1.0]);
        assert_eq!(y[2..5], [0.0, 0.0, 0.0]);
        assert_eq!(y[5..8], [f32::INFINITY; 3]);
        assert!(y[8].is_finite() && y[8] > 3.4e38, "{}", y[8]);
        for bits in [
            0x7FC0_0000,
            0xFFC0_0000,
            0x7F80_0001,
            0x7FFF_FFFF,
            0x7FC0_01FF,
        ] {
            assert!(exp_all(&[f32::from_bits(bits)])[0].is_nan(), "{bits:x}");
        }
    }

    #[test]
    fn a_result_does_not_depend_on_its_lane() {
        let x: Vec<f32> = (0..37).map(|i| 3.0 - 2.4 * i as f32).collect();
        let together = exp_all(&x);
        for (x, y) in x.iter().zip(together) {
            assert_eq!(exp_all(&[*x])[0].to_bits(), y.to_bits());
        }
    }

    #[test]
    fn shift_comes_before_scale() {
        let mut y = [f32::NAN; 3];
        exp_scaled(&[5.0, 3.0, 1.0], 5.0, 0.5, &mut y);
        for (y, exponent) in y.iter().zip([0.0f32, -1.0, -2.0]) {
            assert!((y - exponent.exp()).abs() <= 1e-7 * exponent.exp());
        }
    }
}
