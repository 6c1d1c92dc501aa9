//! A policy that answers: text to tokens, tokens drawn one by one, and how likely a given answer is. Knows no files but a tokenizer's, and
//! runs natively and in browsers alike.

pub mod logprobs;
pub mod rollout;
pub mod sampler;
pub mod tokenizer;

#[cfg(test)]
#[path = "../../tests/tiny/mod.rs"]
mod tiny;
