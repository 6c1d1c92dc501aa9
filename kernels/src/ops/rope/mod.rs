//! Rotary position embedding: pairs of a head's elements are turned by an angle proportional to the token's position.
//!
//! Source: Su et al., "RoFormer", arXiv 2104.09864, with Hugging Face's pairing (element i with i + D/2, `rotate_half` in
//! transformers' `modeling_llama.py`) and linear scaling of positions (Chen et al., arXiv 2306.15595).

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

/// Cosines and sines of the angles of a batch's rows.
#[derive(Debug, Clone)]
pub struct RopeAngles {
    /// Of each row D/2 cosines, then D/2 sines, [N, D].
    cos_sin: Tensor,
}

impl RopeAngles {
    /// The angles of rows at `positions`: `angle[n, i] = positions[n] · theta^(-2i/D) / scaling_factor`, for i in `0..D/2`.
    ///
    /// # Differences
    /// Frequencies and angles are rounded to f32 where transformers rounds them, because models were trained with those
    /// angles: at position 4096 they are up to 2e-4 off the exact ones. Cosine and sine of the rounded angle are exact to
    /// half a unit.
    ///
    /// # Errors
    /// [`Error::Argument`] where the head size is odd or zero, or `theta` or the factor is not positive and finite.
    pub fn new(
        theta: f64,
        head_size: usize,
        scaling_factor: f64,
        positions: &[u32],
    ) -> Result<Self> {
        let refuse = |what, reason| {
            Err(Error::Argument {
                op: "RopeAngles",
                what,
                reason,
            })
        };
        if head_size == 0 || !head_size.is_multiple_of(2) {
            return refuse(
                "head_size",
                format!("is {head_size}, but must be even and not zero"),
            );
        }
        for (what, value) in [("theta", theta), ("scaling_factor", scaling_factor)] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(what, format!("is {value}, but must be positive and finite"));
            }
        }
        let frequencies: Vec<f32> = (0..head_size / 2)
            .map(|i| {
                let exponent = (2 * i) as f32 / head_size as f32;
                let frequency = 1.0 / theta.powf(f64::from(exponent)) as f32;
                frequency / scaling_factor as f32
            })
            .collect();
        let mut cos_sin = Tensor::zeros(positions.len(), head_size);
        for (row, &position) in positions.iter().enumerate() {
            let (cos, sin) = cos_sin.row_mut(row).split_at_mut(head_size / 2);
            for ((cos, sin), frequency) in cos.iter_mut().zip(sin).zip(&frequencies) {
                let angle = f64::from(position as f32 * frequency);
                (*cos, *sin) = (angle.cos() as f32, angle.sin() as f32);
            }
        }
        Ok(Self { cos_sin })
    }

    /// The same angles in a device's memory.
    ///
    /// # Errors
    /// Those of [`Tensor::to`].
    pub fn to(&self, device: &Device) -> Result<Self> {
        let cos_sin = self.cos_sin.to(device)?;
        Ok(Self { cos_sin })
    }

    /// D, the size of a head.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.cos_sin.cols()
    }

    /// Every row's cosines, then its sines, [N, D].
    #[cfg(feature = "gpu")]
    pub(crate) fn cos_sin(&self) -> &Tensor {
        &self.cos_sin
    }

    /// The cosines of a row's angles, [D/2], and their sines.
    fn row(&self, row: usize) -> (&[f32], &[f32]) {
        self.cos_sin.row(row).split_at(self.head_size() / 2)
    }
}

/// Turns every head of every row in place: with c and s of the row's angle and each i below D/2,
/// `x[i] <- c x[i] - s x[i + D/2]` and `x[i + D/2] <- c x[i + D/2] + s x[i]`.
///
/// # Shapes
/// `x` [N, heads · D], any number of heads; `angles` of N rows.
///
/// # Errors
/// [`Error::Shape`] where `angles` does not fit, [`Error::Argument`] where a row is not whole heads.
pub fn rope(x: &mut Tensor, angles: &RopeAngles) -> Result<()> {
    rotate("rope", x, angles, 1.0)
}

/// Turns the gradient of the result into that of the operand, in place: the rotation by the opposite angle.
///
/// # Shapes
/// `d_x` [N, heads · D], `angles` of N rows.
///
/// # Errors
/// As [`rope`].
pub fn rope_backward(d_x: &mut Tensor, angles: &RopeAngles) -> Result<()> {
    rotate("rope_backward", d_x, angles, -1.0)
}

/// Turns by the angles times `direction`, which is 1 or -1.
fn rotate(op: &'static str, x: &mut Tensor, angles: &RopeAngles, direction: f32) -> Result<()> {
    let size = angles.head_size();
    Error::check_shape(op, "angles", &[x.rows(), size], &angles.cos_sin.shape())?;
    if !x.cols().is_multiple_of(size) {
        return Err(Error::Argument {
            op,
            what: "x",
            reason: format!(
                "has {} columns, which are not whole heads of {size}",
                x.cols()
            ),
        });
    }
    let device = common_device(op, [("x", x), ("angles", &angles.cos_sin)])?;
    let _op = profile::op(op, &device, || Work::new(3 * x.len(), 2 * x.bytes()));
    match device {
        Device::Cpu => cpu::rotate(x, angles, direction),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::rotate(x, &angles.cos_sin, direction),
    }
    Ok(())
}
