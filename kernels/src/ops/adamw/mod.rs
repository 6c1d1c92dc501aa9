//! AdamW: Adam with decoupled weight decay.
//!
//! Source: Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv 1711.05101, algorithm 2, in the order of
//! operations of `torch.optim.AdamW` (`_single_tensor_adamw`), whose scalars are Python doubles.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

#[cfg(test)]
mod tests;

use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::gpu::Buffer;
use crate::profile::{self, Work};
#[cfg(feature = "gpu")]
use crate::tensor::{Tensor, common_device};
use crate::{Error, Result};

/// Added to the gradients' norm before it divides, as `torch.nn.utils.clip_grad_norm_` does.
pub const CLIP_EPSILON: f64 = 1e-6;

/// The optimizer's constants. The defaults are torch's, but for `weight_decay`, which is 0 as in TRL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Share of the parameter, times the learning rate, that is taken off at every step.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// What a step multiplies with: formed in f64 and rounded once, as torch does.
#[derive(Clone, Copy)]
struct Scalars {
    keep: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_correction2: f32,
    epsilon: f32,
}

impl Scalars {
    fn new(step: u64, config: &AdamW) -> Self {
        let correction1 = 1.0 - config.beta1.powf(step as f64);
        let correction2 = 1.0 - config.beta2.powf(step as f64);
        Self {
            keep: (1.0 - config.learning_rate * config.weight_decay) as f32,
            one_minus_beta1: (1.0 - config.beta1) as f32,
            beta2: config.beta2 as f32,
            one_minus_beta2: (1.0 - config.beta2) as f32,
            step_size: (config.learning_rate / correction1) as f32,
            root_correction2: correction2.sqrt() as f32,
            epsilon: config.epsilon as f32,
        }
    }
}

/// One step in place, `step` counted from 1:
///
/// ```text
/// param <- param (1 - learning_rate weight_decay)
/// m     <- beta1 m + (1 - beta1) grad
/// v     <- beta2 v + (1 - beta2) grad²
/// param <- param - learning_rate / (1 - beta1^step) · m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
/// ```
///
/// A gradient that is not finite makes the parameter so: the caller looks before.
///
/// # Shapes
/// `param`, `grad`, `m`, `v` of one length; the moments start at zero.
///
/// # Errors
/// [`Error::Shape`] where a length differs, [`Error::Argument`] where `step` is 0.
pub fn adamw(
    param: &mut [f32],
    grad: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    step: u64,
    config: &AdamW,
) -> Result<()> {
    let len = [param.len()];
    Error::check_shape("adamw", "grad", &len, &[grad.len()])?;
    Error::check_shape("adamw", "m", &len, &[m.len()])?;
    Error::check_shape("adamw", "v", &len, &[v.len()])?;
    check_step(step)?;
    let _op = profile::op("adamw", &Device::Cpu, || {
        Work::new(14 * param.len(), 4 * 7 * param.len() as u64)
    });
    cpu::step(param, grad, m, v, step, config);
    Ok(())
}

fn check_step(step: u64) -> Result<()> {
    if step == 0 {
        return Err(Error::Argument {
            op: "adamw",
            what: "step",
            reason: "is 0, but steps are counted from 1".to_string(),
        });
    }
    Ok(())
}

/// Tensors of a GPU that are stepped together, in one order: as [`adamw`] takes them, many each.
#[cfg(feature = "gpu")]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names of `adamw`")]
pub struct Tensors<'a> {
    pub param: &'a [&'a Tensor],
    pub grad: &'a [&'a Tensor],
    pub m: &'a [&'a Tensor],
    pub v: &'a [&'a Tensor],
}

/// What came of [`clipped_adamw`].
#[cfg(feature = "gpu")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The gradients' Euclidean norm before clipping, over those that are finite.
    pub norm: f64,
    /// Whether all gradients were finite; where not, the step is spoiled.
    pub gradients_finite: bool,
    /// Whether all parameters are.
    pub parameters_finite: bool,
}

/// [`adamw`] of all tensors of a GPU after their gradients were clipped by their common norm, with one read:
///
/// ```text
/// grad <- grad min(1, max_grad_norm / (norm + 1e-6))         where max_grad_norm > 0
/// ```
///
/// The gradients in memory stay as they are. Tensors that lie side by side, as those of [`Tensor::zeros_like_all`] do, are one launch.
///
/// # Errors
/// [`Error::Shape`] where a length differs, [`Error::Argument`] where `step` is 0 or a tensor does not lie on the GPU of the others;
/// [`Error::DeviceLost`], [`Error::Gpu`].
#[cfg(feature = "gpu")]
pub async fn clipped_adamw(
    tensors: Tensors<'_>,
    step: u64,
    config: &AdamW,
    max_grad_norm: f64,
) -> Result<Step> {
    const OP: &str = "clipped_adamw";
    let Tensors { param, grad, m, v } = tensors;
    let lists = [("param", param), ("grad", grad), ("m", m), ("v", v)];
    for (what, list) in lists {
        Error::check_shape(OP, what, &[param.len()], &[list.len()])?;
        for (tensor, own) in param.iter().zip(list) {
            Error::check_shape(OP, what, &tensor.shape(), &own.shape())?;
            common_device(OP, [("param", param[0]), (what, own)])?;
        }
    }
    check_step(step)?;
    let device = param.first().map_or(Device::Cpu, |tensor| tensor.device());
    if device == Device::Cpu && !param.is_empty() {
        return Err(Error::Argument {
            op: OP,
            what: "param",
            reason: "lies in the processor's memory: `adamw` steps it".to_string(),
        });
    }
    let _op = profile::op(OP, &device, || {
        let numbers: usize = param.iter().map(|tensor| tensor.len()).sum();
        Work::new(17 * numbers, 4 * 9 * numbers as u64)
    });
    let buffers = lists.map(|(_, list)| list.iter().map(|tensor| tensor.buffer()).collect());
    let [param, grad, m, v]: [Vec<&Buffer>; 4] = buffers;
    gpu::step([&param, &grad, &m, &v], step, config, max_grad_norm).await
}
