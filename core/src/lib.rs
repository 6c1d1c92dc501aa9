//! What an answer is worth and how the policy should move: the reward and the GRPO mathematics of ReCode (arXiv 2506.20495).
//!
//! No I/O, no threads, no clock, no unsafe code; native and wasm32.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod answer;
pub mod audit;
pub mod metrics;
pub mod migration;
pub mod policy;
pub mod python;
pub mod reward;
pub mod similarity;
