use pollster::block_on;

use super::*;
use crate::ops::lanes::narrower;

const EPS: f32 = 1e-5;

#[test]
fn a_row_of_zeros_stays_zero_and_its_gradient_finite() {
    let x = Tensor::zeros(1, 60);
    let mut y = Tensor::full(1, 60, f32::NAN);
    rms_norm(&x, &Tensor::full(1, 60, 1.0), EPS, &mut y).unwrap();
    assert_eq!(y.data(), [0.0; 60]);
    let mut d_x = Tensor::zeros(1, 60);
    rms_norm_backward(
        &x,
        &Tensor::full(1, 60, 1.0),
        EPS,
        &Tensor::full(1, 60, 1.0),
        &mut d_x,
        None,
    )
    .unwrap();
    // 1 / sqrt(1e-5) = 316.228.
    assert!(d_x.data().iter().all(|d| (d - 316.228).abs() < 1e-2));
}

#[test]
fn an_operand_of_another_shape_is_refused() {
    let error = rms_norm(
        &Tensor::zeros(7, 60),
        &Tensor::full(1, 59, 1.0),
        EPS,
        &mut Tensor::zeros(7, 60),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "rms_norm: weight has shape [1, 59], expected [1, 60]"
    );
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(|| {
        block_on(checks::forward(&Device::Cpu));
        block_on(checks::gradients(&Device::Cpu));
    });
}
