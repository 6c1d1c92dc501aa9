//! Every key of a run: its name, type, default, permitted values and meaning, declared once in the table below.
//!
//! From that table come the structs the code reads, the help of `recode-trainer train --help`, the checks, and the documented
//! `config.toml` a run leaves behind. Names are TRL's and PEFT's where they have one. It knows no data and no model: what depends on
//! those (are there enough rows, does the model have such a layer) is checked where they are read.

#[macro_use]
mod keys;
mod load;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use keys::{Key, help};
pub use load::ConfigArgs;
pub(crate) use load::{at_line, check_section};
pub use recode_core::policy::{LossAggMode, ScaleRewards};
pub use recode_core::reward::{Comparison, RewardMode, Weights};
use recode_core::reward::{Overlong, Part, Rubric};
pub use recode_kernels::decoder::Target;

/// Bound of lengths in tokens: within a step, a token is named by a prompt, a segment and a position of 24, 16 and 24 bits (`micro_batch`).
/// With the bounds of the other counts, products of them stay within 64 bits.
const MAX_LENGTH: usize = (1 << 24) - 1;

/// How the learning rate moves after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrSchedulerType {
    /// Down to zero at the last step along half a cosine.
    Cosine,
    /// Down to zero at the last step along a line.
    Linear,
    /// Stays where the warm-up left it.
    ConstantWithWarmup,
}

config_keys! {
    root {
        /// The run's name: everything it leaves behind goes into that folder of output_dir.
        name: String = String::new(), "a plain folder name" => |name| is_folder_name(name);
        /// Folder of all runs, relative to where the program is started, as every path here.
        output_dir: PathBuf = "runs".into(), "not empty" => |path| is_given(path);
        /// Seed of everything random; the same seed, config and build give the same bytes on one kind of processor.
        seed: u64 = 0, "0 to 9223372036854775807" => |seed| i64::try_from(*seed).is_ok();
        /// Threads to compute with; 0 takes every core. The numbers do not depend on it.
        threads: usize = 0, "0 to 1024" => |threads| *threads <= 1024;
    }

    /// The model to start from.
    [model] ModelConfig {
        /// Model directory in Hugging Face layout: config.json, tokenizer.json, model.safetensors or shards with their index.
        path: PathBuf = PathBuf::new(), "a folder" => |path| is_given(path);
    }

    /// The migrations to learn from.
    [data] DataConfig {
        /// JSON Lines of migrations (dependency, new_version, description, update_info, old_code, new_code).
        train: PathBuf = PathBuf::new(), "a file" => |path| is_given(path);
        /// JSON Lines to evaluate on; empty: eval_rows rows are held out of train, chosen by the seed.
        eval: PathBuf = PathBuf::new(), "a file, or empty" => |_| true;
        /// Rows to evaluate on: held out of train, or the first ones of eval.
        eval_rows: usize = 100, "0 or more" => |_| true;
        /// Longest prompt in tokens; a longer one stops the run before it starts and names the row.
        max_prompt_length: usize = 2048, "1 to 16777215" => |n| (1..=MAX_LENGTH).contains(n);
    }

    /// What is trained: a LoRA or DoRA adapter; the model itself stays as it is.
    [adapter] AdapterConfig {
        /// Rank of the adapter.
        r: usize = 64, "1 to 4096" => |r| (1..=4096).contains(r);
        /// Scale of the adapter: its product is multiplied by lora_alpha / r.
        lora_alpha: f64 = 64.0, "greater than 0, within f32" => |alpha| is_positive_f32(*alpha);
        /// Share of the adapter's inputs dropped in the training pass (never in rollouts).
        lora_dropout: f64 = 0.01, "0 up to but not including 1, also as an f32" => |p| is_share_f32(*p);
        /// DoRA (a magnitude per output row besides the low-rank product) rather than plain LoRA.
        use_dora: bool = true, "true, false" => |_| true;
        /// The layers that carry an adapter.
        target_modules: Vec<Target> = vec![Target::QProj, Target::VProj],
            "at least one, none twice, of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj" => |targets| is_set(targets);
    }

    /// How the policy answers.
    [rollout] RolloutConfig {
        /// Answers per prompt; they are compared with each other.
        num_generations: usize = 8, "2 to 65535" => |n| (2..=65_535).contains(n);
        /// Prompts per step; prompts_per_step x num_generations completions, at most 65536, make one step.
        prompts_per_step: usize = 1, "1 to 65535" => |n| (1..=65_535).contains(n);
        /// Longest completion in tokens, end token included.
        max_completion_length: usize = 1024, "1 to 16777215" => |n| (1..=MAX_LENGTH).contains(n);
        /// Completions that are decoded together, at most; more wait for a place. Bounds memory, changes no number.
        max_concurrent_sequences: usize = 32, "at least 1" => |n| *n >= 1;
        /// Sampling temperature; the training pass's log-probabilities honour it too.
        temperature: f64 = 1.0, "greater than 0, within f32" => |t| is_positive_f32(*t);
        /// Sample among the fewest tokens whose probabilities add up to top_p; 1 takes all.
        top_p: f64 = 1.0, "greater than 0, at most 1; as an f32 neither 0 nor rounded up to 1" => |p| *p == 1.0 || (is_share_f32(*p) && *p > 0.0);
        /// Sample among the top_k likeliest tokens; 0 takes all. With top_k or top_p a token takes an eighth of the vocabulary in bytes until
        /// its step is done.
        top_k: usize = 0, "0 or more" => |_| true;
    }

    /// What an answer is worth.
    [reward] RewardConfig {
        /// Rules of scoring: paper reproduces the reference, faults included; strict mends them.
        mode: RewardMode = RewardMode::Strict, "\"paper\", \"strict\"" => |_| true;
        /// What the answer's code and the target are compared by: their characters, their tokens (layout and quotes make no difference) or
        /// their syntax trees (equal where the trees are, else as alike as the tokens). The paper's mode knows characters alone.
        comparison: Comparison = Comparison::Characters, "\"characters\", \"tokens\", \"tree\"" => |_| true;
        /// What the reward is made of, each part with its weight: format, es_star (edit similarity), em_star (exact match), edit_gain (edit
        /// similarity counted from the old code's: -0.8 for a copy, 2 for the target), api_adopted and api_left (shares of the API names that
        /// the migration brings and takes), repetition, overlong. The default is the paper's.
        weights: Weights = Weights::default(),
            "a table of parts, as in { format = 1.0, edit_gain = 1.0 }; every weight from -1e6 to 1e6 and not 0" => |_| true;
        /// The last tokens of max_completion_length, over which overlong falls from 0 to -1.
        overlong_buffer: usize = 64, "at least 1, at most rollout.max_completion_length" => |n| *n >= 1;
    }

    /// How rewards move the policy.
    [loss] LossConfig {
        /// Weight of the KL divergence from the model without adapter; 0 leaves the reference pass out.
        beta: f64 = 0.001, "0 or more" => |beta| is_not_negative(*beta);
        /// The probability ratio is clipped below 1 - clip_ratio_low.
        clip_ratio_low: f64 = 0.2, "greater than 0, at most 1" => |clip| *clip > 0.0 && *clip <= 1.0;
        /// The probability ratio is clipped above 1 + clip_ratio_high.
        clip_ratio_high: f64 = 0.2, "greater than 0" => |clip| is_positive(*clip);
        /// Dual clip: bound of the loss at negative advantages, as a multiple of the advantage; absent: no bound.
        dual_clip: Option<f64> = None, "absent, or greater than 1" => |clip| clip.is_none_or(|c| c > 1.0 && c.is_finite());
        /// Mean over each completion's tokens, then over completions (seq_mean_token_mean), or over all tokens of the step at once (token_mean).
        loss_agg_mode: LossAggMode = LossAggMode::SeqMeanTokenMean, "\"seq_mean_token_mean\", \"token_mean\"" => |_| true;
        /// Divide advantages by the standard deviation of their group (group), or leave them as they are (none).
        scale_rewards: ScaleRewards = ScaleRewards::Group, "\"group\", \"none\"" => |_| true;
        /// Optimizer steps on each step's rollouts.
        num_iterations: usize = 1, "1 to 1000000" => |n| (1..=1_000_000).contains(n);
        /// Leave completions that ran into max_completion_length out of the loss.
        mask_truncated_completions: bool = false, "true, false" => |_| true;
    }

    /// AdamW and its schedule.
    [optimizer] OptimizerConfig {
        /// Learning rate after the warm-up.
        learning_rate: f64 = 5e-5, "greater than 0" => |rate| is_positive(*rate);
        /// The course of the learning rate after the warm-up.
        lr_scheduler_type: LrSchedulerType = LrSchedulerType::Cosine, "\"cosine\", \"linear\", \"constant_with_warmup\"" => |_| true;
        /// Share of the optimizer steps in which the learning rate rises from zero.
        warmup_ratio: f64 = 0.03, "0 to 1" => |ratio| (0.0..=1.0).contains(ratio);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "0 or more" => |decay| is_not_negative(*decay);
        /// Decay of the mean of gradients.
        adam_beta1: f64 = 0.9, "0 up to but not including 1, also as an f32" => |beta| is_share_f32(*beta);
        /// Decay of the mean of squared gradients.
        adam_beta2: f64 = 0.999, "0 up to but not including 1, also as an f32" => |beta| is_share_f32(*beta);
        /// Added to the root of the mean square.
        adam_epsilon: f64 = 1e-8, "greater than 0, within f32" => |epsilon| is_positive_f32(*epsilon);
        /// Gradients of greater norm are scaled down to it; 0 does not clip.
        max_grad_norm: f64 = 1.0, "0 or more" => |norm| is_not_negative(*norm);
    }

    /// How long, how often saved, how evaluated.
    [run] RunConfig {
        /// Steps; each samples its rollouts and makes loss.num_iterations optimizer steps of them.
        max_steps: u64 = 5000, "1 to 1000000000" => |n| (1..=1_000_000_000).contains(n);
        /// Steps between checkpoints; the last step is always saved.
        save_steps: u64 = 100, "at least 1" => |n| *n >= 1;
        /// Tokens in one training pass: a step of more is split, which changes memory and not the gradient. A single group is never split below one completion.
        micro_batch_tokens: usize = 4096, "at least 1" => |n| *n >= 1;
        /// Evaluate on the held-out rows before the first and after the last step.
        eval: bool = true, "true, false" => |_| true;
        /// Sampling temperature of the evaluation; 0 takes the likeliest token.
        eval_temperature: f64 = 0.0, "0 or more, within f32" => |t| *t == 0.0 || is_positive_f32(*t);
        /// Longest completion of the evaluation in tokens; 0 takes rollout.max_completion_length.
        eval_max_completion_length: usize = 0, "0 to 16777215" => |n| *n <= MAX_LENGTH;
    }
}

impl Config {
    /// Where the run writes: `<output_dir>/<name>`.
    pub fn run_dir(&self) -> PathBuf {
        self.output_dir.join(&self.name)
    }

    /// By which rules completions are judged.
    pub fn rubric(&self) -> Rubric {
        let RewardConfig {
            mode,
            comparison,
            weights,
            overlong_buffer,
        } = self.reward.clone();
        let overlong = Overlong {
            max_length: self.rollout.max_completion_length,
            buffer: overlong_buffer,
        };
        let overlong = weights.get(Part::Overlong).map(|_| overlong);
        Rubric {
            mode,
            comparison,
            weights,
            overlong,
        }
    }

    /// Values that stand for another key's are replaced by it, so that what is written down needs no defaults.
    fn resolve(&mut self) {
        if self.run.eval_max_completion_length == 0 {
            self.run.eval_max_completion_length = self.rollout.max_completion_length;
        }
    }
}

fn is_given(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

fn is_positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

/// Positive as the f32 that it becomes: `as f32` makes 0 of 1e-50 and infinity of 1e50.
fn is_positive_f32(x: f64) -> bool {
    let narrow = x as f32;
    narrow.is_normal() && narrow > 0.0
}

/// At least 0 and less than 1, and what it becomes as an f32 is neither rounded up to 1 nor, from above, down to 0.
fn is_share_f32(x: f64) -> bool {
    x == 0.0 || (is_positive_f32(x) && (x as f32) < 1.0)
}

fn is_not_negative(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

fn is_set(targets: &[Target]) -> bool {
    !targets.is_empty()
        && targets
            .iter()
            .enumerate()
            .all(|(i, target)| !targets[..i].contains(target))
}

#[cfg(test)]
mod tests;
