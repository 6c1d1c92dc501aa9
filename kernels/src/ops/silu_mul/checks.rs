use super::*;
use crate::checks::{filled, numbers, sampled, within};
use crate::oracle::silu_mul::silu_mul as exact;
use crate::oracle::{check_close, check_gradient, sample, wide};

/// Gates from -8 to 8, where the curve bends and where it does not.
fn gate(device: &Device, n: usize, f: usize) -> Tensor {
    let gate = sample(1, n * f).iter().map(|g| 8.0 * g).collect();
    let gate = Tensor::from_vec(n, f, gate).unwrap();
    gate.to(device).unwrap()
}

pub(crate) async fn forward(device: &Device) {
    // Odd shapes, one element, more than two tasks, none.
    for [n, f] in [[7, 61], [1, 1], [31, 1200], [0, 61]] {
        let (gate, up) = (gate(device, n, f), sampled(device, 2, n, f));
        let mut y = filled(device, f32::NAN, n, f);
        silu_mul(&gate, &up, &mut y).unwrap();
        let expected = exact(&wide(&numbers(&gate).await), &wide(&numbers(&up).await));
        let tolerance = within(device, 3e-7, 1e-6);
        check_close("y", &numbers(&y).await, &expected, tolerance).unwrap();
    }
}

pub(crate) async fn gradients(device: &Device) {
    let (n, f) = (7, 61);
    let (gate, up) = (gate(device, n, f), sampled(device, 2, n, f));
    let d_y = sampled(device, 3, n, f);
    let mut d_gate = filled(device, f32::NAN, n, f);
    let mut d_up = filled(device, f32::NAN, n, f);
    silu_mul_backward(&gate, &up, &d_y, &mut d_gate, &mut d_up).unwrap();
    let (gate, up) = (wide(&numbers(&gate).await), wide(&numbers(&up).await));
    let d_y = wide(&numbers(&d_y).await);
    let loss = |gate: &[f64], up: &[f64]| -> f64 {
        let y = exact(gate, up);
        y.iter().zip(&d_y).map(|(y, d)| y * d).sum()
    };
    let (d_gate, d_up) = (numbers(&d_gate).await, numbers(&d_up).await);
    check_gradient("d_gate", &d_gate, &gate, 1e-5, 1e-6, |g| loss(g, &up)).unwrap();
    check_gradient("d_up", &d_up, &up, 1e-5, 1e-6, |u| loss(&gate, u)).unwrap();
}
