//! The decoder: its configuration, its weights, its forward and backward pass.

mod adapter;
mod backward;
mod cache;
pub mod config;
mod dropout;
mod fields;
mod forward;
mod gradients;
mod layer;
mod layer_backward;
mod target;
mod weights;

pub use adapter::{Adapter, AdapterConfig, Merged};
pub use backward::Trained;
pub use cache::{Cache, PromptId, SequenceId};
pub use config::{DecoderConfig, ModelType};
pub use dropout::Dropout;
pub use forward::{Activations, KEPT_ACTIVATION_BYTES};
pub use gradients::WeightGradients;
pub use target::Target;
pub use weights::{Decoder, Named};
