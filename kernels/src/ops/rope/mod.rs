//! Rotary position embedding: pairs of a head's elements are turned by an angle proportional to the token's position.
//!
//! Source: Su et al., "RoFormer", arXiv 2104.09864, with Hugging Face's pairing (element i with i + D/2, `rotate_half` in
//! transformers' `modeling_llama.py`) and linear scaling of positions (Chen et al., arXiv 2306.15595).

mod cpu;

#[cfg(test)]
mod tests;

use crate::{Error, Result, Tensor};

/// Cosines and sines of every angle up to a position.
#[derive(Debug, Clone)]
pub struct RopeTable {
    cos: Tensor, // [positions, D/2]
    sin: Tensor, // [positions, D/2]
}

impl RopeTable {
    /// The angles of positions `0..positions`: `angle[p, i] = p · theta^(-2i/D) / scaling_factor`, for i in `0..D/2`.
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
        positions: usize,
    ) -> Result<Self> {
        let refuse = |what, reason| {
            Err(Error::Argument {
                op: "RopeTable",
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
        let half = head_size / 2;
        let frequencies: Vec<f32> = (0..half)
            .map(|i| {
                let exponent = (2 * i) as f32 / head_size as f32;
                let frequency = 1.0 / theta.powf(f64::from(exponent)) as f32;
                frequency / scaling_factor as f32
            })
            .collect();
        let mut table = Self {
            cos: Tensor::zeros(positions, half),
            sin: Tensor::zeros(positions, half),
        };
        for position in 0..positions {
            let (cos, sin) = (table.cos.row_mut(position), table.sin.row_mut(position));
            for ((cos, sin), frequency) in cos.iter_mut().zip(sin).zip(&frequencies) {
                let angle = f64::from(position as f32 * frequency);
                (*cos, *sin) = (angle.cos() as f32, angle.sin() as f32);
            }
        }
        Ok(table)
    }

    /// The first position that is too large for this table.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.cos.rows()
    }

    /// D, the size of a head.
    #[must_use]
    pub fn head_size(&self) -> usize {
        2 * self.cos.cols()
    }

    /// The cosines of a position's angles, [D/2].
    #[must_use]
    pub fn cos(&self, position: usize) -> &[f32] {
        self.cos.row(position)
    }

    /// The sines of a position's angles, [D/2].
    #[must_use]
    pub fn sin(&self, position: usize) -> &[f32] {
        self.sin.row(position)
    }
}

/// Turns every head of every row in place: with c and s of the row's position and each i below D/2,
/// `x[i] <- c x[i] - s x[i + D/2]` and `x[i + D/2] <- c x[i + D/2] + s x[i]`.
///
/// # Shapes
/// `x` [N, heads · D], any number of heads; `positions` `[N]`.
///
/// # Errors
/// [`Error::Shape`] where `positions` does not fit, [`Error::Argument`] where a row is not whole heads, [`Error::Index`]
/// where a position lies beyond the table.
pub fn rope(x: &mut Tensor, positions: &[u32], table: &RopeTable) -> Result<()> {
    check("rope", x, positions, table)?;
    cpu::rotate(x, positions, table, 1.0);
    Ok(())
}

/// Turns the gradient of the result into that of the operand, in place: the rotation by the opposite angle.
///
/// # Shapes
/// `d_x` [N, heads · D], `positions` `[N]`.
///
/// # Errors
/// As [`rope`].
pub fn rope_backward(d_x: &mut Tensor, positions: &[u32], table: &RopeTable) -> Result<()> {
    check("rope_backward", d_x, positions, table)?;
    cpu::rotate(d_x, positions, table, -1.0);
    Ok(())
}

fn check(op: &'static str, x: &Tensor, positions: &[u32], table: &RopeTable) -> Result<()> {
    Error::check_shape(op, "positions", &[x.rows()], &[positions.len()])?;
    if !x.cols().is_multiple_of(table.head_size()) {
        return Err(Error::Argument {
            op,
            what: "x",
            reason: format!(
                "has {} columns, which are not whole heads of {}",
                x.cols(),
                table.head_size()
            ),
        });
    }
    for (row, &position) in positions.iter().enumerate() {
        Error::check_index(
            op,
            || format!("positions[{row}]"),
            position as usize,
            table.positions(),
        )?;
    }
    Ok(())
}
