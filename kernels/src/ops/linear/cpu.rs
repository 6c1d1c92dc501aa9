//! The linear map on the CPU: everything is [`product`].

use rayon::prelude::*;

use crate::product::{Dense, View, product};
use crate::{Tensor, Weight};

pub(super) fn forward(x: &Tensor, w: &Weight, bias: Option<&[f32]>, y: &mut Tensor) {
    product(x.into(), View::from(w).t(), y.data_mut(), false);
    if let Some(bias) = bias {
        y.data_mut()
            .par_chunks_mut(bias.len().max(1))
            .for_each(|row| {
                for (y, b) in row.iter_mut().zip(bias) {
                    *y += b;
                }
            });
    }
}

pub(super) fn backward_input(d_y: &Tensor, w: &Weight, d_x: &mut Tensor, accumulate: bool) {
    product(d_y.into(), w, d_x.data_mut(), accumulate);
}

pub(super) fn backward_weight(x: &Tensor, d_y: &Tensor, d_w: &mut Tensor) {
    product(Dense::from(d_y).t(), x, d_w.data_mut(), true);
}

/// Rows in order for every column; columns are independent.
pub(super) fn backward_bias(d_y: &Tensor, d_bias: &mut [f32]) {
    for n in 0..d_y.rows() {
        for (sum, d) in d_bias.iter_mut().zip(d_y.row(n)) {
            *sum += d;
        }
    }
}
