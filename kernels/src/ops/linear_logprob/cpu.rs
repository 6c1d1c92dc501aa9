//! Log-probabilities on the CPU: tiles of logits small enough to stay in the caches, reduced where they lie.
//!
//! A tile is [`TILE_ROWS`] distinct hidden rows by [`TILE_TOKENS`] tokens. Products share its rows and columns out between
//! threads, reductions its rows; a row's sums run over the vocabulary in order, whoever computes them.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::plan::Plan;
use super::{KeptTokens, LogprobRequest, Logprobs, Sampling};
use crate::ops::exp::exp;
use crate::ops::lanes::{dispatch, lanewise, lanewise_sum};
use crate::product::{Dense, View, product};
use crate::{Tensor, Weight};

/// Distinct hidden rows of a tile.
const TILE_ROWS: usize = 512;
/// Tokens of a tile; 2 MiB with the rows, and a multiple of the product's panel and of 64.
const TILE_TOKENS: usize = 960;
/// Stands for the logit of a token that is not kept: far below any logit, and finite, so that no difference is NaN.
const NOT_KEPT: f32 = -1e30;

/// The distinct rows of a tile, one after the other.
fn gather(hidden: &Tensor, slots: &[(u32, Range<usize>)]) -> Tensor {
    let data = slots
        .iter()
        .flat_map(|(row, _)| hidden.row(*row as usize))
        .copied()
        .collect();
    Tensor::from_vec(slots.len(), hidden.cols(), data).expect("a row a slot")
}

/// The tokens of each tile.
fn token_blocks(vocabulary: usize) -> impl Iterator<Item = Range<usize>> {
    (0..vocabulary)
        .step_by(TILE_TOKENS)
        .map(move |first| first..vocabulary.min(first + TILE_TOKENS))
}

/// What is known of a request's distribution after some of the vocabulary.
#[derive(Clone)]
struct Online {
    max: f32,
    /// `Σ e^{z - max}`.
    sum: f64,
    /// `Σ (z - max) e^{z - max}`.
    weighted: f64,
    /// The wanted token's z, once it has come by.
    wanted: f32,
}

impl Online {
    const START: Self = Self {
        max: f32::NEG_INFINITY,
        sum: 0.0,
        weighted: 0.0,
        wanted: f32::NAN,
    };

    /// Adds a block of z; `e` is for the use of it.
    fn add(&mut self, z: &mut [f32], e: &mut Vec<f32>) {
        let max = largest(z).max(self.max);
        if self.max > f32::NEG_INFINITY {
            let moved = f64::from(self.max) - f64::from(max);
            let factor = moved.exp();
            self.weighted = factor * (self.weighted + moved * self.sum);
            self.sum *= factor;
        }
        self.max = max;
        e.resize(z.len(), 0.0);
        let [sum, weighted] = dispatch(Sums { z, max, e });
        self.sum += f64::from(sum);
        self.weighted += f64::from(weighted);
    }

    /// log-sum-exp and entropy: `H = log Σ e^{z - max} - Σ (z - max) e^{z - max} / Σ e^{z - max}`.
    fn finish(&self) -> (f64, f64) {
        (
            f64::from(self.max) + self.sum.ln(),
            self.sum.ln() - self.weighted / self.sum,
        )
    }
}

/// The largest z; what is not a number is passed over.
fn largest(z: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    // Sixteen maxima side by side: registers for the compiler, where one would be a chain.
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = z.as_chunks::<16>();
    for chunk in chunks {
        lanes = std::array::from_fn(|i| larger(lanes[i], chunk[i]));
    }
    lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, larger)
}

/// `[Σ e^{z - max}, Σ (z - max) e^{z - max}]`; z and e are left as the terms' factors.
struct Sums<'a> {
    z: &'a mut [f32],
    max: f32,
    e: &'a mut [f32],
}

impl WithSimd for Sums<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f32; 2] {
        let Self { z, max, e } = self;
        let max = simd.splat_f32s(max);
        lanewise(
            simd,
            [],
            [&mut *z, &mut *e],
            #[inline(always)]
            |[], [z, _]| {
                let below = simd.sub_f32s(z, max);
                [below, exp(simd, below)]
            },
        );
        let sum = lanewise_sum(
            simd,
            [&*e],
            #[inline(always)]
            |[e]| e,
        );
        let weighted = lanewise_sum(
            simd,
            [&*z, &*e],
            #[inline(always)]
            |[below, e]| simd.mul_f32s(below, e),
        );
        [sum, weighted]
    }
}

/// `d -= factor e^{z - log_sum_exp}`.
struct Subtract<'a> {
    z: &'a [f32],
    log_sum_exp: f32,
    factor: f32,
    d: &'a mut [f32],
}

impl WithSimd for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let log_sum_exp = simd.splat_f32s(self.log_sum_exp);
        let factor = simd.splat_f32s(self.factor);
        lanewise(
            simd,
            [self.z],
            [self.d],
            #[inline(always)]
            |[z], [d]| {
                let p = exp(simd, simd.sub_f32s(z, log_sum_exp));
                [simd.negate_mul_add_e_f32s(factor, p, d)]
            },
        );
    }
}

/// z of a block of tokens for one request, from a tile's row of logits.
fn z_of_block(
    logits: &[f32],
    tokens: &Range<usize>,
    request: usize,
    scale: f32,
    kept: Option<&KeptTokens>,
    z: &mut Vec<f32>,
) {
    z.clear();
    z.extend(logits.iter().map(|logit| logit * scale));
    if let Some(kept) = kept {
        for (z, token) in z.iter_mut().zip(tokens.clone()) {
            if !kept.contains(request, token as u32) {
                *z = NOT_KEPT;
            }
        }
    }
}

pub(super) fn forward(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
) -> Logprobs {
    let plan = Plan::new(requests, |_| true);
    let unknown = vec![f32::NAN; requests.len()];
    let mut out = Logprobs {
        logprobs: unknown.clone(),
        entropy: unknown.clone(),
        log_sum_exp: unknown,
    };
    let scale = sampling.temperature.recip();
    let mut logits = Vec::new();
    for slots in plan.slots.chunks(TILE_ROWS) {
        let rows = gather(hidden, slots);
        // (request, row of the tile, state)
        let mut states: Vec<(usize, usize, Online)> = slots
            .iter()
            .enumerate()
            .flat_map(|(slot, (_, range))| {
                plan.order[range.clone()]
                    .iter()
                    .map(move |&q| (q as usize, slot, Online::START))
            })
            .collect();
        for tokens in token_blocks(w.rows()) {
            let width = tokens.len();
            logits.resize(slots.len() * width, 0.0);
            product(
                (&rows).into(),
                View::weight_rows(w, tokens.clone()).t(),
                &mut logits,
                false,
            );
            states
                .par_iter_mut()
                .for_each_init(Default::default, |(z, e), (q, slot, state)| {
                    z_of_block(
                        &logits[*slot * width..][..width],
                        &tokens,
                        *q,
                        scale,
                        sampling.kept,
                        z,
                    );
                    let wanted = requests[*q].token as usize;
                    if tokens.contains(&wanted) {
                        state.wanted = z[wanted - tokens.start];
                    }
                    state.add(z, e);
                });
        }
        for (q, _, state) in states {
            let (log_sum_exp, entropy) = state.finish();
            out.logprobs[q] = (f64::from(state.wanted) - log_sum_exp) as f32;
            out.entropy[q] = entropy as f32;
            out.log_sum_exp[q] = log_sum_exp as f32;
        }
    }
    out
}

#[allow(clippy::too_many_arguments, reason = "as its caller's")]
pub(super) fn backward(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
    log_sum_exp: &[f32],
    d_logprobs: &[f32],
    d_hidden: &mut Tensor,
    mut d_w: Option<&mut Tensor>,
) {
    let plan = Plan::new(requests, |q| d_logprobs[q] != 0.0);
    let scale = sampling.temperature.recip();
    let channels = hidden.cols();
    let mut logits = Vec::new();
    for slots in plan.slots.chunks(TILE_ROWS) {
        let rows = gather(hidden, slots);
        let mut d_rows = Tensor::zeros(slots.len(), channels);
        for tokens in token_blocks(w.rows()) {
            let width = tokens.len();
            logits.resize(slots.len() * width, 0.0);
            let w_block = View::weight_rows(w, tokens.clone());
            product((&rows).into(), w_block.t(), &mut logits, false);
            // Logits become their gradients in place, [slots, tokens].
            logits.par_chunks_mut(width).zip(slots).for_each_init(
                || (Vec::new(), vec![0.0; width]),
                |(z, d_row), (row, (_, range))| {
                    d_row.fill(0.0);
                    for &q in &plan.order[range.clone()] {
                        let q = q as usize;
                        let factor = d_logprobs[q] * scale;
                        z_of_block(row, &tokens, q, scale, sampling.kept, z);
                        dispatch(Subtract {
                            z,
                            log_sum_exp: log_sum_exp[q],
                            factor,
                            d: d_row,
                        });
                        let wanted = requests[q].token as usize;
                        if tokens.contains(&wanted) {
                            d_row[wanted - tokens.start] += factor;
                        }
                    }
                    row.copy_from_slice(d_row);
                },
            );
            product(
                Dense::new(slots.len(), width, &logits),
                w_block,
                d_rows.data_mut(),
                true,
            );
            if let Some(d_w) = d_w.as_deref_mut() {
                let block = &mut d_w.data_mut()[tokens.start * channels..tokens.end * channels];
                product(
                    Dense::new(slots.len(), width, &logits).t(),
                    &rows,
                    block,
                    true,
                );
            }
        }
        for (slot, (row, _)) in slots.iter().enumerate() {
            for (sum, d) in d_hidden
                .row_mut(*row as usize)
                .iter_mut()
                .zip(d_rows.row(slot))
            {
                *sum += d;
            }
        }
    }
}
