use half::bf16;

use super::*;
use crate::checks::{numbers, within};
use crate::oracle::{check_close, check_gradient, linear_logprob as oracle, sample, wide};

pub(super) struct Case {
    pub hidden: Tensor,
    pub w: Weight,
    pub requests: Vec<LogprobRequest>,
    pub kept: Option<KeptTokens>,
    pub temperature: f32,
}

impl Case {
    /// Requests go through the rows out of order; every third asks row 2 (or the last) again.
    pub fn new([n, c, v]: [usize; 3], requests: usize, temperature: f32, keep: bool) -> Self {
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

    pub fn sampling(&self) -> Sampling<'_> {
        Sampling {
            temperature: self.temperature,
            kept: self.kept.as_ref(),
        }
    }

    /// The same case on a device.
    fn to(self, device: &Device) -> Self {
        Self {
            hidden: self.hidden.to(device).unwrap(),
            w: self.w.to(device).unwrap(),
            ..self
        }
    }

    pub async fn forward(&self) -> Logprobs {
        let (requests, sampling) = (&self.requests, self.sampling());
        let found = linear_logprob(&self.hidden, &self.w, requests, &sampling);
        found.await.unwrap()
    }

    /// `d_hidden` and `d_w`, added to what they are filled with.
    pub async fn backward(&self, d_logprobs: &[f32], filled: f32) -> (Tensor, Tensor) {
        let full = |rows, cols| {
            let mut tensor = Tensor::zeros_on(&self.hidden.device(), rows, cols).unwrap();
            tensor.fill(filled);
            tensor
        };
        let mut d_hidden = full(self.hidden.rows(), self.hidden.cols());
        let mut d_w = full(self.w.rows(), self.w.cols());
        let (sampling, logprobs) = (self.sampling(), self.forward().await);
        linear_logprob_backward(
            &self.hidden,
            &self.w,
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
pub(super) fn cases() -> impl Iterator<Item = Case> {
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

pub(crate) async fn forward(device: &Device) {
    for case in cases() {
        let expected = case.oracle(&wide(case.hidden.data()), &wide(&case.w.to_f32()));
        let (logprobs, entropy): (Vec<f64>, Vec<f64>) = expected.into_iter().unzip();
        let got = case.to(device).forward().await;
        // A value near zero is a difference of logits of order 1 and inherits their rounding: a 1 on both sides makes
        // that the scale of the comparison.
        let check = |what, mut got: Vec<f32>, mut expected: Vec<f64>| {
            got.push(1.0);
            expected.push(1.0);
            check_close(what, &got, &expected, within(device, 1e-6, 3e-6)).unwrap();
        };
        check("logprobs", got.logprobs, logprobs);
        check("entropy", got.entropy, entropy);
    }
    // Several at once are what each is.
    let on_device: Vec<Case> = cases().map(|case| case.to(device)).collect();
    let launched = on_device.iter().map(|case| {
        let (requests, sampling) = (&case.requests, case.sampling());
        launch_linear_logprob(&case.hidden, &case.w, requests, &sampling).unwrap()
    });
    let found = PendingLogprobs::read_all(launched.collect()).await.unwrap();
    for (found, case) in found.into_iter().zip(&on_device) {
        assert_eq!(found, case.forward().await);
    }
}

pub(crate) async fn gradients(device: &Device) {
    for (temperature, keep) in [(1.0, false), (0.7, true)] {
        for (dims, requests) in [([5, 4, 23], 7), ([3, 2, 970], 4)] {
            let case = Case::new(dims, requests, temperature, keep);
            let d_logprobs = sample(9, requests);
            let (hidden, w) = (wide(case.hidden.data()), wide(&case.w.to_f32()));
            let loss = |hidden: &[f64], w: &[f64]| -> f64 {
                case.oracle(hidden, w)
                    .iter()
                    .zip(&d_logprobs)
                    .map(|((logprob, _), d)| logprob * f64::from(*d))
                    .sum()
            };
            let on_device = Case::new(dims, requests, temperature, keep).to(device);
            let (d_hidden, d_w) = on_device.backward(&d_logprobs, 0.0).await;
            let (d_hidden, d_w) = (numbers(&d_hidden).await, numbers(&d_w).await);
            check_gradient("d_hidden", &d_hidden, &hidden, 1e-5, 2e-6, |h| loss(h, &w)).unwrap();
            check_gradient("d_w", &d_w, &w, 1e-5, 2e-6, |w| loss(&hidden, w)).unwrap();
        }
    }
}
