//! One layer, forward: shared by the pass over a batch, its recomputation in the backward pass, and decoding.
//!
//! ```text
//! n1 = rms_norm(x)            q, k = rope(q_proj(n1)), rope(k_proj(n1))      v = v_proj(n1)
//! middle = x + o_proj(attention(q, k, v))
//! n2 = rms_norm(middle)       out = middle + down_proj(silu(gate_proj(n2)) up_proj(n2))
//! ```
//! Source: transformers' `modeling_llama.py` and `modeling_qwen2.py`, `LlamaDecoderLayer`.

use rayon::prelude::*;

use super::adapter::Merged;
use super::config::DecoderConfig;
use super::dropout::Dropout;
use super::target::Target;
use super::weights::Decoder;
use crate::batch::{Span, TokenBatch};
use crate::error::{Error, Result};
use crate::ops::attention::{Operands, attention};
use crate::ops::linear::linear;
use crate::ops::rms_norm::rms_norm;
use crate::ops::rope::{RopeTable, rope};
use crate::ops::silu_mul::silu_mul;
use crate::tensor::Tensor;

/// What a pass is about, whichever layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) positions: &'a [u32],
    pub(super) rope: &'a RopeTable,
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
    pub(super) fn new(config: &DecoderConfig, n: usize) -> Self {
        let (q, kv) = (config.query_size(), config.key_value_size());
        Self {
            q: Tensor::zeros(n, q),
            k: Tensor::zeros(n, kv),
            v: Tensor::zeros(n, kv),
            attended: Tensor::zeros(n, q),
            log_sum_exp: Tensor::zeros(n, config.num_attention_heads),
            middle: Tensor::zeros(n, config.hidden_size),
            gate: Tensor::zeros(n, config.intermediate_size),
            up: Tensor::zeros(n, config.intermediate_size),
        }
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
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) dropped: Tensor, // [N, in]
    pub(super) rest: Tensor,    // [N, in]
    pub(super) product: Tensor, // [N, out]
}

impl Scratch {
    pub(super) fn new(config: &DecoderConfig, n: usize) -> Self {
        Self {
            norm: Tensor::zeros(n, config.hidden_size),
            act: Tensor::zeros(n, config.intermediate_size),
            sum: Tensor::zeros(n, config.hidden_size),
            dropped: Dropped::default(),
        }
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
        let bias = projection.bias.as_deref();
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
                dropout.split(layer, target, x, dropped, rest);
                linear(rest, &projection.weight, bias, y)?;
                product.reset(y.rows(), y.cols());
                linear(dropped, &merged.weight, None, product)?;
                add(product, y);
                Ok(())
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
        rope(&mut inner.q, pass.positions, pass.rope)?;
        rope(&mut inner.k, pass.positions, pass.rope)
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
        add_into(x, sum, &mut inner.middle);
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
        add_into(&inner.middle, sum, out);
        Ok(())
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

    /// The angles of every position below `positions`.
    pub(super) fn rope_table(config: &DecoderConfig, positions: usize) -> Result<RopeTable> {
        let factor = config.rope_scaling_factor;
        RopeTable::new(config.rope_theta, config.head_dim, factor, positions)
    }
}

/// Elements of a task of the additions, which are bound by memory.
const TASK: usize = 1 << 14;

/// `y += x`
fn add(x: &Tensor, y: &mut Tensor) {
    y.data_mut()
        .par_chunks_mut(TASK)
        .zip(x.data().par_chunks(TASK))
        .for_each(|(y, x)| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
}

/// `out = a + b`
fn add_into(a: &Tensor, b: &Tensor, out: &mut Tensor) {
    out.data_mut()
        .par_chunks_mut(TASK)
        .zip(a.data().par_chunks(TASK).zip(b.data().par_chunks(TASK)))
        .for_each(|(out, (a, b))| {
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = a + b;
            }
        });
}
