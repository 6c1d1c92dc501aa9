//! Token embedding: a row of the table for every id.
//!
//! `out[n, :] = table[ids[n], :]`; backward: `d_table[ids[n], :] += d_out[n, :]`.

mod cpu;

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
    cpu::forward(ids, table, out);
    Ok(())
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
    cpu::backward(ids, d_out, d_table);
    Ok(())
}

fn check_ids(op: &'static str, ids: &[u32], vocabulary: usize) -> Result<()> {
    for (n, &id) in ids.iter().enumerate() {
        Error::check_index(op, || format!("ids[{n}]"), id as usize, vocabulary)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    /// V 5, C 3; values small enough to be exact in bf16.
    fn table() -> Vec<f32> {
        (0..15).map(|i| i as f32 - 7.0).collect()
    }

    #[test]
    fn every_id_gets_its_row_in_both_precisions() {
        let wide = Weight::f32(5, 3, table()).unwrap();
        let narrow = Weight::bf16(5, 3, table().into_iter().map(bf16::from_f32).collect()).unwrap();
        for table in [wide, narrow] {
            let mut out = Tensor::full(4, 3, f32::NAN);
            embedding(&[4, 0, 4, 2], &table, &mut out).unwrap();
            // Row 4 is 12, 13, 14 less 7.
            assert_eq!(out.row(0), [5.0, 6.0, 7.0]);
            assert_eq!(out.row(1), [-7.0, -6.0, -5.0]);
            assert_eq!(out.row(2), out.row(0));
            assert_eq!(out.row(3), [-1.0, 0.0, 1.0]);
        }
    }

    #[test]
    fn gradients_of_a_repeated_id_add_up() {
        let d_out = Tensor::from_vec(3, 2, vec![1.0, 2.0, 10.0, 20.0, 100.0, 200.0]).unwrap();
        let mut d_table = Tensor::full(3, 2, 0.5);
        embedding_backward(&[2, 0, 2], &d_out, &mut d_table).unwrap();
        assert_eq!(d_table.data(), [10.5, 20.5, 0.5, 0.5, 101.5, 202.5]);
    }

    #[test]
    fn no_tokens_are_no_work() {
        let mut out = Tensor::zeros(0, 3);
        embedding(&[], &Weight::f32(5, 3, table()).unwrap(), &mut out).unwrap();
        embedding_backward(&[], &out, &mut Tensor::zeros(5, 3)).unwrap();
    }

    #[test]
    fn an_id_outside_the_vocabulary_is_named() {
        let error = embedding(
            &[1, 5],
            &Weight::f32(5, 3, table()).unwrap(),
            &mut Tensor::zeros(2, 3),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "embedding: ids[1] is 5, but must be below 5"
        );
    }
}
