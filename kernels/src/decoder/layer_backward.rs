//! One layer, backward: the lines of `layer.rs` in reverse order.

use super::backward::Trained;
use super::config::DecoderConfig;
use super::dropout::Dropout;
use super::gradients::LayerGradients;
use super::layer::{Dropped, Inner, Scratch};
use super::target::Target;
use super::weights::Decoder;
use crate::batch::Span;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ops::adapter::adapter_backward;
use crate::ops::add::{copy, subtract_row};
use crate::ops::attention::{Gradients, attention_backward};
use crate::ops::linear::{
    linear, linear_backward_bias, linear_backward_input, linear_backward_weight,
};
use crate::ops::rms_norm::{rms_norm, rms_norm_backward};
use crate::ops::rope::{RopeAngles, rope_backward};
use crate::ops::silu_mul::{silu_mul, silu_mul_backward};
use crate::tensor::Tensor;

/// What a backward pass is about, whichever layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) spans: &'a [Span],
    pub(super) angles: &'a RopeAngles,
    pub(super) dropout: Option<&'a Dropout>,
}

/// A layer and what went into it.
pub(super) struct LayerInput<'a> {
    pub(super) layer: usize,
    /// Whether nothing below this layer wants a gradient.
    pub(super) end: bool,
    pub(super) x: &'a Tensor, // [N, C]
    pub(super) inner: &'a Inner,
}

/// Gradients that every layer of a backward pass writes anew.
pub(super) struct Buffers {
    d_norm: Tensor,     // [N, C]
    d_act: Tensor,      // [N, F]
    d_gate: Tensor,     // [N, F]
    d_up: Tensor,       // [N, F]
    d_attended: Tensor, // [N, H D]
    d_q: Tensor,        // [N, H D]
    d_k: Tensor,        // [N, K D]
    d_v: Tensor,        // [N, K D]
    map: MapBuffers,
}

/// Buffers of one linear map's backward pass.
struct MapBuffers {
    y: Tensor, // [N, out]
    dropped: Dropped,
}

/// A linear map as the forward pass met it.
struct Map<'a> {
    layer: usize,
    target: Target,
    /// Its input, [N, in].
    x: &'a Tensor,
    /// What it gave, [N, out], with its bias and, for queries and keys, rotated; `None` where that was not kept.
    y: Option<&'a Tensor>,
}

impl Buffers {
    pub(super) fn new(device: &Device, config: &DecoderConfig, n: usize) -> Result<Self> {
        let empty = |cols| Tensor::empty_on(device, n, cols);
        let (q, kv) = (config.query_size(), config.key_value_size());
        Ok(Self {
            d_norm: empty(config.hidden_size)?,
            d_act: empty(config.intermediate_size)?,
            d_gate: empty(config.intermediate_size)?,
            d_up: empty(config.intermediate_size)?,
            d_attended: empty(q)?,
            d_q: empty(q)?,
            d_k: empty(kv)?,
            d_v: empty(kv)?,
            map: MapBuffers {
                y: Tensor::empty_on(device, 0, 0)?,
                dropped: Dropped::new(device)?,
            },
        })
    }
}

impl<'a> Map<'a> {
    fn new(layer: usize, target: Target, x: &'a Tensor, y: Option<&'a Tensor>) -> Self {
        Self {
            layer,
            target,
            x,
            y,
        }
    }
}

impl Place<'_> {
    /// Turns the gradient `d` of a layer's output into that of its input, [N, C], and adds the gradients of what is trained
    /// in it. At the end of the pass it stops, and leaves `d` as it is, where the last trained map has its gradient.
    pub(super) fn layer(
        &self,
        at: &LayerInput<'_>,
        trained: &mut Trained<'_>,
        scratch: &mut Scratch,
        buffers: &mut Buffers,
        d: &mut Tensor,
    ) -> Result<()> {
        use Target::{DownProj, GateProj, KProj, OProj, QProj, UpProj, VProj};
        let LayerInput {
            layer,
            end,
            x,
            inner,
        } = *at;
        let weights = &self.decoder.layers[layer];
        let eps = self.decoder.config.rms_norm_eps;
        let Scratch { norm, act, .. } = scratch;
        let b = buffers;
        // out = middle + down_proj(silu(gate) up)
        let more = !end || trained.any(layer, &[QProj, KProj, VProj, OProj, GateProj, UpProj]);
        silu_mul(&inner.gate, &inner.up, act)?;
        let down = Map::new(layer, DownProj, act, None);
        self.map(
            &down,
            d,
            more.then_some((&mut b.d_act, false)),
            trained,
            &mut b.map,
        )?;
        if !more {
            return Ok(());
        }
        silu_mul_backward(&inner.gate, &inner.up, &b.d_act, &mut b.d_gate, &mut b.d_up)?;

        // gate, up = gate_proj(n2), up_proj(n2)     n2 = rms_norm(middle)
        let more = !end || trained.any(layer, &[QProj, KProj, VProj, OProj]);
        rms_norm(&inner.middle, &weights.post_attention_layernorm, eps, norm)?;
        let gate = Map::new(layer, GateProj, norm, Some(&inner.gate));
        self.map(
            &gate,
            &b.d_gate,
            more.then_some((&mut b.d_norm, false)),
            trained,
            &mut b.map,
        )?;
        let up = Map::new(layer, UpProj, norm, Some(&inner.up));
        self.map(
            &up,
            &b.d_up,
            more.then_some((&mut b.d_norm, true)),
            trained,
            &mut b.map,
        )?;
        if !more {
            return Ok(());
        }
        let d_weight = trained.full().map(|all| &mut all.layers[layer]);
        let d_weight = d_weight.map(|of: &mut LayerGradients| &mut of.post_attention_layernorm);
        let post = &weights.post_attention_layernorm;
        rms_norm_backward(&inner.middle, post, eps, &b.d_norm, d, d_weight)?;

        // middle = x + o_proj(attention(q, k, v))
        let more = !end || trained.any(layer, &[QProj, KProj, VProj]);
        let output = Map::new(layer, OProj, &inner.attended, None);
        self.map(
            &output,
            d,
            more.then_some((&mut b.d_attended, false)),
            trained,
            &mut b.map,
        )?;
        if !more {
            return Ok(());
        }
        let operands = self
            .decoder
            .operands(self.spans, &inner.q, &inner.k, &inner.v);
        let gradients = Gradients {
            d_q: &mut b.d_q,
            d_k: &mut b.d_k,
            d_v: &mut b.d_v,
        };
        attention_backward(
            &operands,
            &inner.attended,
            &inner.log_sum_exp,
            &b.d_attended,
            gradients,
        )?;
        rope_backward(&mut b.d_q, self.angles)?;
        rope_backward(&mut b.d_k, self.angles)?;

        // q, k, v = rope(q_proj(n1)), rope(k_proj(n1)), v_proj(n1)     n1 = rms_norm(x)
        rms_norm(x, &weights.input_layernorm, eps, norm)?;
        let more = !end;
        let q = Map::new(layer, QProj, norm, Some(&inner.q));
        self.map(
            &q,
            &b.d_q,
            more.then_some((&mut b.d_norm, false)),
            trained,
            &mut b.map,
        )?;
        let k = Map::new(layer, KProj, norm, Some(&inner.k));
        self.map(
            &k,
            &b.d_k,
            more.then_some((&mut b.d_norm, true)),
            trained,
            &mut b.map,
        )?;
        let v = Map::new(layer, VProj, norm, Some(&inner.v));
        self.map(
            &v,
            &b.d_v,
            more.then_some((&mut b.d_norm, true)),
            trained,
            &mut b.map,
        )?;
        if !more {
            return Ok(());
        }
        let d_weight = trained.full().map(|all| &mut all.layers[layer]);
        let d_weight = d_weight.map(|of: &mut LayerGradients| &mut of.input_layernorm);
        rms_norm_backward(x, &weights.input_layernorm, eps, &b.d_norm, d, d_weight)
    }

    /// A linear map: adds the gradients of its parameters, and writes that of its input (or adds it, as the flag says)
    /// where it is wanted.
    fn map(
        &self,
        map: &Map<'_>,
        d_y: &Tensor,
        d_x: Option<(&mut Tensor, bool)>,
        trained: &mut Trained<'_>,
        buffers: &mut MapBuffers,
    ) -> Result<()> {
        let Map {
            layer, target, x, ..
        } = *map;
        let weight = &self.decoder.layers[layer].projections[target as usize].weight;
        let (adapter, merged, gradients) = match trained {
            Trained::Full { gradients } => {
                let (d_weight, d_bias) = &mut gradients.layers[layer].projections[target as usize];
                linear_backward_weight(x, d_y, d_weight)?;
                if let Some(d_bias) = d_bias {
                    linear_backward_bias(d_y, d_bias)?;
                }
                return match d_x {
                    Some((d_x, accumulate)) => linear_backward_input(d_y, weight, d_x, accumulate),
                    None => Ok(()),
                };
            }
            Trained::Adapter {
                adapter,
                merged,
                gradients,
            } => (adapter, merged, gradients),
        };
        let merged = merged.get(layer, target);
        let Some(factors) = adapter.factors(layer, target) else {
            let weight = merged.map_or(weight, |merged| &merged.weight);
            return match d_x {
                Some((d_x, accumulate)) => linear_backward_input(d_y, weight, d_x, accumulate),
                None => Ok(()),
            };
        };
        let (Some(merged), Some(gradients)) = (merged, gradients.factor_gradients(layer, target))
        else {
            return Err(Error::Argument {
                op: "Decoder::backward",
                what: "trained",
                reason: format!(
                    "has an adapter on {}, but its merged weight or its gradient has none",
                    target.path(layer)
                ),
            });
        };
        let dora = factors.magnitude.is_some();
        let Some(dropout) = self.dropout else {
            if dora {
                self.recover(map, &merged.weight, &mut buffers.y)?;
            }
            let y = if dora { &buffers.y } else { d_y };
            adapter_backward(x, y, d_y, &factors, merged, gradients)?;
            return match d_x {
                Some((d_x, accumulate)) => {
                    linear_backward_input(d_y, &merged.weight, d_x, accumulate)
                }
                None => Ok(()),
            };
        };
        // y = W' x_d + W (x - x_d) + b
        let Dropped {
            dropped,
            rest,
            product,
        } = &mut buffers.dropped;
        dropout.split(layer, target, x, dropped, rest)?;
        if dora {
            product.reshape(d_y.rows(), d_y.cols())?;
            linear(dropped, &merged.weight, None, product)?;
        }
        let y = if dora { &*product } else { d_y };
        adapter_backward(dropped, y, d_y, &factors, merged, gradients)?;
        if let Some((d_x, accumulate)) = d_x {
            linear_backward_input(d_y, &merged.weight, dropped, false)?;
            linear_backward_input(d_y, weight, rest, false)?;
            dropout.join(layer, target, dropped, rest, d_x, accumulate)?;
        }
        Ok(())
    }

    /// `W' x` again: from what was kept by taking rotation and bias off, otherwise by computing it.
    fn recover(&self, map: &Map<'_>, merged: &crate::Weight, y: &mut Tensor) -> Result<()> {
        let Some(kept) = map.y else {
            y.reshape(map.x.rows(), merged.rows())?;
            return linear(map.x, merged, None, y);
        };
        y.reshape(kept.rows(), kept.cols())?;
        copy(kept, y)?;
        if matches!(map.target, Target::QProj | Target::KProj) {
            rope_backward(y, self.angles)?;
        }
        let projection = &self.decoder.layers[map.layer].projections[map.target as usize];
        match &projection.bias {
            Some(bias) => subtract_row(bias, y),
            None => Ok(()),
        }
    }
}
