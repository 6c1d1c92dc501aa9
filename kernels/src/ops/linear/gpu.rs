//! The linear map on a GPU: products, one for each part of a weight that was split.

use crate::gpu::Buffer;
use crate::gpu::columns::{Terms, add_columns};
use crate::gpu::product::{Left, Order, Out, Right, THIN_ROWS, product};
use crate::gpu::thin::gated_product;
use crate::{Tensor, Weight};

pub(super) fn forward(x: &Tensor, w: &Weight, bias: Option<&Buffer>, y: &Tensor, accumulate: bool) {
    let (weight, [outputs, inputs]) = (w.gpu(), w.shape());
    let left = Left::new(x.buffer(), Order::Rows, inputs);
    for part in &weight.parts {
        product(
            [x.rows(), inputs, part.rows.len()],
            left,
            Right::part(weight, part, inputs, Order::Transposed),
            bias.map(|bias| (bias, part.rows.start)),
            Out::new(y.buffer(), outputs, accumulate).from(part.rows.start),
        );
    }
}

/// `y = silu(x gateᵀ) (x upᵀ)`, unless the rows are too many for a thin product or the weights do not lie alike.
pub(super) fn gated(x: &Tensor, gate: &Weight, up: &Weight, y: &Tensor) -> bool {
    let (outputs, inputs) = (y.cols(), x.cols());
    let (gate, up) = (gate.gpu(), up.gpu());
    let alike = gate.narrow == up.narrow
        && gate.parts.len() == up.parts.len()
        && gate
            .parts
            .iter()
            .zip(&up.parts)
            .all(|(a, b)| a.rows == b.rows);
    if !alike || x.rows() > THIN_ROWS {
        return false;
    }
    for (gate_part, up_part) in gate.parts.iter().zip(&up.parts) {
        gated_product(
            [x.rows(), inputs, gate_part.rows.len()],
            Left::new(x.buffer(), Order::Rows, inputs),
            Right::part(gate, gate_part, inputs, Order::Transposed),
            Right::part(up, up_part, inputs, Order::Transposed),
            Out::new(y.buffer(), outputs, false).from(gate_part.rows.start),
        );
    }
    true
}

pub(super) fn backward_input(d_y: &Tensor, w: &Weight, d_x: &Tensor, accumulate: bool) {
    let (weight, [outputs, inputs]) = (w.gpu(), w.shape());
    for (index, part) in weight.parts.iter().enumerate() {
        product(
            [d_y.rows(), part.rows.len(), inputs],
            Left::new(d_y.buffer(), Order::Rows, outputs).from(part.rows.start),
            Right::part(weight, part, inputs, Order::Rows),
            None,
            Out::new(d_x.buffer(), inputs, accumulate || index > 0),
        );
    }
}

pub(super) fn backward_weight(x: &Tensor, d_y: &Tensor, d_w: &Tensor) {
    let [outputs, inputs] = d_w.shape();
    product(
        [outputs, x.rows(), inputs],
        Left::new(d_y.buffer(), Order::Transposed, outputs),
        Right::new(x.buffer(), Order::Rows, inputs),
        None,
        Out::new(d_w.buffer(), inputs, true),
    );
}

pub(super) fn backward_bias(d_y: &Tensor, d_bias: &Tensor) {
    let terms = Terms {
        a: d_y.buffer(),
        b: None,
        row_scales: None,
        divisors: None,
    };
    add_columns(terms, d_y.rows(), d_bias.buffer());
}
