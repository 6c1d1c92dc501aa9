//! The native trainer: data, optimizer, training loop, checkpoints, evaluation, command line. How a policy answers is `recode-rollout`'s.
//!
//! The reward and the policy's mathematics are `recode-core`'s, the model is `recode-kernels`'; this crate brings them to files,
//! processors and people.

pub mod atomic;
pub mod checkpoint;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod demo;
pub mod device;
pub mod eval;
pub mod examples;
pub mod fingerprint;
pub mod grpo;
pub mod inputs;
pub mod interrupt;
pub mod json_text;
pub mod micro_batch;
pub mod model_dir;
pub mod optimizer;
pub mod plan;
pub mod playground;
pub mod report;
pub mod run_dir;
pub mod run_log;
pub mod schedule;
pub mod serve;
mod sizes;
pub mod step_log;
pub mod threads;
pub mod train;
pub mod warm_up;

pub use recode_rollout::{logprobs, rollout, sampler, tokenizer};

#[cfg(test)]
#[path = "../tests/tiny/mod.rs"]
mod tiny;
