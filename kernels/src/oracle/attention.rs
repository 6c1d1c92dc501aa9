//! Attention over spans in f64, every score a number of its own; see [`crate::ops::attention`].

use crate::Span;

/// The sizes that slices alone do not tell.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// H, query heads.
    pub heads: usize,
    /// K, key-value heads.
    pub kv_heads: usize,
    /// D, the size of a head.
    pub head_size: usize,
}

/// The rows that token `i` sees, in order.
fn visible(spans: &[Span], i: usize) -> impl Iterator<Item = usize> {
    let Span { prefix, start } = spans[i].clone();
    prefix.chain(start..i as u32 + 1).map(|j| j as usize)
}

/// The columns of one head.
fn head(x: &[f64], row: usize, heads: usize, head: usize, size: usize) -> &[f64] {
    &x[(row * heads + head) * size..][..size]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `y += factor x`.
fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

impl Sizes {
    fn score(self, q: &[f64], k: &[f64], i: usize, h: usize, j: usize) -> f64 {
        let kv_head = h / (self.heads / self.kv_heads);
        let q = head(q, i, self.heads, h, self.head_size);
        let k = head(k, j, self.kv_heads, kv_head, self.head_size);
        dot(q, k) / (self.head_size as f64).sqrt()
    }
}

/// `(out, log_sum_exp)`, [N, H·D] and [N, H], for `q` [N, H·D] and `k`, `v` [N, K·D].
#[must_use]
pub fn attention(
    sizes: Sizes,
    q: &[f64],
    k: &[f64],
    v: &[f64],
    spans: &[Span],
) -> (Vec<f64>, Vec<f64>) {
    let Sizes {
        heads,
        kv_heads,
        head_size,
    } = sizes;
    let mut out = vec![0.0; q.len()];
    let mut log_sum_exp = Vec::with_capacity(spans.len() * heads);
    for i in 0..spans.len() {
        for h in 0..heads {
            let scores: Vec<f64> = visible(spans, i)
                .map(|j| sizes.score(q, k, i, h, j))
                .collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
            let out = &mut out[(i * heads + h) * head_size..][..head_size];
            for (j, s) in visible(spans, i).zip(&scores) {
                let v = head(v, j, kv_heads, h / (heads / kv_heads), head_size);
                add_scaled(out, (s - max).exp() / sum, v);
            }
            log_sum_exp.push(max + sum.ln());
        }
    }
    (out, log_sum_exp)
}

/// `[d_q, d_k, d_v]` for the gradient `d_out` [N, H·D] of the result.
#[must_use]
pub fn attention_backward(
    sizes: Sizes,
    q: &[f64],
    k: &[f64],
    v: &[f64],
    spans: &[Span],
    d_out: &[f64],
) -> [Vec<f64>; 3] {
    let Sizes {
        heads,
        kv_heads,
        head_size,
    } = sizes;
    let (out, log_sum_exp) = attention(sizes, q, k, v, spans);
    let mut d_q = vec![0.0; q.len()];
    let mut d_k = vec![0.0; k.len()];
    let mut d_v = vec![0.0; v.len()];
    for i in 0..spans.len() {
        for h in 0..heads {
            let kv_head = h / (heads / kv_heads);
            let d_out = head(d_out, i, heads, h, head_size);
            let delta = dot(d_out, head(&out, i, heads, h, head_size));
            for j in visible(spans, i) {
                let p = (sizes.score(q, k, i, h, j) - log_sum_exp[i * heads + h]).exp();
                let d_p = dot(d_out, head(v, j, kv_heads, kv_head, head_size));
                let d_s = p * (d_p - delta) / (head_size as f64).sqrt();
                let kv = (j * kv_heads + kv_head) * head_size;
                let qh = (i * heads + h) * head_size;
                add_scaled(&mut d_v[kv..][..head_size], p, d_out);
                add_scaled(&mut d_k[kv..][..head_size], d_s, &q[qh..][..head_size]);
                add_scaled(&mut d_q[qh..][..head_size], d_s, &k[kv..][..head_size]);
            }
        }
    }
    [d_q, d_k, d_v]
}
