//! Against the f64 oracle and finite differences: shared rows, temperature, kept tokens, vocabularies beyond a tile.

use half::bf16;

use super::*;
use crate::oracle::{check_close, check_gradient, linear_logprob as oracle, sample, wide};

struct Case {
    hidden: Tensor,
    w: Weight,
    requests: Vec<LogprobRequest>,
    kept: Option<KeptTokens>,
    temperature: f32,
}

impl Case {
    /// Requests go through the rows out of order; every third asks row 2 (or the last) again.
    fn new([n, c, v]: [usize; 3], requests: usize, temperature: f32, keep: bool) -> Self {
        let hidden =
            Tensor::from_vec(n, c, sample(1, n * c).iter().map(|x| 3.0 * x).collect()).unwrap();
        let w = Weight::bf16(
            v,
            c,
            sample(2, v * c).into_iter().map(bf16::from_f32).collect(),
        )
        .unwrap();
        let requests: Vec<LogprobRequest> = (0..requests)
            .map(|q| LogprobRequest {
                row: if q % 3 == 0 {
                    2.min(n - 1)
                } else {
                    (q * 5 + 1) % n
                } as u32,
                token: ((q * 37 + 11) % v) as u32,
            })
            .collect();
        let kept = keep.then(|| {
            let mut kept = KeptTokens::new(v);
            for (q, request) in requests.iter().enumerate() {
                // A different third of the vocabulary for each request, and the token itself.
                let third = (0..v as u32).filter(|t| (t + q as u32).is_multiple_of(3));
                kept.push(third.chain([request.token])).unwrap();
            }
            kept
        });
        Self {
            hidden,
            w,
            requests,
            kept,
            temperature,
        }
    }

    fn sampling(&self) -> Sampling<'_> {
        Sampling {
            temperature: self.temperature,
            kept: self.kept.as_ref(),
        }
    }

    fn forward(&self) -> Logprobs {
        let mut out = Logprobs::default();
        linear_logprob(
            &self.hidden,
            &self.w,
            &self.requests,
            &self.sampling(),
            &mut out,
        )
        .unwrap();
        out
    }

    fn backward(&self, d_logprobs: &[f32], filled: f32) -> (Tensor, Tensor) {
        let mut d_hidden = Tensor::full(self.hidden.rows(), self.hidden.cols(), filled);
        let mut d_w = Tensor::full(self.w.rows(), self.w.cols(), filled);
        let (sampling, logprobs) = (self.sampling(), self.forward());
        let (hidden, w) = (&self.hidden, &self.w);
        linear_logprob_backward(
            hidden,
            w,
            &self.requests,
            &sampling,
            &logprobs,
            d_logprobs,
            &mut d_hidden,
            Some(&mut d_w),
        )
        .unwrap();
        (d_hidden, d_w)
    }

    fn oracle(&self, hidden: &[f64], w: &[f64]) -> Vec<(f64, f64)> {
        let dims = [self.hidden.rows(), self.hidden.cols(), self.w.rows()];
        let requests: Vec<_> = self
            .requests
            .iter()
            .map(|r| (r.row as usize, r.token as usize))
            .collect();
        let kept = |q, v| {
            self.kept
                .as_ref()
                .is_none_or(|kept| kept.contains(q, v as u32))
        };
        oracle::linear_logprob(
            dims,
            hidden,
            w,
            &requests,
            f64::from(self.temperature),
            kept,
        )
    }
}

/// Every combination of temperature and kept tokens, on a vocabulary inside a tile and on one beyond it.
fn cases() -> impl Iterator<Item = Case> {
    let shapes = [
        ([7, 10, 31], 9),
        ([1, 3, 5], 1),
        ([5, 4, 1000], 8),
        ([530, 6, 67], 1030),
    ];
    shapes.into_iter().flat_map(|(dims, requests)| {
        [(1.0, false), (0.7, false), (1.0, true), (1.3, true)]
            .map(|(temperature, keep)| Case::new(dims, requests, temperature, keep))
    })
}

#[test]
fn forward_agrees_with_the_oracle() {
    for case in cases() {
        let got = case.forward();
        let expected = case.oracle(&wide(case.hidden.data()), &wide(&case.w.to_f32()));
        let (logprobs, entropy): (Vec<f64>, Vec<f64>) = expected.into_iter().unzip();
        // A value near zero is a difference of logits of order 1 and inherits their rounding: a 1 on both sides makes
        // that the scale of the comparison.
        let check = |what, mut got: Vec<f32>, mut expected: Vec<f64>| {
            got.push(1.0);
            expected.push(1.0);
            check_close(what, &got, &expected, 1e-6).unwrap();
        };
        check("logprobs", got.logprobs, logprobs);
        check("entropy", got.entropy, entropy);
    }
}

#[test]
fn gradients_agree_with_central_differences() {
    for (temperature, keep) in [(1.0, false), (0.7, true)] {
        for (dims, requests) in [([5, 4, 23], 7), ([3, 2, 970], 4)] {
            let case = Case::new(dims, requests, temperature, keep);
            let d_logprobs = sample(9, requests);
            let (d_hidden, d_w) = case.backward(&d_logprobs, 0.0);
            let (hidden, w) = (wide(case.hidden.data()), wide(&case.w.to_f32()));
            let loss = |hidden: &[f64], w: &[f64]| -> f64 {
                case.oracle(hidden, w)
                    .iter()
                    .zip(&d_logprobs)
                    .map(|((logprob, _), d)| logprob * f64::from(*d))
                    .sum()
            };
            check_gradient("d_hidden", d_hidden.data(), &hidden, 1e-5, 2e-6, |h| {
                loss(h, &w)
            })
            .unwrap();
            check_gradient("d_w", d_w.data(), &w, 1e-5, 2e-6, |w| loss(&hidden, w)).unwrap();
        }
    }
}

#[test]
fn gradients_are_added_and_the_weight_gradient_is_optional() {
    let case = Case::new([530, 6, 67], 1030, 1.0, false);
    let d_logprobs = sample(9, 1030);
    let (d_hidden, d_w) = case.backward(&d_logprobs, 0.0);
    let (one_hidden, one_w) = case.backward(&d_logprobs, 1.0);
    let one_more =
        |t: &Tensor| -> Vec<f64> { t.data().iter().map(|v| f64::from(*v) + 1.0).collect() };
    check_close("d_hidden", one_hidden.data(), &one_more(&d_hidden), 1e-6).unwrap();
    check_close("d_w", one_w.data(), &one_more(&d_w), 1e-6).unwrap();

    let mut alone = Tensor::zeros(530, 6);
    let (sampling, logprobs) = (case.sampling(), case.forward());
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
    let all = case.backward(&d_logprobs, 0.0);
    let mut fewer = Case::new([7, 10, 31], 9, 1.0, false);
    fewer.requests.remove(4);
    d_logprobs.remove(4);
    assert!(fewer.backward(&d_logprobs, 0.0) == all);
}

#[test]
fn a_distribution_over_one_kept_token_is_certain() {
    let mut case = Case::new([7, 10, 31], 2, 1.0, false);
    let mut kept = KeptTokens::new(31);
    for request in &case.requests {
        kept.push([request.token]).unwrap();
    }
    case.kept = Some(kept);
    let out = case.forward();
    check_close("logprobs", &out.logprobs, &[0.0, 0.0], 0.0).unwrap();
    check_close("entropy", &out.entropy, &[0.0, 0.0], 0.0).unwrap();
}

#[test]
fn logits_of_any_size_stay_finite() {
    let hidden = Tensor::from_vec(1, 1, vec![1e4]).unwrap();
    let w = Weight::f32(3, 1, vec![1.0, -1.0, 1.0]).unwrap();
    let mut out = Logprobs::default();
    let requests = [
        LogprobRequest { row: 0, token: 0 },
        LogprobRequest { row: 0, token: 1 },
    ];
    linear_logprob(&hidden, &w, &requests, &Sampling::default(), &mut out).unwrap();
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
        let mut out = Logprobs::default();
        let request = [LogprobRequest { row: 0, token: 3 }];
        linear_logprob(&hidden, &w, &request, &Sampling::default(), &mut out).unwrap();
        assert!(
            !out.logprobs[0].is_finite() && !out.log_sum_exp[0].is_finite(),
            "{bad}: {out:?}"
        );
    }
}

#[test]
fn no_requests_are_no_work() {
    let case = Case::new([7, 10, 31], 0, 1.0, false);
    assert_eq!(case.forward(), Logprobs::default());
    let (d_hidden, d_w) = case.backward(&[], 2.0);
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
            pool.install(|| (case.forward(), case.backward(&d_logprobs, 0.5)))
        };
        let one = run(1);
        assert!(run(2) == one && run(5) == one);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let case = Case::new([7, 10, 31], 3, 1.0, true);
    let message = |requests: &[LogprobRequest], sampling: &Sampling<'_>| {
        linear_logprob(
            &case.hidden,
            &case.w,
            requests,
            sampling,
            &mut Logprobs::default(),
        )
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
