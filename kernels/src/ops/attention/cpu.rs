//! Row by row, key by key.

use rayon::prelude::*;

use super::{DecodeRow, Gradients, KeyValues, Operands, Sizes};
use crate::batch::{Segment, segments};
use crate::{Span, Tensor};

pub(super) fn forward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &mut Tensor,
    log_sum_exp: &mut Tensor,
) {
    let Operands { q, k, v, spans, .. } = *operands;
    out.data_mut()
        .par_chunks_mut(sizes.q_cols())
        .zip(log_sum_exp.data_mut().par_chunks_mut(sizes.heads))
        .enumerate()
        .for_each(|(i, (out, log_sum_exp))| {
            let keys = || visible(spans, i).map(|j| (k.row(j), v.row(j)));
            row(sizes, q.row(i), keys, out, log_sum_exp);
        });
}

pub(super) fn decode(
    sizes: Sizes,
    q: &Tensor,
    prompts: &[KeyValues<'_>],
    rows: &[DecodeRow<'_>],
    out: &mut Tensor,
) {
    let cols = sizes.kv_cols();
    out.data_mut()
        .par_chunks_mut(sizes.q_cols())
        .zip(rows.par_iter())
        .enumerate()
        .for_each(|(m, (out, own))| {
            let keys = || {
                let prompt = prompts[own.prompt];
                let k = prompt.k.chunks(cols).chain(own.own.k.chunks(cols));
                k.zip(prompt.v.chunks(cols).chain(own.own.v.chunks(cols)))
            };
            row(sizes, q.row(m), keys, out, &mut vec![0.0; sizes.heads]);
        });
}

fn visible(spans: &[Span], i: usize) -> impl Iterator<Item = usize> + use<> {
    let Span { prefix, start } = spans[i].clone();
    prefix.chain(start..i as u32 + 1).map(|j| j as usize)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(y: &mut [f32], factor: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x);
}

fn row<'a, I: Iterator<Item = (&'a [f32], &'a [f32])>>(
    sizes: Sizes,
    q: &[f32],
    keys: impl Fn() -> I,
    out: &mut [f32],
    log_sum_exp: &mut [f32],
) {
    let size = sizes.head_size;
    for h in 0..sizes.heads {
        let kv = h / sizes.group() * size;
        let q = &q[h * size..][..size];
        let score = |k: &[f32]| dot(q, &k[kv..][..size]) * sizes.scale();
        let max = keys().map(|(k, _)| score(k)).fold(f32::MIN, f32::max);
        let sum: f32 = keys().map(|(k, _)| (score(k) - max).exp()).sum();
        let out = &mut out[h * size..][..size];
        out.fill(0.0);
        for (k, v) in keys() {
            add_scaled(out, (score(k) - max).exp() / sum, &v[kv..][..size]);
        }
        log_sum_exp[h] = max + sum.ln();
    }
}

pub(super) fn backward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &Tensor,
    log_sum_exp: &Tensor,
    d_out: &Tensor,
    gradients: Gradients<'_>,
) {
    let Operands { q, k, v, spans, .. } = *operands;
    let size = sizes.head_size;
    let scale = sizes.scale();
    // (p, d_s) of row i, head h and key j.
    let pair = |i: usize, h: usize, j: usize| {
        let (at, kv) = (h * size, h / sizes.group() * size);
        let s = dot(&q.row(i)[at..][..size], &k.row(j)[kv..][..size]) * scale;
        let p = (s - log_sum_exp.row(i)[h]).exp();
        let d_out = &d_out.row(i)[at..][..size];
        let delta = dot(d_out, &out.row(i)[at..][..size]);
        let d_p = dot(d_out, &v.row(j)[kv..][..size]);
        (p, p * (d_p - delta) * scale)
    };
    let Gradients { d_q, d_k, d_v } = gradients;
    d_q.data_mut()
        .par_chunks_mut(sizes.q_cols())
        .enumerate()
        .for_each(|(i, d_q)| {
            d_q.fill(0.0);
            for h in 0..sizes.heads {
                let kv = h / sizes.group() * size;
                for j in visible(spans, i) {
                    let (_, d_s) = pair(i, h, j);
                    add_scaled(&mut d_q[h * size..][..size], d_s, &k.row(j)[kv..][..size]);
                }
            }
        });
    let segments: Vec<Segment> = segments(spans).collect();
    d_k.data_mut()
        .par_chunks_mut(sizes.kv_cols())
        .zip(d_v.data_mut().par_chunks_mut(sizes.kv_cols()))
        .enumerate()
        .for_each(|(j, (d_k, d_v))| {
            d_k.fill(0.0);
            d_v.fill(0.0);
            for segment in &segments {
                let rows = if segment.prefix.contains(&j) {
                    segment.rows.clone()
                } else {
                    j.max(segment.rows.start)
                        ..segment.rows.end * usize::from(segment.rows.contains(&j))
                };
                for i in rows {
                    for h in 0..sizes.heads {
                        let kv = h / sizes.group() * size;
                        let (p, d_s) = pair(i, h, j);
                        add_scaled(&mut d_v[kv..][..size], p, &d_out.row(i)[h * size..][..size]);
                        add_scaled(&mut d_k[kv..][..size], d_s, &q.row(i)[h * size..][..size]);
                    }
                }
            }
        });
}
