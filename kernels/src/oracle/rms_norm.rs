//! Root-mean-square normalisation in f64; see [`crate::ops::rms_norm`].

/// `x` [N, C] normalised by rows and scaled by `weight` `[C]`.
#[must_use]
pub fn rms_norm(x: &[f64], weight: &[f64], eps: f64) -> Vec<f64> {
    let c = weight.len();
    x.chunks(c.max(1))
        .flat_map(|row| {
            let mean_square = row.iter().map(|x| x * x).sum::<f64>() / c as f64;
            let root = (mean_square + eps).sqrt();
            row.iter().zip(weight).map(move |(x, w)| x / root * w)
        })
        .collect()
}
