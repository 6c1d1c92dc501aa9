//! One file per subcommand: its arguments (`Args`, clap) and `run(Args)`.

pub mod audit;
pub mod score;
