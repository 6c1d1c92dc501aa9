//! Sums and copies of activations: residual connections, the two products of a map under dropout, what a bias had added.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

use crate::device::Device;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor};

/// `y += x`
///
/// # Shapes
/// `x`, `y` the same.
///
/// # Errors
/// [`Error::Shape`] where they differ.
pub fn add(x: &Tensor, y: &mut Tensor) -> Result<()> {
    Error::check_shape("add", "y", &x.shape(), &y.shape())?;
    let device = common_device("add", [("x", x), ("y", y)])?;
    let _op = profile::op("add", &device, || Work::new(y.len(), 3 * y.bytes()));
    match device {
        Device::Cpu => cpu::add(x.data(), y.data_mut()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::add(x.buffer(), y.buffer()),
    }
    Ok(())
}

/// `out = a + b`
///
/// # Shapes
/// `a`, `b`, `out` the same.
///
/// # Errors
/// [`Error::Shape`] where they differ.
pub fn add_into(a: &Tensor, b: &Tensor, out: &mut Tensor) -> Result<()> {
    Error::check_shape("add_into", "b", &a.shape(), &b.shape())?;
    Error::check_shape("add_into", "out", &a.shape(), &out.shape())?;
    let device = common_device("add_into", [("a", a), ("b", b), ("out", out)])?;
    let _op = profile::op("add_into", &device, || {
        Work::new(out.len(), 3 * out.bytes())
    });
    match device {
        Device::Cpu => cpu::add_into(a.data(), b.data(), out.data_mut()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::add_into(a.buffer(), b.buffer(), out.buffer()),
    }
    Ok(())
}

/// `y = x`
///
/// # Shapes
/// `x`, `y` the same.
///
/// # Errors
/// [`Error::Shape`] where they differ.
pub fn copy(x: &Tensor, y: &mut Tensor) -> Result<()> {
    Error::check_shape("copy", "y", &x.shape(), &y.shape())?;
    let device = common_device("copy", [("x", x), ("y", y)])?;
    let _op = profile::op("copy", &device, || Work::new(0, 2 * y.bytes()));
    match device {
        Device::Cpu => y.data_mut().copy_from_slice(x.data()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => x.buffer().copy_to(y.buffer()),
    }
    Ok(())
}

/// `y[n, :] -= row`
///
/// # Shapes
/// `row` [1, C], `y` [N, C].
///
/// # Errors
/// [`Error::Shape`] where `row` does not fit.
pub fn subtract_row(row: &Tensor, y: &mut Tensor) -> Result<()> {
    Error::check_shape("subtract_row", "row", &[1, y.cols()], &row.shape())?;
    let device = common_device("subtract_row", [("y", y), ("row", row)])?;
    let _op = profile::op("subtract_row", &device, || {
        Work::new(y.len(), 2 * y.bytes())
    });
    match device {
        Device::Cpu => cpu::subtract_row(row.data(), y.data_mut()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::subtract_row(row.buffer(), y.buffer()),
    }
    Ok(())
}
