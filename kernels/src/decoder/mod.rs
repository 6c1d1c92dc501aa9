//! A transformer decoder of the `llama` and `qwen2` kind: configuration, weights, forward and backward pass, cache, adapters.
//!
//! Where to begin: [`DecoderConfig::from_json`] and [`Decoder::from_safetensors`] read a model of Hugging Face's;
//! [`Decoder::forward_hidden`] and [`Decoder::logprobs`] say how likely a text is; [`Decoder::prefill`] and [`Decoder::decode`]
//! continue one from a [`Cache`]. To train, [`Decoder::merge`] puts an [`Adapter`] into the weights, and [`Decoder::forward`],
//! [`Decoder::logprobs`], [`Decoder::logprobs_backward`], [`Decoder::backward`] are called in this order.
//!
//! It knows token ids, positions and spans (see [`crate::batch`]), neither text nor loss. Names of fields, modules and tensors
//! are Hugging Face's; what is compared with transformers and peft stands in the golden tests.
//!
//! ```
//! use recode_kernels::TokenBatch;
//! use recode_kernels::decoder::{Cache, Decoder, DecoderConfig};
//!
//! # fn main() -> recode_kernels::Result<()> {
//! let config = DecoderConfig::from_json(
//!     r#"{"model_type": "llama", "vocab_size": 17, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
//!         "num_attention_heads": 3, "num_key_value_heads": 1}"#,
//! )?;
//! let decoder = Decoder::random(config, 7)?;
//!
//! // The whole text at once, and token by token behind a prompt: the same hidden states.
//! let whole = decoder.forward_hidden(&TokenBatch::causal(&[3, 1, 4, 1]), None)?;
//! let mut cache = Cache::new(decoder.config());
//! let (prompt, _) = decoder.prefill(&[3, 1, 4], None, &mut cache)?;
//! let sequence = cache.fork(prompt)?;
//! let next = decoder.decode(&[sequence], &[1], None, &mut cache)?;
//! for (a, b) in next.row(0).iter().zip(whole.row(3)) {
//!     assert!((a - b).abs() < 1e-5);
//! }
//! # Ok(())
//! # }
//! ```

mod adapter;
mod backward;
mod cache;
pub mod config;
mod decode;
#[cfg(feature = "gpu")]
mod decode_paged;
mod dropout;
mod fields;
mod footprint;
mod forward;
mod gradients;
mod layer;
mod layer_backward;
#[cfg(feature = "gpu")]
mod pages;
mod prefill;
mod target;
mod weights;

pub use adapter::{Adapter, AdapterConfig, Merged};
pub use backward::Trained;
pub use cache::{Cache, PromptId, SequenceId};
pub use config::{DecoderConfig, ModelType};
pub use dropout::Dropout;
#[cfg(feature = "gpu")]
pub(crate) use footprint::room;
pub use footprint::{GPU_SEQUENCES, PAGE, PassSize, pages_for};
pub use forward::{Activations, KEPT_ACTIVATION_BYTES};
pub use gradients::WeightGradients;
pub use prefill::Prefill;
pub use target::Target;
pub use weights::{Decoder, Loading, Named, Place};
