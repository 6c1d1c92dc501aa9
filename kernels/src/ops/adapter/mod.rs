//! Low-rank adapters on merged weights: LoRA (arXiv 2106.09685) and DoRA (arXiv 2402.09353), as PEFT computes them.
//!
//! With V = W + s B A, LoRA's weight is `W' = V` and DoRA's is `W' = diag(m / ‖V‖) V`, the norm taken per output row. W' is
//! formed once per optimizer step; the forward pass then costs what the base model's costs, and the backward pass needs only
//! `x Aᵀ`, `d_y B` and three thin products. The norm is a constant in the backward pass, as in the DoRA paper's section 4.3
//! and in `peft/tuners/lora/dora.py` (`weight_norm.detach()`).
//!
//! With dropout on the adapter's input PEFT's DoRA is `y = W x - W x_d + W' x_d`, x_d being the dropped-out x; since the map
//! is linear that is `W (x - x_d) + W' x_d`, two calls of [`linear`](super::linear::linear). [`adapter_backward`] then takes x_d
//! for `x` and `W' x_d` for `y`.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::ops::linear;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor, Weight};

/// An adapter of one linear map.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    /// A, `lora_A.weight` [R, I].
    pub a: &'a Tensor,
    /// B, `lora_B.weight` [O, R].
    pub b: &'a Tensor,
    /// m, `lora_magnitude_vector` [1, O]; `None` is LoRA.
    pub magnitude: Option<&'a Tensor>,
    /// s: `lora_alpha / r`.
    pub scaling: f32,
}

/// Where the gradients of one adapter are added.
#[derive(Debug)]
pub struct FactorGradients<'a> {
    /// [R, I].
    pub d_a: &'a mut Tensor,
    /// [O, R].
    pub d_b: &'a mut Tensor,
    /// [1, O]; present exactly where the adapter has a magnitude.
    pub d_magnitude: Option<&'a mut Tensor>,
}

/// A weight with its adapter in it.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedWeight {
    /// W' [O, I], f32, frozen.
    pub weight: Weight,
    /// `m / ‖V‖` [1, O]; `None` for LoRA.
    pub norm_scale: Option<Tensor>,
}

/// `W' = W + s B A`, with a magnitude `W' = diag(m / ‖W + s B A‖) (W + s B A)`.
///
/// # Shapes
/// `w` [O, I], the factors as in [`Factors`].
///
/// # Errors
/// [`Error::Shape`] where a factor does not fit `w`; [`Error::Argument`] where a row of `W + s B A` has no length (or none
/// that is finite) for the magnitude to be divided by. On a GPU nobody looks: such a row's weights are no numbers, which shows in every
/// log-probability.
pub fn merge(w: &Weight, factors: &Factors<'_>) -> Result<MergedWeight> {
    const OP: &str = "merge";
    check_factors(OP, factors, w.shape())?;
    let Factors {
        a, b, magnitude, ..
    } = *factors;
    let operands = [("a", a), ("b", b), ("magnitude", magnitude.unwrap_or(a))];
    let device = linear::device(OP, w, operands)?;
    let _op = profile::op(OP, &device, || {
        Work::new(
            (2 * a.rows() + 4) * w.rows() * w.cols(),
            w.bytes() + 4 * (w.rows() * w.cols()) as u64,
        )
    });
    match device {
        Device::Cpu => cpu::merge(w, factors),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::merge(w, factors),
    }
}

/// `norms[0, o] = sqrt(Σ_i w[o, i]²)`, [1, O]: what PEFT starts the magnitude with.
#[must_use]
pub fn row_norms(w: &Weight) -> Tensor {
    Tensor::vector(cpu::row_norms(w))
}

/// Adds the gradients of A, B and m, given those of `y = W' x`.
///
/// With g = d_y diag(m / ‖V‖) (LoRA: g = d_y):
/// `d_a += s (g B)ᵀ x`, `d_b += s gᵀ (x Aᵀ)`, `d_m[o] += Σ_n d_y[n, o] y[n, o] / m[o]`.
///
/// # Shapes
/// `x` [N, I]; `y` [N, O], without the bias, read only where there is a magnitude; `d_y` [N, O].
///
/// # Errors
/// [`Error::Shape`] where one does not fit the factors; [`Error::Argument`] where `factors`, `merged` and `gradients` do not
/// agree on whether there is a magnitude, or where a magnitude is zero: then y does not say in which direction it grows. On a GPU nobody
/// looks: its gradient is no number then, which the optimizer refuses.
///
/// # Differences
/// The equations above are PEFT's, regrouped: `norm_scale` multiplies the rows of B and of `d_yᵀ (x Aᵀ)` instead of d_y.
pub fn adapter_backward(
    x: &Tensor,
    y: &Tensor,
    d_y: &Tensor,
    factors: &Factors<'_>,
    merged: &MergedWeight,
    gradients: FactorGradients<'_>,
) -> Result<()> {
    const OP: &str = "adapter_backward";
    let (n, i, o) = (d_y.rows(), factors.a.cols(), factors.b.rows());
    check_factors(OP, factors, [o, i])?;
    Error::check_shape(OP, "x", &[n, i], &x.shape())?;
    Error::check_shape(OP, "d_y", &[n, o], &d_y.shape())?;
    Error::check_shape(OP, "d_a", &factors.a.shape(), &gradients.d_a.shape())?;
    Error::check_shape(OP, "d_b", &factors.b.shape(), &gradients.d_b.shape())?;
    let argument = |what, reason: &str| Error::Argument {
        op: OP,
        what,
        reason: reason.to_string(),
    };
    match (
        factors.magnitude,
        &merged.norm_scale,
        &gradients.d_magnitude,
    ) {
        (None, None, None) => {}
        (Some(magnitude), Some(norm_scale), Some(d_magnitude)) => {
            Error::check_shape(OP, "y", &[n, o], &y.shape())?;
            Error::check_shape(OP, "norm_scale", &[1, o], &norm_scale.shape())?;
            Error::check_shape(OP, "d_magnitude", &[1, o], &d_magnitude.shape())?;
            // In a GPU's memory it cannot be looked at; the gradient is not finite then.
            let numbers = match magnitude.device() {
                Device::Cpu => magnitude.data(),
                #[cfg(feature = "gpu")]
                Device::Gpu(_) => &[],
            };
            if let Some(at) = numbers.iter().position(|&m| m == 0.0) {
                return Err(argument(
                    "magnitude",
                    &format!("is zero at {at}; its gradient cannot be had from y"),
                ));
            }
        }
        (Some(_), None, _) => {
            return Err(argument(
                "merged",
                "was merged without the magnitude that factors has",
            ));
        }
        (None, Some(_), _) => {
            return Err(argument(
                "merged",
                "was merged with a magnitude that factors lacks",
            ));
        }
        (_, _, d) => {
            let has = if d.is_some() {
                "has a magnitude"
            } else {
                "lacks the magnitude"
            };
            return Err(argument("gradients", &format!("{has}, unlike factors")));
        }
    }
    let operands = [
        ("x", x),
        ("d_y", d_y),
        ("a", factors.a),
        ("b", factors.b),
        ("y", if factors.magnitude.is_some() { y } else { x }),
        ("d_a", &*gradients.d_a),
        ("d_b", &*gradients.d_b),
        ("magnitude", factors.magnitude.unwrap_or(x)),
        ("norm_scale", merged.norm_scale.as_ref().unwrap_or(x)),
        ("d_magnitude", gradients.d_magnitude.as_deref().unwrap_or(x)),
    ];
    let device = common_device(OP, operands)?;
    let _op = profile::op(OP, &device, || {
        Work::new(
            4 * n * factors.a.rows() * (i + o),
            2 * (x.bytes() + d_y.bytes()),
        )
    });
    match device {
        Device::Cpu => {
            cpu::backward(x, y, d_y, factors, merged, gradients);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward(x, y, d_y, factors, merged, gradients),
    }
}

fn check_factors(op: &'static str, factors: &Factors<'_>, [o, i]: [usize; 2]) -> Result<()> {
    let r = factors.a.rows();
    Error::check_shape(op, "a", &[r, i], &factors.a.shape())?;
    Error::check_shape(op, "b", &[o, r], &factors.b.shape())?;
    match factors.magnitude {
        Some(magnitude) => Error::check_shape(op, "magnitude", &[1, o], &magnitude.shape()),
        None => Ok(()),
    }
}
