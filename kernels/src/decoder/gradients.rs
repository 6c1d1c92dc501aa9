//! Gradients of all of a decoder's weights, for the few who train them all.

use std::iter::once;

use super::target::Target;
use super::weights::{Decoder, tensor_names};
use crate::tensor::Tensor;

/// A gradient for every tensor of a decoder, under the tensor's name.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
    names: Vec<String>,
    pub(super) embed_tokens: Tensor, // [V, C]; a tied head's gradient is in it too
    pub(super) layers: Vec<LayerGradients>,
    pub(super) norm: Vec<f32>,          // [C]
    pub(super) lm_head: Option<Tensor>, // [V, C]
}

/// One layer's gradients.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerGradients {
    pub(super) input_layernorm: Vec<f32>,
    pub(super) post_attention_layernorm: Vec<f32>,
    /// By `Target as usize`: the gradient of the weight, and of the bias where there is one.
    pub(super) projections: [(Tensor, Option<Vec<f32>>); 7],
}

impl WeightGradients {
    /// Zeros in the decoder's shape.
    #[must_use]
    pub fn new(decoder: &Decoder) -> Self {
        let config = decoder.config();
        let table = || Tensor::zeros(config.vocab_size, config.hidden_size);
        let layer = || LayerGradients {
            input_layernorm: vec![0.0; config.hidden_size],
            post_attention_layernorm: vec![0.0; config.hidden_size],
            projections: Target::ALL.map(|target| {
                let [rows, cols] = config.shape(target);
                let bias = config.has_bias(target).then(|| vec![0.0; rows]);
                (Tensor::zeros(rows, cols), bias)
            }),
        };
        Self {
            names: tensor_names(config),
            embed_tokens: table(),
            layers: (0..config.num_hidden_layers).map(|_| layer()).collect(),
            norm: vec![0.0; config.hidden_size],
            lm_head: (!config.tie_word_embeddings).then(table),
        }
    }

    /// The gradient of what maps hidden states to logits: the head, or the embedding it is tied to.
    pub(super) fn head_mut(&mut self) -> &mut Tensor {
        self.lm_head.as_mut().unwrap_or(&mut self.embed_tokens)
    }

    /// Every gradient with its tensor's name, in the order of [`Decoder::tensors`].
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, &[f32])> {
        let layers = self.layers.iter().flat_map(|layer| {
            let maps = layer
                .projections
                .iter()
                .flat_map(|(weight, bias)| once(weight.data()).chain(bias.as_deref()));
            once(layer.input_layernorm.as_slice())
                .chain(maps)
                .chain(once(layer.post_attention_layernorm.as_slice()))
        });
        let all = once(self.embed_tokens.data())
            .chain(layers)
            .chain(once(self.norm.as_slice()))
            .chain(self.lm_head.as_ref().map(Tensor::data));
        self.names.iter().cloned().zip(all).collect()
    }

    /// [`WeightGradients::parameters`], to be written: clipped, averaged.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut [f32])> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let maps = layer
                .projections
                .iter_mut()
                .flat_map(|(weight, bias)| once(weight.data_mut()).chain(bias.as_deref_mut()));
            once(layer.input_layernorm.as_mut_slice())
                .chain(maps)
                .chain(once(layer.post_attention_layernorm.as_mut_slice()))
        });
        let all = once(self.embed_tokens.data_mut())
            .chain(layers)
            .chain(once(self.norm.as_mut_slice()))
            .chain(self.lm_head.as_mut().map(Tensor::data_mut));
        self.names.iter().cloned().zip(all).collect()
    }

    /// Sets every gradient to zero, before the next step.
    pub fn clear(&mut self) {
        for (_, values) in self.parameters_mut() {
            values.fill(0.0);
        }
    }
}
