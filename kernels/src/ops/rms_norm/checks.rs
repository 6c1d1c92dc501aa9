use super::*;
use crate::checks::{filled, numbers, sampled, within};
use crate::oracle::rms_norm::rms_norm as exact;
use crate::oracle::{check_close, check_gradient, wide};

const EPS: f32 = 1e-5;

/// Odd shapes, one row, two columns, more rows and columns than a task has, no rows.
const SHAPES: [[usize; 2]; 6] = [[7, 60], [1, 60], [5, 2], [70, 13], [3, 301], [0, 60]];

pub(crate) async fn forward(device: &Device) {
    for [n, c] in SHAPES {
        let (x, weight) = (sampled(device, 1, n, c), sampled(device, 2, 1, c));
        let mut y = filled(device, f32::NAN, n, c);
        rms_norm(&x, &weight, EPS, &mut y).unwrap();
        let (x, weight) = (wide(&numbers(&x).await), wide(&numbers(&weight).await));
        let expected = exact(&x, &weight, f64::from(EPS));
        let tolerance = within(device, 5e-7, 1e-6);
        check_close("y", &numbers(&y).await, &expected, tolerance).unwrap();
    }
}

pub(crate) async fn gradients(device: &Device) {
    for [n, c] in SHAPES {
        let (x, weight) = (sampled(device, 1, n, c), sampled(device, 2, 1, c));
        let d_y = sampled(device, 3, n, c);
        // Twice, so that what adds is twice the gradient and what overwrites is not.
        let mut d_x = filled(device, 0.0, n, c);
        let mut d_weight = filled(device, 0.0, 1, c);
        for _ in 0..2 {
            rms_norm_backward(&x, &weight, EPS, &d_y, &mut d_x, Some(&mut d_weight)).unwrap();
        }
        let (x, weight) = (wide(&numbers(&x).await), wide(&numbers(&weight).await));
        let d_y = wide(&numbers(&d_y).await);
        let loss = |x: &[f64], weight: &[f64]| -> f64 {
            let y = exact(x, weight, f64::from(EPS));
            2.0 * y.iter().zip(&d_y).map(|(y, d)| y * d).sum::<f64>()
        };
        let (d_x, d_weight) = (numbers(&d_x).await, numbers(&d_weight).await);
        check_gradient("d_x", &d_x, &x, 1e-5, 3e-6, |x| loss(x, &weight)).unwrap();
        check_gradient("d_weight", &d_weight, &weight, 1e-5, 3e-6, |w| loss(&x, w)).unwrap();
    }
}
