//! One layer, forward: shared by the pass over a batch, its recomputation in the backward pass, and decoding.
//!
//! ```text
//! n1 = rms_norm(x)            q, k = rope(q_proj(n1)), rope(k_proj(n1))      v = v_proj(n1)
//! middle = x + o_proj(attention(q, k, v))
//! n2 = rms_norm(middle)       out = middle + down_proj(silu(gate_proj(n2)) up_proj(n2))
//! ```
//! Source: transformers' `modeling_llama.py` and `modeling_qwen2.py`, `LlamaDecoderLayer`.

use super::adapter::Merged;
use super::config::DecoderConfig;
use super::dropout::Dropout;
use super::target::Target;
use super::weights::Decoder;
use crate::batch::{Span, TokenBatch};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ops::add::{add, add_into};
use crate::ops::attention::{Operands, attention};
use crate::ops::linear::linear;
use crate::ops::rms_norm::rms_norm;
use crate::ops::rope::{RopeAngles, rope};
use crate::ops::silu_mul::silu_mul;
use crate::tensor::Tensor;

/// What a pass is about, whichever layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) angles: &'a RopeAngles,
    pub(super) merged: Option<&'a Merged>,
    pub(super) dropout: Option<&'a Dropout>,
}

/// A layer's inner activations: what its backward pass needs beside its input.
#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) q: Tensor,           // [N, H D], rotated
    pub(super) k: Tensor,           // [N, K D], rotated
    pub(super) v: Tensor,           // [N, K D]
    pub(super) attended: Tensor,    // [N, H D]
    pub(super) log_sum_exp: Tensor, // [N, H]
    pub(super) middle: Tensor,      // [N, C]
    pub(super) gate: Tensor,        // [N, F]
    pub(super) up: Tensor,          // [N, F]
}

impl Inner {
    pub(super) fn new(device: &Device, config: &DecoderConfig, n: usize) -> Result<Self> {
        let empty = |cols| Tensor::empty_on(device, n, cols);
        let (q, kv) = (config.query_size(), config.key_value_size());
        Ok(Self {
            q: empty(q)?,
            k: empty(kv)?,
            v: empty(kv)?,
            attended: empty(q)?,
            log_sum_exp: empty(config.num_attention_heads)?,
            middle: empty(config.hidden_size)?,
            gate: empty(config.intermediate_size)?,
            up: empty(config.intermediate_size)?,
        })
    }

    /// Bytes of one token's inner activations.
    pub(super) fn token_bytes(config: &DecoderConfig) -> usize {
        let widths = 2 * config.query_size()
            + 2 * config.key_value_size()
            + config.num_attention_heads
            + config.hidden_size
            + 2 * config.intermediate_size;
        widths * size_of::<f32>()
    }
}

/// Buffers that every layer of a pass uses again.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) norm: Tensor, // [N, C]
    pub(super) act: Tensor,  // [N, F]
    pub(super) sum: Tensor,  // [N, C]: what is added to the residual stream
    pub(super) dropped: Dropped,
}

/// The two operands of a map with an adapter under dropout, and the product of one of them.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) dropped: Tensor, // [N, in]
    pub(super) rest: Tensor,    // [N, in]
    pub(super) product: Tensor, // [N, out]
}

impl Dropped {
    pub(super) fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            dropped: Tensor::empty_on(device, 0, 0)?,
            rest: Tensor::empty_on(device, 0, 0)?,
            product: Tensor::empty_on(device, 0, 0)?,
        })
    }
}

impl Scratch {
    pub(super) fn new(device: &Device, config: &DecoderConfig, n: usize) -> Result<Self> {
        let empty = |cols| Tensor::empty_on(device, n, cols);
        Ok(Self {
            norm: empty(config.hidden_size)?,
            act: empty(config.intermediate_size)?,
            sum: empty(config.hidden_size)?,
            dropped: Dropped::new(device)?,
        })
    }
}

impl Decoder {
    /// Everything that can be wrong with a batch and what it is computed with, before anything is computed.
    pub(super) fn check_pass(
        &self,
        batch: &TokenBatch,
        merged: Option<&Merged>,
        dropout: Option<&Dropout>,
    ) -> Result<()> {
        batch.validate()?;
        for (row, (&id, &position)) in batch.ids.iter().zip(&batch.positions).enumerate() {
            self.check_token(row, id, position)?;
        }
        self.check_merged(merged)?;
        match dropout {
            None => Ok(()),
            Some(dropout) if merged.is_some() => dropout.check(batch.len()),
            Some(_) => Err(Error::Argument {
                op: "decoder",
                what: "dropout",
                reason: "is for an adapter's inputs, and there is no adapter".to_string(),
            }),
        }
    }

    pub(super) fn check_token(&self, row: usize, id: u32, position: u32) -> Result<()> {
        let config = &self.config;
        Error::check_index(
            "decoder",
            || format!("ids[{row}]"),
            id as usize,
            config.vocab_size,
        )?;
        Error::check_index(
            "decoder",
            || format!("positions[{row}], counted against max_position_embeddings,"),
            position as usize,
            config.max_position_embeddings,
        )
    }

    pub(super) fn check_merged(&self, merged: Option<&Merged>) -> Result<()> {
        let layers = merged.map_or(self.layers.len(), Merged::layer_count);
        Error::check_shape("decoder", "merged", &[self.layers.len()], &[layers])
    }

    /// `y = W x + b`; with an adapter `W' x + b`, under dropout `W' x_d + W (x - x_d) + b`.
    pub(super) fn project(
        &self,
        pass: &Pass<'_>,
        layer: usize,
        target: Target,
        x: &Tensor,
        scratch: &mut Dropped,
        y: &mut Tensor,
    ) -> Result<()> {
        let projection = &self.layers[layer].projections[target as usize];
        let bias = projection.bias.as_ref();
        let merged = pass.merged.and_then(|merged| merged.get(layer, target));
        match (merged, pass.dropout) {
            (None, _) => linear(x, &projection.weight, bias, y),
            (Some(merged), None) => linear(x, &merged.weight, bias, y),
            (Some(merged), Some(dropout)) => {
                let Dropped {
                    dropped,
                    rest,
                    product,
                } = scratch;
                dropout.split(layer, target, x, dropped, rest)?;
                linear(rest, &projection.weight, bias, y)?;
                product.reshape(y.rows(), y.cols())?;
                linear(dropped, &merged.weight, None, product)?;
                add(product, y)
            }
        }
    }

    /// Norm, queries, keys and values.
    pub(super) fn before_attention(
        &self,
        pass: &Pass<'_>,
        layer: usize,
        x: &Tensor,
        scratch: &mut Scratch,
        inner: &mut Inner,
    ) -> Result<()> {
        let eps = self.config.rms_norm_eps;
        let Scratch { norm, dropped, .. } = scratch;
        rms_norm(x, &self.layers[layer].input_layernorm, eps, norm)?;
        self.project(pass, layer, Target::QProj, norm, dropped, &mut inner.q)?;
        self.project(pass, layer, Target::KProj, norm, dropped, &mut inner.k)?;
        self.project(pass, layer, Target::VProj, norm, dropped, &mut inner.v)?;
        rope(&mut inner.q, pass.angles)?;
        rope(&mut inner.k, pass.angles)
    }

    /// The attention's output and residual, norm, gate and up.
    pub(super) fn after_attention(
        &self,
        pass: &Pass<'_>,
        layer: usize,
        x: &Tensor,
        scratch: &mut Scratch,
        inner: &mut Inner,
    ) -> Result<()> {
        let Scratch {
            norm, sum, dropped, ..
        } = scratch;
        self.project(pass, layer, Target::OProj, &inner.attended, dropped, sum)?;
        add_into(x, sum, &mut inner.middle)?;
        let weight = &self.layers[layer].post_attention_layernorm;
        rms_norm(&inner.middle, weight, self.config.rms_norm_eps, norm)?;
        self.project(
            pass,
            layer,
            Target::GateProj,
            norm,
            dropped,
            &mut inner.gate,
        )?;
        self.project(pass, layer, Target::UpProj, norm, dropped, &mut inner.up)
    }

    /// The feed-forward part's output and residual.
    pub(super) fn layer_output(
        &self,
        pass: &Pass<'_>,
        layer: usize,
        scratch: &mut Scratch,
        inner: &Inner,
        out: &mut Tensor,
    ) -> Result<()> {
        let Scratch {
            act, sum, dropped, ..
        } = scratch;
        silu_mul(&inner.gate, &inner.up, act)?;
        self.project(pass, layer, Target::DownProj, act, dropped, sum)?;
        add_into(&inner.middle, sum, out)
    }

    /// All inner activations of a layer, from its input.
    pub(super) fn layer_inner(
        &self,
        pass: &Pass<'_>,
        layer: usize,
        spans: &[Span],
        x: &Tensor,
        scratch: &mut Scratch,
        inner: &mut Inner,
    ) -> Result<()> {
        self.before_attention(pass, layer, x, scratch, inner)?;
        let operands = self.operands(spans, &inner.q, &inner.k, &inner.v);
        attention(&operands, &mut inner.attended, &mut inner.log_sum_exp)?;
        self.after_attention(pass, layer, x, scratch, inner)
    }

    /// Queries, keys and values as attention takes them.
    pub(super) fn operands<'a>(
        &self,
        spans: &'a [Span],
        q: &'a Tensor,
        k: &'a Tensor,
        v: &'a Tensor,
    ) -> Operands<'a> {
        Operands {
            q,
            k,
            v,
            spans,
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
        }
    }

    /// The angles of rows at these positions.
    pub(super) fn angles(&self, positions: &[u32]) -> Result<RopeAngles> {
        let DecoderConfig {
            rope_theta,
            head_dim,
            rope_scaling_factor,
            ..
        } = self.config;
        RopeAngles::new(rope_theta, head_dim, rope_scaling_factor, positions)?.to(&self.device())
    }
}
