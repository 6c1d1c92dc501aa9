//! The decoder: its configuration, its weights, its forward and backward pass.

pub mod config;
mod fields;
mod target;
mod weights;

pub use config::{DecoderConfig, ModelType};
pub use target::Target;
pub use weights::{Decoder, Named};
