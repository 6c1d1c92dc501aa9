//! A linear map with optional bias, `y = x wᵀ + b`, and its three gradients.
//!
//! A row of `y` has the same bits for any number of rows and threads (see `crate::product`), so decoding a sequence alone
//! or among others gives the same logits; on a GPU for any number of rows that are decoded at once (see `crate::gpu::thin`).

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

#[cfg(test)]
mod tests;

use crate::device::Device;
#[cfg(feature = "gpu")]
use crate::ops::silu_mul::silu_mul;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor, Weight};

/// `y[n, o] = Σ_i x[n, i] w[o, i] + bias[o]`.
///
/// # Shapes
/// `x` [N, I], `w` [O, I] (f32 or bf16, products and sums in f32), `bias` [1, O], `y` [N, O].
///
/// # Errors
/// [`Error::Shape`] where one does not fit `w`.
pub fn linear(x: &Tensor, w: &Weight, bias: Option<&Tensor>, y: &mut Tensor) -> Result<()> {
    let device = check("linear", x, w, bias, y)?;
    let _op = profile::op("linear", &device, || map_work(x, w, y));
    match device {
        Device::Cpu => cpu::forward(x, w, bias.map(Tensor::data), y),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::forward(x, w, bias.map(Tensor::buffer), y, false),
    }
    Ok(())
}

/// Of one product of `x`, [N, I], and `w`, [O, I], or of `y` and `w`.
fn map_work(x: &Tensor, w: &Weight, y: &Tensor) -> Work {
    Work::new(
        2 * x.rows() * w.rows() * w.cols(),
        x.bytes() + w.bytes() + y.bytes(),
    )
}

/// Where the operands of a map lie, once they fit.
fn check(
    op: &'static str,
    x: &Tensor,
    w: &Weight,
    bias: Option<&Tensor>,
    y: &Tensor,
) -> Result<Device> {
    Error::check_shape(op, "x", &[x.rows(), w.cols()], &x.shape())?;
    Error::check_shape(op, "y", &[x.rows(), w.rows()], &y.shape())?;
    if let Some(bias) = bias {
        Error::check_shape(op, "bias", &[1, w.rows()], &bias.shape())?;
    }
    device(op, w, [("x", x), ("y", y), ("bias", bias.unwrap_or(x))])
}

/// `y += x wᵀ + bias` on a GPU, with shapes and errors as [`linear`].
#[cfg(feature = "gpu")]
pub(crate) fn linear_add(
    x: &Tensor,
    w: &Weight,
    bias: Option<&Tensor>,
    y: &mut Tensor,
) -> Result<()> {
    const OP: &str = "linear_add";
    let device = check(OP, x, w, bias, y)?;
    let _op = profile::op(OP, &device, || map_work(x, w, y));
    gpu::forward(x, w, bias.map(Tensor::buffer), y, true);
    Ok(())
}

/// `y = silu(gate(x)) up(x)` on a GPU, two maps each given by weight and bias, with shapes and errors as [`linear`].
///
/// One launch where the weights lie alike and have no bias.
#[cfg(feature = "gpu")]
pub(crate) fn linear_silu_mul(
    x: &Tensor,
    gate: (&Weight, Option<&Tensor>),
    up: (&Weight, Option<&Tensor>),
    y: &mut Tensor,
) -> Result<()> {
    const OP: &str = "linear_silu_mul";
    check(OP, x, up.0, up.1, y)?;
    let device = check(OP, x, gate.0, gate.1, y)?;
    let _op = profile::op(OP, &device, || {
        let Work { operations, bytes } = map_work(x, gate.0, y);
        Work::new(2 * operations as usize, bytes + up.0.bytes())
    });
    let biased = gate.1.is_some() || up.1.is_some();
    if !biased && gpu::gated(x, gate.0, up.0, y) {
        return Ok(());
    }
    let [gate, up] = [gate, up].map(|(weight, bias)| {
        let mut y = Tensor::empty_on(&x.device(), y.rows(), y.cols())?;
        linear(x, weight, bias, &mut y)?;
        Ok(y)
    });
    silu_mul(&gate?, &up?, y)
}

/// `d_x[n, i] = (accumulate ? d_x[n, i] : 0) + Σ_o d_y[n, o] w[o, i]`.
///
/// # Shapes
/// `d_y` [N, O], `w` [O, I], `d_x` [N, I].
///
/// # Errors
/// [`Error::Shape`] where one does not fit `w`.
pub fn linear_backward_input(
    d_y: &Tensor,
    w: &Weight,
    d_x: &mut Tensor,
    accumulate: bool,
) -> Result<()> {
    Error::check_shape(
        "linear_backward_input",
        "d_y",
        &[d_y.rows(), w.rows()],
        &d_y.shape(),
    )?;
    Error::check_shape(
        "linear_backward_input",
        "d_x",
        &[d_y.rows(), w.cols()],
        &d_x.shape(),
    )?;
    let device = device("linear_backward_input", w, [("d_y", d_y), ("d_x", d_x)])?;
    let _op = profile::op("linear_backward_input", &device, || map_work(d_x, w, d_y));
    match device {
        Device::Cpu => cpu::backward_input(d_y, w, d_x, accumulate),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward_input(d_y, w, d_x, accumulate),
    }
    Ok(())
}

/// `d_w[o, i] += Σ_n d_y[n, o] x[n, i]`.
///
/// # Shapes
/// `x` [N, I], `d_y` [N, O], `d_w` [O, I].
///
/// # Errors
/// [`Error::Shape`] where one does not fit `d_w`.
pub fn linear_backward_weight(x: &Tensor, d_y: &Tensor, d_w: &mut Tensor) -> Result<()> {
    Error::check_shape(
        "linear_backward_weight",
        "x",
        &[d_y.rows(), d_w.cols()],
        &x.shape(),
    )?;
    Error::check_shape(
        "linear_backward_weight",
        "d_y",
        &[x.rows(), d_w.rows()],
        &d_y.shape(),
    )?;
    let operands = [("x", x), ("d_y", d_y), ("d_w", &*d_w)];
    let device = common_device("linear_backward_weight", operands)?;
    let _op = profile::op("linear_backward_weight", &device, || {
        Work::new(
            2 * d_y.len() * d_w.cols(),
            x.bytes() + d_y.bytes() + 2 * d_w.bytes(),
        )
    });
    match device {
        Device::Cpu => cpu::backward_weight(x, d_y, d_w),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward_weight(x, d_y, d_w),
    }
    Ok(())
}

/// `d_bias[o] += Σ_n d_y[n, o]`.
///
/// # Shapes
/// `d_y` [N, O], `d_bias` [1, O].
///
/// # Errors
/// [`Error::Shape`] where `d_bias` does not fit `d_y`.
pub fn linear_backward_bias(d_y: &Tensor, d_bias: &mut Tensor) -> Result<()> {
    Error::check_shape(
        "linear_backward_bias",
        "d_bias",
        &[1, d_y.cols()],
        &d_bias.shape(),
    )?;
    let operands = [("d_y", d_y), ("d_bias", &*d_bias)];
    let device = common_device("linear_backward_bias", operands)?;
    let _op = profile::op("linear_backward_bias", &device, || {
        Work::new(d_y.len(), d_y.bytes())
    });
    match device {
        Device::Cpu => cpu::backward_bias(d_y, d_bias.data_mut()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward_bias(d_y, d_bias),
    }
    Ok(())
}

/// The device of a map's operands, on which its weight has to lie, too.
pub(super) fn device<const N: usize>(
    op: &'static str,
    w: &Weight,
    operands: [(&'static str, &Tensor); N],
) -> Result<Device> {
    let device = common_device(op, operands)?;
    if w.device() == device {
        return Ok(device);
    }
    Err(Error::Argument {
        op,
        what: "w",
        reason: format!("does not lie on the device of {}", operands[0].0),
    })
}
