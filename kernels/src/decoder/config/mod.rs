//! A decoder's configuration, read from Hugging Face's `config.json` for `llama` and `qwen2`.
//!
//! Reference: transformers 5.23, `configuration_llama.py`, `configuration_qwen2.py`, `modeling_rope_utils.py`; both spellings
//! of the rotary part are read, `rope_theta` + `rope_scaling` and, since transformers 5, `rope_parameters`.
//!
//! A field belongs to one of four kinds. What the decoder implements is read. What it implements for one value alone must
//! have that value (`hidden_act`, `use_sliding_window`, ...). What cannot change a log-probability is ignored, by a list
//! of names. Anything else is an error that names the field, since nobody can say that it is harmless. A `null` is an
//! absent field, as for the reference.
//!
//! # Differences
//! Sizes have no defaults here, but for `num_key_value_heads` (as many as query heads) and `max_position_embeddings`. Where the reference lets one of two contradicting fields win, here both are named. A
//! dropout inside attention is refused, since training would need it.

mod read;

use super::fields::{Fields, LARGEST, refused};
use super::target::Target;
use crate::error::Result;

/// The two architectures; they differ in their biases alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelType {
    /// `LlamaForCausalLM`: `attention_bias` puts biases on q, k, v and o, `mlp_bias` on gate, up and down.
    Llama,
    /// `Qwen2ForCausalLM`: always biases on q, k and v, never elsewhere.
    Qwen2,
}

/// Sizes and constants of a decoder; field names are Hugging Face's.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// The architecture.
    pub model_type: ModelType,
    /// V, rows of the embedding.
    pub vocab_size: usize,
    /// C, the width of the residual stream.
    pub hidden_size: usize,
    /// F, the width of the feed-forward part.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// H, query heads.
    pub num_attention_heads: usize,
    /// K, key-value heads; divides H.
    pub num_key_value_heads: usize,
    /// D, the size of a head; even, and H D need not be C.
    pub head_dim: usize,
    /// The positions the model was made for: 0 up to and without this one.
    pub max_position_embeddings: usize,
    /// What RMSNorm adds to the mean square.
    pub rms_norm_eps: f32,
    /// The base of RoPE's wavelengths.
    pub rope_theta: f64,
    /// Linear RoPE scaling: angles are divided by it; 1 is none.
    pub rope_scaling_factor: f64,
    /// Biases on q, k and v, and for `llama` on o too.
    pub attention_bias: bool,
    /// Biases on gate, up and down.
    pub mlp_bias: bool,
    /// The head is the embedding.
    pub tie_word_embeddings: bool,
}

impl DecoderConfig {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for text that is not a JSON object, another architecture, a size that is missing, zero, absurd or
    /// contradicts another, and every field that would change the computation in a way that is not implemented.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut fields = Fields::parse("config.json", text)?;
        let config = read::read(&mut fields)?;
        fields.finish(&read::IGNORED)?;
        config.check()?;
        Ok(config)
    }

    /// What can be contradictory in a configuration however it was made.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for sizes that do not fit one another and constants outside their range.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (name, size) in sizes {
            if size == 0 || size as u64 > LARGEST {
                return Err(refused(
                    name,
                    format!("is {size}, must be from 1 to {LARGEST}"),
                ));
            }
        }
        if !self
            .num_attention_heads
            .is_multiple_of(self.num_key_value_heads)
        {
            return Err(refused(
                "num_key_value_heads",
                format!(
                    "{} does not divide num_attention_heads = {}",
                    self.num_key_value_heads, self.num_attention_heads
                ),
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(refused(
                "head_dim",
                format!(
                    "is {}, but RoPE turns pairs: it must be even",
                    self.head_dim
                ),
            ));
        }
        let positive = [
            ("rms_norm_eps", f64::from(self.rms_norm_eps)),
            ("rope_theta", self.rope_theta),
            ("rope_scaling.factor", self.rope_scaling_factor),
        ];
        for (name, number) in positive {
            if !(number.is_finite() && number > 0.0) {
                return Err(refused(
                    name,
                    format!("is {number}, must be positive and finite"),
                ));
            }
        }
        Ok(())
    }

    /// Width of all query heads together, H D.
    #[must_use]
    pub fn query_size(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of all key (or value) heads together, K D.
    #[must_use]
    pub fn key_value_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// `[out, in]` of a layer's linear map.
    #[must_use]
    pub fn shape(&self, target: Target) -> [usize; 2] {
        match target {
            Target::QProj => [self.query_size(), self.hidden_size],
            Target::KProj | Target::VProj => [self.key_value_size(), self.hidden_size],
            Target::OProj => [self.hidden_size, self.query_size()],
            Target::GateProj | Target::UpProj => [self.intermediate_size, self.hidden_size],
            Target::DownProj => [self.hidden_size, self.intermediate_size],
        }
    }

    /// Whether a layer's linear map has a bias.
    #[must_use]
    pub fn has_bias(&self, target: Target) -> bool {
        match target {
            Target::QProj | Target::KProj | Target::VProj => self.attention_bias,
            Target::OProj => self.attention_bias && self.model_type == ModelType::Llama,
            Target::GateProj | Target::UpProj | Target::DownProj => self.mlp_bias,
        }
    }
}

#[cfg(test)]
mod tests;
