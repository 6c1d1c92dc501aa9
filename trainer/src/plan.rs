//! What a run will need of its device's memory, from its configuration, rows and model's files alone.
//!
//! At most: every completion as long as it may be where that is the worst, the longest prompts together, a pass as full as it may be. What the
//! runtime of a GPU holds beside its buffers, and what the program itself takes (some 30 MiB), is not in it.

use recode_kernels::Device;
use recode_kernels::decoder::{AdapterConfig, DecoderConfig, PAGE, PassSize, pages_for};
use serde::Serialize;

use crate::config::Config;
use crate::examples::{Example, Examples};
use crate::train::adapter_config;

/// Bytes of a run, by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The model's weights.
    pub weights: u64,
    /// Those that the adapter changes, a second time.
    pub merged: u64,
    /// The adapter, its gradients, and AdamW's two moments.
    pub adapter: u64,
    /// Rollouts: room for keys and values, and a decode step or a prompt's pass.
    pub rollout: Phase,
    /// The largest training pass.
    pub training: Phase,
    /// The evaluation, where there is one, as a rollout.
    pub evaluation: Phase,
    /// The most at once: what stays, and the largest of the three.
    pub peak: u64,
    /// The device's memory, where that is known.
    pub memory: Option<u64>,
}

/// Bytes that one part of a step makes and lets go again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Tokens that there is room for, or that are in the pass.
    pub tokens: usize,
    /// Bytes.
    pub bytes: u64,
}

impl Plan {
    /// Of the run that `config` describes, on `device`, of a model whose weights take `weights` bytes.
    ///
    /// # Errors
    /// A config whose adapter is none.
    pub fn new(
        config: &Config,
        model: &DecoderConfig,
        weights: u64,
        examples: &Examples,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let adapter = adapter_config(config);
        adapter.check()?;
        let work = Work {
            config,
            model,
            adapter: &adapter,
            paged: *device != Device::Cpu,
        };
        let length = config.rollout.max_completion_length;
        let of = |examples: &[Example]| examples.iter().map(|e| e.prompt_ids.len()).collect();
        let prompts = work.longest(of(&examples.train), config.rollout.prompts_per_step);
        let rollout = work.rollout(&prompts, config.rollout.num_generations, length);
        let training = work.training(&prompts);
        let evaluation = match config.run.eval {
            true => work.rollout(
                &work.longest(of(&examples.eval), examples.eval.len()),
                1,
                config.run.eval_max_completion_length,
            ),
            false => Phase::default(),
        };
        let merged = adapter.merged_bytes(model);
        let adapter = 4 * adapter.bytes(model);
        let phases = [rollout, training, evaluation].map(|phase| phase.bytes);
        Ok(Self {
            weights,
            merged,
            adapter,
            rollout,
            training,
            evaluation,
            peak: weights + merged + adapter + phases.into_iter().max().unwrap_or(0),
            memory: match device {
                Device::Cpu => None,
                #[cfg(feature = "gpu")]
                Device::Gpu(gpu) => gpu.adapter().memory_bytes,
            },
        })
    }
}

struct Work<'a> {
    config: &'a Config,
    model: &'a DecoderConfig,
    adapter: &'a AdapterConfig,
    /// Whether keys and values lie in pages.
    paged: bool,
}

impl Work<'_> {
    /// The lengths of the longest prompts that may come together, the longest first.
    fn longest(&self, mut prompts: Vec<usize>, together: usize) -> Vec<usize> {
        prompts.sort_unstable_by(|a, b| b.cmp(a));
        // More than there are rows: a step takes them again.
        let again = prompts.iter().cycle().take(together).copied();
        let mut longest: Vec<usize> = match prompts.is_empty() {
            true => Vec::new(),
            false => again.collect(),
        };
        longest.sort_unstable_by(|a, b| b.cmp(a));
        longest
    }

    /// Completions of some prompts, as many at a time as there are places: each may be the last one of another prompt.
    fn rollout(&self, prompts: &[usize], generations: usize, length: usize) -> Phase {
        let places = self.config.rollout.max_concurrent_sequences;
        let sequences = places.min(prompts.len() * generations);
        let together = &prompts[..places.min(prompts.len())];
        // The last token of a completion is not looked at again.
        let own = length.saturating_sub(1);
        let tokens = match self.paged {
            true => paged(together, sequences, own),
            // A sequence's room doubles as it grows.
            false => together.iter().sum::<usize>() + sequences * own.next_power_of_two(),
        };
        let step = self.model.decode_bytes(sequences);
        let prompt = self
            .model
            .prefill_bytes(prompts.first().copied().unwrap_or(0));
        let masks = match self.truncates() && !self.paged {
            true => self.model.kept_bytes(prompts.len() * generations * length),
            false => 0,
        };
        Phase {
            tokens,
            bytes: self.model.cache_bytes(tokens) + step.max(prompt) + masks,
        }
    }

    /// The fullest pass: all of a step, up to `micro_batch_tokens` unless one completion with its prompt is more.
    fn training(&self, prompts: &[usize]) -> Phase {
        let generations = self.config.rollout.num_generations;
        let length = self.config.rollout.max_completion_length;
        let own = length - 1;
        let all = prompts.iter().sum::<usize>() + prompts.len() * generations * own;
        let alone = prompts.first().map_or(0, |prompt| prompt + own);
        let rows = all.min(self.config.run.micro_batch_tokens.max(alone));
        let size = PassSize {
            rows,
            requests: rows.min(prompts.len() * generations * length),
            kept: self.truncates(),
        };
        let masks = match self.truncates() && !self.paged {
            true => self.model.kept_bytes(prompts.len() * generations * length),
            false => 0,
        };
        Phase {
            tokens: rows,
            bytes: self.model.pass_bytes(self.adapter, size) + masks,
        }
    }

    /// Whether tokens are drawn among some of the vocabulary; the processor keeps a step's masks until it is done.
    fn truncates(&self) -> bool {
        self.config.rollout.top_k > 0 || self.config.rollout.top_p < 1.0
    }
}

/// Tokens that the pages have room for once prompts and sequences' own tokens lie in them.
fn paged(prompts: &[usize], sequences: usize, own: usize) -> usize {
    let (mut used, mut count) = (0, 0);
    let mut take = |pages: usize| {
        used += pages;
        count = pages_for(count, used);
    };
    for tokens in prompts {
        take(tokens.div_ceil(PAGE));
    }
    for _ in 0..sequences * own.div_ceil(PAGE) {
        take(1);
    }
    count * PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_doubles_until_everything_has_a_page() {
        // 4 pages of a prompt and 8 sequences of 8 pages each, 68 in all: 64 and then 128.
        assert_eq!(paged(&[50], 8, 128), 128 * PAGE);
        // A prompt of more than the first pages is given what it takes, and then twice that.
        assert_eq!(paged(&[1600], 1, 1), 200 * PAGE);
        assert_eq!(paged(&[1600], 1, 0), 100 * PAGE);
        assert_eq!(paged(&[], 0, 5), 0);
    }
}
