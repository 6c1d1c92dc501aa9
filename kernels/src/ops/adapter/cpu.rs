//! Adapters on the CPU: thin products, and passes over rows.

use rayon::prelude::*;

use super::{FactorGradients, Factors, MergedWeight};
use crate::product::{Dense, product};
use crate::{Error, Result, Tensor, Weight};

pub(super) fn merge(w: &Weight, factors: &Factors<'_>) -> Result<MergedWeight> {
    let [o, i] = w.shape();
    let mut merged = vec![0.0; o * i];
    product(factors.b.into(), factors.a, &mut merged, false);
    // One pass a row: V, its norm, W'. The squares are summed in f64, in order.
    let finish_row = |row: usize, out: &mut [f32], scratch: &mut Vec<f32>| -> f32 {
        scratch.resize(i, 0.0);
        w.row(row, scratch);
        for (out, w) in out.iter_mut().zip(scratch.iter()) {
            *out = w + factors.scaling * *out;
        }
        let Some(magnitude) = factors.magnitude else {
            return 1.0;
        };
        let length = norm(out);
        if !(length > 0.0 && length.is_finite()) {
            return f32::NAN;
        }
        let scale = magnitude.data()[row] / length;
        out.iter_mut().for_each(|v| *v *= scale);
        scale
    };
    let scales: Vec<f32> = if i == 0 {
        vec![f32::NAN; o]
    } else {
        let rows = merged.par_chunks_mut(i).enumerate();
        rows.map_init(Vec::new, |scratch, (row, out)| {
            finish_row(row, out, scratch)
        })
        .collect()
    };
    let norm_scale = match factors.magnitude {
        None => None,
        Some(_) => match scales.iter().position(|s| !s.is_finite()) {
            None => Some(Tensor::vector(scales)),
            Some(row) => {
                let magnitude = factors.magnitude.map_or(f32::NAN, |m| m.data()[row]);
                let reason = match magnitude.is_finite() {
                    true => format!(
                        "makes row {row} of w + s b a a row without a finite length above zero"
                    ),
                    false => format!("has magnitude {magnitude} in row {row}"),
                };
                return Err(Error::Argument {
                    op: "merge",
                    what: "factors",
                    reason,
                });
            }
        },
    };
    Ok(MergedWeight {
        weight: Weight::f32(o, i, merged)?.frozen(),
        norm_scale,
    })
}

pub(super) fn row_norms(w: &Weight) -> Vec<f32> {
    let row_norm = |scratch: &mut Vec<f32>, row| {
        scratch.resize(w.cols(), 0.0);
        w.row(row, scratch);
        norm(scratch)
    };
    (0..w.rows())
        .into_par_iter()
        .map_init(Vec::new, row_norm)
        .collect()
}

fn norm(row: &[f32]) -> f32 {
    row.iter()
        .map(|&v| f64::from(v) * f64::from(v))
        .sum::<f64>()
        .sqrt() as f32
}

pub(super) fn backward(
    x: &Tensor,
    y: &Tensor,
    d_y: &Tensor,
    factors: &Factors<'_>,
    merged: &MergedWeight,
    gradients: FactorGradients<'_>,
) {
    let Factors {
        a,
        b,
        magnitude,
        scaling,
    } = *factors;
    let (n, r) = (d_y.rows(), a.rows());
    // s m / ‖V‖ of an output.
    let scale = |o: usize| {
        merged
            .norm_scale
            .as_ref()
            .map_or(scaling, |norm_scale| scaling * norm_scale.data()[o])
    };

    let mut scaled_b = b.clone(); // [O, R]
    scale_rows(&mut scaled_b, scale);
    let mut d_y_b = vec![0.0; n * r]; // [N, R]
    product(d_y.into(), &scaled_b, &mut d_y_b, false);
    product(
        Dense::new(n, r, &d_y_b).t(),
        x,
        gradients.d_a.data_mut(),
        true,
    );

    let mut x_a = d_y_b; // [N, R], in the same memory
    product(x.into(), Dense::from(a).t(), &mut x_a, false);
    let mut d_b = scaled_b; // [O, R], likewise
    product(
        Dense::from(d_y).t(),
        Dense::new(n, r, &x_a),
        d_b.data_mut(),
        false,
    );
    scale_rows(&mut d_b, scale);
    for (sum, d) in gradients.d_b.data_mut().iter_mut().zip(d_b.data()) {
        *sum += d;
    }

    if let (Some(magnitude), Some(d_magnitude)) = (magnitude, gradients.d_magnitude) {
        add_magnitude_gradient(y, d_y, magnitude.data(), d_magnitude.data_mut());
    }
}

fn scale_rows(tensor: &mut Tensor, scale: impl Fn(usize) -> f32) {
    for row in 0..tensor.rows() {
        let scale = scale(row);
        tensor.row_mut(row).iter_mut().for_each(|v| *v *= scale);
    }
}

/// `d_m[o] += Σ_n d_y[n, o] y[n, o] / m[o]`: columns are shared out, rows are summed in order.
fn add_magnitude_gradient(y: &Tensor, d_y: &Tensor, magnitude: &[f32], d_magnitude: &mut [f32]) {
    const COLS: usize = 64;
    d_magnitude
        .par_chunks_mut(COLS)
        .enumerate()
        .for_each(|(chunk, d_magnitude)| {
            let first = chunk * COLS;
            let cols = first..first + d_magnitude.len();
            let mut sums = [0.0f32; COLS];
            for n in 0..y.rows() {
                let pairs = y.row(n)[cols.clone()].iter().zip(&d_y.row(n)[cols.clone()]);
                for (sum, (y, d)) in sums.iter_mut().zip(pairs) {
                    *sum += y * d;
                }
            }
            for ((d, sum), m) in d_magnitude.iter_mut().zip(sums).zip(&magnitude[cols]) {
                *d += sum / m;
            }
        });
}
