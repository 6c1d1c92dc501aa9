//! Log-probabilities of wanted tokens straight from hidden states, without ever holding the logits.
//!
//! With z = (w h) / temperature over the vocabulary (or the tokens kept at sampling time): `log p(t) = z_t - log Σ_v e^{z_v}`
//! and the entropy `-Σ_v p_v log p_v`. Tiles of logits are formed, reduced with an online log-sum-exp and dropped; the
//! backward pass forms them again. Memory does not grow with rows times vocabulary,
//! but for the bit a row and token that [`KeptTokens`] takes where sampling was cut off.
//!
//! What is wanted is asked for as (hidden row, token) pairs: several requests may share a row, as the first tokens of a
//! group's completions share the prompt's last row, and rows nobody asks for cost nothing.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod kept;
mod pending;
mod plan;
#[cfg(test)]
mod tests;

pub use kept::KeptTokens;
pub use pending::PendingLogprobs;

use crate::device::Device;
use crate::ops::linear;
use crate::profile::{self, Work};
use crate::{Error, Result, Tensor, Weight};
use pending::Found;
use plan::Plan;

/// Most bytes of logits at a time: of rows over the whole vocabulary on a GPU, whose buffers may be smaller; the processor's tiles are smaller.
pub(crate) const CHUNK_BYTES: u64 = 32 << 20;

/// One wanted log-probability: of `token`, as predicted by a hidden row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogprobRequest {
    /// Row of `hidden`: the one before the token.
    pub row: u32,
    /// The token's id.
    pub token: u32,
}

/// The distribution that tokens were drawn from, as far as it is not the model's own.
#[derive(Debug, Clone, Copy)]
pub struct Sampling<'a> {
    /// Logits are divided by it.
    pub temperature: f32,
    /// The tokens that top-k and top-p left over, per request; probabilities are renormalised over them. `None`: all.
    pub kept: Option<&'a KeptTokens>,
}

impl Default for Sampling<'_> {
    /// The model's own distribution: temperature 1 over the whole vocabulary.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            kept: None,
        }
    }
}

/// What [`linear_logprob`] found, one number a request each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Logprobs {
    /// `log p(token)`, natural logarithm.
    pub logprobs: Vec<f32>,
    /// Entropy of the distribution, in nats.
    pub entropy: Vec<f32>,
    /// `log Σ_v e^{z_v}`, which the backward pass starts from.
    pub log_sum_exp: Vec<f32>,
}

/// `logprobs[q] = z_t - log Σ_v e^{z_v}` with `z = hidden[row_q] wᵀ / temperature` and t the request's token.
///
/// # Shapes
/// `hidden` [N, C], `w` [V, C]; a number a request comes back.
///
/// # Errors
/// [`Error::Shape`] where `w` does not fit `hidden`, or `kept` the requests or the vocabulary; [`Error::Index`] for a row or
/// token that does not exist; [`Error::Argument`] for a temperature that is not above zero and finite, and for a token that is
/// not among those kept: its probability is zero.
pub async fn linear_logprob(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
) -> Result<Logprobs> {
    let pending = launch_linear_logprob(hidden, w, requests, sampling)?;
    Ok(PendingLogprobs::read_all(vec![pending]).await?.remove(0))
}

/// [`linear_logprob`] without waiting for a GPU: what it finds is read later, together with what else was launched.
///
/// # Errors
/// Those of [`linear_logprob`].
pub fn launch_linear_logprob(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
) -> Result<PendingLogprobs> {
    const OP: &str = "linear_logprob";
    check(OP, hidden, w, requests, sampling)?;
    let device = linear::device(OP, w, [("hidden", hidden)])?;
    let _op = profile::op(OP, &device, || {
        let rows = Plan::new(requests, |_| true).slots.len();
        Work::new(2 * rows * w.rows() * w.cols(), w.bytes() + hidden.bytes())
    });
    let found = match device {
        Device::Cpu => Found::Here(cpu::forward(hidden, w, requests, sampling)),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => Found::OnGpu(gpu::forward(hidden, w, requests, sampling)?),
    };
    Ok(PendingLogprobs(found))
}

/// Adds the gradients of hidden states and, where wanted, of the weight, given those of the log-probabilities.
///
/// With p recomputed: `d_z[v] = d_logprobs[q] ([v = t] - p_v) / temperature`, `d_hidden[row_q] += d_z w`,
/// `d_w += d_zᵀ hidden`. The entropy has no gradient: it is for the log. Requests with `d_logprobs[q] = 0` cost nothing.
///
/// # Shapes
/// As in [`linear_logprob`], whose result is `logprobs`; `d_logprobs` a number a request, `d_hidden` [N, C], `d_w` [V, C].
///
/// # Errors
/// Those of [`linear_logprob`], and [`Error::Shape`] where a gradient does not fit.
#[allow(
    clippy::too_many_arguments,
    reason = "the forward's arguments, its result, and a gradient for each"
)]
pub fn linear_logprob_backward(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
    logprobs: &Logprobs,
    d_logprobs: &[f32],
    d_hidden: &mut Tensor,
    d_w: Option<&mut Tensor>,
) -> Result<()> {
    const OP: &str = "linear_logprob_backward";
    check(OP, hidden, w, requests, sampling)?;
    Error::check_shape(
        OP,
        "logprobs.log_sum_exp",
        &[requests.len()],
        &[logprobs.log_sum_exp.len()],
    )?;
    Error::check_shape(OP, "d_logprobs", &[requests.len()], &[d_logprobs.len()])?;
    Error::check_shape(OP, "d_hidden", &hidden.shape(), &d_hidden.shape())?;
    if let Some(d_w) = &d_w {
        Error::check_shape(OP, "d_w", &w.shape(), &d_w.shape())?;
    }
    let device = linear::device(OP, w, [("hidden", hidden), ("d_hidden", d_hidden)])?;
    let _op = profile::op(OP, &device, || {
        let rows = Plan::new(requests, |q| d_logprobs[q] != 0.0).slots.len();
        // The logits again, and what of their gradients is wanted.
        let products = 2 + usize::from(d_w.is_some());
        let operations = 2 * products * rows * w.rows() * w.cols();
        Work::new(operations, 2 * w.bytes() + 2 * hidden.bytes())
    });
    let log_sum_exp = &logprobs.log_sum_exp;
    match device {
        Device::Cpu => {
            cpu::backward(
                hidden,
                w,
                requests,
                sampling,
                log_sum_exp,
                d_logprobs,
                d_hidden,
                d_w,
            );
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => {
            let d_w = d_w.as_deref();
            if let Some(d_w) = d_w {
                crate::tensor::common_device(OP, [("hidden", hidden), ("d_w", d_w)])?;
            }
            gpu::backward(
                hidden,
                w,
                requests,
                sampling,
                log_sum_exp,
                d_logprobs,
                d_hidden,
                d_w,
            )
        }
    }
}

fn check(
    op: &'static str,
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
) -> Result<()> {
    Error::check_shape(op, "w", &[w.rows(), hidden.cols()], &w.shape())?;
    let temperature = sampling.temperature;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::Argument {
            op,
            what: "temperature",
            reason: format!("is {temperature}, but must be above 0"),
        });
    }
    if let Some(kept) = sampling.kept {
        Error::check_shape(
            op,
            "kept",
            &[requests.len(), w.rows()],
            &[kept.len(), kept.vocabulary()],
        )?;
    }
    for (q, request) in requests.iter().enumerate() {
        Error::check_index(
            op,
            || format!("requests[{q}].row"),
            request.row as usize,
            hidden.rows(),
        )?;
        Error::check_index(
            op,
            || format!("requests[{q}].token"),
            request.token as usize,
            w.rows(),
        )?;
        if sampling
            .kept
            .is_some_and(|kept| !kept.contains(q, request.token))
        {
            let reason = format!("does not hold token {} of requests[{q}]", request.token);
            return Err(Error::Argument {
                op,
                what: "kept",
                reason,
            });
        }
    }
    Ok(())
}
