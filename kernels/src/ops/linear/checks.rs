use half::bf16;

use super::*;
use crate::checks::{filled, numbers, sampled, within};
use crate::oracle::linear::{linear as exact, product};
#[cfg(feature = "gpu")]
use crate::oracle::silu_mul::silu_mul as exact_silu_mul;
use crate::oracle::{check_close, sample, wide};

/// [N, I, O]: distinct, odd, around and beyond the sizes of tiles and blocks; a single row; a single output; no rows.
const SHAPES: [[usize; 3]; 11] = [
    [7, 60, 18],
    [1, 193, 49],
    [2, 67, 35],
    [5, 3, 1],
    [13, 1, 7],
    [65, 400, 51],
    [9, 192, 48],
    [391, 65, 203],
    [64, 577, 97],
    [130, 24, 129],
    [0, 5, 7],
];

/// The same numbers in both precisions, rounded to bf16 first, on the device, and what they are.
fn weights(device: &Device, seed: u64, rows: usize, cols: usize) -> ([Weight; 2], Vec<f64>) {
    let narrow: Vec<bf16> = sample(seed, rows * cols)
        .into_iter()
        .map(bf16::from_f32)
        .collect();
    let widened: Vec<f32> = narrow.iter().map(|v| v.to_f32()).collect();
    let exact = wide(&widened);
    let both = [
        Weight::f32(rows, cols, widened).unwrap(),
        Weight::bf16(rows, cols, narrow).unwrap(),
    ];
    (both.map(|w| w.to(device).unwrap()), exact)
}

pub(crate) async fn forward(device: &Device) {
    for dims @ [n, i, o] in SHAPES {
        let x = sampled(device, 1, n, i);
        let bias = sampled(device, 3, 1, o);
        let (weights, w64) = weights(device, 2, o, i);
        let (x64, bias64) = (wide(&numbers(&x).await), wide(&numbers(&bias).await));
        for w in weights {
            for bias in [None, Some(&bias)] {
                let mut y = filled(device, f32::NAN, n, o);
                linear(&x, &w, bias, &mut y).unwrap();
                let bias64 = bias.map(|_| bias64.as_slice());
                let expected = exact(dims, &x64, &w64, bias64);
                let what = format!("y {dims:?} {w:?}");
                check_close(&what, &numbers(&y).await, &expected, 1e-6).unwrap();
            }
        }
    }
}

/// What decoding on a GPU takes together: `y += linear(x)`, and two maps and their gate.
pub(crate) async fn fused(device: &Device) {
    #[cfg(not(feature = "gpu"))]
    let _ = device;
    #[cfg(feature = "gpu")]
    if let Device::Gpu(_) = device {
        for dims @ [n, i, o] in SHAPES {
            let x = sampled(device, 1, n, i);
            let x64 = wide(&numbers(&x).await);
            let bias = sampled(device, 3, 1, o);
            let bias64 = wide(&numbers(&bias).await);
            let (gates, gate64) = weights(device, 2, o, i);
            let (ups, up64) = weights(device, 4, o, i);
            for (gate, up) in gates.iter().zip(&ups).chain([(&gates[0], &ups[1])]) {
                for (bias, bias64) in [(None, None), (Some(&bias), Some(bias64.as_slice()))] {
                    let what = format!("{dims:?} {gate:?} {up:?}");
                    let mut y = filled(device, 2.0, n, o);
                    linear_add(&x, up, bias, &mut y).unwrap();
                    let upper = exact(dims, &x64, &up64, bias64);
                    let expected: Vec<f64> = upper.iter().map(|y| y + 2.0).collect();
                    check_close(&what, &numbers(&y).await, &expected, 1e-6).unwrap();

                    let mut y = filled(device, f32::NAN, n, o);
                    linear_silu_mul(&x, (gate, bias), (up, bias), &mut y).unwrap();
                    let gated = exact(dims, &x64, &gate64, bias64);
                    let expected = exact_silu_mul(&gated, &upper);
                    check_close(&what, &numbers(&y).await, &expected, 3e-6).unwrap();
                }
            }
        }
    }
}

pub(crate) async fn gradients(device: &Device) {
    for dims @ [n, i, o] in SHAPES {
        let (x, d_y) = (sampled(device, 1, n, i), sampled(device, 4, n, o));
        let (weights, w64) = weights(device, 2, o, i);
        let (x64, d_y64) = (wide(&numbers(&x).await), wide(&numbers(&d_y).await));
        let tolerance = within(device, 1e-6, 2e-6);
        let expected = product([n, o, i], |n, k| d_y64[n * o + k], |k, i_| w64[k * i + i_]);
        for w in weights {
            let mut d_x = filled(device, f32::NAN, n, i);
            linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
            check_close(
                &format!("d_x {dims:?} {w:?}"),
                &numbers(&d_x).await,
                &expected,
                tolerance,
            )
            .unwrap();
            linear_backward_input(&d_y, &w, &mut d_x, true).unwrap();
            let twice: Vec<f64> = expected.iter().map(|d| 2.0 * d).collect();
            check_close(
                &format!("twice d_x {dims:?} {w:?}"),
                &numbers(&d_x).await,
                &twice,
                tolerance,
            )
            .unwrap();
        }
        // These two add to what is there.
        let mut d_w = filled(device, 1.0, o, i);
        linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
        let expected = product(
            [o, n, i],
            |o_, k| d_y64[k * o + o_],
            |k, i_| x64[k * i + i_],
        );
        let expected: Vec<f64> = expected.iter().map(|d| d + 1.0).collect();
        check_close(
            &format!("d_w {dims:?}"),
            &numbers(&d_w).await,
            &expected,
            tolerance,
        )
        .unwrap();
        let mut d_bias = filled(device, 1.0, 1, o);
        linear_backward_bias(&d_y, &mut d_bias).unwrap();
        let expected: Vec<f64> = (0..o)
            .map(|o_| 1.0 + (0..n).map(|k| d_y64[k * o + o_]).sum::<f64>())
            .collect();
        check_close(
            &format!("d_bias {dims:?}"),
            &numbers(&d_bias).await,
            &expected,
            tolerance,
        )
        .unwrap();
    }
}

/// More rows than a software adapter's loops have rounds, and than a launch of column sums takes: sums of small whole numbers, which are exact.
pub(crate) async fn deep_gradient(device: &Device) {
    let [n, i, o] = [262_151, 2, 3];
    let x = filled(device, 1.0, n, i);
    let data: Vec<f32> = (0..n * o).map(|at| (at % 7) as f32).collect();
    let host = Tensor::from_vec(n, o, data.clone()).unwrap();
    let mut d_w = filled(device, 5.0, o, i);
    linear_backward_weight(&x, &host.to(device).unwrap(), &mut d_w).unwrap();
    let expected: Vec<f32> = (0..o * i)
        .map(|at| 5.0 + data.iter().skip(at / i).step_by(o).sum::<f32>())
        .collect();
    assert_eq!(numbers(&d_w).await, expected);
    let mut d_bias = filled(device, 5.0, 1, o);
    linear_backward_bias(&host.to(device).unwrap(), &mut d_bias).unwrap();
    let expected: Vec<f32> = expected.iter().step_by(i).copied().collect();
    assert_eq!(numbers(&d_bias).await, expected);
}
