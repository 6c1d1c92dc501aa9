//! Token embedding: a row of the table for every id.
//!
//! `out[n, :] = table[ids[n], :]`; backward: `d_table[ids[n], :] += d_out[n, :]`.

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

use crate::device::Device;
use crate::ops::linear;
use crate::profile::{self, Work};
use crate::tensor::common_device;
use crate::{Error, Result, Tensor, Weight};

/// `out[n, :] = table[ids[n], :]`, widened to f32.
///
/// # Shapes
/// `ids` `[N]`, `table` [V, C], `out` [N, C].
///
/// # Errors
/// [`Error::Shape`] for another `out`; [`Error::Index`] for an id that is not below V.
pub fn embedding(ids: &[u32], table: &Weight, out: &mut Tensor) -> Result<()> {
    Error::check_shape("embedding", "out", &[ids.len(), table.cols()], &out.shape())?;
    check_ids("embedding", ids, table.rows())?;
    let device = linear::device("embedding", table, [("out", out)])?;
    let _op = profile::op("embedding", &device, || Work::new(0, 2 * out.bytes()));
    match device {
        Device::Cpu => {
            cpu::forward(ids, table, out);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::forward(ids, table, out),
    }
}

/// `d_table[ids[n], :] += d_out[n, :]`, rows that occur more than once in the order of n.
///
/// # Shapes
/// `ids` `[N]`, `d_out` [N, C], `d_table` [V, C].
///
/// # Errors
/// [`Error::Shape`] for another `d_out`; [`Error::Index`] for an id that is not below V.
pub fn embedding_backward(ids: &[u32], d_out: &Tensor, d_table: &mut Tensor) -> Result<()> {
    Error::check_shape(
        "embedding_backward",
        "d_out",
        &[ids.len(), d_table.cols()],
        &d_out.shape(),
    )?;
    check_ids("embedding_backward", ids, d_table.rows())?;
    let operands = [("d_out", d_out), ("d_table", &*d_table)];
    let device = common_device("embedding_backward", operands)?;
    let _op = profile::op("embedding_backward", &device, || {
        Work::new(d_out.len(), 3 * d_out.bytes())
    });
    match device {
        Device::Cpu => {
            cpu::backward(ids, d_out, d_table);
            Ok(())
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu::backward(ids, d_out, d_table),
    }
}

fn check_ids(op: &'static str, ids: &[u32], vocabulary: usize) -> Result<()> {
    for (n, &id) in ids.iter().enumerate() {
        Error::check_index(op, || format!("ids[{n}]"), id as usize, vocabulary)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_outside_the_vocabulary_is_named() {
        let error = embedding(
            &[1, 5],
            &Weight::f32(5, 3, vec![0.0; 15]).unwrap(),
            &mut Tensor::zeros(2, 3),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "embedding: ids[1] is 5, but must be below 5"
        );
    }
}
