use super::*;
use crate::ops::lanes::narrower;
use crate::oracle::adamw::adamw as exact;
use crate::oracle::{check_close, sample, wide};

const CONFIG: AdamW = AdamW {
    learning_rate: 5e-3,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-6,
    weight_decay: 0.1,
};

/// Ten steps with ten gradients: more than two tasks, an odd length, one parameter, none.
#[test]
fn ten_steps_agree_with_the_oracle() {
    for len in [40_001, 7, 1, 0] {
        let mut param = sample(1, len);
        let mut exact_param = wide(&param);
        let (mut m, mut v) = (vec![0.0; len], vec![0.0; len]);
        let (mut exact_m, mut exact_v) = (vec![0.0; len], vec![0.0; len]);
        for step in 1..=10 {
            let grad = sample(100 + step, len);
            adamw(&mut param, &grad, &mut m, &mut v, step, &CONFIG).unwrap();
            exact(
                &mut exact_param,
                &wide(&grad),
                &mut exact_m,
                &mut exact_v,
                step,
                &CONFIG,
            );
        }
        check_close("param", &param, &exact_param, 1e-6).unwrap();
        check_close("m", &m, &exact_m, 1e-6).unwrap();
        check_close("v", &v, &exact_v, 1e-6).unwrap();
    }
}

/// The first step moves by the learning rate against the gradient's sign, whatever its size, after 1 - 0.005 * 0.1 of the
/// parameter was kept.
#[test]
fn the_first_step_is_the_learning_rate_and_decay_is_decoupled() {
    let mut param = [1.0, 1.0, -2.0];
    let (mut m, mut v) = ([0.0; 3], [0.0; 3]);
    adamw(&mut param, &[100.0, -3.0, 0.0], &mut m, &mut v, 1, &CONFIG).unwrap();
    let expected = [0.9995 - 0.005, 0.9995 + 0.005, -2.0 * 0.9995];
    check_close("param", &param, &expected, 1e-6).unwrap();
}

#[test]
fn step_zero_and_other_lengths_are_refused() {
    let mut x = [0.0; 3];
    let (mut m, mut v) = ([0.0; 3], [0.0; 3]);
    assert_eq!(
        adamw(&mut x, &[0.0; 3], &mut m, &mut v, 0, &CONFIG)
            .unwrap_err()
            .to_string(),
        "adamw: step is 0, but steps are counted from 1"
    );
    assert_eq!(
        adamw(&mut x, &[0.0; 2], &mut m, &mut v, 1, &CONFIG)
            .unwrap_err()
            .to_string(),
        "adamw: grad has shape [2], expected [3]"
    );
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(ten_steps_agree_with_the_oracle);
}
