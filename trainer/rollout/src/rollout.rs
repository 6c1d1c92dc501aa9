//! The policy answers: all completions of a step, decoded together from shared prompt caches. Knows no reward.
//!
//! Continuous batching: up to `max_concurrent_sequences` completions take a token each per round; one that ends gives its place to the next
//! in line. A prompt is computed once, when its first completion gets a place; its keys and values serve all of its completions and go with
//! the last of them, so memory is bounded by `max_concurrent_sequences` and the lengths, not by the number of prompts.
//!
//! A completion ends at an end token, which is part of it (by position: its id may occur nowhere else, so nothing is masked by value),
//! or at `max_completion_length`. The kernels compute a row of a decoding batch without regard to the others, and a random number belongs
//! to (seed, step, prompt, sample, position), so a completion depends neither on its batch mates nor on order or threads.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use recode_kernels::decoder::{Cache, Decoder, Merged, PromptId, SequenceId};
use recode_kernels::ops::linear_logprob::KeptTokens;
use recode_kernels::profile;
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::sampler::{Draw, Sampler, SamplingConfig, uniform};
use crate::tokenizer::Tokenizer;

/// How completions are made.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutConfig {
    /// Completions per prompt.
    pub num_generations: usize,
    /// Longest completion, end token included.
    pub max_completion_length: usize,
    /// Completions that are decoded together, at most: what bounds the cache.
    pub max_concurrent_sequences: usize,
    pub sampling: SamplingConfig,
    pub seed: u64,
    /// Second coordinate of every random number: the training step, so that a prompt that comes again is answered anew.
    pub step: u64,
}

/// A prompt to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// Third coordinate of every random number, for example the row of the data set.
    pub id: u64,
    pub prompt_ids: &'a [u32],
}

/// Why a completion ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// Its last token is an end token.
    Eos,
    /// It is truncated: `max_completion_length` tokens and no end.
    Length,
    /// The observer stopped the rollout before the completion ended.
    Stopped,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Index among the prompts that were given.
    pub prompt: usize,
    /// 0 up to `num_generations`.
    pub sample: usize,
    pub completion_ids: Vec<u32>,
    /// Log-probability of each token under the distribution it was drawn from.
    pub sampling_logprobs: Vec<f32>,
    /// Per token what top-k and top-p left; `None` where the sampling cuts nothing off.
    pub kept: Option<KeptTokens>,
    pub finish_reason: FinishReason,
    /// The tokens' text without the end token.
    pub text: String,
}

/// All completions of a step, by prompt and sample, and what they took.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// `prompts x num_generations` completions in order, unless stopped: then those that were begun.
    pub completions: Vec<Completion>,
    /// Whether the observer stopped it.
    pub stopped: bool,
    /// Completion tokens.
    pub tokens: usize,
    /// Most bytes of keys and values that were held at once.
    pub peak_cache_bytes: usize,
    /// Time in the prompts, the observer's included.
    pub prefill_time: Duration,
    /// Time in everything else.
    pub decode_time: Duration,
}

impl Rollout {
    /// Completion tokens a second, the time of the prompts left out.
    pub fn tokens_per_second(&self) -> f64 {
        self.tokens as f64 / self.decode_time.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// What the observer of a rollout hears.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another layer of a prompt is computed: how many of how many. A GPU has only been told to.
    Prefill {
        prompt: usize,
        layers_done: usize,
        layers: usize,
    },
    /// A completion has one more token.
    Token {
        prompt: usize,
        sample: usize,
        token: u32,
    },
    /// A completion has ended.
    Finished(&'a Completion),
}

/// Answers every prompt `num_generations` times.
///
/// `observe` hears of every layer of a prompt, every token and every completion as it ends, and stops the rollout by `ControlFlow::Break`.
///
/// # Errors
/// A config out of range; a prompt that is empty or leaves no room for `max_completion_length` tokens within the model's positions
/// (names the prompt and both numbers); logits that are not finite; what `observe` returns.
pub async fn rollout<O>(
    decoder: &Decoder,
    adapter: Option<&Merged>,
    tokenizer: &Tokenizer,
    prompts: &[Prompt<'_>],
    config: &RolloutConfig,
    observe: &mut O,
) -> Result<Rollout>
where
    O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
{
    check(decoder, prompts, config)?;
    let mut run = Run {
        decoder,
        adapter,
        tokenizer,
        prompts,
        config,
        cache: Cache::new(decoder.config()),
        waiting: (0..prompts.len())
            .flat_map(|prompt| (0..config.num_generations).map(move |sample| (prompt, sample)))
            .collect(),
        shared: None,
        places: Vec::new(),
        done: Vec::new(),
        peak_cache_bytes: 0,
        prefill_time: Duration::ZERO,
    };
    let begun = Instant::now();
    let stopped = run.all(observe).await?.is_break();
    let mut completions = run.done;
    completions.sort_by_key(|completion| (completion.prompt, completion.sample));
    let lengths = completions.iter().map(|c| c.completion_ids.len());
    Ok(Rollout {
        stopped,
        tokens: lengths.sum(),
        peak_cache_bytes: run.peak_cache_bytes,
        prefill_time: run.prefill_time,
        decode_time: begun.elapsed().saturating_sub(run.prefill_time),
        completions,
    })
}

fn check(decoder: &Decoder, prompts: &[Prompt<'_>], config: &RolloutConfig) -> Result<()> {
    for (name, value) in [
        ("num_generations", config.num_generations),
        ("max_completion_length", config.max_completion_length),
        ("max_concurrent_sequences", config.max_concurrent_sequences),
    ] {
        if value == 0 {
            bail!("{name} is 0, but must be at least 1");
        }
    }
    let most = decoder.most_sequences();
    if config.max_concurrent_sequences > most {
        bail!(
            "max_concurrent_sequences is {}, but a GPU decodes at most {most} at once",
            config.max_concurrent_sequences
        );
    }
    config.sampling.validate()?;
    let positions = decoder.config().max_position_embeddings;
    for prompt in prompts {
        let length = prompt.prompt_ids.len();
        if length == 0 {
            bail!(
                "prompt {} has no tokens: there is nothing to continue",
                prompt.id
            );
        }
        if length.saturating_add(config.max_completion_length) > positions {
            bail!(
                "prompt {} has {length} tokens, which with max_completion_length {} is more than the model's {positions} positions (max_position_embeddings): shorten the prompt or lower max_completion_length",
                prompt.id,
                config.max_completion_length
            );
        }
    }
    Ok(())
}

/// A completion that is being decoded.
struct Place {
    sequence: SequenceId,
    sampler: Sampler,
    completion: Completion,
}

struct Run<'a> {
    decoder: &'a Decoder,
    adapter: Option<&'a Merged>,
    tokenizer: &'a Tokenizer,
    prompts: &'a [Prompt<'a>],
    config: &'a RolloutConfig,
    cache: Cache,
    waiting: VecDeque<(usize, usize)>,
    /// The prompt whose completions are given places now, and the logits behind its last token, `[V]`.
    shared: Option<(PromptId, Vec<f32>)>,
    places: Vec<Place>,
    done: Vec<Completion>,
    peak_cache_bytes: usize,
    prefill_time: Duration,
}

impl Run<'_> {
    async fn all<O>(&mut self, observe: &mut O) -> Result<ControlFlow<()>>
    where
        O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
    {
        loop {
            while self.places.len() < self.config.max_concurrent_sequences
                && let Some((prompt, sample)) = self.waiting.pop_front()
            {
                if self.begin(prompt, sample, observe).await?.is_break() {
                    return self.stop();
                }
                let newest = self.places.len() - 1;
                if self.settle(newest, observe).await?.is_break() {
                    return self.stop();
                }
            }
            if self.places.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            self.round().await?;
            if self.settle(0, observe).await?.is_break() {
                return self.stop();
            }
        }
    }

    /// Gives a completion a place and draws its first token from the logits behind the prompt.
    async fn begin<O>(
        &mut self,
        prompt: usize,
        sample: usize,
        observe: &mut O,
    ) -> Result<ControlFlow<()>>
    where
        O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
    {
        let id = self.prompts[prompt].id;
        let (cached, logits) = match self.shared.take() {
            Some(shared) => shared,
            None => {
                profile::phase("prefill");
                let begun = Instant::now();
                let computed = self.prefill(prompt, observe).await?;
                self.prefill_time += begun.elapsed();
                match computed {
                    Some(computed) => computed,
                    None => return Ok(ControlFlow::Break(())),
                }
            }
        };
        let mut place = Place {
            sequence: self.cache.fork(cached)?,
            sampler: Sampler::new(self.config.sampling)?,
            completion: Completion {
                prompt,
                sample,
                completion_ids: Vec::new(),
                sampling_logprobs: Vec::new(),
                kept: (self.config.sampling.truncates()).then(|| KeptTokens::new(logits.len())),
                finish_reason: FinishReason::Stopped,
                text: String::new(),
            },
        };
        place.draw(&logits, id, self.config)?;
        self.places.push(place);
        if sample + 1 < self.config.num_generations {
            self.shared = Some((cached, logits));
        } else {
            // Its keys and values stay for as long as one of its completions needs them.
            self.cache.free_prompt(cached)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Computes a prompt, and the logits behind its last token, `[V]`; none where the observer stopped it.
    async fn prefill<O>(
        &mut self,
        prompt: usize,
        observe: &mut O,
    ) -> Result<Option<(PromptId, Vec<f32>)>>
    where
        O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
    {
        let Prompt { id, prompt_ids } = self.prompts[prompt];
        let cannot = || format!("cannot compute prompt {id}");
        let mut prefill = self
            .decoder
            .begin_prefill(prompt_ids, self.adapter, &mut self.cache)
            .with_context(cannot)?;
        let layers = prefill.layers();
        for layers_done in 1..=layers {
            prefill.next_layer().with_context(cannot)?;
            let event = Event::Prefill {
                prompt,
                layers_done,
                layers,
            };
            if observe(event).await?.is_break() {
                return Ok(None);
            }
        }
        let (cached, hidden) = prefill.finish().with_context(cannot)?;
        let logits = self.decoder.logits(&hidden)?.read().await?; // [1, V]
        Ok(Some((cached, logits.into_vec())))
    }

    /// One more token for every place.
    async fn round(&mut self) -> Result<()> {
        profile::phase("decode");
        let sequences: Vec<SequenceId> = self.places.iter().map(|place| place.sequence).collect();
        let ids: Vec<u32> = self.places.iter().map(Place::last_token).collect();
        let hidden = self
            .decoder
            .decode(&sequences, &ids, self.adapter, &mut self.cache)?; // [M, C]
        self.peak_cache_bytes = self.peak_cache_bytes.max(self.cache.bytes());
        let logits = self.decoder.logits(&hidden)?.read().await?; // [M, V]
        let (prompts, config) = (self.prompts, self.config);
        self.places
            .par_iter_mut()
            .enumerate()
            .map(|(row, place)| {
                place.draw(logits.row(row), prompts[place.completion.prompt].id, config)
            })
            .collect()
    }

    /// Reports the newest tokens of the places from `first` on, and clears the places whose completion ended with them.
    async fn settle<O>(&mut self, first: usize, observe: &mut O) -> Result<ControlFlow<()>>
    where
        O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
    {
        for place in &self.places[first..] {
            let Completion { prompt, sample, .. } = place.completion;
            let token = place.last_token();
            let event = Event::Token {
                prompt,
                sample,
                token,
            };
            if observe(event).await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut place = first;
        while place < self.places.len() {
            if self.ends(place) {
                if observe(Event::Finished(self.finish(place)?))
                    .await?
                    .is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            } else {
                place += 1;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether the newest token of a place is its last; says why in the completion.
    fn ends(&mut self, place: usize) -> bool {
        let place = &mut self.places[place];
        if self.tokenizer.is_eos(place.last_token()) {
            place.completion.finish_reason = FinishReason::Eos;
        } else if place.completion.completion_ids.len() == self.config.max_completion_length {
            place.completion.finish_reason = FinishReason::Length;
        } else {
            return false;
        }
        true
    }

    /// Clears a place and what only it still needed.
    fn finish(&mut self, place: usize) -> Result<&Completion> {
        let Place {
            sequence,
            mut completion,
            ..
        } = self.places.remove(place);
        self.cache.free_sequence(sequence)?;
        let ends = usize::from(completion.finish_reason == FinishReason::Eos);
        let ids = &completion.completion_ids;
        completion.text = self.tokenizer.decode(&ids[..ids.len() - ends])?;
        Ok(self.done.push_mut(completion))
    }

    /// What was begun is handed over as it is.
    fn stop(&mut self) -> Result<ControlFlow<()>> {
        while !self.places.is_empty() {
            // A token that was drawn and not yet looked at may be the end.
            self.ends(0);
            self.finish(0)?;
        }
        Ok(ControlFlow::Break(()))
    }
}

impl Place {
    fn last_token(&self) -> u32 {
        *self
            .completion
            .completion_ids
            .last()
            .expect("a place has drawn at least once")
    }

    fn draw(&mut self, logits: &[f32], prompt_id: u64, config: &RolloutConfig) -> Result<()> {
        let completion = &mut self.completion;
        let position = completion.completion_ids.len();
        let uniform = uniform(
            config.seed,
            config.step,
            prompt_id,
            completion.sample as u64,
            position as u64,
        );
        let Draw { token, logprob } = self.sampler.draw(logits, uniform).with_context(|| {
            format!(
                "prompt {prompt_id}, sample {}, token {position}",
                completion.sample
            )
        })?;
        completion.completion_ids.push(token);
        completion.sampling_logprobs.push(logprob);
        if let (Some(all), Some(kept)) = (&mut completion.kept, self.sampler.kept()) {
            all.push(kept.iter().copied())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
