use super::*;
use crate::ops::lanes::narrower;
use crate::oracle::silu_mul::silu_mul as exact;
use crate::oracle::{check_close, check_gradient, sample, wide};

/// Odd shapes, one element, more than two tasks, none.
const SHAPES: [[usize; 2]; 4] = [[7, 61], [1, 1], [31, 1200], [0, 61]];

fn operands(n: usize, f: usize) -> [Tensor; 3] {
    let mut gate = sample(1, n * f);
    gate.iter_mut().for_each(|g| *g *= 8.0);
    [gate, sample(2, n * f), sample(3, n * f)].map(|x| Tensor::from_vec(n, f, x).unwrap())
}

#[test]
fn agrees_with_the_oracle() {
    for [n, f] in SHAPES {
        let [gate, up, _] = operands(n, f);
        let mut y = Tensor::full(n, f, f32::NAN);
        silu_mul(&gate, &up, &mut y).unwrap();
        let expected = exact(&wide(gate.data()), &wide(up.data()));
        check_close("y", y.data(), &expected, 3e-7).unwrap();
    }
}

fn backward(gate: &Tensor, up: &Tensor, d_y: &Tensor) -> [Tensor; 2] {
    let [n, f] = gate.shape();
    let [mut d_gate, mut d_up] = [(); 2].map(|()| Tensor::full(n, f, f32::NAN));
    silu_mul_backward(gate, up, d_y, &mut d_gate, &mut d_up).unwrap();
    [d_gate, d_up]
}

/// An element's gradient is its own affair: the same in a tensor of several tasks as in a row alone.
#[test]
fn gradients_do_not_depend_on_the_shape() {
    let [gate, up, d_y] = operands(31, 1200);
    let whole = backward(&gate, &up, &d_y);
    for row in 0..31 {
        let one = |x: &Tensor| Tensor::from_vec(1, 1200, x.row(row).to_vec()).unwrap();
        let alone = backward(&one(&gate), &one(&up), &one(&d_y));
        for (whole, alone) in whole.iter().zip(&alone) {
            assert_eq!(whole.row(row), alone.data(), "row {row}");
        }
    }
}

#[test]
fn gradients_are_central_differences_of_the_oracle() {
    let [gate, up, d_y] = operands(7, 61);
    let [d_gate, d_up] = backward(&gate, &up, &d_y);
    let (gate, up, d_y) = (wide(gate.data()), wide(up.data()), wide(d_y.data()));
    let loss = |gate: &[f64], up: &[f64]| -> f64 {
        let y = exact(gate, up);
        y.iter().zip(&d_y).map(|(y, d)| y * d).sum()
    };
    check_gradient("d_gate", d_gate.data(), &gate, 1e-5, 1e-6, |g| loss(g, &up)).unwrap();
    check_gradient("d_up", d_up.data(), &up, 1e-5, 1e-6, |u| loss(&gate, u)).unwrap();
}

#[test]
fn far_gates_are_zero_or_themselves() {
    let gate = Tensor::from_vec(1, 4, vec![-200.0, -1e30, 200.0, 1e30]).unwrap();
    let one = Tensor::full(1, 4, 1.0);
    let mut y = Tensor::full(1, 4, f32::NAN);
    silu_mul(&gate, &one, &mut y).unwrap();
    assert_eq!(y.data(), [0.0, 0.0, 200.0, 1e30]);
    let mut d_gate = Tensor::full(1, 4, f32::NAN);
    let mut d_up = Tensor::full(1, 4, f32::NAN);
    silu_mul_backward(&gate, &one, &one, &mut d_gate, &mut d_up).unwrap();
    assert_eq!(d_gate.data(), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(d_up.data(), [0.0, 0.0, 200.0, 1e30]);
}

#[test]
fn an_operand_of_another_shape_is_refused() {
    let [gate, up, _] = operands(7, 61);
    assert_eq!(
        silu_mul(&gate, &up, &mut Tensor::zeros(7, 60))
            .unwrap_err()
            .to_string(),
        "silu_mul: y has shape [7, 60], expected [7, 61]"
    );
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(|| {
        agrees_with_the_oracle();
        gradients_are_central_differences_of_the_oracle();
    });
}
