//! The supervised warm-up of the demo's policy: all weights from random numbers, cross-entropy on answers to variants of the training rows.
//!
//! Reinforcement learning needs a policy that sometimes does the right thing. A checkpoint from the hub has learned that somewhere; the
//! demo's policy of a million parameters learns it here, once, and ships. What it learns is the form of an answer and to copy the old code
//! with the note's change applied. It also learns habits that are worth less, in the shares the settings name (forms that break the
//! rules, code returned unchanged), because a policy that can only do one thing leaves nothing to choose among.
//!
//! Knows no reward and no adapter. Config, rows and command give the same bytes again: every draw is named by the seed and the step.

mod answers;
mod augment;
mod text;
mod vocabulary;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use recode_core::migration::Migration;
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Decoder, DecoderConfig, Trained, WeightGradients};
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};
use recode_kernels::random::Stream;
use recode_kernels::tensor::Tensor;
use serde::Deserialize;

use self::answers::Habits;
use self::augment::{Augmenter, choose};
use crate::atomic;
use crate::cli::Usage;
use crate::config::{OptimizerConfig, at_line, check_section};
use crate::data;
use crate::optimizer::Optimizer;
use crate::report::Progress;
use crate::schedule::Schedule;
use crate::tokenizer::{IM_END, Tokenizer};

/// What a warm-up is told, read from a TOML file; every key must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seed of the weights, the variants and the order of rows.
    pub seed: u64,
    /// JSON Lines of migrations, relative to where the program is started.
    pub train: PathBuf,
    /// Optimizer steps.
    pub steps: u64,
    /// Answers per step.
    pub answers_per_step: usize,
    /// Weight of a prompt's token in the loss; a completion's has 1.
    pub prompt_weight: f64,
    /// What else than the right answer is taught.
    pub habits: Habits,
    /// The policy's sizes.
    pub model: ModelSettings,
    /// AdamW and its schedule, as in a run's configuration.
    pub optimizer: OptimizerConfig,
}

/// Sizes of the policy, by their names in `config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub max_position_embeddings: usize,
    pub rope_theta: f64,
}

impl ModelSettings {
    /// The policy's `config.json`.
    fn config_json(&self, eos_token_id: u32) -> Result<String> {
        let config = serde_json::json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": self.max_position_embeddings,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": 1e-5,
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "tie_word_embeddings": true,
            "eos_token_id": eos_token_id,
            "torch_dtype": "bfloat16",
        });
        Ok(serde_json::to_string_pretty(&config)? + "\n")
    }
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// A file that cannot be read; as wrong usage, text that is no TOML, a key that lacks or that nobody reads, a value that cannot be.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the warm-up's settings {name}"))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error| Usage::wrap(at_line(&text, &name, "not TOML: ", &error)))?;
        let settings: Self = toml::from_str(&text)
            .map_err(|error| Usage::wrap(at_line(&text, &name, "", &error)))?;
        let check = || -> Result<()> {
            settings.check()?;
            match table["optimizer"].as_table() {
                Some(optimizer) => check_section("optimizer", optimizer),
                None => Ok(()),
            }
        };
        check()
            .with_context(|| format!("in {name}"))
            .map_err(Usage::wrap)?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.steps > 0, "steps is 0");
        ensure!(self.answers_per_step > 0, "answers_per_step is 0");
        ensure!(
            (0.0..=1.0).contains(&self.prompt_weight),
            "prompt_weight is {}, not from 0 to 1",
            self.prompt_weight
        );
        self.habits.check()
    }
}

/// Warms a policy up and writes it to the folder `out`, which must not exist: `config.json`, `tokenizer.json`, `model.safetensors` (bf16).
///
/// # Errors
/// Rows that cannot be read, a vocabulary they do not fill, a loss or gradient that is not finite, a folder that cannot be written.
pub fn warm_up(settings: &Settings, out: &Path) -> Result<()> {
    if out.exists() {
        return Err(Usage::error(format_args!(
            "{} exists: choose another folder for the policy",
            out.display()
        )));
    }
    atomic::check_folder(out)?;
    let rows: Vec<Migration> = data::read_migrations(&settings.train)?
        .into_iter()
        .map(|row| row.migration)
        .collect();
    let tokenizer_json = vocabulary::train(&rows, settings.model.vocab_size)?;
    let tokenizer = Tokenizer::from_json(
        Path::new("the trained tokenizer"),
        tokenizer_json.as_bytes(),
        &[],
    )?;
    let eos = single_id(&tokenizer, IM_END)?;
    let config_json = settings.model.config_json(eos)?;
    let mut training = Training {
        settings,
        eos,
        tokenizer: &tokenizer,
        augmenter: Augmenter::new(rows),
        decoder: Decoder::random(DecoderConfig::from_json(&config_json)?, settings.seed)?,
    };
    training.run()?;
    let mut decoder = training.decoder;
    decoder.narrow();
    let files = [
        ("config.json", config_json.into_bytes()),
        ("tokenizer.json", tokenizer_json.into_bytes()),
        ("model.safetensors", decoder.to_safetensors()?),
    ];
    atomic::write_folder(out, &files)
}

fn single_id(tokenizer: &Tokenizer, text: &str) -> Result<u32> {
    match tokenizer.encode(text)?.as_slice() {
        &[id] => Ok(id),
        ids => anyhow::bail!("{text} is {} tokens and should be one", ids.len()),
    }
}

struct Training<'a> {
    settings: &'a Settings,
    /// Ends every answer.
    eos: u32,
    tokenizer: &'a Tokenizer,
    augmenter: Augmenter,
    decoder: Decoder,
}

/// Tokens to train on and how much each counts.
#[derive(Default)]
struct Batch {
    tokens: TokenBatch,
    requests: Vec<LogprobRequest>,
    /// Weight of each request in the loss.
    weights: Vec<f64>,
    /// Whether a request is of a completion.
    answered: Vec<bool>,
}

impl Training<'_> {
    fn run(&mut self) -> Result<()> {
        let Settings {
            steps, optimizer, ..
        } = self.settings;
        let mut gradients = WeightGradients::new(&self.decoder)?;
        let mut adamw = Optimizer::new(optimizer, gradients.tensors())?;
        let schedule = Schedule::new(optimizer, *steps);
        let mut progress = Progress::new("step", 0, *steps);
        for step in 0..*steps {
            let batch = self.batch(step)?;
            gradients.clear();
            let loss = self
                .gradients(&batch, &mut gradients)
                .with_context(|| format!("in step {}", step + 1))?;
            let learning_rate = schedule.learning_rate(step);
            adamw
                .update(
                    learning_rate,
                    self.decoder.parameters_mut()?,
                    gradients.parameters_mut(),
                )
                .with_context(|| format!("in step {}", step + 1))?;
            progress.advance(step + 1, &Status(loss));
        }
        progress.finish();
        Ok(())
    }

    /// The answers of one step, one behind the other.
    fn batch(&self, step: u64) -> Result<Batch> {
        let mut batch = Batch::default();
        for answer in 0..self.settings.answers_per_step as u64 {
            let mut random = Stream::new(self.settings.seed, &[step, answer]);
            let row = choose(&mut random, self.augmenter.rows());
            let row = self.augmenter.variant(row, &mut random);
            let completion = self.settings.habits.answer(&row, &mut random);
            let mut ids = self.tokenizer.encode(&row.prompt().chatml())?;
            let prompt = ids.len();
            ids.extend(self.tokenizer.encode(&completion)?);
            ids.push(self.eos);
            let rows = batch.tokens.push_segment(0..0, 0, &ids);
            for (place, &token) in ids.iter().enumerate().skip(1) {
                let answered = place >= prompt;
                let weight = if answered {
                    1.0
                } else {
                    self.settings.prompt_weight
                };
                if weight > 0.0 {
                    batch.requests.push(LogprobRequest {
                        row: (rows.start + place - 1) as u32,
                        token,
                    });
                    batch.weights.push(weight);
                    batch.answered.push(answered);
                }
            }
        }
        Ok(batch)
    }

    /// Adds the gradient of the weighted mean cross-entropy; returns the plain mean over the answers' tokens, in nats.
    fn gradients(&self, batch: &Batch, gradients: &mut WeightGradients) -> Result<f64> {
        let activations = self.decoder.forward(&batch.tokens, None, None)?;
        let hidden = &activations.hidden;
        let sampling = Sampling::default();
        let logprobs = self.decoder.logprobs(hidden, &batch.requests, &sampling);
        let logprobs = pollster::block_on(logprobs)?;
        let sum: f64 = batch.weights.iter().sum();
        let d_logprobs: Vec<f32> = batch.weights.iter().map(|w| (-w / sum) as f32).collect();
        let mut d_hidden = Tensor::zeros(hidden.rows(), hidden.cols());
        self.decoder.logprobs_backward(
            hidden,
            &batch.requests,
            &sampling,
            &logprobs,
            &d_logprobs,
            &mut d_hidden,
            Some(&mut *gradients),
        )?;
        self.decoder.backward(
            &batch.tokens,
            None,
            &activations,
            &d_hidden,
            Trained::Full { gradients },
        )?;
        let answers = || logprobs.logprobs.iter().zip(&batch.answered);
        let total: f64 = answers()
            .filter(|(_, answered)| **answered)
            .map(|(logprob, _)| -f64::from(*logprob))
            .sum();
        let loss = total / answers().filter(|(_, answered)| **answered).count() as f64;
        ensure!(
            loss.is_finite(),
            "the loss is {loss}: lower optimizer.learning_rate"
        );
        Ok(loss)
    }
}

/// What the progress line shows of a step.
struct Status(f64);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loss {:.3}", self.0)
    }
}
