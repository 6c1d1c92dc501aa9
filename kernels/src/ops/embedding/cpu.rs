//! Embedding on the CPU: copies, so plain loops.

use crate::{Tensor, Weight};

pub(super) fn forward(ids: &[u32], table: &Weight, out: &mut Tensor) {
    for (n, &id) in ids.iter().enumerate() {
        table.row(id as usize, out.row_mut(n));
    }
}

/// One thread: ids repeat, and their rows must add up in order.
pub(super) fn backward(ids: &[u32], d_out: &Tensor, d_table: &mut Tensor) {
    for (n, &id) in ids.iter().enumerate() {
        for (sum, d) in d_table.row_mut(id as usize).iter_mut().zip(d_out.row(n)) {
            *sum += d;
        }
    }
}
