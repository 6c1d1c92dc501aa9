//! What a loss reports beside itself: sums over counted tokens, so that micro-batches add up to their step.

use std::ops::AddAssign;

/// Sums over the counted tokens of a micro-batch. `+=` joins two micro-batches; the methods are the means the log shows.
///
/// Masked-out and empty completions are in none of the sums. Means over no tokens are `None`, never zero or NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossStats {
    /// Counted tokens.
    pub tokens: usize,
    /// Counted completions with at least one token.
    pub sequences: usize,
    /// Sum of the k3 KL estimate; zero without a reference.
    pub kl_sum: f64,
    /// Sum of the entropy of the next-token distribution, in nats.
    pub entropy_sum: f64,
    /// Sum of `ratio = exp(logprob - old_logprob)`.
    pub ratio_sum: f64,
    /// Smallest ratio; infinity where there is no token.
    pub ratio_min: f64,
    /// Largest ratio; minus infinity where there is no token.
    pub ratio_max: f64,
    /// Tokens of negative advantage with `ratio < 1 - clip_ratio_low`: pushed far enough down.
    pub clipped_low: usize,
    /// Tokens of positive advantage with `ratio > 1 + clip_ratio_high`: pulled far enough up.
    pub clipped_high: usize,
    /// Tokens of negative advantage with `ratio > dual_clip`.
    pub clipped_dual: usize,
}

impl Default for LossStats {
    fn default() -> Self {
        Self {
            tokens: 0,
            sequences: 0,
            kl_sum: 0.0,
            entropy_sum: 0.0,
            ratio_sum: 0.0,
            ratio_min: f64::INFINITY,
            ratio_max: f64::NEG_INFINITY,
            clipped_low: 0,
            clipped_high: 0,
            clipped_dual: 0,
        }
    }
}

impl AddAssign for LossStats {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.sequences += other.sequences;
        self.kl_sum += other.kl_sum;
        self.entropy_sum += other.entropy_sum;
        self.ratio_sum += other.ratio_sum;
        self.ratio_min = self.ratio_min.min(other.ratio_min);
        self.ratio_max = self.ratio_max.max(other.ratio_max);
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.clipped_dual += other.clipped_dual;
    }
}

impl LossStats {
    fn per_token(&self, sum: f64) -> Option<f64> {
        (self.tokens > 0).then(|| sum / self.tokens as f64)
    }

    /// Mean KL estimate per token: TRL's `kl`.
    pub fn kl(&self) -> Option<f64> {
        self.per_token(self.kl_sum)
    }

    /// Mean entropy per token, in nats: TRL's `entropy`.
    pub fn entropy(&self) -> Option<f64> {
        self.per_token(self.entropy_sum)
    }

    /// Mean ratio per token.
    pub fn ratio_mean(&self) -> Option<f64> {
        self.per_token(self.ratio_sum)
    }

    /// Share of tokens clipped from below: TRL's `clip_ratio/low_mean`.
    pub fn clip_low(&self) -> Option<f64> {
        self.per_token(self.clipped_low as f64)
    }

    /// Share of tokens clipped from above: TRL's `clip_ratio/high_mean`.
    pub fn clip_high(&self) -> Option<f64> {
        self.per_token(self.clipped_high as f64)
    }

    /// Share of tokens clipped on either side: TRL's `clip_ratio/region_mean`.
    pub fn clip_region(&self) -> Option<f64> {
        self.per_token((self.clipped_low + self.clipped_high) as f64)
    }

    /// Share of tokens held by the dual-clip bound.
    pub fn clip_dual(&self) -> Option<f64> {
        self.per_token(self.clipped_dual as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_and_extremes_join() {
        let mut a = LossStats {
            tokens: 3,
            sequences: 1,
            kl_sum: 0.3,
            ratio_min: 0.5,
            ratio_max: 1.5,
            clipped_low: 1,
            ..LossStats::default()
        };
        a += LossStats {
            tokens: 1,
            sequences: 1,
            kl_sum: 0.1,
            ratio_min: 0.9,
            ratio_max: 2.0,
            clipped_high: 2,
            ..LossStats::default()
        };
        assert_eq!(
            (a.tokens, a.sequences, a.ratio_min, a.ratio_max),
            (4, 2, 0.5, 2.0)
        );
        assert!((a.kl().unwrap() - 0.1).abs() < 1e-15);
        assert_eq!(
            (a.clip_low(), a.clip_high(), a.clip_region()),
            (Some(0.25), Some(0.5), Some(0.75))
        );
    }

    #[test]
    fn means_over_nothing_are_none() {
        let mut nothing = LossStats::default();
        nothing += LossStats::default();
        assert_eq!(nothing, LossStats::default());
        assert_eq!(
            (
                nothing.kl(),
                nothing.entropy(),
                nothing.ratio_mean(),
                nothing.clip_dual()
            ),
            (None, None, None, None)
        );
    }
}
