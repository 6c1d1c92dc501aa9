use super::*;
use crate::ops::lanes::narrower;
use crate::oracle::rope::rope as exact;
use crate::oracle::{check_close, check_gradient, sample, wide};

const THETA: f64 = 10_000.0;
/// D, heads: odd sizes, and SmolLM2's.
const HEADS: [[usize; 2]; 3] = [[10, 6], [2, 1], [64, 3]];

fn angles(size: usize, positions: &[u32]) -> RopeAngles {
    RopeAngles::new(THETA, size, 1.0, positions).unwrap()
}

#[test]
fn agrees_with_the_oracle_at_any_order_of_positions() {
    for [size, heads] in HEADS {
        // More rows than one task takes.
        let positions: Vec<u32> = [0, 1, 2, 49, 17, 3, 3].repeat(11);
        let rows = positions.len();
        let x = sample(1, rows * heads * size);
        let mut y = Tensor::from_vec(rows, heads * size, x.clone()).unwrap();
        rope(&mut y, &angles(size, &positions)).unwrap();
        let expected = exact(&wide(&x), &positions, size, THETA, 1.0);
        // An angle of 49 is rounded to f32: 2^-19.
        check_close("y", y.data(), &expected, 4e-6).unwrap();
    }
}

#[test]
fn gradients_are_central_differences_of_the_oracle() {
    let [size, heads] = HEADS[0];
    let positions = [5, 0, 9];
    let x = wide(&sample(1, 3 * heads * size));
    let d_y = sample(2, 3 * heads * size);
    let mut d_x = Tensor::from_vec(3, heads * size, d_y.clone()).unwrap();
    rope_backward(&mut d_x, &angles(size, &positions)).unwrap();
    check_gradient("d_x", d_x.data(), &x, 1e-5, 1e-6, |x| {
        let y = exact(x, &positions, size, THETA, 1.0);
        y.iter().zip(wide(&d_y)).map(|(y, d)| y * d).sum()
    })
    .unwrap();
}

#[test]
fn linear_scaling_by_four_is_a_quarter_of_the_position() {
    let scaled = RopeAngles::new(THETA, 10, 4.0, &[48]).unwrap();
    assert_eq!(scaled.row(0), angles(10, &[12]).row(0));
}

/// The documented distance from exact angles: half a unit of an f32 angle of 4095 (2^-13) and the rounded frequency's
/// share (4095 * 2^-25), together 2.5e-4.
#[test]
fn late_positions_are_as_far_from_exact_as_f32_angles_are() {
    let late = angles(64, &[4095]);
    for i in 0..32 {
        let angle = 4095.0 * THETA.powf(-2.0 * f64::from(i) / 64.0);
        let off = f64::from(late.row(0).0[i as usize]) - angle.cos();
        assert!(off.abs() < 2.5e-4, "pair {i}: {off:e}");
    }
}

#[test]
fn no_rows_are_no_work() {
    let mut x = Tensor::zeros(0, 60);
    rope(&mut x, &angles(10, &[])).unwrap();
}

#[test]
fn bad_sizes_and_shapes_are_refused() {
    let mut x = Tensor::zeros(2, 60);
    assert_eq!(
        rope(&mut x, &angles(10, &[3])).unwrap_err().to_string(),
        "rope: angles has shape [1, 10], expected [2, 10]"
    );
    assert_eq!(
        rope(&mut x, &angles(64, &[3, 5])).unwrap_err().to_string(),
        "rope: x has 60 columns, which are not whole heads of 64"
    );
    assert_eq!(
        RopeAngles::new(THETA, 7, 1.0, &[5])
            .unwrap_err()
            .to_string(),
        "RopeAngles: head_size is 7, but must be even and not zero"
    );
    assert!(RopeAngles::new(f64::NAN, 10, 1.0, &[5]).is_err());
    assert!(RopeAngles::new(THETA, 10, 0.0, &[5]).is_err());
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(|| {
        agrees_with_the_oracle_at_any_order_of_positions();
        gradients_are_central_differences_of_the_oracle();
    });
}
