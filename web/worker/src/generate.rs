//! Answers to a prompt, as they come.

use std::ops::ControlFlow;

use anyhow::{Result, anyhow, bail};
use js_sys::Function;
use recode_rollout::rollout::{
    Completion, Event, FinishReason, Prompt, Rollout, RolloutConfig, rollout,
};
use recode_rollout::sampler::SamplingConfig;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::checkpoint::Checkpoint;
use crate::js_error;
use crate::source::said;

/// Answers side by side, at most: their keys and values share the browser's memory.
const MOST: usize = 64;

/// What is asked for, with the defaults of `recode-trainer generate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Request {
    prompt: String,
    chatml: bool,
    num_generations: usize,
    max_completion_length: usize,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    seed: u64,
}

impl Default for Request {
    fn default() -> Self {
        let sampling = SamplingConfig::default();
        Self {
            prompt: String::new(),
            chatml: false,
            num_generations: 1,
            max_completion_length: 1024,
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            seed: 0,
        }
    }
}

#[derive(Debug, Serialize)]
struct Answers<'a> {
    completions: Vec<Answer<'a>>,
    prompt_tokens: usize,
    stopped: bool,
    prefill_seconds: f64,
    decode_seconds: f64,
    tokens_per_second: f64,
}

/// As `recode-trainer generate --json` writes it.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    sample: usize,
    text: &'a str,
    tokens: usize,
    finish_reason: FinishReason,
    completion_ids: &'a [u32],
    sampling_logprobs: &'a [f32],
}

#[wasm_bindgen]
impl Checkpoint {
    /// Answers a prompt, all answers side by side. `read(done, all)` gets how many layers of the prompt are computed, `heard(sample, text)` each
    /// answer's new text, which may be empty, with every token; both return a promise of whether to go on: a worker hears of nothing else until
    /// that is kept.
    ///
    /// # Errors
    /// Names the field that is out of its range; a prompt that is empty or leaves no room; what went wrong on the device.
    pub async fn generate(
        &self,
        request: String,
        read: Function,
        heard: Function,
    ) -> Result<String, JsError> {
        self.answer(&request, &read, &heard).await.map_err(js_error)
    }
}

impl Checkpoint {
    async fn answer(&self, request: &str, read: &Function, heard: &Function) -> Result<String> {
        let request: Request = serde_json::from_str(request)?;
        if !(1..=MOST).contains(&request.num_generations) {
            bail!(
                "num_generations is {}, but must be from 1 to {MOST}",
                request.num_generations
            );
        }
        if request.chatml {
            self.tokenizer.require_chatml()?;
        }
        let prompt_ids = self.tokenizer.encode(&request.prompt)?;
        let config = RolloutConfig {
            num_generations: request.num_generations,
            max_completion_length: request.max_completion_length,
            max_concurrent_sequences: request.num_generations,
            sampling: SamplingConfig {
                temperature: request.temperature,
                top_k: request.top_k,
                top_p: request.top_p,
            },
            seed: request.seed,
            step: 0,
        };
        let prompt = Prompt {
            id: 0,
            prompt_ids: &prompt_ids,
        };
        let tokenizer = &self.tokenizer;
        let mut streams: Vec<_> = (0..request.num_generations)
            .map(|_| Some(tokenizer.stream()))
            .collect();
        let mut observe = async |event: Event<'_>| {
            let (sample, text) = match event {
                Event::Prefill {
                    layers_done,
                    layers,
                    ..
                } => return go_on(read, [&layers_done.into(), &layers.into()]).await,
                Event::Token { sample, token, .. } if !tokenizer.is_eos(token) => {
                    let stream = streams[sample].as_mut().expect("has not ended");
                    (sample, stream.push(token)?)
                }
                Event::Token { .. } => return Ok(ControlFlow::Continue(())),
                Event::Finished(Completion { sample, .. }) => {
                    let stream = streams[*sample].take().expect("ends once");
                    (*sample, stream.finish()?)
                }
            };
            go_on(heard, [&sample.into(), &text.into()]).await
        };
        let rollout = rollout(
            &self.decoder,
            self.merged.as_ref(),
            tokenizer,
            &[prompt],
            &config,
            &mut observe,
        )
        .await?;
        Ok(serde_json::to_string(&Answers::of(
            &rollout,
            request.num_generations,
            prompt_ids.len(),
        ))?)
    }
}

async fn go_on(tell: &Function, [first, second]: [&JsValue; 2]) -> Result<ControlFlow<()>> {
    let failed = |error: JsValue| anyhow!("{}", said(&error));
    let promise = tell.call2(&JsValue::NULL, first, second).map_err(failed)?;
    let answer = JsFuture::from(js_sys::Promise::resolve(&promise)).await;
    Ok(match answer.map_err(failed)?.is_falsy() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })
}

impl<'a> Answers<'a> {
    fn of(rollout: &'a Rollout, asked: usize, prompt_tokens: usize) -> Self {
        // They are begun in order; those that were stopped before their first token are answers too, and empty.
        let unbegun = (rollout.completions.len()..asked).map(|sample| Answer {
            sample,
            text: "",
            tokens: 0,
            finish_reason: FinishReason::Stopped,
            completion_ids: &[],
            sampling_logprobs: &[],
        });
        let completions = rollout.completions.iter().map(|completion| Answer {
            sample: completion.sample,
            text: &completion.text,
            tokens: completion.completion_ids.len(),
            finish_reason: completion.finish_reason,
            completion_ids: &completion.completion_ids,
            sampling_logprobs: &completion.sampling_logprobs,
        });
        Self {
            completions: completions.chain(unbegun).collect(),
            prompt_tokens,
            stopped: rollout.stopped,
            prefill_seconds: rollout.prefill_time.as_secs_f64(),
            decode_seconds: rollout.decode_time.as_secs_f64(),
            tokens_per_second: rollout.tokens_per_second(),
        }
    }
}
