//! Shared rows, temperature, kept tokens, vocabularies beyond a tile.

use pollster::block_on;

use super::checks::{Case, cases};
use super::*;
use crate::oracle::{check_close, sample};

fn forward(case: &Case) -> Logprobs {
    block_on(case.forward())
}

fn backward(case: &Case, d_logprobs: &[f32], filled: f32) -> (Tensor, Tensor) {
    block_on(case.backward(d_logprobs, filled))
}

#[test]
fn gradients_are_added_and_the_weight_gradient_is_optional() {
    let case = Case::new([530, 6, 67], 1030, 1.0, false);
    let d_logprobs = sample(9, 1030);
    let (d_hidden, d_w) = backward(&case, &d_logprobs, 0.0);
    let (one_hidden, one_w) = backward(&case, &d_logprobs, 1.0);
    let one_more =
        |t: &Tensor| -> Vec<f64> { t.data().iter().map(|v| f64::from(*v) + 1.0).collect() };
    check_close("d_hidden", one_hidden.data(), &one_more(&d_hidden), 1e-6).unwrap();
    check_close("d_w", one_w.data(), &one_more(&d_w), 1e-6).unwrap();

    let mut alone = Tensor::zeros(530, 6);
    let (sampling, logprobs) = (case.sampling(), forward(&case));
    let (hidden, w, requests) = (&case.hidden, &case.w, &case.requests);
    linear_logprob_backward(
        hidden,
        w,
        requests,
        &sampling,
        &logprobs,
        &d_logprobs,
        &mut alone,
        None,
    )
    .unwrap();
    assert!(alone == d_hidden);
}

#[test]
fn requests_without_a_gradient_change_nothing() {
    let case = Case::new([7, 10, 31], 9, 1.0, false);
    let mut d_logprobs = sample(9, 9);
    d_logprobs[4] = 0.0;
    let all = backward(&case, &d_logprobs, 0.0);
    let mut fewer = Case::new([7, 10, 31], 9, 1.0, false);
    fewer.requests.remove(4);
    d_logprobs.remove(4);
    assert!(backward(&fewer, &d_logprobs, 0.0) == all);
}

#[test]
fn a_distribution_over_one_kept_token_is_certain() {
    let mut case = Case::new([7, 10, 31], 2, 1.0, false);
    let mut kept = KeptTokens::new(31);
    for request in &case.requests {
        kept.push([request.token]).unwrap();
    }
    case.kept = Some(kept);
    let out = forward(&case);
    check_close("logprobs", &out.logprobs, &[0.0, 0.0], 0.0).unwrap();
    check_close("entropy", &out.entropy, &[0.0, 0.0], 0.0).unwrap();
}

#[test]
fn logits_of_any_size_stay_finite() {
    let hidden = Tensor::from_vec(1, 1, vec![1e4]).unwrap();
    let w = Weight::f32(3, 1, vec![1.0, -1.0, 1.0]).unwrap();
    let requests = [
        LogprobRequest { row: 0, token: 0 },
        LogprobRequest { row: 0, token: 1 },
    ];
    let out = block_on(linear_logprob(&hidden, &w, &requests, &Sampling::default())).unwrap();
    // Two tokens share all of the probability; the third is e^-20000 of that.
    check_close(
        "logprobs",
        &out.logprobs,
        &[-(2f64.ln()), -2e4 - 2f64.ln()],
        1e-7,
    )
    .unwrap();
    check_close("entropy", &out.entropy, &[2f64.ln(); 2], 1e-6).unwrap();
}

#[test]
fn a_weight_that_is_not_a_number_shows_in_every_result() {
    let hidden = Tensor::from_vec(1, 1, vec![1.0]).unwrap();
    for bad in [f32::NAN, f32::INFINITY] {
        let w = Weight::f32(
            70,
            1,
            (0..70).map(|v| if v == 66 { bad } else { 0.5 }).collect(),
        )
        .unwrap();
        let request = [LogprobRequest { row: 0, token: 3 }];
        let out = block_on(linear_logprob(&hidden, &w, &request, &Sampling::default())).unwrap();
        assert!(
            !out.logprobs[0].is_finite() && !out.log_sum_exp[0].is_finite(),
            "{bad}: {out:?}"
        );
    }
}

#[test]
fn no_requests_are_no_work() {
    let case = Case::new([7, 10, 31], 0, 1.0, false);
    assert_eq!(forward(&case), Logprobs::default());
    let (d_hidden, d_w) = backward(&case, &[], 2.0);
    assert!(d_hidden == Tensor::full(7, 10, 2.0) && d_w == Tensor::full(31, 10, 2.0));
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    for case in cases() {
        let d_logprobs = sample(9, case.requests.len());
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| (forward(&case), backward(&case, &d_logprobs, 0.5)))
        };
        let one = run(1);
        assert!(run(2) == one && run(5) == one);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let case = Case::new([7, 10, 31], 3, 1.0, true);
    let message = |requests: &[LogprobRequest], sampling: &Sampling<'_>| {
        block_on(linear_logprob(&case.hidden, &case.w, requests, sampling))
            .unwrap_err()
            .to_string()
    };
    let cold = Sampling {
        temperature: 0.0,
        kept: None,
    };
    assert_eq!(
        message(&case.requests, &cold),
        "linear_logprob: temperature is 0, but must be above 0"
    );
    let fewer = message(&case.requests[..2], &case.sampling());
    assert_eq!(
        fewer,
        "linear_logprob: kept has shape [3, 31], expected [2, 31]"
    );
    let far = [LogprobRequest { row: 7, token: 0 }];
    assert_eq!(
        message(&far, &Sampling::default()),
        "linear_logprob: requests[0].row is 7, but must be below 7"
    );
    let unkept = KeptTokens::new(31);
    let mut unkept = unkept;
    unkept.push([5]).unwrap();
    let one = [LogprobRequest { row: 0, token: 6 }];
    let sampling = Sampling {
        temperature: 1.0,
        kept: Some(&unkept),
    };
    assert_eq!(
        message(&one, &sampling),
        "linear_logprob: kept does not hold token 6 of requests[0]"
    );
}
