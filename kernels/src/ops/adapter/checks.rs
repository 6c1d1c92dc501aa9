use half::bf16;

use super::*;
use crate::checks::{filled, numbers, within};
use crate::ops::linear::linear;
use crate::oracle::adapter as oracle;
use crate::oracle::{check_close, check_gradient, linear as oracle_linear, sample, wide};

pub(super) const N: usize = 7;
pub(super) const I: usize = 60;
pub(super) const O: usize = 18;
pub(super) const R: usize = 5;
pub(super) const SCALING: f32 = 1.5;

pub(super) struct Case {
    pub x: Tensor,
    pub d_y: Tensor,
    pub w: Weight,
    pub a: Tensor,
    pub b: Tensor,
    pub magnitude: Tensor,
}

impl Case {
    pub fn new(n: usize) -> Self {
        let tensor =
            |seed, rows, cols| Tensor::from_vec(rows, cols, sample(seed, rows * cols)).unwrap();
        let narrow = sample(3, O * I).into_iter().map(bf16::from_f32).collect();
        Self {
            x: tensor(1, n, I),
            d_y: tensor(2, n, O),
            w: Weight::bf16(O, I, narrow).unwrap(),
            a: tensor(4, R, I),
            b: tensor(5, O, R),
            magnitude: Tensor::vector(sample(6, O).iter().map(|m| m + 2.0).collect()),
        }
    }

    /// The same case on a device.
    fn to(&self, device: &Device) -> Self {
        Self {
            x: self.x.to(device).unwrap(),
            d_y: self.d_y.to(device).unwrap(),
            w: self.w.to(device).unwrap(),
            a: self.a.to(device).unwrap(),
            b: self.b.to(device).unwrap(),
            magnitude: self.magnitude.to(device).unwrap(),
        }
    }

    pub fn factors(&self, dora: bool) -> Factors<'_> {
        Factors {
            a: &self.a,
            b: &self.b,
            magnitude: dora.then_some(&self.magnitude),
            scaling: SCALING,
        }
    }

    /// V in f64 for given factors.
    pub fn direction(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        oracle::direction([O, I, R], &wide(&self.w.to_f32()), a, b, f64::from(SCALING))
    }

    /// d_a, d_b, d_m, added to what they are filled with.
    pub fn backward(&self, dora: bool, before: f32) -> (Tensor, Tensor, Tensor) {
        let factors = self.factors(dora);
        let merged = merge(&self.w, &factors).unwrap();
        let full = |value, rows, cols| filled(&self.x.device(), value, rows, cols);
        let mut y = full(f32::NAN, self.x.rows(), O);
        linear(&self.x, &merged.weight, None, &mut y).unwrap();
        let (mut d_a, mut d_b, mut d_m) =
            (full(before, R, I), full(before, O, R), full(before, 1, O));
        let d_magnitude = dora.then_some(&mut d_m);
        let gradients = FactorGradients {
            d_a: &mut d_a,
            d_b: &mut d_b,
            d_magnitude,
        };
        adapter_backward(&self.x, &y, &self.d_y, &factors, &merged, gradients).unwrap();
        (d_a, d_b, d_m)
    }
}

/// The product with a merged weight: what it is can be read on any device.
pub(crate) async fn forward(device: &Device) {
    let case = Case::new(N);
    let on_device = case.to(device);
    let v = case.direction(&wide(case.a.data()), &wide(case.b.data()));
    let (norms, magnitude) = (oracle::row_norms(I, &v), wide(case.magnitude.data()));
    for (dora, exact) in [
        (false, v.clone()),
        (true, oracle::scaled(I, &v, &magnitude, &norms)),
    ] {
        let merged = merge(&on_device.w, &on_device.factors(dora)).unwrap();
        let mut y = filled(device, f32::NAN, N, O);
        linear(&on_device.x, &merged.weight, None, &mut y).unwrap();
        let expected = oracle_linear::linear([N, I, O], &wide(case.x.data()), &exact, None);
        let tolerance = within(device, 1e-6, 2e-6);
        check_close("W' x", &numbers(&y).await, &expected, tolerance).unwrap();
        if let Some(norm_scale) = merged.norm_scale {
            let scale: Vec<f64> = magnitude.iter().zip(&norms).map(|(m, n)| m / n).collect();
            check_close("norm_scale", &numbers(&norm_scale).await, &scale, 1e-6).unwrap();
        }
    }
}

pub(crate) async fn gradients(device: &Device) {
    for dora in [false, true] {
        let case = Case::new(N);
        let (a, b, m) = (
            wide(case.a.data()),
            wide(case.b.data()),
            wide(case.magnitude.data()),
        );
        let norms = oracle::row_norms(I, &case.direction(&a, &b)); // constant, as PEFT takes them
        let (x, d_y) = (wide(case.x.data()), wide(case.d_y.data()));
        let loss = |a: &[f64], b: &[f64], m: &[f64]| -> f64 {
            let v = case.direction(a, b);
            let w = if dora {
                oracle::scaled(I, &v, m, &norms)
            } else {
                v
            };
            oracle_linear::linear([N, I, O], &x, &w, None)
                .iter()
                .zip(&d_y)
                .map(|(y, d)| y * d)
                .sum()
        };
        let (d_a, d_b, d_m) = case.to(device).backward(dora, 0.0);
        let (d_a, d_b, d_m) = (
            numbers(&d_a).await,
            numbers(&d_b).await,
            numbers(&d_m).await,
        );
        check_gradient("d_a", &d_a, &a, 1e-4, 2e-6, |a| loss(a, &b, &m)).unwrap();
        check_gradient("d_b", &d_b, &b, 1e-4, 2e-6, |b| loss(&a, b, &m)).unwrap();
        check_gradient("d_m", &d_m, &m, 1e-4, 2e-6, |m| loss(&a, &b, m)).unwrap();
        // They are added to what is there.
        let (one, _, _) = case.to(device).backward(dora, 1.0);
        let one_more: Vec<f64> = d_a.iter().map(|d| f64::from(*d) + 1.0).collect();
        check_close("1 + d_a", &numbers(&one).await, &one_more, 1e-6).unwrap();
    }
}
