//! One step of GRPO: answer, score, compare, move the adapter.
//!
//! Source: DeepSeekMath (arXiv 2402.03300, algorithm 1) as ReCode runs it in TRL; the reward and the loss are `recode-core`'s. A step
//! answers `prompts_per_step` prompts `num_generations` times each and makes `num_iterations` updates of these answers.
//!
//! - The reference is the model without adapter; `beta = 0` leaves its pass out.
//! - `old_logprobs` are the policy's before the step's first update. With one update they are the current ones, so no pass is spent.
//! - Dropout belongs to the training pass alone: rollouts, reference and old log-probabilities are without.
//! - With `beta = 0` a completion of advantage zero moves nothing: it is left out of the training passes, though not of the denominators.
//! - A truncated completion that is masked counts in its group's mean all the same: its siblings are compared with what it earned.
//!
//! # Differences from TRL
//! Every denominator is the whole step's, whatever the micro-batches. The difference between sampling and training is measured without
//! dropout: where the training pass has dropout and there is no pass of old log-probabilities, or where no completion is trained on, one
//! completion a prompt is run again for it, a different one each step.

mod batch;
mod update;

use std::ops::ControlFlow;

use pollster::block_on;
use recode_core::migration::Migration;
use recode_core::policy::group_spread;
use recode_core::reward::Breakdown;
use recode_kernels::decoder::{Adapter, Decoder, Merged};

use self::batch::Batch;
use crate::config::Config;
use crate::examples::Example;
use crate::inputs::total;
use crate::model_dir::Model;
use crate::optimizer::Optimizer;
use crate::rollout::{Completion, Event, Prompt, RolloutConfig, rollout};
use crate::sampler::SamplingConfig;
use crate::schedule::Schedule;
use crate::step_log::{CompletionLine, DeviceMemory, Standing, StepMetrics, Timings, Watch};

/// What a completion of a row is worth.
pub type Reward<'a> = dyn Fn(&Migration, &str, usize) -> Breakdown + Sync + 'a;

/// What is trained, and what trains it, all of it on the decoder's device.
#[derive(Debug)]
pub struct Policy {
    pub adapter: Adapter,
    pub optimizer: Optimizer,
    /// The adapter in the model's weights, formed anew after every update: what answers and what is trained is one thing.
    pub merged: Merged,
    gradients: Adapter,
    /// Whether an update that had something to teach has been seen to move the adapter.
    moved: bool,
}

impl Policy {
    /// # Errors
    /// An adapter that does not fit the decoder.
    pub fn new(decoder: &Decoder, adapter: Adapter, optimizer: Optimizer) -> anyhow::Result<Self> {
        Ok(Self {
            merged: decoder.merge(&adapter)?,
            gradients: adapter.zeros_like()?,
            moved: false,
            adapter,
            optimizer,
        })
    }
}

/// Where a step begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Begin {
    /// Counted from 1.
    pub step: u64,
    /// Epochs done when the step is.
    pub epoch: f64,
    /// Tokens seen before the step.
    pub num_tokens: u64,
}

/// What a step left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub metrics: StepMetrics,
    pub completions: Vec<CompletionLine>,
    pub timings: Timings,
}

/// What stays the same from step to step.
#[allow(missing_debug_implementations, reason = "a reward is a closure")]
pub struct Grpo<'a> {
    pub model: &'a Model,
    pub config: &'a Config,
    pub schedule: Schedule,
    pub reward: &'a Reward<'a>,
}

impl Grpo<'_> {
    /// Runs a step on `prompts` and moves `policy`.
    ///
    /// # Errors
    /// Logits, rewards, a loss or a gradient that are not finite; an adapter that does not move though it should.
    pub fn step(
        &self,
        begin: Begin,
        prompts: &[&Example],
        policy: &mut Policy,
    ) -> anyhow::Result<Outcome> {
        let mut timings = Timings {
            step: begin.step,
            ..Timings::default()
        };
        let device = self.model.decoder.device();
        DeviceMemory::begin(&device);
        let mut whole = Watch::start();
        let completions = self.answer(begin.step, prompts, policy, &mut timings)?;
        let mut watch = Watch::start();
        let breakdowns: Vec<Breakdown> = completions
            .iter()
            .map(|c| {
                (self.reward)(
                    &prompts[c.prompt].migration,
                    &c.text,
                    c.completion_ids.len(),
                )
            })
            .collect();
        let rewards: Vec<f64> = breakdowns
            .iter()
            .map(total)
            .collect::<anyhow::Result<_>>()?;
        watch.lap(&mut timings.reward_seconds);

        let batch = Batch::new(self.config, prompts, &completions, &rewards)?;
        let updates = update::update(self, begin.step, &batch, policy, &mut timings)?;

        let lines: Vec<CompletionLine> = completions
            .iter()
            .zip(breakdowns)
            .enumerate()
            .map(|(index, (completion, breakdown))| CompletionLine {
                step: begin.step,
                row: prompts[completion.prompt].line,
                sample: completion.sample,
                completion: completion.text.clone(),
                tokens: completion.completion_ids.len(),
                finish_reason: completion.finish_reason,
                breakdown,
                advantage: batch.advantages[index],
                counted: batch.counted[index],
            })
            .collect();
        let prompt_tokens: usize = prompts.iter().map(|p| p.prompt_ids.len()).sum();
        let at = Standing {
            step: begin.step,
            epoch: begin.epoch,
            num_tokens: begin.num_tokens + (prompt_tokens + timings.completion_tokens) as u64,
            reference: self.config.loss.beta > 0.0,
            num_iterations: self.config.loss.num_iterations,
        };
        let spread = group_spread(&rewards, self.config.rollout.num_generations)?;
        whole.lap(&mut timings.step_seconds);
        timings.memory = DeviceMemory::end(&device);
        Ok(Outcome {
            metrics: StepMetrics::new(at, &lines, spread, &updates),
            completions: lines,
            timings,
        })
    }

    fn answer(
        &self,
        step: u64,
        prompts: &[&Example],
        policy: &Policy,
        timings: &mut Timings,
    ) -> anyhow::Result<Vec<Completion>> {
        let config = &self.config.rollout;
        // A prompt is named by its place in the step: the same row may come twice in one.
        let prompts: Vec<Prompt<'_>> = (0..)
            .zip(prompts)
            .map(|(id, example)| Prompt {
                id,
                prompt_ids: &example.prompt_ids,
            })
            .collect();
        let rollout = block_on(rollout(
            &self.model.decoder,
            Some(&policy.merged),
            &self.model.tokenizer,
            &prompts,
            &RolloutConfig {
                num_generations: config.num_generations,
                max_completion_length: config.max_completion_length,
                max_concurrent_sequences: config.max_concurrent_sequences,
                sampling: SamplingConfig {
                    temperature: config.temperature as f32,
                    top_k: config.top_k,
                    top_p: config.top_p as f32,
                },
                seed: self.config.seed,
                step,
            },
            &mut async |_: Event<'_>| Ok(ControlFlow::Continue(())),
        ))?;
        timings.prefill_seconds = rollout.prefill_time.as_secs_f64();
        timings.decode_seconds = rollout.decode_time.as_secs_f64();
        timings.decode_tokens_per_second = rollout.tokens_per_second();
        timings.completion_tokens = rollout.tokens;
        Ok(rollout.completions)
    }
}
