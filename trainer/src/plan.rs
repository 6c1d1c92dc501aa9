//! What a run will need of its device's memory, from its configuration, rows and model's files alone.
//!
//! Prompts are those of the run's steps, cut into passes as the run cuts them; every completion is taken to be as long as it may be, so that
//! a policy which ends its answers earlier stays below.

use recode_kernels::Device;
use recode_kernels::decoder::{AdapterConfig, DecoderConfig, PassSize};
use serde::Serialize;

use crate::config::Config;
use crate::examples::{Example, Examples};
use crate::micro_batch::{Sample, cut, rows};
use crate::train::adapter_config;

/// Steps whose prompts are looked at.
const MOST_STEPS: u64 = 2000;
/// Tokens of a page of keys and values on a GPU, and pages that a pool begins with.
const PAGE: usize = 16;
const FIRST_PAGES: usize = 64;

/// Bytes of a run, by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The model's weights.
    pub weights: u64,
    /// Those that the adapter changes, a second time.
    pub merged: u64,
    /// The adapter, its gradients, and AdamW's two moments.
    pub adapter: u64,
    /// Rollouts, at most: keys and values, and a decode step.
    pub rollout: Phase,
    /// The largest training pass.
    pub training: Phase,
    /// The evaluation, where there is one, as a rollout.
    pub evaluation: Phase,
    /// The most at once: what stays, and the largest of the three.
    pub peak: u64,
}

/// Bytes that one part of a step makes and lets go again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Tokens that it is about: cached, or in the pass.
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
        let (mut rollout, mut training) = (Phase::default(), Phase::default());
        let wanted = config.rollout.prompts_per_step as u64;
        for step in 0..config.run.max_steps.min(MOST_STEPS) {
            let prompts: Vec<&Example> = (step * wanted..(step + 1) * wanted)
                .map(|n| &examples.train[examples.nth_prompt(config.seed, n)])
                .collect();
            let generations = config.rollout.num_generations;
            let length = config.rollout.max_completion_length;
            rollout = rollout.larger(work.rollout(&prompts, generations, length));
            training = training.larger(work.training(&prompts));
        }
        let evaluated: Vec<&Example> = match config.run.eval {
            true => examples.eval.iter().collect(),
            false => Vec::new(),
        };
        let length = config.run.eval_max_completion_length;
        let evaluation = work.rollout(&evaluated, 1, length);
        let merged = adapter.merged_bytes(model);
        let adapter = 4 * size_of::<f32>() as u64 * adapter.parameters(model);
        let phases = [rollout, training, evaluation].map(|phase| phase.bytes);
        Ok(Self {
            weights,
            merged,
            adapter,
            rollout,
            training,
            evaluation,
            peak: weights + merged + adapter + phases.into_iter().max().unwrap_or(0),
        })
    }
}

impl Phase {
    fn larger(self, other: Self) -> Self {
        if other.bytes > self.bytes {
            other
        } else {
            self
        }
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
    /// Completions of one length, as many at a time as there are places: they begin and end together.
    fn rollout(&self, prompts: &[&Example], generations: usize, length: usize) -> Phase {
        let lengths = |prompt: &&Example| prompt.prompt_ids.len();
        let of_completions: Vec<usize> = (0..prompts.len() * generations)
            .map(|completion| completion / generations)
            .collect();
        let places = self.config.rollout.max_concurrent_sequences;
        let mut tokens = 0;
        for wave in of_completions.chunks(places) {
            let mut own: Vec<usize> = wave.to_vec();
            own.dedup();
            let prompts = own.iter().map(|&prompt| lengths(&prompts[prompt]));
            tokens = tokens.max(match self.paged {
                true => paged(prompts, wave.len(), length),
                // A sequence's room doubles as it grows.
                false => prompts.sum::<usize>() + wave.len() * length.next_power_of_two(),
            });
        }
        let most = places.min(of_completions.len());
        let longest = prompts.iter().map(lengths).max().unwrap_or(0);
        let step = self.model.decode_bytes(most);
        Phase {
            tokens,
            bytes: self.model.cache_bytes(tokens) + step.max(self.model.prefill_bytes(longest)),
        }
    }

    /// The largest pass of a step.
    fn training(&self, prompts: &[&Example]) -> Phase {
        let generations = self.config.rollout.num_generations;
        let completion = vec![0; self.config.rollout.max_completion_length];
        let completions = (0..prompts.len()).flat_map(|p| (0..generations).map(move |s| (p, s)));
        let samples: Vec<Sample<'_>> = completions
            .map(|(prompt, sample)| Sample {
                prompt,
                sample,
                prompt_ids: &prompts[prompt].prompt_ids,
                completion_ids: &completion,
                kept: None,
            })
            .collect();
        let parts = cut(&samples, self.config.run.micro_batch_tokens, |_| true);
        let passes = parts.iter().map(|part| {
            let rows = rows(&samples, part);
            let logit_rows = part.len() * completion.len();
            let size = PassSize { rows, logit_rows };
            Phase {
                tokens: rows,
                bytes: self.model.pass_bytes(self.adapter, size),
            }
        });
        passes.fold(Phase::default(), Phase::larger)
    }
}

/// Tokens that the pages have room for once prompts and completions lie in them: a pool doubles when it is full.
fn paged(prompts: impl Iterator<Item = usize>, sequences: usize, length: usize) -> usize {
    let (mut used, mut count) = (0, 0);
    let mut take = |pages: usize| {
        used += pages;
        if used > count {
            count = used.max((2 * count).max(FIRST_PAGES));
        }
    };
    prompts.for_each(|tokens| take(tokens.div_ceil(PAGE)));
    for _ in 0..sequences * length.saturating_sub(1).div_ceil(PAGE) {
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
        assert_eq!(paged([50].into_iter(), 8, 129), 128 * PAGE);
        // A prompt of more than the first pages is given what it takes, and then twice that.
        assert_eq!(paged([1600].into_iter(), 1, 2), 200 * PAGE);
        assert_eq!(paged([1600].into_iter(), 1, 1), 100 * PAGE);
        assert_eq!(paged([].into_iter(), 0, 5), 0);
    }
}
