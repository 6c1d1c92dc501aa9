//! A step's completions as the loss sees them: who counts, by how much, and in which micro-batches.

use recode_core::policy::{StepTotals, group_advantages};

use crate::config::{Config, LossConfig};
use crate::examples::Example;
use crate::micro_batch::{Sample, cut};
use crate::rollout::{Completion, FinishReason};
use crate::step_log::LogpDifference;

pub(super) struct Batch<'a> {
    pub samples: Vec<Sample<'a>>,
    completions: &'a [Completion],
    pub advantages: Vec<f64>,
    /// Not masked out.
    pub counted: Vec<bool>,
    pub totals: StepTotals,
    /// Completions that are computed, cut into micro-batches.
    pub parts: Vec<Vec<usize>>,
}

impl<'a> Batch<'a> {
    pub fn new(
        config: &Config,
        prompts: &[&'a Example],
        completions: &'a [Completion],
        rewards: &[f64],
    ) -> anyhow::Result<Self> {
        let LossConfig {
            beta,
            scale_rewards,
            mask_truncated_completions,
            ..
        } = config.loss;
        let advantages = group_advantages(rewards, config.rollout.num_generations, scale_rewards)?;
        let counted: Vec<bool> = completions
            .iter()
            .map(|c| !mask_truncated_completions || c.finish_reason == FinishReason::Eos)
            .collect();
        let samples: Vec<Sample<'_>> = completions
            .iter()
            .map(|completion| Sample {
                prompt: completion.prompt,
                sample: completion.sample,
                prompt_ids: &prompts[completion.prompt].prompt_ids,
                completion_ids: &completion.completion_ids,
                kept: completion.kept.as_ref(),
            })
            .collect();
        let moves = |i: usize| counted[i] && (beta > 0.0 || advantages[i] != 0.0);
        let parts = cut(&samples, config.run.micro_batch_tokens, moves);
        let lengths = samples.iter().map(|sample| sample.completion_ids.len());
        Ok(Self {
            totals: StepTotals::of(lengths.zip(counted.iter().copied())),
            samples,
            completions,
            advantages,
            counted,
            parts,
        })
    }

    /// Completions that have something to teach: counted, not empty, of an advantage other than zero.
    pub fn taught(&self) -> usize {
        let teaches = |i: &&usize| self.advantages[**i] != 0.0;
        self.parts.iter().flatten().filter(teaches).count()
    }

    /// Compares the log-probabilities of a pass over the completions `part` with those they were sampled by.
    pub fn compare(&self, part: &[usize], mut logprobs: &[f32], difference: &mut LogpDifference) {
        for &index in part {
            let sampling = &self.completions[index].sampling_logprobs;
            let (own, others) = logprobs.split_at(sampling.len());
            difference.add(sampling, own);
            logprobs = others;
        }
    }
}
