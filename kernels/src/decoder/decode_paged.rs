//! A decode step on a GPU: keys and values in pages, and ten launches a layer (two more
//! where gate and up have biases or weights of two precisions, and one more for every further part of a weight that is split).
//!
//! ```text
//! n = rms_norm(x)                   q, k, v = their projections of n
//! q, pages = rope(q), rope(k), v    x += o_proj(attention(q, pages))
//! n = rms_norm(x)                   x += down_proj(silu(gate_proj(n)) up_proj(n))
//! ```
//! The layer is [`super::layer`]'s; what it computes one by one is one launch here where that saves one.

use super::adapter::Merged;
use super::cache::Sequence;
use super::pages::{Pages, Table};
use super::target::Target::{self, DownProj, GateProj, KProj, OProj, QProj, UpProj, VProj};
use super::weights::Decoder;
use crate::error::Result;
use crate::gpu::Buffer;
use crate::ops::embedding::embedding;
use crate::ops::linear::{linear, linear_add, linear_silu_mul};
use crate::ops::rms_norm::rms_norm;
use crate::ops::rope::RopeAngles;
use crate::tensor::{Tensor, Weight};

/// Where a step's rows put their keys and values, and find those before.
struct Places<'a> {
    slots: Buffer,
    table: Table,
    angles: &'a RopeAngles,
}

/// What every layer of a step writes anew.
struct Inner {
    norm: Tensor,     // [M, C]
    q: Tensor,        // [M, H D]
    k: Tensor,        // [M, K D]
    v: Tensor,        // [M, K D]
    attended: Tensor, // [M, H D]
    act: Tensor,      // [M, F]
}

impl Decoder {
    /// The hidden states behind one more token a sequence, [M, C].
    pub(super) fn decode_paged(
        &self,
        pages: &mut Pages,
        sequences: &mut [Sequence],
        ids: &[u32],
        merged: Option<&Merged>,
        angles: &RopeAngles,
    ) -> Result<Tensor> {
        let (config, device) = (&self.config, self.device());
        let mut slots = Vec::with_capacity(ids.len());
        for sequence in sequences.iter_mut() {
            slots.extend(pages.extend(&mut sequence.own.list, 1)?);
        }
        let lists = sequences
            .iter()
            .map(|sequence| (&sequence.prompt.list, &sequence.own.list));
        let places = Places {
            slots: pages.upload(&slots)?,
            table: pages.table(lists)?,
            angles,
        };
        let empty = |cols| Tensor::empty_on(&device, ids.len(), cols);
        let mut inner = Inner {
            norm: empty(config.hidden_size)?,
            q: empty(config.query_size())?,
            k: empty(config.key_value_size())?,
            v: empty(config.key_value_size())?,
            attended: empty(config.query_size())?,
            act: empty(config.intermediate_size)?,
        };
        let mut x = empty(config.hidden_size)?;
        embedding(ids, &self.embed_tokens, &mut x)?;
        for layer in 0..self.layers.len() {
            self.paged_layer(merged, layer, pages, &places, &mut inner, &mut x)?;
        }
        self.last_norm(&x)
    }

    fn paged_layer(
        &self,
        merged: Option<&Merged>,
        layer: usize,
        pages: &Pages,
        places: &Places<'_>,
        inner: &mut Inner,
        x: &mut Tensor,
    ) -> Result<()> {
        let (weights, eps) = (&self.layers[layer], self.config.rms_norm_eps);
        let Inner {
            norm,
            q,
            k,
            v,
            attended,
            act,
        } = inner;
        rms_norm(x, &weights.input_layernorm, eps, norm)?;
        for (target, y) in [(QProj, &mut *q), (KProj, &mut *k), (VProj, &mut *v)] {
            let (weight, bias) = self.adapted(merged, layer, target);
            linear(norm, weight, bias, y)?;
        }
        pages.rotate_and_store(layer, [q, k, v], places.angles, &places.slots);
        pages.attend(layer, q, &places.table, attended);
        let (weight, bias) = self.adapted(merged, layer, OProj);
        linear_add(attended, weight, bias, x)?;
        rms_norm(x, &weights.post_attention_layernorm, eps, norm)?;
        let [gate, up] = [GateProj, UpProj].map(|target| self.adapted(merged, layer, target));
        linear_silu_mul(norm, gate, up, act)?;
        let (weight, bias) = self.adapted(merged, layer, DownProj);
        linear_add(act, weight, bias, x)
    }

    /// The weight of a map, with its adapter where it has one, and its bias.
    fn adapted<'a>(
        &'a self,
        merged: Option<&'a Merged>,
        layer: usize,
        target: Target,
    ) -> (&'a Weight, Option<&'a Tensor>) {
        let projection = &self.layers[layer].projections[target as usize];
        let merged = merged.and_then(|merged| merged.get(layer, target));
        let weight = merged.map_or(&projection.weight, |merged| &merged.weight);
        (weight, projection.bias.as_ref())
    }
}
