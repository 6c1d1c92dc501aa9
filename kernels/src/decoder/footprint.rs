//! Bytes that a decoder's parts and passes take, as arithmetic: what the constructors beside this file ask for, summed up before anything is
//! made.
//!
//! f32 numbers unless said otherwise; small things (tables of rows, a norm's sums) are left out.

use super::adapter::AdapterConfig;
use super::config::DecoderConfig;
use super::forward::KEPT_ACTIVATION_BYTES;
use super::layer::Inner;
use super::target::Target;
use crate::ops::linear_logprob::CHUNK_BYTES;

/// Sequences that a GPU decodes at once, at most: its thin products have so many rows, and a row's bits may not depend on their number.
pub const GPU_SEQUENCES: usize = 128;

/// Tokens of a page of keys and values on a GPU.
pub const PAGE: usize = 16;
/// Pages that a pool begins with.
const FIRST_PAGES: usize = 64;

/// Pages of a pool of `count` once so many are used: it doubles when it is full.
#[must_use]
pub fn pages_for(count: usize, used: usize) -> usize {
    match used > count {
        true => used.max((2 * count).max(FIRST_PAGES)),
        false => count,
    }
}

/// Numbers that a tensor of so many has room for beside others: a binding begins at a multiple of 256 bytes on every adapter (WebGPU's
/// `minStorageBufferOffsetAlignment`).
pub(crate) fn room(numbers: usize) -> usize {
    const ALIGNMENT: usize = 64;
    numbers.next_multiple_of(ALIGNMENT).max(ALIGNMENT)
}

const F32: u64 = size_of::<f32>() as u64;

/// A training pass: forward, log-probabilities, backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassSize {
    /// N, the rows of the batch.
    pub rows: usize,
    /// Log-probabilities that are wanted, of a hidden row each at most.
    pub requests: usize,
    /// Whether each of them has a bit for every token, which says what top-k and top-p left.
    pub kept: bool,
}

impl AdapterConfig {
    /// Bytes of an adapter whose tensors lie side by side, each with the room that it has in a GPU's memory.
    #[must_use]
    pub fn bytes(&self, decoder: &DecoderConfig) -> u64 {
        let of = |target: &Target| {
            let [rows, cols] = decoder.shape(*target);
            let magnitude = if self.use_dora { room(rows) } else { 0 };
            (room(self.r * cols) + room(self.r * rows) + magnitude) as u64
        };
        let layer: u64 = self.target_modules.iter().map(of).sum();
        F32 * decoder.num_hidden_layers as u64 * layer
    }

    /// Bytes of the weights that it makes of a decoder's, in f32.
    #[must_use]
    pub fn merged_bytes(&self, decoder: &DecoderConfig) -> u64 {
        let of = |target: &Target| {
            let [rows, cols] = decoder.shape(*target);
            (rows * cols) as u64
        };
        let layer: u64 = self.target_modules.iter().map(of).sum();
        F32 * decoder.num_hidden_layers as u64 * layer
    }
}

impl DecoderConfig {
    /// Most bytes at once of what a training pass of an adapter makes and lets go again.
    #[must_use]
    pub fn pass_bytes(&self, adapter: &AdapterConfig, size: PassSize) -> u64 {
        let PassSize {
            rows,
            requests,
            kept,
        } = size;
        let kept_tokens = if kept { self.kept_bytes(requests) } else { 0 };
        let n = rows as u64;
        let (c, f) = (self.hidden_size as u64, self.intermediate_size as u64);
        let (q, kv) = (self.query_size() as u64, self.key_value_size() as u64);
        let layers = self.num_hidden_layers as u64;
        let inner = n * Inner::token_bytes(self) as u64;
        let kept_layers = (KEPT_ACTIVATION_BYTES as u64 / inner.max(1)).min(layers);
        let again = if kept_layers < layers { inner } else { 0 };
        let widest = |of: fn([usize; 2]) -> usize| {
            let widths = adapter.target_modules.iter().map(|t| of(self.shape(*t)));
            widths.max().unwrap_or(0) as u64
        };
        let (inputs, outputs) = (widest(|[_, i]| i), widest(|[o, _]| o));
        // A trained map under dropout has two operands and a product; going back, its product is wanted for a magnitude alone, dropout or not.
        let product = if adapter.use_dora { outputs } else { 0 };
        let (dropped, dropped_back) = match adapter.lora_dropout > 0.0 {
            true => (2 * inputs + outputs, 2 * inputs + product),
            false => (0, product),
        };
        let scratch = n * F32 * (2 * c + f);
        // The inputs of layers and last norm, and the hidden states.
        let activations = n * F32 * (layers + 2) * c + kept_layers * inner;

        let again = again + if again > 0 { n * F32 * dropped } else { 0 };
        let forward = activations + scratch + again.max(n * F32 * dropped);
        let d_hidden = n * F32 * c;
        let logits = (F32 * requests as u64 * self.vocab_size as u64).min(CHUNK_BYTES);
        let logprobs = activations + d_hidden + logits + kept_tokens + F32 * requests as u64 * c;
        let gradients = n * F32 * (2 * c + 3 * f + 2 * q + 2 * kv + dropped_back);
        let factors = F32 * (outputs + n) * adapter.r as u64;
        // The rows' angles, and two numbers a row and head of attention.
        let rows = n * F32 * (self.head_dim + 2 * self.num_attention_heads) as u64;
        let backward = activations + d_hidden + scratch + again + gradients + factors + rows;
        forward.max(logprobs).max(backward)
    }

    /// Bytes of what top-k and top-p left of the vocabulary, for so many tokens: a bit a token of it.
    #[must_use]
    pub fn kept_bytes(&self, tokens: usize) -> u64 {
        4 * tokens as u64 * self.vocab_size.div_ceil(32) as u64
    }

    /// Bytes of the keys and values of so many tokens.
    #[must_use]
    pub fn cache_bytes(&self, tokens: usize) -> u64 {
        2 * F32 * (self.num_hidden_layers * self.key_value_size() * tokens) as u64
    }

    /// Bytes of what a decode step of so many sequences makes and lets go again, logits included.
    #[must_use]
    pub fn decode_bytes(&self, sequences: usize) -> u64 {
        let widths = 3 * self.hidden_size
            + 2 * self.query_size()
            + 2 * self.key_value_size()
            + 3 * self.intermediate_size
            + self.vocab_size;
        F32 * (sequences * widths) as u64
    }

    /// Bytes of what a prompt of so many tokens makes and lets go again.
    #[must_use]
    pub fn prefill_bytes(&self, tokens: usize) -> u64 {
        let widths = 4 * self.hidden_size + self.intermediate_size;
        tokens as u64 * (F32 * widths as u64 + Inner::token_bytes(self) as u64)
    }
}
