//! One file per subcommand: its arguments (`Args`, clap) and `run(Args)`.

pub mod audit;
pub mod demo;
pub mod generate;
pub mod logprobs;
pub mod merge;
pub mod migrate;
mod model_args;
pub mod score;
pub mod train;
pub mod warm_up;
