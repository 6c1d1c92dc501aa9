//! Causal attention over spans with grouped key-value heads: forward, backward, and one new token a sequence from a cache.
//!
//! Token i sees the rows of its span's prefix and its own segment up to itself (see [`crate::batch`]). Query head h reads
//! key-value head `h / (H / K)`. Nothing of size N x N exists at any time: keys are walked in tiles under a running maximum
//! and sum, and the backward pass recomputes a tile's probabilities from the log-sum-exp of each (row, head).
//!
//! Source: Dao, "FlashAttention-2", arXiv 2307.08691, algorithms 1 and 2, with grouped heads as in Ainslie et al.,
//! arXiv 2305.13245. Scores are scaled by `1 / sqrt(D)`; there is no dropout and no other mask than the spans.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
mod decode;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
pub(crate) use gpu::decode as paged;

#[cfg(test)]
mod tests;

pub use decode::{DecodeRow, KeyValues, attention_decode};

use crate::batch::validate_spans;
use crate::device::Device;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Span, Tensor};

/// What attention reads, forward and backward.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a> {
    /// Queries, rotated, [N, H·D].
    pub q: &'a Tensor,
    /// Keys, rotated, [N, K·D].
    pub k: &'a Tensor,
    /// Values, [N, K·D].
    pub v: &'a Tensor,
    /// What each token sees, `[N]`.
    pub spans: &'a [Span],
    /// H, the number of query heads.
    pub heads: usize,
    /// K, the number of key-value heads; divides H.
    pub kv_heads: usize,
}

/// Where the backward pass writes; it adds to none of the three.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Gradient of the queries, [N, H·D].
    pub d_q: &'a mut Tensor,
    /// Gradient of the keys, [N, K·D].
    pub d_k: &'a mut Tensor,
    /// Gradient of the values, [N, K·D].
    pub d_v: &'a mut Tensor,
}

/// The sizes of a checked call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    heads: usize,
    kv_heads: usize,
    head_size: usize,
}

impl Sizes {
    /// Query heads that share a key-value head.
    fn group(self) -> usize {
        self.heads / self.kv_heads
    }

    /// Columns of a row of q.
    fn q_cols(self) -> usize {
        self.heads * self.head_size
    }

    /// Columns of a row of k and v.
    fn kv_cols(self) -> usize {
        self.kv_heads * self.head_size
    }

    /// (row, head) of a lane: the lanes of a key-value head are the rows in order, and in a row the heads it serves.
    fn lane(self, kv_head: usize, lane: usize) -> (usize, usize) {
        let group = self.group();
        (lane / group, kv_head * group + lane % group)
    }

    /// What scores are multiplied with.
    fn scale(self) -> f32 {
        1.0 / (self.head_size as f32).sqrt()
    }
}

/// For each token i and head h, over the rows j that i sees, with `s_j = q[i, h] · k[j, h K / H] / sqrt(D)`:
/// `log_sum_exp[i, h] = log Σ_j exp(s_j)` and `out[i, h] = Σ_j exp(s_j - log_sum_exp[i, h]) v[j, h K / H]`.
///
/// # Shapes
/// `out` [N, H·D], `log_sum_exp` [N, H]; the operands' stand with them.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Argument`] where sizes do not fit each other, H is not a multiple of K, or a span is
/// unsound (see [`validate_spans`]).
pub fn attention(
    operands: &Operands<'_>,
    out: &mut Tensor,
    log_sum_exp: &mut Tensor,
) -> Result<()> {
    const OP: &str = "attention";
    let sizes = check(OP, operands)?;
    let n = operands.q.rows();
    Error::check_shape(OP, "out", &operands.q.shape(), &out.shape())?;
    Error::check_shape(OP, "log_sum_exp", &[n, sizes.heads], &log_sum_exp.shape())?;
    let Operands { q, k, v, .. } = operands;
    let tensors = [
        ("q", *q),
        ("k", *k),
        ("v", *v),
        ("out", &*out),
        ("log_sum_exp", &*log_sum_exp),
    ];
    let device = common_device(OP, tensors)?;
    let _op = profile::op(OP, &device, || {
        Work::new(
            4 * q.cols() * seen(operands.spans),
            2 * (q.bytes() + k.bytes()),
        )
    });
    match device {
        Device::Cpu => {
            cpu::forward(sizes, operands, out, log_sum_exp);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::forward(sizes, operands, out, log_sum_exp),
    }
}

/// The gradients of [`attention`], with `p_j = exp(s_j - log_sum_exp[i, h])`, `δ = d_out[i, h] · out[i, h]` and
/// `d_s_j = p_j (d_out[i, h] · v[j] - δ) / sqrt(D)`:
/// `d_q[i, h] = Σ_j d_s_j k[j]`, `d_k[j] = Σ_{i, h} d_s_j q[i, h]`, `d_v[j] = Σ_{i, h} p_j d_out[i, h]`.
///
/// A row that several segments see as their prefix gets the sum of their gradients, in the order of the segments.
///
/// # Shapes
/// `out`, `d_out` [N, H·D], `log_sum_exp` [N, H]; operands' and gradients' stand with them.
///
/// # Errors
/// As [`attention`].
pub fn attention_backward(
    operands: &Operands<'_>,
    out: &Tensor,
    log_sum_exp: &Tensor,
    d_out: &Tensor,
    gradients: Gradients<'_>,
) -> Result<()> {
    const OP: &str = "attention_backward";
    let sizes = check(OP, operands)?;
    let Operands { q, k, v, .. } = operands;
    Error::check_shape(OP, "out", &q.shape(), &out.shape())?;
    Error::check_shape(OP, "d_out", &q.shape(), &d_out.shape())?;
    Error::check_shape(
        OP,
        "log_sum_exp",
        &[q.rows(), sizes.heads],
        &log_sum_exp.shape(),
    )?;
    Error::check_shape(OP, "d_q", &q.shape(), &gradients.d_q.shape())?;
    Error::check_shape(OP, "d_k", &k.shape(), &gradients.d_k.shape())?;
    Error::check_shape(OP, "d_v", &v.shape(), &gradients.d_v.shape())?;
    let tensors = [
        ("q", *q),
        ("k", *k),
        ("v", *v),
        ("out", out),
        ("log_sum_exp", log_sum_exp),
        ("d_out", d_out),
        ("d_q", &*gradients.d_q),
        ("d_k", &*gradients.d_k),
        ("d_v", &*gradients.d_v),
    ];
    let device = common_device(OP, tensors)?;
    let _op = profile::op(OP, &device, || {
        Work::new(
            10 * q.cols() * seen(operands.spans),
            4 * (q.bytes() + k.bytes()),
        )
    });
    match device {
        Device::Cpu => {
            cpu::backward(sizes, operands, out, log_sum_exp, d_out, gradients);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward(sizes, operands, out, log_sum_exp, d_out, gradients),
    }
}

/// Pairs of a token and a row that it sees.
fn seen(spans: &[Span]) -> usize {
    let own = |(row, span): (usize, &Span)| span.prefix.len() + row + 1 - span.start as usize;
    spans.iter().enumerate().map(own).sum()
}

fn check(op: &'static str, operands: &Operands<'_>) -> Result<Sizes> {
    let Operands { q, k, v, spans, .. } = operands;
    let sizes = check_heads(op, q.cols(), operands.heads, operands.kv_heads)?;
    let kv_shape = [q.rows(), sizes.kv_cols()];
    Error::check_shape(op, "k", &kv_shape, &k.shape())?;
    Error::check_shape(op, "v", &kv_shape, &v.shape())?;
    Error::check_shape(op, "spans", &[q.rows()], &[spans.len()])?;
    validate_spans(op, spans)?;
    Ok(sizes)
}

fn check_heads(op: &'static str, q_cols: usize, heads: usize, kv_heads: usize) -> Result<Sizes> {
    let refuse = |what, reason| Err(Error::Argument { op, what, reason });
    if kv_heads == 0 || heads == 0 || !heads.is_multiple_of(kv_heads) {
        return refuse(
            "heads",
            format!("is {heads}, but must be a multiple of kv_heads, {kv_heads}, and not zero"),
        );
    }
    if q_cols == 0 || !q_cols.is_multiple_of(heads) {
        return refuse(
            "q",
            format!("has {q_cols} columns, which are not {heads} heads"),
        );
    }
    Ok(Sizes {
        heads,
        kv_heads,
        head_size: q_cols / heads,
    })
}
