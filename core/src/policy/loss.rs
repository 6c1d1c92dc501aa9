//! The policy loss of a micro-batch and d loss / d logprob for each of its tokens.
//!
//! Every denominator belongs to the whole optimizer step ([`StepTotals`]): losses, gradients and [`LossStats`] of the micro-batches add
//! up to those of the undivided step, however it is divided.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::token::{Clip, TokenLoss, token_loss};
use super::{LossStats, PolicyError};

/// How the tokens' losses become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossAggMode {
    /// Mean over all counted tokens of the step (DAPO): a long completion weighs more than a short one.
    TokenMean,
    /// Mean over a completion's tokens, then over the counted completions of the step (GRPO).
    #[default]
    SeqMeanTokenMean,
}

/// The loss's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossConfig {
    /// A token of negative advantage is pushed down until its ratio is `1 - clip_ratio_low`.
    pub clip_ratio_low: f64,
    /// A token of positive advantage is pulled up until its ratio is `1 + clip_ratio_high`.
    pub clip_ratio_high: f64,
    /// A token of negative advantage counts with a ratio of at most this; above 1.
    pub dual_clip: Option<f64>,
    /// Weight of the KL estimate against the reference; zero needs no reference.
    pub beta: f64,
    /// How the tokens' losses become one number.
    pub loss_agg_mode: LossAggMode,
}

impl LossConfig {
    /// # Errors
    /// A clip ratio outside [0, 1] (low) or below 0 (high), a dual-clip bound not above 1, a negative `beta`, any of them not finite.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let setting = |what, value, ok: bool, expected| {
            if ok {
                Ok(())
            } else {
                Err(PolicyError::Setting {
                    what,
                    value,
                    expected,
                })
            }
        };
        setting(
            "clip_ratio_low",
            self.clip_ratio_low,
            (0.0..=1.0).contains(&self.clip_ratio_low),
            "0 <= clip_ratio_low <= 1",
        )?;
        setting(
            "clip_ratio_high",
            self.clip_ratio_high,
            (0.0..f64::INFINITY).contains(&self.clip_ratio_high),
            "0 <= clip_ratio_high",
        )?;
        setting(
            "beta",
            self.beta,
            (0.0..f64::INFINITY).contains(&self.beta),
            "0 <= beta",
        )?;
        if let Some(dual_clip) = self.dual_clip {
            setting(
                "dual_clip",
                dual_clip,
                dual_clip > 1.0 && dual_clip.is_finite(),
                "dual_clip > 1 (leave it out for no bound)",
            )?;
        }
        Ok(())
    }
}

/// The denominators of the whole optimizer step, over all of its micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepTotals {
    /// Tokens of counted completions.
    pub tokens: usize,
    /// Counted completions with at least one token.
    pub sequences: usize,
}

impl StepTotals {
    /// Counts completions by their lengths; one that is masked out or empty is in neither sum.
    ///
    /// ```
    /// use recode_core::policy::StepTotals;
    /// let totals = StepTotals::of([(3, true), (4, false), (0, true)]);
    /// assert_eq!(totals, StepTotals { tokens: 3, sequences: 1 });
    /// ```
    pub fn of(completions: impl IntoIterator<Item = (usize, bool)>) -> Self {
        completions
            .into_iter()
            .filter(|&(tokens, counted)| counted && tokens > 0)
            .fold(Self::default(), |totals, (tokens, _)| Self {
                tokens: totals.tokens + tokens,
                sequences: totals.sequences + 1,
            })
    }
}

/// The tokens of one micro-batch, completion after completion.
///
/// # Shapes
/// T tokens in S completions. A completion is whole in one micro-batch.
#[derive(Debug, Clone, Copy)]
pub struct TokenLogprobs<'a> {
    /// Log-probability of each token under the policy being trained. `[T]`
    pub logprobs: &'a [f32],
    /// ... under the policy as it was before the step's first update. `[T]`
    pub old_logprobs: &'a [f32],
    /// ... under the reference; may be absent when `beta` is zero. `[T]`
    pub ref_logprobs: Option<&'a [f32]>,
    /// Entropy of the distribution each token was drawn from, in nats; reported, not optimized. `[T]`
    pub entropy: &'a [f32],
    /// Where each completion stands: ranges that tile `0..T` in order. `[S]`
    pub sequence: &'a [Range<usize>],
    /// The advantage of each completion. `[S]`
    pub advantages: &'a [f64],
    /// `false`: the completion is masked out of loss, gradient and statistics. `[S]`
    pub counted: &'a [bool],
}

/// The loss of a micro-batch, as its share of the step's loss.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyLoss {
    /// This micro-batch's share of the step's loss: the shares add up.
    pub loss: f64,
    /// d loss / d logprob of each token, zero in completions that are masked out. `[T]`
    pub d_logprobs: Vec<f32>,
    /// Sums for the log.
    pub stats: LossStats,
}

/// The clipped surrogate with the KL term, aggregated over the step, and its gradient.
///
/// Per token `l = -min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta k3` with `ratio = exp(logprob - old_logprob)`; `token_mean` is
/// `sum(l) / totals.tokens`, `seq_mean_token_mean` is `sum over completions(mean of l) / totals.sequences`. A step whose completions are
/// all masked out or empty has loss zero and no gradient.
///
/// # Errors
/// Lengths that disagree, completions that do not tile the tokens, a value of a counted token that is not finite, a missing reference,
/// a setting out of range, a ratio, loss or gradient that is not finite.
///
/// # Differences
/// TRL divides by all completions of a step, masked-out ones included; here, as in verl, a masked-out completion is as if absent.
/// A ratio that overflows is an error, also where a clip would hold its loss, and so is a surrogate that overflows for a negative
/// advantage without dual-clip: nothing is clamped.
pub fn policy_loss(
    batch: &TokenLogprobs,
    totals: &StepTotals,
    config: &LossConfig,
) -> Result<PolicyLoss, PolicyError> {
    config.validate()?;
    let tokens = batch.logprobs.len();
    check_shapes(batch, tokens)?;
    if config.beta > 0.0 && batch.ref_logprobs.is_none() {
        return Err(PolicyError::ReferenceMissing(config.beta));
    }
    let here = StepTotals::of(
        batch
            .sequence
            .iter()
            .zip(batch.counted)
            .map(|(range, &counted)| (range.len(), counted)),
    );
    if here.tokens > totals.tokens || here.sequences > totals.sequences {
        let (step_tokens, step_sequences) = (totals.tokens, totals.sequences);
        return Err(PolicyError::Totals {
            tokens: here.tokens,
            sequences: here.sequences,
            step_tokens,
            step_sequences,
        });
    }

    let mut loss = 0.0;
    let mut d_logprobs = vec![0.0_f32; tokens];
    let mut stats = LossStats::default();
    for (index, range) in batch.sequence.iter().enumerate() {
        if !batch.counted[index] || range.is_empty() {
            continue;
        }
        let advantage = batch.advantages[index];
        if !advantage.is_finite() {
            return Err(PolicyError::AdvantageNotFinite {
                index,
                value: advantage,
            });
        }
        let denominator = match config.loss_agg_mode {
            LossAggMode::TokenMean => totals.tokens as f64,
            LossAggMode::SeqMeanTokenMean => range.len() as f64 * totals.sequences as f64,
        };
        let mut sequence_loss = 0.0;
        for token in range.clone() {
            let logprob = finite("logprobs", batch.logprobs, token)?;
            let old_logprob = finite("old_logprobs", batch.old_logprobs, token)?;
            let ref_logprob = batch
                .ref_logprobs
                .map(|values| finite("ref_logprobs", values, token))
                .transpose()?;
            let entropy = finite("entropy", batch.entropy, token)?;
            let part = token_loss(logprob, old_logprob, ref_logprob, advantage, config);
            let gradient = (part.d_logprob / denominator) as f32;
            if !part.ratio.is_finite() {
                return Err(PolicyError::RatioNotFinite {
                    token,
                    logprob,
                    old_logprob,
                });
            }
            if !part.loss.is_finite() || !gradient.is_finite() {
                return Err(PolicyError::LossNotFinite {
                    token,
                    loss: part.loss,
                    gradient: gradient.into(),
                    logprob,
                    old_logprob,
                });
            }
            sequence_loss += part.loss;
            d_logprobs[token] = gradient;
            add(&mut stats, &part, entropy);
        }
        stats.sequences += 1;
        loss += sequence_loss / denominator;
    }
    Ok(PolicyLoss {
        loss,
        d_logprobs,
        stats,
    })
}

fn add(stats: &mut LossStats, part: &TokenLoss, entropy: f64) {
    stats.tokens += 1;
    stats.kl_sum += part.kl;
    stats.entropy_sum += entropy;
    stats.ratio_sum += part.ratio;
    stats.ratio_min = stats.ratio_min.min(part.ratio);
    stats.ratio_max = stats.ratio_max.max(part.ratio);
    match part.clip {
        Clip::None => {}
        Clip::Low => stats.clipped_low += 1,
        Clip::High => stats.clipped_high += 1,
        Clip::Dual => stats.clipped_dual += 1,
    }
}

fn finite(what: &'static str, values: &[f32], token: usize) -> Result<f64, PolicyError> {
    let value = f64::from(values[token]);
    if value.is_finite() {
        Ok(value)
    } else {
        Err(PolicyError::TokenNotFinite { what, token, value })
    }
}

fn check_shapes(batch: &TokenLogprobs, tokens: usize) -> Result<(), PolicyError> {
    let length = |what, got, expected| {
        if got == expected {
            Ok(())
        } else {
            Err(PolicyError::Length {
                what,
                got,
                expected,
            })
        }
    };
    length("old_logprobs", batch.old_logprobs.len(), tokens)?;
    length(
        "ref_logprobs",
        batch.ref_logprobs.map_or(tokens, <[f32]>::len),
        tokens,
    )?;
    length("entropy", batch.entropy.len(), tokens)?;
    let sequences = batch.sequence.len();
    length("advantages", batch.advantages.len(), sequences)?;
    length("counted", batch.counted.len(), sequences)?;
    let mut expected_start = 0;
    for (index, &Range { start, end }) in batch.sequence.iter().enumerate() {
        if start != expected_start || end < start || end > tokens {
            return Err(PolicyError::Sequence {
                index,
                start,
                end,
                expected_start,
                tokens,
            });
        }
        expected_start = end;
    }
    length("sequence's last end", expected_start, tokens)
}
