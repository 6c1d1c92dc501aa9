use super::*;
use crate::checks::{numbers, sampled};
use crate::oracle::rope::rope as exact;
use crate::oracle::{check_close, check_gradient, wide};

const THETA: f64 = 10_000.0;
/// D, heads: odd sizes, and SmolLM2's.
const HEADS: [[usize; 2]; 3] = [[10, 6], [2, 1], [64, 3]];

fn angles(device: &Device, size: usize, positions: &[u32]) -> RopeAngles {
    let angles = RopeAngles::new(THETA, size, 1.0, positions).unwrap();
    angles.to(device).unwrap()
}

pub(crate) async fn forward(device: &Device) {
    for [size, heads] in HEADS {
        // In any order, and more rows than one task takes.
        let positions: Vec<u32> = [0, 1, 2, 49, 17, 3, 3].repeat(11);
        let mut y = sampled(device, 1, positions.len(), heads * size);
        let x = wide(&numbers(&y).await);
        rope(&mut y, &angles(device, size, &positions)).unwrap();
        let expected = exact(&x, &positions, size, THETA, 1.0);
        // An angle of 49 is rounded to f32: 2^-19.
        check_close("y", &numbers(&y).await, &expected, 4e-6).unwrap();
    }
}

pub(crate) async fn gradients(device: &Device) {
    let [size, heads] = HEADS[0];
    let positions = [5, 0, 9];
    let x = wide(&numbers(&sampled(device, 1, 3, heads * size)).await);
    let mut d_x = sampled(device, 2, 3, heads * size);
    let d_y = wide(&numbers(&d_x).await);
    rope_backward(&mut d_x, &angles(device, size, &positions)).unwrap();
    check_gradient("d_x", &numbers(&d_x).await, &x, 1e-5, 1e-6, |x| {
        let y = exact(x, &positions, size, THETA, 1.0);
        y.iter().zip(&d_y).map(|(y, d)| y * d).sum()
    })
    .unwrap();
}
