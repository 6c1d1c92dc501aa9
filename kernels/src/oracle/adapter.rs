//! Adapters in f64; see [`crate::ops::adapter`].

use super::linear;

/// V = W + s B A; `dims` are [O, I, R].
#[must_use]
pub fn direction([o, i, r]: [usize; 3], w: &[f64], a: &[f64], b: &[f64], scaling: f64) -> Vec<f64> {
    let b_a = linear::product([o, r, i], |o, k| b[o * r + k], |k, i_| a[k * i + i_]);
    w.iter().zip(&b_a).map(|(w, ba)| w + scaling * ba).collect()
}

/// The length of each of the rows of `v` [_, I].
#[must_use]
pub fn row_norms(i: usize, v: &[f64]) -> Vec<f64> {
    v.chunks(i)
        .map(|row| row.iter().map(|v| v * v).sum::<f64>().sqrt())
        .collect()
}

/// W' = diag(m / norms) V. The norms are an argument because DoRA's gradient takes them as constant.
#[must_use]
pub fn scaled(i: usize, v: &[f64], magnitude: &[f64], norms: &[f64]) -> Vec<f64> {
    v.chunks(i)
        .zip(magnitude.iter().zip(norms))
        .flat_map(|(row, (m, norm))| row.iter().map(move |v| m / norm * v))
        .collect()
}
