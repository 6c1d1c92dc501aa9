use super::*;
use crate::ops::lanes::narrower;
use crate::oracle::rms_norm::rms_norm as exact;
use crate::oracle::{check_close, check_gradient, sample, wide};

const EPS: f32 = 1e-5;

/// Odd shapes, one row, two columns, more rows and columns than a task has, no rows.
const SHAPES: [[usize; 2]; 6] = [[7, 60], [1, 60], [5, 2], [70, 13], [3, 301], [0, 60]];

fn operands(n: usize, c: usize) -> (Tensor, Vec<f32>, Tensor) {
    let x = Tensor::from_vec(n, c, sample(1, n * c)).unwrap();
    let d_y = Tensor::from_vec(n, c, sample(3, n * c)).unwrap();
    (x, sample(2, c), d_y)
}

#[test]
fn agrees_with_the_oracle() {
    for [n, c] in SHAPES {
        let (x, weight, _) = operands(n, c);
        let mut y = Tensor::full(n, c, f32::NAN);
        rms_norm(&x, &weight, EPS, &mut y).unwrap();
        let expected = exact(&wide(x.data()), &wide(&weight), f64::from(EPS));
        check_close("y", y.data(), &expected, 5e-7).unwrap();
    }
}

#[test]
fn gradients_are_central_differences_of_the_oracle_and_add() {
    for [n, c] in SHAPES {
        let (x, weight, d_y) = operands(n, c);
        // Twice, so that what adds is twice the gradient and what overwrites is not.
        let mut d_x = Tensor::zeros(n, c);
        let mut d_weight = vec![0.0; c];
        for _ in 0..2 {
            rms_norm_backward(&x, &weight, EPS, &d_y, &mut d_x, Some(&mut d_weight)).unwrap();
        }

        let (x, weight, d_y) = (wide(x.data()), wide(&weight), wide(d_y.data()));
        let loss = |x: &[f64], weight: &[f64]| -> f64 {
            let y = exact(x, weight, f64::from(EPS));
            2.0 * y.iter().zip(&d_y).map(|(y, d)| y * d).sum::<f64>()
        };
        check_gradient("d_x", d_x.data(), &x, 1e-5, 3e-6, |x| loss(x, &weight)).unwrap();
        check_gradient("d_weight", &d_weight, &weight, 1e-5, 3e-6, |w| loss(&x, w)).unwrap();
    }
}

#[test]
fn a_row_of_zeros_stays_zero_and_its_gradient_finite() {
    let x = Tensor::zeros(1, 60);
    let mut y = Tensor::full(1, 60, f32::NAN);
    rms_norm(&x, &[1.0; 60], EPS, &mut y).unwrap();
    assert_eq!(y.data(), [0.0; 60]);
    let mut d_x = Tensor::zeros(1, 60);
    rms_norm_backward(
        &x,
        &[1.0; 60],
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
        &[1.0; 59],
        EPS,
        &mut Tensor::zeros(7, 60),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "rms_norm: weight has shape [59], expected [60]"
    );
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(|| {
        agrees_with_the_oracle();
        gradients_are_central_differences_of_the_oracle_and_add();
    });
}
