//! Root-mean-square normalisation: each row is divided by the root of its mean square and scaled by a weight.
//!
//! Source: Zhang and Sennrich, "Root mean square layer normalization", arXiv 1910.07467, equation 4, with the epsilon under
//! the root as in transformers' `LlamaRMSNorm`.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor};

/// `y[n, c] = x[n, c] / sqrt(mean_c(x[n, c]²) + eps) · weight[c]`.
///
/// # Shapes
/// `x`, `y` [N, C], `weight` [1, C].
///
/// # Errors
/// [`Error::Shape`] where `weight` or `y` does not fit `x`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32, y: &mut Tensor) -> Result<()> {
    Error::check_shape("rms_norm", "weight", &[1, x.cols()], &weight.shape())?;
    Error::check_shape("rms_norm", "y", &x.shape(), &y.shape())?;
    let device = common_device("rms_norm", [("x", x), ("weight", weight), ("y", y)])?;
    let _op = profile::op("rms_norm", &device, || {
        Work::new(4 * x.len(), 2 * x.bytes())
    });
    match device {
        Device::Cpu => cpu::forward(x, weight.data(), eps, y),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::forward(x, weight, eps, y),
    }
    Ok(())
}

/// With `s = 1 / sqrt(mean_c(x²) + eps)` and `g = d_y · weight`:
/// `d_x[n, c] += s g[n, c] - x[n, c] s³ / C Σ_c g x` and, where it is asked for, `d_weight[c] += Σ_n d_y[n, c] x[n, c] s[n]`.
///
/// # Shapes
/// `x`, `d_y`, `d_x` [N, C], `weight`, `d_weight` [1, C].
///
/// # Errors
/// [`Error::Shape`] where an operand does not fit `x`.
pub fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    eps: f32,
    d_y: &Tensor,
    d_x: &mut Tensor,
    d_weight: Option<&mut Tensor>,
) -> Result<()> {
    const OP: &str = "rms_norm_backward";
    Error::check_shape(OP, "weight", &[1, x.cols()], &weight.shape())?;
    Error::check_shape(OP, "d_y", &x.shape(), &d_y.shape())?;
    Error::check_shape(OP, "d_x", &x.shape(), &d_x.shape())?;
    if let Some(d_weight) = &d_weight {
        Error::check_shape(OP, "d_weight", &[1, x.cols()], &d_weight.shape())?;
    }
    let operands = [("x", x), ("weight", weight), ("d_y", d_y), ("d_x", &*d_x)];
    let device = common_device(OP, operands)?;
    if let Some(d_weight) = &d_weight {
        common_device(OP, [("x", x), ("d_weight", d_weight)])?;
    }
    let _op = profile::op(OP, &device, || Work::new(9 * x.len(), 4 * x.bytes()));
    match device {
        Device::Cpu => {
            let d_weight = d_weight.map(Tensor::data_mut);
            cpu::backward(x, weight.data(), eps, d_y, d_x, d_weight);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward(x, weight, eps, d_y, d_x, d_weight.as_deref()),
    }
}
