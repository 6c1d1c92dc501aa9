//! The rotary position embedding in f64, with exact angles; see [`crate::ops::rope`].

/// `x` [N, heads · D] with every head turned by its row's position.
#[must_use]
pub fn rope(x: &[f64], positions: &[u32], head_size: usize, theta: f64, factor: f64) -> Vec<f64> {
    let half = head_size / 2;
    let cols = x.len() / positions.len().max(1);
    let mut y = x.to_vec();
    for (row, position) in y.chunks_mut(cols.max(1)).zip(positions) {
        for head in row.chunks_mut(head_size) {
            for i in 0..half {
                let frequency = theta.powf(-2.0 * i as f64 / head_size as f64) / factor;
                let (sin, cos) = (f64::from(*position) * frequency).sin_cos();
                let (low, high) = (head[i], head[i + half]);
                head[i] = low * cos - high * sin;
                head[i + half] = high * cos + low * sin;
            }
        }
    }
    y
}
