//! One token from one row of logits: temperature, then top-k, then top-p. Knows no text, no cache and no batch.
//!
//! A draw is a function of the logits and one uniform number; the number is counter-based ([`uniform`]), so a completion does not depend on
//! what was drawn beside it or before it. Without truncation nothing is sorted: one pass for the largest logit, one for the weights
//! w = exp((logit - max) / temperature), then the token at which the running sum passes `uniform * sum`. With truncation only the
//! candidates that can matter are ordered. Equal logits are ordered by token id, lowest first.
//!
//! The order temperature, top-k, top-p and top-p's rule (the smallest set of likeliest tokens whose mass reaches `top_p`, among those
//! top-k left, renormalised) are those of transformers' logits warpers.
//!
//! # Differences from transformers
//! - top-k keeps exactly k tokens; transformers keeps all that tie with the k-th.
//! - Logits that are not finite are an error, not a distribution.

use anyhow::{Result, bail};
use recode_kernels::ops::exp::exp_scaled;
use recode_kernels::random::Stream;

/// First label of the random streams that rollouts draw from, so that no other use of a seed shares their numbers.
const ROLLOUT: u64 = u64::from_be_bytes(*b"rollouts");
/// Weights that are summed on their own before the sums are summed: the walk to a token then skips whole blocks.
const BLOCK: usize = 256;

/// How a token is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingConfig {
    /// Divides the logits. 0: the likeliest token always (greedy), and `top_k`, `top_p` change nothing.
    pub temperature: f32,
    /// Only the k likeliest tokens; 0: all.
    pub top_k: usize,
    /// Only the likeliest tokens that together reach this mass; 1: all.
    pub top_p: f32,
}

impl Default for SamplingConfig {
    /// The paper's: temperature 1, nothing cut off.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
        }
    }
}

impl SamplingConfig {
    /// The likeliest token, always.
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    pub fn validate(&self) -> Result<()> {
        // Subnormal temperatures have no reciprocal.
        if self.temperature != 0.0 && !(self.temperature.is_normal() && self.temperature > 0.0) {
            bail!(
                "temperature is {}, but must be 0 for greedy, or above 0 and finite, and not so small that it has no reciprocal",
                self.temperature
            );
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            bail!(
                "top_p is {}, but must be above 0 and at most 1 (1: off)",
                self.top_p
            );
        }
        Ok(())
    }

    /// Whether tokens may be cut off, so that log-probabilities are those of a renormalised distribution.
    pub fn truncates(&self) -> bool {
        self.temperature > 0.0 && (self.top_k > 0 || self.top_p < 1.0)
    }
}

/// The random number of one token: uniform in [0, 1), a multiple of 2^-53, and a function of its five coordinates alone.
///
/// `position` counts within the completion.
pub fn uniform(seed: u64, step: u64, prompt: u64, sample: u64, position: u64) -> f64 {
    let [high, low, ..] = Stream::new(seed, &[ROLLOUT, step, prompt, sample]).at(position);
    ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// What was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// The token.
    pub token: u32,
    /// Its log-probability under the distribution it was drawn from: tempered, truncated, renormalised. Greedy: under the model's
    /// distribution at temperature 1, since its own gives every token it takes probability 1.
    pub logprob: f32,
}

/// Draws tokens, keeping its buffers between draws.
#[derive(Debug, Clone)]
pub struct Sampler {
    config: SamplingConfig,
    /// exp((logit - max) / temperature) of every token.
    weights: Vec<f32>,
    /// Sums of `BLOCK` weights each.
    sums: Vec<f64>,
    /// Candidates, each as its [`rank`].
    ranks: Vec<u64>,
    /// Tokens that may be drawn, ascending, where the config truncates.
    kept: Vec<u32>,
}

impl Sampler {
    /// # Errors
    /// As [`SamplingConfig::validate`].
    pub fn new(config: SamplingConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            weights: Vec::new(),
            sums: Vec::new(),
            ranks: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Draws one token.
    ///
    /// # Errors
    /// Where a logit is not finite (names the token), or there is none.
    pub fn draw(&mut self, logits: &[f32], uniform: f64) -> Result<Draw> {
        let (best, max) = largest(logits)?;
        let greedy = self.config.temperature == 0.0;
        let temperature = if greedy { 1.0 } else { self.config.temperature };
        self.weigh(logits, max, temperature);
        let (token, mass) = if greedy {
            (best, self.sums.iter().sum())
        } else if self.config.truncates() {
            self.truncate(logits);
            self.pick_kept(uniform)
        } else {
            self.pick(uniform)
        };
        let logprob =
            (f64::from(logits[token]) - f64::from(max)) / f64::from(temperature) - f64::ln(mass);
        Ok(Draw {
            token: token as u32,
            logprob: logprob as f32,
        })
    }

    /// The tokens the last draw could have taken, ascending; `None` where the config cuts nothing off.
    pub fn kept(&self) -> Option<&[u32]> {
        self.config.truncates().then_some(&self.kept)
    }

    fn weigh(&mut self, logits: &[f32], max: f32, temperature: f32) {
        self.weights.resize(logits.len(), 0.0);
        exp_scaled(logits, max, 1.0 / temperature, &mut self.weights);
        self.sums.clear();
        self.sums
            .extend(self.weights.chunks(BLOCK).map(sum_of_block));
    }

    /// The token at which the running sum of all weights passes `uniform` of their mass, and the mass.
    fn pick(&self, uniform: f64) -> (usize, f64) {
        let mass: f64 = self.sums.iter().sum();
        let mut rest = uniform * mass;
        let mut block = 0;
        while block + 1 < self.sums.len() && rest >= self.sums[block] {
            rest -= self.sums[block];
            block += 1;
        }
        let from = block * BLOCK;
        let until = (from + BLOCK).min(self.weights.len());
        (
            self.walk(from..until, rest)
                .or_else(|| self.last_possible(from..until))
                .or_else(|| self.last_possible(0..self.weights.len()))
                .expect("the likeliest token has weight 1"),
            mass,
        )
    }

    /// The same over the kept tokens.
    fn pick_kept(&self, uniform: f64) -> (usize, f64) {
        let kept = || self.kept.iter().map(|token| *token as usize);
        let mass: f64 = kept().map(|token| f64::from(self.weights[token])).sum();
        let token = self
            .walk(kept(), uniform * mass)
            .or_else(|| self.last_possible(kept()));
        (token.expect("the likeliest token has weight 1"), mass)
    }

    fn walk(&self, tokens: impl Iterator<Item = usize>, target: f64) -> Option<usize> {
        let mut sum = 0.0;
        for token in tokens {
            sum += f64::from(self.weights[token]);
            if sum > target {
                return Some(token);
            }
        }
        None // rounding: `target` lies a hair under the sum of these, formed in another order
    }

    fn last_possible(&self, tokens: impl DoubleEndedIterator<Item = usize>) -> Option<usize> {
        tokens.rev().find(|token| self.weights[*token] > 0.0)
    }

    /// Sets `kept` to what top-k and then top-p leave.
    fn truncate(&mut self, logits: &[f32]) {
        let Self {
            config,
            weights,
            ranks,
            kept,
            ..
        } = self;
        let weight = |rank: u64| f64::from(weights[token_of(rank) as usize]);
        ranks.clear();
        ranks.extend((0..).zip(logits).map(|(token, logit)| rank(*logit, token)));
        if config.top_k > 0 && config.top_k < ranks.len() {
            ranks.select_nth_unstable(config.top_k - 1);
            ranks.truncate(config.top_k);
        }
        if config.top_p < 1.0 {
            // The selection leaves an order of its own, but the same one every time.
            let mass: f64 = ranks.iter().map(|rank| weight(*rank)).sum();
            let wanted = f64::from(config.top_p) * mass;
            // Tokens under the mean share of what may go have at most that mass together: they are cut off whatever their
            // order. The hair less keeps rounding on the safe side.
            let floor = (mass - wanted) / ranks.len() as f64 * 0.999;
            ranks.retain(|rank| weight(*rank) >= floor);
            let (mut ordered, mut take, mut reached) = (0, 0, 0.0);
            while take < ranks.len() && reached < wanted {
                if take == ordered {
                    // Order four times as many as before, at the front of what is left.
                    let rest = &mut ranks[ordered..];
                    let more = (3 * ordered).max(64).min(rest.len());
                    if more < rest.len() {
                        rest.select_nth_unstable(more - 1);
                    }
                    rest[..more].sort_unstable();
                    ordered += more;
                }
                reached += weight(ranks[take]);
                take += 1;
            }
            ranks.truncate(take);
        }
        kept.clear();
        kept.extend(ranks.iter().map(|rank| token_of(*rank)));
        kept.sort_unstable();
    }
}

/// The sum in eight chains side by side, which the processor keeps in registers where one would be waited for.
fn sum_of_block(weights: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks, rest) = weights.as_chunks::<8>();
    for chunk in chunks {
        for (sum, weight) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*weight);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().copied().map(f64::from).sum::<f64>()
}

/// A number that is smaller for a likelier token, and for the lower id of two that are equally likely.
fn rank(logit: f32, token: u32) -> u64 {
    // Adding zero makes -0 and 0 one number. Then the bits of floats order as two's complement does, but for the negative ones'
    // sense; the sign bit decides which bits to turn so that larger floats have smaller numbers.
    let bits = (logit + 0.0).to_bits();
    let descending = if bits >> 31 == 0 {
        !bits & 0x7fff_ffff
    } else {
        bits
    };
    u64::from(descending) << 32 | u64::from(token)
}

fn token_of(rank: u64) -> u32 {
    rank as u32
}

/// The largest logit and the first token that has it.
fn largest(logits: &[f32]) -> Result<(usize, f32)> {
    let mut finite = true;
    // Sixteen maxima side by side: one would be a chain of waits.
    let mut lanes = [f32::NEG_INFINITY; 16];
    for logits in logits.chunks(16) {
        for (max, logit) in lanes.iter_mut().zip(logits) {
            finite &= logit.is_finite();
            *max = if logit > max { *logit } else { *max };
        }
    }
    let max = lanes.into_iter().fold(f32::NEG_INFINITY, f32::max);
    if !finite {
        let token = logits
            .iter()
            .position(|logit| !logit.is_finite())
            .expect("one is not finite");
        bail!(
            "the logit of token {token} is {}: the model's weights or its adapter have run away; check them for NaN or infinity",
            logits[token]
        );
    }
    match logits.iter().position(|logit| *logit == max) {
        Some(best) => Ok((best, max)),
        None => bail!("there are no logits to draw from: the vocabulary is empty"),
    }
}

#[cfg(test)]
mod tests;
