//! Against the f64 oracle, finite differences and itself at other numbers of rows and threads.

use half::bf16;

use super::*;
use crate::oracle::{self, check_close, check_gradient, sample, wide};

/// [N, I, O]: distinct, odd, around and beyond the sizes of tiles and blocks; a single row; a single output.
const SHAPES: [[usize; 3]; 8] = [
    [7, 60, 18],
    [1, 193, 49],
    [5, 3, 1],
    [13, 1, 7],
    [65, 400, 51],
    [9, 192, 48],
    [391, 65, 203],
    [64, 577, 97],
];

fn tensor(seed: u64, rows: usize, cols: usize) -> Tensor {
    Tensor::from_vec(rows, cols, sample(seed, rows * cols)).unwrap()
}

/// The same numbers in both precisions: rounded to bf16 first.
fn weights(seed: u64, rows: usize, cols: usize) -> [Weight; 2] {
    let narrow: Vec<bf16> = sample(seed, rows * cols)
        .into_iter()
        .map(bf16::from_f32)
        .collect();
    let widened = narrow.iter().map(|v| v.to_f32()).collect();
    [
        Weight::f32(rows, cols, widened).unwrap(),
        Weight::bf16(rows, cols, narrow).unwrap(),
    ]
}

fn nan(rows: usize, cols: usize) -> Tensor {
    Tensor::full(rows, cols, f32::NAN)
}

#[test]
fn forward_agrees_with_the_oracle_in_both_precisions() {
    for dims @ [n, i, o] in SHAPES {
        let x = tensor(1, n, i);
        let bias = Tensor::vector(sample(3, o));
        for w in weights(2, o, i) {
            for bias in [None, Some(&bias)] {
                let mut y = nan(n, o);
                linear(&x, &w, bias, &mut y).unwrap();
                let bias = bias.map(|bias| wide(bias.data()));
                let expected = oracle::linear::linear(
                    dims,
                    &wide(x.data()),
                    &wide(&w.to_f32()),
                    bias.as_deref(),
                );
                check_close(&format!("y {dims:?} {w:?}"), y.data(), &expected, 1e-6).unwrap();
            }
        }
    }
}

#[test]
fn both_precisions_of_the_same_numbers_give_the_same_bits() {
    let x = tensor(1, 11, 100);
    let d_y = tensor(4, 11, 70);
    let [a, b] = weights(2, 70, 100).map(|w| {
        let mut y = nan(11, 70);
        linear(&x, &w, None, &mut y).unwrap();
        let mut d_x = nan(11, 100);
        linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
        (y, d_x)
    });
    assert!(a == b);
}

#[test]
fn gradients_agree_with_the_oracle() {
    for dims @ [n, i, o] in SHAPES {
        let (x, d_y) = (tensor(1, n, i), tensor(4, n, o));
        let (x64, d_y64) = (wide(x.data()), wide(d_y.data()));
        for w in weights(2, o, i) {
            let w64 = wide(&w.to_f32());
            let mut d_x = nan(n, i);
            linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
            let expected =
                oracle::linear::product([n, o, i], |n, k| d_y64[n * o + k], |k, c| w64[k * i + c]);
            check_close(&format!("d_x {dims:?} {w:?}"), d_x.data(), &expected, 1e-6).unwrap();
            linear_backward_input(&d_y, &w, &mut d_x, true).unwrap();
            let twice: Vec<f64> = expected.iter().map(|d| 2.0 * d).collect();
            check_close(
                &format!("d_x added {dims:?} {w:?}"),
                d_x.data(),
                &twice,
                1e-6,
            )
            .unwrap();
        }
        let mut d_w = Tensor::full(o, i, 1.0);
        linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
        let expected =
            oracle::linear::product([o, n, i], |r, k| d_y64[k * o + r], |k, c| x64[k * i + c]);
        let expected: Vec<f64> = expected.iter().map(|d| 1.0 + d).collect();
        check_close(&format!("d_w {dims:?}"), d_w.data(), &expected, 1e-6).unwrap();
    }
}

#[test]
fn gradients_agree_with_central_differences() {
    let dims @ [n, i, o] = [5, 9, 4];
    let (x, d_y) = (tensor(1, n, i), tensor(4, n, o));
    let [w, _] = weights(2, o, i);
    let bias = sample(3, o);
    let (x64, d_y64, w64, bias64) = (
        wide(x.data()),
        wide(d_y.data()),
        wide(&w.to_f32()),
        wide(&bias),
    );
    let loss = |x: &[f64], w: &[f64], bias: &[f64]| -> f64 {
        oracle::linear::linear(dims, x, w, Some(bias))
            .iter()
            .zip(&d_y64)
            .map(|(y, d)| y * d)
            .sum()
    };
    let (mut d_x, mut d_w, mut d_bias) = (nan(n, i), Tensor::zeros(o, i), Tensor::zeros(1, o));
    linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
    linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
    linear_backward_bias(&d_y, &mut d_bias).unwrap();
    check_gradient("d_x", d_x.data(), &x64, 1e-4, 1e-6, |x| {
        loss(x, &w64, &bias64)
    })
    .unwrap();
    check_gradient("d_w", d_w.data(), &w64, 1e-4, 1e-6, |w| {
        loss(&x64, w, &bias64)
    })
    .unwrap();
    check_gradient("d_bias", d_bias.data(), &bias64, 1e-4, 1e-6, |bias| {
        loss(&x64, &w64, bias)
    })
    .unwrap();
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others() {
    let (i, o) = (500, 113);
    let all = tensor(1, 800, i);
    for w in weights(2, o, i) {
        let mut y = nan(800, o);
        linear(&all, &w, None, &mut y).unwrap();
        for n in [1, 2, 3, 7, 8, 9, 64, 65, 100, 385] {
            let first = 800 - n;
            let x = Tensor::from_vec(n, i, all.rows_data(first..800).to_vec()).unwrap();
            let mut part = nan(n, o);
            linear(&x, &w, None, &mut part).unwrap();
            assert!(part.data() == y.rows_data(first..800), "{n} rows, {w:?}");
        }
    }
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    for [n, i, o] in SHAPES {
        let (x, d_y) = (tensor(1, n, i), tensor(4, n, o));
        for w in weights(2, o, i) {
            let run = |threads| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap()
                    .install(|| {
                        let (mut y, mut d_x, mut d_w, mut d_bias) =
                            (nan(n, o), tensor(5, n, i), tensor(6, o, i), tensor(7, 1, o));
                        linear(&x, &w, Some(&tensor(3, 1, o)), &mut y).unwrap();
                        linear_backward_input(&d_y, &w, &mut d_x, true).unwrap();
                        linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
                        linear_backward_bias(&d_y, &mut d_bias).unwrap();
                        (y, d_x, d_w, d_bias)
                    })
            };
            let one = run(1);
            assert!(run(2) == one && run(5) == one, "{:?}", [n, i, o]);
        }
    }
}

#[test]
fn no_rows_are_no_work_and_no_inputs_leave_the_bias() {
    let [w, _] = weights(2, 4, 3);
    linear(&Tensor::zeros(0, 3), &w, None, &mut Tensor::zeros(0, 4)).unwrap();
    let mut d_w = Tensor::full(4, 3, 2.0);
    linear_backward_weight(&Tensor::zeros(0, 3), &Tensor::zeros(0, 4), &mut d_w).unwrap();
    assert_eq!(d_w, Tensor::full(4, 3, 2.0));

    let mut y = nan(2, 4);
    linear(
        &Tensor::zeros(2, 0),
        &Weight::f32(4, 0, vec![]).unwrap(),
        Some(&Tensor::vector(vec![1.0, 2.0, 3.0, 4.0])),
        &mut y,
    )
    .unwrap();
    assert_eq!(y.row(1), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let [w, _] = weights(2, 4, 3);
    let error = linear(&Tensor::zeros(2, 5), &w, None, &mut Tensor::zeros(2, 4)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear: x has shape [2, 5], expected [2, 3]"
    );
    let error = linear(
        &Tensor::zeros(2, 3),
        &w,
        Some(&Tensor::zeros(1, 3)),
        &mut Tensor::zeros(2, 4),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear: bias has shape [1, 3], expected [1, 4]"
    );
    let error = linear_backward_input(&Tensor::zeros(2, 4), &w, &mut Tensor::zeros(3, 3), true)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear_backward_input: d_x has shape [3, 3], expected [2, 3]"
    );
    let error = linear_backward_weight(
        &Tensor::zeros(2, 3),
        &Tensor::zeros(1, 4),
        &mut Tensor::zeros(4, 3),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "linear_backward_weight: x has shape [2, 3], expected [1, 3]"
    );
}
