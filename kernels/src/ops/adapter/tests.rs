//! Against the f64 oracle and finite differences, for LoRA and DoRA.

use super::checks::{Case, I, N, O, R, SCALING};
use super::*;
use crate::oracle::adapter as oracle;
use crate::oracle::{check_close, wide};

#[test]
fn merging_agrees_with_the_oracle() {
    let case = Case::new(N);
    let v = case.direction(&wide(case.a.data()), &wide(case.b.data()));
    let lora = merge(&case.w, &case.factors(false)).unwrap();
    check_close("V", &lora.weight.to_f32(), &v, 1e-6).unwrap();
    assert_eq!(lora.norm_scale, None);

    let dora = merge(&case.w, &case.factors(true)).unwrap();
    let (norms, magnitude) = (oracle::row_norms(I, &v), wide(case.magnitude.data()));
    check_close(
        "W'",
        &dora.weight.to_f32(),
        &oracle::scaled(I, &v, &magnitude, &norms),
        1e-6,
    )
    .unwrap();
    let scale: Vec<f64> = magnitude.iter().zip(&norms).map(|(m, n)| m / n).collect();
    check_close("norm_scale", dora.norm_scale.unwrap().data(), &scale, 1e-6).unwrap();
}

#[test]
fn a_new_adapter_changes_nothing() {
    let case = Case::new(N);
    let b = Tensor::zeros(O, R);
    let lora = Factors {
        a: &case.a,
        b: &b,
        magnitude: None,
        scaling: SCALING,
    };
    assert_eq!(
        merge(&case.w, &lora).unwrap().weight.to_f32(),
        case.w.to_f32()
    );
    // DoRA starts with m = ‖W‖, so its scale is exactly one.
    let norms = row_norms(&case.w);
    let dora = merge(
        &case.w,
        &Factors {
            magnitude: Some(&norms),
            ..lora
        },
    )
    .unwrap();
    assert_eq!(dora.weight.to_f32(), case.w.to_f32());
    assert_eq!(dora.norm_scale, Some(Tensor::full(1, O, 1.0)));
}

#[test]
fn gradients_are_added() {
    let case = Case::new(N);
    let (from_zero, from_one) = (case.backward(true, 0.0), case.backward(true, 1.0));
    let one_more =
        |values: &[f32]| -> Vec<f64> { values.iter().map(|v| f64::from(*v) + 1.0).collect() };
    check_close(
        "d_a",
        from_one.0.data(),
        &one_more(from_zero.0.data()),
        1e-6,
    )
    .unwrap();
    check_close(
        "d_b",
        from_one.1.data(),
        &one_more(from_zero.1.data()),
        1e-6,
    )
    .unwrap();
    check_close(
        "d_m",
        from_one.2.data(),
        &one_more(from_zero.2.data()),
        1e-6,
    )
    .unwrap();
}

#[test]
fn no_tokens_give_no_gradient() {
    let (d_a, d_b, d_m) = Case::new(0).backward(true, 3.0);
    assert!(
        d_a == Tensor::full(R, I, 3.0)
            && d_b == Tensor::full(O, R, 3.0)
            && d_m == Tensor::full(1, O, 3.0)
    );
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    let case = Case::new(401);
    let run = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| {
                let factors = case.factors(true);
                (
                    merge(&case.w, &factors).unwrap(),
                    row_norms(&case.w),
                    case.backward(true, 0.25),
                )
            })
    };
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
}

#[test]
fn what_does_not_fit_is_named() {
    let case = Case::new(N);
    let wrong_b = Tensor::zeros(O, R + 1);
    let factors = Factors {
        b: &wrong_b,
        ..case.factors(true)
    };
    assert_eq!(
        merge(&case.w, &factors).unwrap_err().to_string(),
        "merge: b has shape [18, 6], expected [18, 5]"
    );

    let zeros = Weight::f32(O, I, vec![0.0; O * I]).unwrap();
    let b = Tensor::zeros(O, R);
    let error = merge(
        &zeros,
        &Factors {
            b: &b,
            ..case.factors(true)
        },
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("row 0 of w + s b a"), "{error}");

    // Every number is finite, the length of row 2 is not.
    let mut long = vec![1.0; O * I];
    long[2 * I..3 * I].fill(3e38);
    let long = Weight::f32(O, I, long).unwrap();
    let factors = Factors {
        b: &b,
        ..case.factors(true)
    };
    let error = merge(&long, &factors).unwrap_err().to_string();
    assert!(error.contains("row 2 of w + s b a"), "{error}");

    let mut magnitude = case.magnitude.clone();
    magnitude.data_mut()[3] = f32::NAN;
    let factors = Factors {
        magnitude: Some(&magnitude),
        ..case.factors(true)
    };
    let error = merge(&case.w, &factors).unwrap_err().to_string();
    assert!(error.contains("magnitude NaN in row 3"), "{error}");

    let factors = case.factors(true);
    let lora = merge(&case.w, &case.factors(false)).unwrap();
    let y = Tensor::zeros(N, O);
    let (mut d_a, mut d_b) = (Tensor::zeros(R, I), Tensor::zeros(O, R));
    let gradients = FactorGradients {
        d_a: &mut d_a,
        d_b: &mut d_b,
        d_magnitude: None,
    };
    let error = adapter_backward(&case.x, &y, &case.d_y, &factors, &lora, gradients)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "adapter_backward: merged was merged without the magnitude that factors has"
    );
}
