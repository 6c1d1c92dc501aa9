//! AdamW: Adam with decoupled weight decay.
//!
//! Source: Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv 1711.05101, algorithm 2, in the order of
//! operations of `torch.optim.AdamW` (`_single_tensor_adamw`), whose scalars are Python doubles.

mod cpu;

#[cfg(test)]
mod tests;

use crate::{Error, Result};

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
    if step == 0 {
        return Err(Error::Argument {
            op: "adamw",
            what: "step",
            reason: "is 0, but steps are counted from 1".to_string(),
        });
    }
    cpu::step(param, grad, m, v, step, config);
    Ok(())
}
