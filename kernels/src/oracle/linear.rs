//! The linear map and its gradients in f64; see [`crate::ops::linear`].

/// `c[m, n] = Σ_k a[m, k] b[k, n]`, element `(i, j)` of an operand given by a closure, so that one loop serves every
/// transposition.
#[must_use]
pub fn product(
    [m, k, n]: [usize; 3],
    a: impl Fn(usize, usize) -> f64,
    b: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k).map(|k| a(i, k) * b(k, j)).sum();
        }
    }
    c
}

/// `y = x wᵀ + bias`; `dims` are [N, I, O].
#[must_use]
pub fn linear([n, i, o]: [usize; 3], x: &[f64], w: &[f64], bias: Option<&[f64]>) -> Vec<f64> {
    let mut y = product([n, i, o], |n, k| x[n * i + k], |k, o| w[o * i + k]);
    if let Some(bias) = bias {
        for row in y.chunks_mut(o.max(1)) {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }
    y
}
