//! Root-mean-square normalisation: each row is divided by the root of its mean square and scaled by a weight.
//!
//! Source: Zhang and Sennrich, "Root mean square layer normalization", arXiv 1910.07467, equation 4, with the epsilon under
//! the root as in transformers' `LlamaRMSNorm`.

mod cpu;

#[cfg(test)]
mod tests;

use crate::{Error, Result, Tensor};

/// `y[n, c] = x[n, c] / sqrt(mean_c(x[n, c]²) + eps) · weight[c]`.
///
/// # Shapes
/// `x`, `y` [N, C], `weight` `[C]`.
///
/// # Errors
/// [`Error::Shape`] where `weight` or `y` does not fit `x`.
pub fn rms_norm(x: &Tensor, weight: &[f32], eps: f32, y: &mut Tensor) -> Result<()> {
    Error::check_shape("rms_norm", "weight", &[x.cols()], &[weight.len()])?;
    Error::check_shape("rms_norm", "y", &x.shape(), &y.shape())?;
    cpu::forward(x, weight, eps, y);
    Ok(())
}

/// With `s = 1 / sqrt(mean_c(x²) + eps)` and `g = d_y · weight`:
/// `d_x[n, c] += s g[n, c] - x[n, c] s³ / C Σ_c g x` and, where it is asked for, `d_weight[c] += Σ_n d_y[n, c] x[n, c] s[n]`.
///
/// # Shapes
/// `x`, `d_y`, `d_x` [N, C], `weight`, `d_weight` `[C]`.
///
/// # Errors
/// [`Error::Shape`] where an operand does not fit `x`.
pub fn rms_norm_backward(
    x: &Tensor,
    weight: &[f32],
    eps: f32,
    d_y: &Tensor,
    d_x: &mut Tensor,
    d_weight: Option<&mut [f32]>,
) -> Result<()> {
    const OP: &str = "rms_norm_backward";
    Error::check_shape(OP, "weight", &[x.cols()], &[weight.len()])?;
    Error::check_shape(OP, "d_y", &x.shape(), &d_y.shape())?;
    Error::check_shape(OP, "d_x", &x.shape(), &d_x.shape())?;
    if let Some(d_weight) = &d_weight {
        Error::check_shape(OP, "d_weight", &[x.cols()], &[d_weight.len()])?;
    }
    cpu::backward(x, weight, eps, d_y, d_x, d_weight);
    Ok(())
}
