//! What a step writes down: a line of metrics.jsonl, a line a completion of completions.jsonl, a line of timings.jsonl.
//!
//! Metric names are TRL's where TRL has one. A mean over nothing (the length of ended completions where none ended) is `null`.

use std::collections::BTreeMap;
use std::time::Instant;

use recode_core::policy::{GroupSpread, LossStats};
use recode_core::reward::{Breakdown, Part};
use recode_kernels::Device;
use serde::Serialize;

use crate::rollout::FinishReason;

/// A completion with everything that became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompletionLine {
    /// The step, counted from 1.
    pub step: u64,
    /// The prompt: the row's line in the training file.
    pub row: usize,
    /// Which of the prompt's completions, counted from 0.
    pub sample: usize,
    pub completion: String,
    /// Tokens, the end token included.
    pub tokens: usize,
    pub finish_reason: FinishReason,
    /// Each reward by itself, and why one was withheld.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    pub advantage: f64,
    /// `false`: truncated and masked out of the loss.
    pub counted: bool,
}

/// A line of metrics.jsonl. With several optimizer steps a step, loss, statistics of the loss and gradient norm are means over them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Counted from 1.
    pub step: u64,
    /// Prompts so far over training rows.
    pub epoch: f64,
    pub reward: f64,
    /// Standard deviation over all completions of the step, with n - 1.
    pub reward_std: f64,
    /// Mean over the groups of the standard deviation within a group.
    pub reward_group_std: f64,
    /// Share of the groups that teach nothing: all of their rewards are equal.
    pub frac_reward_zero_std: f64,
    /// `rewards/NAME/mean` and `rewards/NAME/std` of every part of the reward that all completions have, with or without a weight.
    #[serde(flatten)]
    pub parts: BTreeMap<String, f64>,
    #[serde(rename = "completions/mean_length")]
    pub mean_length: f64,
    #[serde(rename = "completions/min_length")]
    pub min_length: usize,
    #[serde(rename = "completions/max_length")]
    pub max_length: usize,
    /// Share of completions that ran into max_completion_length.
    #[serde(rename = "completions/clipped_ratio")]
    pub clipped_ratio: f64,
    /// Mean length of those that ended by themselves.
    #[serde(rename = "completions/mean_terminated_length")]
    pub mean_terminated_length: Option<f64>,
    pub loss: f64,
    /// Over the tokens of the training passes; `null` where there is no reference.
    pub kl: Option<f64>,
    /// In nats, over the tokens of the training passes: those of the completions that are counted and, where `beta` is 0, whose advantage
    /// is not zero. `null` where there are none.
    pub entropy: Option<f64>,
    #[serde(rename = "clip_ratio/low_mean")]
    pub clip_low: Option<f64>,
    #[serde(rename = "clip_ratio/high_mean")]
    pub clip_high: Option<f64>,
    #[serde(rename = "clip_ratio/region_mean")]
    pub clip_region: Option<f64>,
    /// Share of tokens held by the dual-clip bound.
    #[serde(rename = "clip_ratio/dual_mean")]
    pub clip_dual: Option<f64>,
    /// Mean of |log-probability at sampling - log-probability in training|, without dropout. Over the tokens of the training passes; with
    /// dropout and one optimizer step a step, and where there are no training passes, over one completion of every prompt.
    #[serde(rename = "sampling/sampling_logp_difference/mean")]
    pub logp_difference_mean: Option<f64>,
    #[serde(rename = "sampling/sampling_logp_difference/max")]
    pub logp_difference_max: Option<f64>,
    pub grad_norm: f64,
    /// Of the step's last optimizer step.
    pub learning_rate: f64,
    /// Tokens seen so far: prompts once a step, and completions.
    pub num_tokens: u64,
}

/// How far the log-probabilities of sampling and of training are apart.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogpDifference {
    sum: f64,
    max: f64,
    tokens: usize,
}

impl LogpDifference {
    pub fn add(&mut self, sampling: &[f32], training: &[f32]) {
        for (a, b) in sampling.iter().zip(training) {
            let difference = (f64::from(*a) - f64::from(*b)).abs();
            self.sum += difference;
            self.max = self.max.max(difference);
            self.tokens += 1;
        }
    }

    pub fn mean(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.sum / self.tokens as f64)
    }

    pub fn max(&self) -> Option<f64> {
        (self.tokens > 0).then_some(self.max)
    }
}

/// What the updates of a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Updates {
    /// Sum over the optimizer steps.
    pub loss: f64,
    pub grad_norm: f64,
    pub stats: LossStats,
    /// Of the last optimizer step.
    pub learning_rate: f64,
    pub difference: LogpDifference,
}

/// Where a step stands in its run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Counted from 1.
    pub step: u64,
    pub epoch: f64,
    pub num_tokens: u64,
    /// Whether there is a reference to measure the KL divergence against.
    pub reference: bool,
    pub num_iterations: usize,
}

impl StepMetrics {
    /// Sums up a step that has at least one completion.
    pub fn new(
        at: Standing,
        completions: &[CompletionLine],
        spread: GroupSpread,
        updates: &Updates,
    ) -> Self {
        let mean = |of: &dyn Fn(&CompletionLine) -> f64| mean(completions.iter().map(of));
        let lengths = || completions.iter().map(|line| line.tokens);
        let ended = |line: &&CompletionLine| line.finish_reason == FinishReason::Eos;
        let totals: Vec<f64> = completions
            .iter()
            .filter_map(|line| line.breakdown.total)
            .collect();
        let (reward, reward_std) = mean_and_std(&totals);
        let mut parts = BTreeMap::new();
        for &part in Part::ALL {
            let values: Option<Vec<f64>> = completions
                .iter()
                .map(|line| line.breakdown.part(part))
                .collect();
            if let Some(values) = values {
                let (mean, std) = mean_and_std(&values);
                parts.insert(format!("rewards/{part}/mean"), mean);
                parts.insert(format!("rewards/{part}/std"), std);
            }
        }
        let terminated = completions.iter().filter(ended).count();
        let Updates {
            stats, difference, ..
        } = updates;
        let iterations = at.num_iterations as f64;
        Self {
            step: at.step,
            epoch: at.epoch,
            reward,
            reward_std,
            reward_group_std: spread.std,
            frac_reward_zero_std: spread.frac_zero_std,
            parts,
            mean_length: mean(&|line| line.tokens as f64),
            min_length: lengths().min().unwrap_or(0),
            max_length: lengths().max().unwrap_or(0),
            clipped_ratio: (completions.len() - terminated) as f64 / completions.len() as f64,
            mean_terminated_length: (terminated > 0).then(|| {
                let tokens: usize = completions
                    .iter()
                    .filter(ended)
                    .map(|line| line.tokens)
                    .sum();
                tokens as f64 / terminated as f64
            }),
            loss: updates.loss / iterations,
            kl: stats.kl().filter(|_| at.reference),
            entropy: stats.entropy(),
            clip_low: stats.clip_low(),
            clip_high: stats.clip_high(),
            clip_region: stats.clip_region(),
            clip_dual: stats.clip_dual(),
            logp_difference_mean: difference.mean(),
            logp_difference_max: difference.max(),
            grad_norm: updates.grad_norm / iterations,
            learning_rate: updates.learning_rate,
            num_tokens: at.num_tokens,
        }
    }
}

/// The mean and the standard deviation with n - 1.
fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let mean = mean(values.iter().copied());
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (values.len() - 1).max(1) as f64).sqrt())
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Seconds of a step by phase, and a GPU's memory: a line of timings.jsonl, the one file of a run that is not the same twice.
///
/// A GPU is waited for only where something is read from it: what it computes of the reference and of the old policy counts as the first training
/// pass's, what it computes of a backward pass as that of the next phase.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timings {
    pub step: u64,
    pub step_seconds: f64,
    /// Prompts into the cache.
    pub prefill_seconds: f64,
    /// Tokens out of it, sampling included.
    pub decode_seconds: f64,
    pub reward_seconds: f64,
    /// Log-probabilities of the model without adapter.
    pub reference_seconds: f64,
    /// Log-probabilities of the policy without dropout, where the training pass does not give them.
    pub old_seconds: f64,
    pub forward_seconds: f64,
    pub backward_seconds: f64,
    /// AdamW, and the adapter merged into the weights again.
    pub optimizer_seconds: f64,
    pub completion_tokens: usize,
    pub decode_tokens_per_second: f64,
    /// Where it computes on a GPU.
    #[serde(flatten)]
    pub memory: Option<DeviceMemory>,
}

/// What a step takes of a GPU's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeviceMemory {
    /// Buffers that there are at the step's end: weights, adapter, gradients.
    pub device_bytes: u64,
    /// The most that there were at once in the step.
    pub device_peak_bytes: u64,
    /// What the runtime holds for buffers, in use or to be used again.
    pub device_held_bytes: u64,
}

impl DeviceMemory {
    /// A step begins.
    pub fn begin(device: &Device) {
        match device {
            Device::Cpu => {}
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.memory().reset_peak(),
        }
    }

    /// A step has ended; `None` for the processor.
    pub fn end(device: &Device) -> Option<Self> {
        match device {
            Device::Cpu => None,
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Some(Self {
                device_bytes: gpu.memory().in_use(),
                device_peak_bytes: gpu.memory().peak(),
                device_held_bytes: gpu.held_bytes(),
            }),
        }
    }
}

/// Measures one phase after another.
#[derive(Debug)]
pub struct Watch(Instant);

impl Watch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Adds the time since the last call (or the start) to a phase.
    pub fn lap(&mut self, seconds: &mut f64) {
        let elapsed = self.0.elapsed();
        self.0 += elapsed;
        *seconds += elapsed.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recode_core::reward::{Rubric, score};

    fn line(reward: f64, tokens: usize, finish_reason: FinishReason) -> CompletionLine {
        CompletionLine {
            step: 3,
            row: 7,
            sample: 0,
            completion: "x".into(),
            tokens,
            finish_reason,
            breakdown: Breakdown {
                total: Some(reward),
                es_star: reward - 1.0,
                edit_gain: Some(0.25),
                ..score(
                    &Rubric::strict(),
                    "</think><answer>\n```python\nx\n```\n</answer>",
                    "y",
                )
            },
            advantage: 0.0,
            counted: true,
        }
    }

    fn metrics(lines: &[CompletionLine], reference: bool) -> serde_json::Value {
        let at = Standing {
            step: 3,
            epoch: 0.5,
            num_tokens: 99,
            reference,
            num_iterations: 2,
        };
        let spread = GroupSpread {
            std: 1.0,
            frac_zero_std: 0.0,
        };
        let mut difference = LogpDifference::default();
        difference.add(&[-1.0, -2.0], &[-1.5, -2.25]);
        let updates = Updates {
            loss: 0.5,
            grad_norm: 3.0,
            learning_rate: 1e-3,
            difference,
            stats: LossStats {
                tokens: 4,
                sequences: 2,
                kl_sum: 1.0,
                ..LossStats::default()
            },
        };
        serde_json::to_value(StepMetrics::new(at, lines, spread, &updates)).unwrap()
    }

    #[test]
    fn a_step_is_summed_up_in_trls_words() {
        // Rewards 1 and 3: mean 2, std sqrt((1 + 1) / 1); lengths 4 and 8, the first ended.
        let lines = [
            line(1.0, 4, FinishReason::Eos),
            line(3.0, 8, FinishReason::Length),
        ];
        let found = metrics(&lines, true);
        for (name, expected) in [
            ("reward", 2.0),
            ("reward_std", 2.0_f64.sqrt()),
            ("rewards/format/mean", 1.0),
            ("rewards/es_star/mean", 1.0),
            ("rewards/es_star/std", 2.0_f64.sqrt()),
            ("rewards/edit_gain/mean", 0.25),
            ("rewards/edit_gain/std", 0.0),
            ("completions/mean_length", 6.0),
            ("completions/min_length", 4.0),
            ("completions/max_length", 8.0),
            ("completions/clipped_ratio", 0.5),
            ("completions/mean_terminated_length", 4.0),
            ("kl", 0.25),
            ("loss", 0.25),
            ("grad_norm", 1.5),
            ("sampling/sampling_logp_difference/mean", 0.375),
            ("sampling/sampling_logp_difference/max", 0.5),
            ("num_tokens", 99.0),
        ] {
            assert_eq!(found[name].as_f64(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_mean_over_nothing_is_null() {
        let lines = [
            line(1.0, 8, FinishReason::Length),
            line(1.0, 8, FinishReason::Length),
        ];
        let found = metrics(&lines, false);
        assert!(found["completions/mean_terminated_length"].is_null());
        assert!(found["kl"].is_null(), "without a reference there is no KL");
    }

    #[test]
    fn a_completions_rewards_stand_beside_its_text() {
        let line = serde_json::to_value(line(1.0, 4, FinishReason::Eos)).unwrap();
        let names: Vec<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for name in [
            "step",
            "row",
            "completion",
            "finish_reason",
            "format",
            "es_star",
            "em_star",
            "edit_gain",
            "total",
            "advantage",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
    }
}
