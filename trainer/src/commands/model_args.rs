//! Arguments that the commands with a model share.

use std::path::PathBuf;

use anyhow::Result;
use recode_kernels::decoder::Merged;

use crate::cli::Usage;
use crate::device::DeviceArgs;
use crate::model_dir::Model;
use crate::sampler::SamplingConfig;
use crate::threads;

/// Which model, and how much of the machine.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// Model directory in Hugging Face layout: config.json, tokenizer.json, model.safetensors or shards with their index
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Adapter directory as PEFT and `recode-trainer train` write it (adapter_config.json, adapter_model.safetensors)
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Threads to compute with; 0 takes every core. The numbers do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub threads: u16,
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl ModelArgs {
    /// Runs `work` with the model, its merged adapter and the threads that were asked for.
    ///
    /// # Errors
    /// What loading or `work` returns.
    pub fn with_model<T: Send>(
        &self,
        work: impl FnOnce(&Model, Option<&Merged>) -> Result<T> + Send,
    ) -> Result<T> {
        threads::with(usize::from(self.threads), || {
            let model = Model::load(&self.model, &self.device.open()?)?.for_inference();
            let merged = model.merged(self.adapter.as_deref())?;
            work(&model, merged.as_ref())
        })
    }
}

/// How answers are drawn.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingArgs {
    /// Divides the logits; 0 takes the likeliest token always. Default: 1 for generate, 0 for migrate
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f32>,
    /// Draw among the fewest tokens whose probabilities add up to P; 1 takes all
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub top_p: f32,
    /// Draw among the K likeliest tokens; 0 takes all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,
    /// The same seed, model and prompt give the same answers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Longest answer in tokens, end token included
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_completion_length: usize,
}

impl SamplingArgs {
    /// The settings, with the command's own `temperature` where none is given.
    ///
    /// # Errors
    /// A setting out of its range: wrong usage.
    pub fn config(&self, temperature: f32) -> Result<SamplingConfig> {
        let config = SamplingConfig {
            temperature: self.temperature.unwrap_or(temperature),
            top_k: self.top_k,
            top_p: self.top_p,
        };
        config.validate().map_err(Usage::wrap)?;
        Ok(config)
    }

    /// # Errors
    /// 0: wrong usage.
    pub fn max_completion_length(&self) -> Result<usize> {
        match self.max_completion_length {
            0 => Err(Usage::error(
                "--max-completion-length is 0, but must be at least 1",
            )),
            length => Ok(length),
        }
    }
}
