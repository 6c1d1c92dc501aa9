//! What a run reads before its first step: the model and the rows.

use anyhow::Context;
use recode_core::migration::Migration;
use recode_core::reward::{Breakdown, Reference};
use recode_kernels::Device;

use crate::config::Config;
use crate::examples::Examples;
use crate::fingerprint::Fingerprint;
use crate::model_dir::Model;

/// A model and the rows it is trained and evaluated on.
#[derive(Debug)]
pub struct Inputs {
    pub model: Model,
    pub examples: Examples,
}

impl Inputs {
    /// Reads what `config` names.
    ///
    /// # Errors
    /// As [`Model::load`] and [`Examples::read`].
    pub fn read(config: &Config, device: &Device) -> anyhow::Result<Self> {
        let model = Model::load(&config.model.path, device)?;
        let positions = model.decoder.config().max_position_embeddings;
        let examples = Examples::read(config, &model.tokenizer, positions)?;
        Ok(Self { model, examples })
    }

    /// Two numbers that a run goes on with or not at all.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            model: self.model.fingerprint.clone(),
            data: self.examples.fingerprint(),
        }
    }
}

/// The reward that moves the policy.
///
/// # Errors
/// A part with a weight that could not be had.
pub fn total(breakdown: &Breakdown) -> anyhow::Result<f64> {
    breakdown
        .total
        .context("a part of reward.weights could not be had for this row: take another part, or leave the row out")
}

/// What a completion of a row is worth by the rules of `config`; its length in tokens counts where they say so.
pub fn reward(config: &Config) -> impl Fn(&Migration, &str, usize) -> Breakdown + Sync {
    let rubric = config.rubric();
    move |row, completion, tokens| {
        Reference::new(rubric.clone(), &row.new_code, Some(&row.old_code))
            .score(completion, Some(tokens))
    }
}
