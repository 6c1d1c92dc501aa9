use super::checks::CONFIG;
use super::*;
use crate::ops::lanes::narrower;
use crate::oracle::check_close;

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
    narrower::each(checks::on_the_processor);
}
