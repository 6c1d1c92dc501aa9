use super::*;
use crate::TokenBatch;
use crate::checks::{numbers, within};
use crate::oracle::attention as oracle;
use crate::oracle::{check_close, sample, wide};

/// One call's numbers and spans.
pub(super) struct Case {
    pub name: &'static str,
    pub sizes: oracle::Sizes,
    pub spans: Vec<Span>,
    pub q: Tensor,
    pub k: Tensor,
    pub v: Tensor,
    pub d_out: Tensor,
}

impl Case {
    /// `[H, K, D]` and a batch; queries are large enough for the softmax to have a clear favourite.
    pub fn new(
        name: &'static str,
        [heads, kv_heads, head_size]: [usize; 3],
        batch: TokenBatch,
    ) -> Self {
        let n = batch.len();
        let tensor = |seed, cols, factor: f32| {
            let mut numbers = sample(seed, n * cols);
            numbers.iter_mut().for_each(|x| *x *= factor);
            Tensor::from_vec(n, cols, numbers).unwrap()
        };
        Self {
            name,
            sizes: oracle::Sizes {
                heads,
                kv_heads,
                head_size,
            },
            q: tensor(1, heads * head_size, 4.0),
            k: tensor(2, kv_heads * head_size, 1.0),
            v: tensor(3, kv_heads * head_size, 1.0),
            d_out: tensor(4, heads * head_size, 1.0),
            spans: batch.spans,
        }
    }

    pub fn operands(&self) -> Operands<'_> {
        Operands {
            q: &self.q,
            k: &self.k,
            v: &self.v,
            spans: &self.spans,
            heads: self.sizes.heads,
            kv_heads: self.sizes.kv_heads,
        }
    }

    /// The same case on a device.
    fn to(self, device: &Device) -> Self {
        Self {
            q: self.q.to(device).unwrap(),
            k: self.k.to(device).unwrap(),
            v: self.v.to(device).unwrap(),
            d_out: self.d_out.to(device).unwrap(),
            ..self
        }
    }

    fn nan(&self, rows: usize, cols: usize) -> Tensor {
        let mut nan = Tensor::zeros_on(&self.q.device(), rows, cols).unwrap();
        nan.fill(f32::NAN);
        nan
    }

    /// `out` and `log_sum_exp`.
    pub fn forward(&self) -> [Tensor; 2] {
        let [n, cols] = self.q.shape();
        let mut out = self.nan(n, cols);
        let mut log_sum_exp = self.nan(n, self.sizes.heads);
        attention(&self.operands(), &mut out, &mut log_sum_exp).unwrap();
        [out, log_sum_exp]
    }

    /// `d_q`, `d_k` and `d_v`.
    pub fn backward(&self) -> [Tensor; 3] {
        let [out, log_sum_exp] = self.forward();
        let nan = |like: &Tensor| self.nan(like.rows(), like.cols());
        let mut d = [nan(&self.q), nan(&self.k), nan(&self.v)];
        let [d_q, d_k, d_v] = &mut d;
        let gradients = Gradients { d_q, d_k, d_v };
        attention_backward(&self.operands(), &out, &log_sum_exp, &self.d_out, gradients).unwrap();
        d
    }
}

/// The numbers and a 1 behind them, so that they are compared at the scale of 1 at least: where a softmax has one key, d_q
/// and d_k are zero but for rounding.
pub(super) fn and_one<T: Copy + From<f32>>(numbers: &[T]) -> Vec<T> {
    numbers.iter().copied().chain([T::from(1.0)]).collect()
}

pub(super) fn ids(len: usize) -> Vec<u32> {
    vec![0; len]
}

pub(super) fn group(prompt: usize, completions: &[usize]) -> TokenBatch {
    let completions: Vec<Vec<u32>> = completions.iter().map(|&len| ids(len)).collect();
    let completions: Vec<&[u32]> = completions.iter().map(Vec::as_slice).collect();
    let mut batch = TokenBatch::new();
    batch.push_group(&ids(prompt), &completions);
    batch
}

/// Odd shapes: one token, empty prefixes, several groups, segments longer and shorter than a tile, one head, many heads
/// behind one key-value head, head sizes under, at and over a vector.
pub(super) fn cases() -> Vec<Case> {
    let mut two_groups = group(3, &[2, 1, 4]);
    two_groups.push_group(&ids(5), &[&ids(1), &ids(3)]);
    let mut packed = TokenBatch::causal(&ids(4));
    packed.push_segment(0..0, 0, &ids(1));
    packed.push_segment(0..0, 0, &ids(6));
    // A segment that sees part of an earlier one, rows 5..9.
    let mut part = TokenBatch::causal(&ids(11));
    part.push_segment(5..9, 4, &ids(3));
    vec![
        Case::new("seven tokens", [6, 3, 10], TokenBatch::causal(&ids(7))),
        Case::new("one token", [6, 3, 10], TokenBatch::causal(&ids(1))),
        Case::new("no token", [6, 3, 10], TokenBatch::new()),
        Case::new("two groups", [6, 3, 10], two_groups),
        Case::new("packed", [5, 1, 7], packed),
        Case::new("part of a prefix", [2, 2, 33], part),
        Case::new("one head of one", [1, 1, 1], TokenBatch::causal(&ids(9))),
        Case::new(
            "more keys than a tile",
            [3, 1, 17],
            TokenBatch::causal(&ids(211)),
        ),
        Case::new("a group of tiles", [9, 3, 16], group(83, &[70, 1, 37, 129])),
        Case::new("empty prompt", [4, 2, 6], group(0, &[5, 2])),
        Case::new("wide heads", [14, 2, 64], group(75, &[20, 33])),
        Case::new("heads of 80", [2, 1, 80], group(41, &[9, 3])),
        Case::new("heads of 128", [2, 2, 128], group(20, &[5, 13])),
    ]
}

pub(crate) async fn forward(device: &Device) {
    for case in cases() {
        let (out64, log_sum_exp64) = oracle::attention(
            case.sizes,
            &wide(case.q.data()),
            &wide(case.k.data()),
            &wide(case.v.data()),
            &case.spans,
        );
        let case = case.to(device);
        let [out, log_sum_exp] = case.forward();
        let tolerance = within(device, 2e-6, 4e-6);
        check_close(case.name, &numbers(&out).await, &out64, tolerance).unwrap();
        check_close(
            case.name,
            &numbers(&log_sum_exp).await,
            &log_sum_exp64,
            1e-6,
        )
        .unwrap();
    }
}

pub(crate) async fn gradients(device: &Device) {
    for case in cases() {
        let exact = oracle::attention_backward(
            case.sizes,
            &wide(case.q.data()),
            &wide(case.k.data()),
            &wide(case.v.data()),
            &case.spans,
            &wide(case.d_out.data()),
        );
        let case = case.to(device);
        let tolerance = within(device, 5e-6, 1e-5);
        for (what, (got, exact)) in ["d_q", "d_k", "d_v"]
            .iter()
            .zip(case.backward().iter().zip(exact))
        {
            let what = format!("{}: {what}", case.name);
            check_close(
                &what,
                &and_one(&numbers(got).await),
                &and_one(&exact),
                tolerance,
            )
            .unwrap();
        }
    }
}
