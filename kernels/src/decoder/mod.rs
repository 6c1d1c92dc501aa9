//! The decoder: its configuration, its weights, its forward and backward pass.

pub mod config;
mod fields;
mod target;

pub use config::{DecoderConfig, ModelType};
pub use target::Target;
