//! A batch of completions for the tests, cut as micro-batches are.

use std::ops::Range;

use recode_core::policy::{
    LossAggMode, LossConfig, PolicyError, PolicyLoss, StepTotals, TokenLogprobs, policy_loss,
};

/// A batch that owns its slices; [`Batch::part`] cuts whole completions out of it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub logprobs: Vec<f32>,
    pub old_logprobs: Vec<f32>,
    pub ref_logprobs: Vec<f32>,
    pub entropy: Vec<f32>,
    pub lengths: Vec<usize>,
    pub advantages: Vec<f64>,
    pub counted: Vec<bool>,
}

impl Batch {
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let next = |&length: &usize| {
            end += length;
            end - length..end
        };
        self.lengths.iter().map(next).collect()
    }

    pub fn totals(&self) -> StepTotals {
        StepTotals::of(
            self.lengths
                .iter()
                .copied()
                .zip(self.counted.iter().copied()),
        )
    }

    pub fn part(&self, sequences: Range<usize>) -> Self {
        let ranges = self.ranges();
        let end = ranges.last().map_or(0, |range| range.end);
        let at = |index: usize| ranges.get(index).map_or(end, |range| range.start);
        let tokens = at(sequences.start)..at(sequences.end);
        Self {
            logprobs: self.logprobs[tokens.clone()].to_vec(),
            old_logprobs: self.old_logprobs[tokens.clone()].to_vec(),
            ref_logprobs: self.ref_logprobs[tokens.clone()].to_vec(),
            entropy: self.entropy[tokens].to_vec(),
            lengths: self.lengths[sequences.clone()].to_vec(),
            advantages: self.advantages[sequences.clone()].to_vec(),
            counted: self.counted[sequences].to_vec(),
        }
    }

    pub fn loss(
        &self,
        totals: &StepTotals,
        config: &LossConfig,
    ) -> Result<PolicyLoss, PolicyError> {
        let batch = TokenLogprobs {
            logprobs: &self.logprobs,
            old_logprobs: &self.old_logprobs,
            ref_logprobs: (config.beta > 0.0).then_some(&self.ref_logprobs),
            entropy: &self.entropy,
            sequence: &self.ranges(),
            advantages: &self.advantages,
            counted: &self.counted,
        };
        policy_loss(&batch, totals, config)
    }
}

pub fn config(loss_agg_mode: LossAggMode, beta: f64, dual_clip: Option<f64>) -> LossConfig {
    LossConfig {
        clip_ratio_low: 0.2,
        clip_ratio_high: 0.28,
        dual_clip,
        beta,
        loss_agg_mode,
    }
}
