//! What a run reads before its first step: the model and the rows.

use anyhow::Context;
use recode_core::migration::Migration;
use recode_core::reward::{Breakdown, CodeReward, RewardMode, score_migration};

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
    pub fn read(config: &Config) -> anyhow::Result<Self> {
        let model = Model::load(&config.model.path)?;
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
/// A code reward that the rules of the run did not give.
pub fn total(breakdown: &Breakdown, code: CodeReward) -> anyhow::Result<f64> {
    breakdown.total_with(code).with_context(|| {
        format!("reward.code is {code}, but the rules that score give none: take another code")
    })
}

/// What a completion of a row is worth by the rules of `mode`.
pub fn reward(mode: RewardMode) -> impl Fn(&Migration, &str) -> Breakdown + Sync {
    move |row, completion| score_migration(mode, completion, &row.old_code, &row.new_code)
}
