//! The gate of the feed-forward block: the up projection times SiLU of the gate projection.
//!
//! Source: Shazeer, "GLU variants improve transformer", arXiv 2002.05202 (SwiGLU), as in transformers' `LlamaMLP`.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "gpu")]
pub(crate) use gpu::sigmoid;

#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor};

/// `y = gate · σ(gate) · up`, element by element, with `σ(g) = 1 / (1 + exp(-g))`.
///
/// # Shapes
/// `gate`, `up`, `y` [N, F].
///
/// # Errors
/// [`Error::Shape`] where `up` or `y` does not fit `gate`.
pub fn silu_mul(gate: &Tensor, up: &Tensor, y: &mut Tensor) -> Result<()> {
    Error::check_shape("silu_mul", "up", &gate.shape(), &up.shape())?;
    Error::check_shape("silu_mul", "y", &gate.shape(), &y.shape())?;
    let device = common_device("silu_mul", [("gate", gate), ("up", up), ("y", y)])?;
    let _op = profile::op("silu_mul", &device, || {
        Work::new(5 * y.len(), 3 * y.bytes())
    });
    match device {
        Device::Cpu => cpu::forward(gate.data(), up.data(), y.data_mut()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::forward(gate.buffer(), up.buffer(), y.buffer()),
    }
    Ok(())
}

/// With `s = σ(gate)`: `d_up = d_y · gate s` and `d_gate = d_y · up s (1 + gate (1 - s))`.
///
/// Writes both gradients and adds to neither: gate and up projection are used once, so their gradients begin here.
///
/// # Shapes
/// All [N, F].
///
/// # Errors
/// [`Error::Shape`] where an operand does not fit `gate`.
pub fn silu_mul_backward(
    gate: &Tensor,
    up: &Tensor,
    d_y: &Tensor,
    d_gate: &mut Tensor,
    d_up: &mut Tensor,
) -> Result<()> {
    const OP: &str = "silu_mul_backward";
    Error::check_shape(OP, "up", &gate.shape(), &up.shape())?;
    Error::check_shape(OP, "d_y", &gate.shape(), &d_y.shape())?;
    Error::check_shape(OP, "d_gate", &gate.shape(), &d_gate.shape())?;
    Error::check_shape(OP, "d_up", &gate.shape(), &d_up.shape())?;
    let operands = [
        ("gate", gate),
        ("up", up),
        ("d_y", d_y),
        ("d_gate", &*d_gate),
        ("d_up", &*d_up),
    ];
    let device = common_device(OP, operands)?;
    let _op = profile::op(OP, &device, || Work::new(10 * gate.len(), 5 * gate.bytes()));
    match device {
        Device::Cpu => cpu::backward(
            gate.data(),
            up.data(),
            d_y.data(),
            d_gate.data_mut(),
            d_up.data_mut(),
        ),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward(
            gate.buffer(),
            up.buffer(),
            d_y.buffer(),
            d_gate.buffer(),
            d_up.buffer(),
        ),
    }
    Ok(())
}
