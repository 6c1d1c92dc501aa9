//! The optimizer steps of one step: passes over its micro-batches, the loss between them, and the adapter's move.

use std::borrow::Cow;

use anyhow::{Context, ensure};
use pollster::block_on;
use recode_core::policy::{self, TokenLogprobs, policy_loss};
use recode_kernels::decoder::{Dropout, Merged, Trained};
use recode_kernels::ops::linear_logprob::{Logprobs, PendingLogprobs, Sampling};
use recode_kernels::random::Stream;
use recode_kernels::{Tensor, profile};

use super::batch::Batch;
use super::{Grpo, Policy};
use crate::config::LossConfig;
use crate::micro_batch::{MicroBatch, cut};
use crate::step_log::{Timings, Updates, Watch};

/// First label of the random streams that dropout masks come from.
const DROPOUT: u64 = u64::from_be_bytes(*b"drop out");

/// Makes the step's optimizer steps.
pub(super) fn update(
    grpo: &Grpo<'_>,
    step: u64,
    batch: &Batch<'_>,
    policy: &mut Policy,
    timings: &mut Timings,
) -> anyhow::Result<Updates> {
    let LossConfig {
        beta,
        num_iterations,
        ..
    } = grpo.config.loss;
    let dropout = grpo.config.adapter.lora_dropout > 0.0;
    let mut passes = Passes {
        grpo,
        batch,
        unread: Vec::new(),
        reference: Vec::new(),
        old: Vec::new(),
        updates: Updates::default(),
        timings,
    };
    let mut watch = Watch::start();
    if beta > 0.0 {
        for part in &batch.parts {
            passes.launch(Purpose::Reference, part.into(), &policy.merged)?;
        }
    }
    watch.lap(&mut passes.timings.reference_seconds);
    if num_iterations > 1 {
        for part in &batch.parts {
            passes.launch(Purpose::Old, part.into(), &policy.merged)?;
        }
    }
    if batch.parts.is_empty() {
        // Nothing is trained on, and all the same sampling may have gone astray.
        passes.compare_some(step, &policy.merged)?;
        passes.read(None)?;
    } else if num_iterations == 1 && dropout {
        passes.compare_some(step, &policy.merged)?;
    }
    watch.lap(&mut passes.timings.old_seconds);

    for iteration in 0..num_iterations {
        policy.gradients.clear();
        let mask_seed = dropout.then(|| mask_seed(grpo.config.seed, step, iteration));
        for index in 0..batch.parts.len() {
            passes.with_gradient(index, mask_seed, policy)?;
        }
        let mut watch = Watch::start();
        passes.apply(policy)?;
        watch.lap(&mut passes.timings.optimizer_seconds);
    }
    Ok(passes.updates)
}

/// Those of a micro-batch, where there are any.
fn of_part(all: &[Vec<f32>], index: usize) -> Option<&[f32]> {
    (!all.is_empty()).then(|| all[index].as_slice())
}

/// The seed of an optimizer step's dropout masks.
fn mask_seed(seed: u64, step: u64, iteration: usize) -> u64 {
    let [high, low, ..] = Stream::new(seed, &[DROPOUT, step, iteration as u64]).at(0);
    u64::from(high) << 32 | u64::from(low)
}

/// A pass without gradient whose log-probabilities are still to be read.
struct Unread<'a> {
    purpose: Purpose,
    /// The completions that it was over.
    part: Cow<'a, [usize]>,
    pending: PendingLogprobs,
}

/// What log-probabilities are for.
enum Purpose {
    /// The KL divergence from the model without adapter.
    Reference,
    /// The ratio of an update to the policy before the first.
    Old,
    /// To be compared with those that the completions were sampled by.
    Comparison,
}

/// The passes over a step's micro-batches and what they add up to.
struct Passes<'a> {
    grpo: &'a Grpo<'a>,
    batch: &'a Batch<'a>,
    /// What a GPU may still be at work on: it is waited for once, with the first training pass.
    unread: Vec<Unread<'a>>,
    /// Log-probabilities per micro-batch; none where beta is 0.
    reference: Vec<Vec<f32>>,
    /// ... of the policy before the first update; none where the first update is the only one.
    old: Vec<Vec<f32>>,
    updates: Updates,
    timings: &'a mut Timings,
}

impl<'a> Passes<'a> {
    /// Forward, loss and backward of one micro-batch: adds to the policy's gradients.
    fn with_gradient(
        &mut self,
        index: usize,
        mask_seed: Option<u64>,
        policy: &mut Policy,
    ) -> anyhow::Result<()> {
        profile::phase("training pass");
        let mut watch = Watch::start();
        let Self { grpo, batch, .. } = *self;
        let decoder = &grpo.model.decoder;
        let part = &batch.parts[index];
        let micro = self.micro_batch(part)?;
        let dropout = mask_seed.map(|seed| Dropout {
            probability: grpo.config.adapter.lora_dropout as f32,
            seed,
            tokens: micro.names.clone(),
        });
        let activations = decoder.forward(&micro.batch, Some(&policy.merged), dropout.as_ref())?;
        let sampling = self.sampling(&micro);
        let current = decoder.launch_logprobs(&activations.hidden, &micro.requests, &sampling)?;
        let current = self.read(Some(current))?.expect("what was launched");
        let old = of_part(&self.old, index);
        let advantages: Vec<f64> = part.iter().map(|&i| batch.advantages[i]).collect();
        let result = policy_loss(
            &TokenLogprobs {
                logprobs: &current.logprobs,
                old_logprobs: old.unwrap_or(&current.logprobs),
                ref_logprobs: of_part(&self.reference, index),
                entropy: &current.entropy,
                sequence: &micro.sequence,
                advantages: &advantages,
                // What is masked out is in no micro-batch.
                counted: &vec![true; part.len()],
            },
            &batch.totals,
            &loss_config(&grpo.config.loss),
        )?;
        self.updates.loss += result.loss;
        self.updates.stats += result.stats;
        if old.is_none() && dropout.is_none() {
            batch.compare(part, &current.logprobs, &mut self.updates.difference);
        }
        watch.lap(&mut self.timings.forward_seconds);

        if result.d_logprobs.iter().any(|&d| d != 0.0) {
            let hidden = &activations.hidden;
            let mut d_hidden = Tensor::zeros_on(&hidden.device(), hidden.rows(), hidden.cols())?;
            decoder.logprobs_backward(
                hidden,
                &micro.requests,
                &sampling,
                &current,
                &result.d_logprobs,
                &mut d_hidden,
                None,
            )?;
            let trained = Trained::Adapter {
                adapter: &policy.adapter,
                merged: &policy.merged,
                gradients: &mut policy.gradients,
            };
            decoder.backward(
                &micro.batch,
                dropout.as_ref(),
                &activations,
                &d_hidden,
                trained,
            )?;
        }
        watch.lap(&mut self.timings.backward_seconds);
        Ok(())
    }

    /// Clips, moves the adapter by AdamW, and forms the weights it makes.
    fn apply(&mut self, policy: &mut Policy) -> anyhow::Result<()> {
        profile::phase("update");
        let rate = self.grpo.schedule.learning_rate(policy.optimizer.steps());
        let taught = self.batch.taught();
        let watched = !policy.moved && rate > 0.0 && taught > 0;
        let before = match watched {
            true => Some(block_on(policy.adapter.read())?),
            false => None,
        };
        let parameters = policy.adapter.tensors_mut();
        let gradients = policy.gradients.tensors_mut();
        let norm = policy
            .optimizer
            .update_tensors(rate, parameters, gradients)?;
        self.updates.grad_norm += norm;
        self.updates.learning_rate = rate;
        if let Some(before) = before {
            // Weight decay moves weights by itself, so that both are asked: is there a gradient, and does it reach them?
            ensure!(
                norm > 0.0,
                "the gradient is zero, though {taught} completions had an advantage: nothing would be learned \
                 (look at adapter.lora_alpha and rollout.temperature)"
            );
            ensure!(
                before != block_on(policy.adapter.read())?,
                "no weight of the adapter has moved, though {taught} completions had an advantage and the learning rate is {rate}: \
                 nothing would be learned"
            );
            policy.moved = true;
        }
        // The old ones first: both together would be the run's peak.
        policy.merged = Merged::default();
        policy.merged = self.grpo.model.decoder.merge(&policy.adapter)?;
        Ok(())
    }

    /// Compares sampling with a pass without dropout for one completion of every prompt, another one each step.
    fn compare_some(&mut self, step: u64, merged: &Merged) -> anyhow::Result<()> {
        let config = self.grpo.config;
        let generations = config.rollout.num_generations;
        let chosen = (step % generations as u64) as usize;
        let budget = config.run.micro_batch_tokens;
        for part in cut(&self.batch.samples, budget, |i| i % generations == chosen) {
            self.launch(Purpose::Comparison, part.into(), merged)?;
        }
        Ok(())
    }

    /// A pass without gradient or dropout, of the policy or, for the reference, of the model without it.
    fn launch(
        &mut self,
        purpose: Purpose,
        part: Cow<'a, [usize]>,
        policy: &Merged,
    ) -> anyhow::Result<()> {
        profile::phase("pass without gradient");
        let decoder = &self.grpo.model.decoder;
        let micro = self.micro_batch(&part)?;
        let merged = match purpose {
            Purpose::Reference => None,
            Purpose::Old | Purpose::Comparison => Some(policy),
        };
        let hidden = decoder.forward_hidden(&micro.batch, merged)?;
        let sampling = self.sampling(&micro);
        let pending = decoder.launch_logprobs(&hidden, &micro.requests, &sampling)?;
        self.unread.push(Unread {
            purpose,
            part,
            pending,
        });
        Ok(())
    }

    /// Reads what was launched, the training pass's `current` with it, and puts it where it belongs.
    fn read(&mut self, current: Option<PendingLogprobs>) -> anyhow::Result<Option<Logprobs>> {
        let unread = self.unread.drain(..);
        let of_what = |unread: Unread<'a>| ((unread.purpose, unread.part), unread.pending);
        let (whats, mut pending): (Vec<_>, Vec<_>) = unread.map(of_what).unzip();
        pending.extend(current);
        let mut found = block_on(PendingLogprobs::read_all(pending))?.into_iter();
        for ((purpose, part), Logprobs { logprobs, .. }) in whats.into_iter().zip(&mut found) {
            let difference = &mut self.updates.difference;
            match purpose {
                Purpose::Reference => self.reference.push(logprobs),
                Purpose::Old => {
                    self.batch.compare(&part, &logprobs, difference);
                    self.old.push(logprobs);
                }
                Purpose::Comparison => self.batch.compare(&part, &logprobs, difference),
            }
        }
        Ok(found.next())
    }

    fn micro_batch(&self, part: &[usize]) -> anyhow::Result<MicroBatch> {
        let vocab_size = self.grpo.model.decoder.config().vocab_size;
        MicroBatch::new(&self.batch.samples, part, vocab_size)
            .context("cannot lay out a micro-batch")
    }

    /// The distribution tokens were drawn from: all log-probabilities honour it.
    fn sampling<'m>(&self, micro: &'m MicroBatch) -> Sampling<'m> {
        Sampling {
            temperature: self.grpo.config.rollout.temperature as f32,
            kept: micro.kept.as_ref(),
        }
    }
}

fn loss_config(config: &LossConfig) -> policy::LossConfig {
    policy::LossConfig {
        clip_ratio_low: config.clip_ratio_low,
        clip_ratio_high: config.clip_ratio_high,
        dual_clip: config.dual_clip,
        beta: config.beta,
        loss_agg_mode: config.loss_agg_mode,
    }
}
