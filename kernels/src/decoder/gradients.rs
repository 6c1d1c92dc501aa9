//! Gradients of all of a decoder's weights, for the few who train them all.

use std::iter::once;

use super::target::Target;
use super::weights::{Decoder, tensor_names};
use crate::error::Result;
use crate::tensor::Tensor;

/// A gradient for every tensor of a decoder, under the tensor's name.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
    names: Vec<String>,
    pub(super) embed_tokens: Tensor, // [V, C]; a tied head's gradient is in it too
    pub(super) layers: Vec<LayerGradients>,
    pub(super) norm: Tensor,            // [1, C]
    pub(super) lm_head: Option<Tensor>, // [V, C]
}

/// One layer's gradients.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerGradients {
    pub(super) input_layernorm: Tensor,          // [1, C]
    pub(super) post_attention_layernorm: Tensor, // [1, C]
    /// By `Target as usize`: the gradient of the weight, and of the bias where there is one.
    pub(super) projections: [(Tensor, Option<Tensor>); 7],
}

impl WeightGradients {
    /// Zeros in the decoder's shape, on its device.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a tensor that is larger than the device's buffers can be.
    pub fn new(decoder: &Decoder) -> Result<Self> {
        let (config, device) = (decoder.config(), decoder.device());
        let zeros = |rows, cols| Tensor::zeros_on(&device, rows, cols);
        let table = || zeros(config.vocab_size, config.hidden_size);
        let layer = || {
            let mut projections = Vec::with_capacity(7);
            for target in Target::ALL {
                let [rows, cols] = config.shape(target);
                let bias = match config.has_bias(target) {
                    true => Some(zeros(1, rows)?),
                    false => None,
                };
                projections.push((zeros(rows, cols)?, bias));
            }
            Ok(LayerGradients {
                input_layernorm: zeros(1, config.hidden_size)?,
                post_attention_layernorm: zeros(1, config.hidden_size)?,
                projections: projections.try_into().expect("one for each target"),
            })
        };
        let layers = (0..config.num_hidden_layers).map(|_| layer());
        Ok(Self {
            names: tensor_names(config),
            embed_tokens: table()?,
            layers: layers.collect::<Result<_>>()?,
            norm: zeros(1, config.hidden_size)?,
            lm_head: match config.tie_word_embeddings {
                true => None,
                false => Some(table()?),
            },
        })
    }

    /// The gradient of what maps hidden states to logits: the head, or the embedding it is tied to.
    pub(super) fn head_mut(&mut self) -> &mut Tensor {
        self.lm_head.as_mut().unwrap_or(&mut self.embed_tokens)
    }

    /// Every gradient with its tensor's name, in the order of [`Decoder::tensors`].
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, &Tensor)> {
        let layers = self.layers.iter().flat_map(|layer| {
            let maps = layer
                .projections
                .iter()
                .flat_map(|(weight, bias)| once(weight).chain(bias));
            once(&layer.input_layernorm)
                .chain(maps)
                .chain(once(&layer.post_attention_layernorm))
        });
        let all = once(&self.embed_tokens)
            .chain(layers)
            .chain(once(&self.norm))
            .chain(&self.lm_head);
        self.names.iter().cloned().zip(all).collect()
    }

    /// The numbers of [`WeightGradients::tensors`].
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, &[f32])> {
        let tensors = self.tensors().into_iter();
        tensors
            .map(|(name, tensor)| (name, tensor.data()))
            .collect()
    }

    /// [`WeightGradients::tensors`], to be written.
    pub fn tensors_mut(&mut self) -> Vec<(String, &mut Tensor)> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let maps = layer
                .projections
                .iter_mut()
                .flat_map(|(weight, bias)| once(weight).chain(bias));
            once(&mut layer.input_layernorm)
                .chain(maps)
                .chain(once(&mut layer.post_attention_layernorm))
        });
        let all = once(&mut self.embed_tokens)
            .chain(layers)
            .chain(once(&mut self.norm))
            .chain(&mut self.lm_head);
        self.names.iter().cloned().zip(all).collect()
    }

    /// [`WeightGradients::parameters`], to be written: clipped, averaged.
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut [f32])> {
        let tensors = self.tensors_mut().into_iter();
        tensors
            .map(|(name, tensor)| (name, tensor.data_mut()))
            .collect()
    }

    /// The same gradients in the processor's memory, once all that writes them is computed.
    ///
    /// # Errors
    /// Those of [`Tensor::read`].
    pub async fn read(&self) -> Result<Self> {
        let tensors: Vec<&Tensor> = self.tensors().into_iter().map(|(_, t)| t).collect();
        let mut read = Tensor::read_all(&tensors).await?.into_iter();
        let mut next = || read.next().expect("one for each");
        // In the order of `tensors`.
        let embed_tokens = next();
        let layers = self.layers.iter().map(|layer| LayerGradients {
            input_layernorm: next(),
            projections: layer
                .projections
                .each_ref()
                .map(|(_, bias)| (next(), bias.as_ref().map(|_| next()))),
            post_attention_layernorm: next(),
        });
        let layers = layers.collect();
        Ok(Self {
            names: self.names.clone(),
            embed_tokens,
            layers,
            norm: next(),
            lm_head: self.lm_head.as_ref().map(|_| next()),
        })
    }

    /// Sets every gradient to zero, before the next step.
    pub fn clear(&mut self) {
        for (_, tensor) in self.tensors_mut() {
            tensor.fill(0.0);
        }
    }
}
