//! Gradients of all of a decoder's weights, for the few who train them all.

use super::target::Target;
use super::weights::{Decoder, EMBEDDING, HEAD, Layer, NORM};
use crate::tensor::Tensor;

/// A gradient for every tensor of a decoder, under the tensor's name.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
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
        let mut all = vec![(EMBEDDING.to_string(), self.embed_tokens.data())];
        for (index, layer) in self.layers.iter().enumerate() {
            let [input, post] = Layer::norm_names(index);
            all.push((input, layer.input_layernorm.as_slice()));
            for (target, (weight, bias)) in Target::ALL.iter().zip(&layer.projections) {
                all.push((format!("{}.weight", target.path(index)), weight.data()));
                if let Some(bias) = bias {
                    all.push((format!("{}.bias", target.path(index)), bias));
                }
            }
            all.push((post, layer.post_attention_layernorm.as_slice()));
        }
        all.push((NORM.to_string(), self.norm.as_slice()));
        if let Some(head) = &self.lm_head {
            all.push((HEAD.to_string(), head.data()));
        }
        all
    }

    /// [`WeightGradients::parameters`], to be written: clipped, averaged.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut [f32])> {
        let mut all = vec![(EMBEDDING.to_string(), self.embed_tokens.data_mut())];
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let [input, post] = Layer::norm_names(index);
            all.push((input, layer.input_layernorm.as_mut_slice()));
            for (target, (weight, bias)) in Target::ALL.iter().zip(&mut layer.projections) {
                all.push((format!("{}.weight", target.path(index)), weight.data_mut()));
                if let Some(bias) = bias {
                    all.push((format!("{}.bias", target.path(index)), bias));
                }
            }
            all.push((post, layer.post_attention_layernorm.as_mut_slice()));
        }
        all.push((NORM.to_string(), self.norm.as_mut_slice()));
        if let Some(head) = &mut self.lm_head {
            all.push((HEAD.to_string(), head.data_mut()));
        }
        all
    }

    /// Sets every gradient to zero, before the next step.
    pub fn clear(&mut self) {
        for (_, values) in self.parameters_mut() {
            values.fill(0.0);
        }
    }
}
