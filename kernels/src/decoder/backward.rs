//! The backward pass: from the gradient of hidden states to that of an adapter or of all weights.
//!
//! The reverse of `layer.rs`, line by line, without a tape: layers from last to first, each from its input and its inner
//! activations, which are computed again where they were not kept. What is frozen gets no gradient, and below the lowest
//! trained linear map nothing is computed.

use super::adapter::{Adapter, Merged};
use super::dropout::Dropout;
use super::forward::Activations;
use super::gradients::WeightGradients;
use super::layer::{Inner, Pass, Scratch};
use super::layer_backward::{Buffers, LayerInput, Place};
use super::target::Target;
use super::weights::Decoder;
use crate::batch::TokenBatch;
use crate::error::{Error, Result};
use crate::ops::embedding::embedding_backward;
use crate::ops::rms_norm::rms_norm_backward;
use crate::tensor::Tensor;

/// What is trained, and where its gradients are added.
#[derive(Debug)]
pub enum Trained<'a> {
    /// An adapter on a frozen decoder.
    Adapter {
        /// Its parameters.
        adapter: &'a Adapter,
        /// The decoder's weights with it in them, from [`Decoder::merge`]; what the forward pass had.
        merged: &'a Merged,
        /// Where its gradients are added: of the adapter's shape, see [`Adapter::zeros_like`].
        gradients: &'a mut Adapter,
    },
    /// All weights of a decoder without an adapter.
    Full {
        /// Where their gradients are added.
        gradients: &'a mut WeightGradients,
    },
}

impl Trained<'_> {
    fn merged(&self) -> Option<&Merged> {
        match self {
            Trained::Adapter { merged, .. } => Some(merged),
            Trained::Full { .. } => None,
        }
    }

    /// Whether one of these maps of a layer is trained.
    pub(super) fn any(&self, layer: usize, targets: &[Target]) -> bool {
        match self {
            Trained::Adapter { adapter, .. } => targets
                .iter()
                .any(|&target| adapter.factors(layer, target).is_some()),
            Trained::Full { .. } => true,
        }
    }

    pub(super) fn full(&mut self) -> Option<&mut WeightGradients> {
        match self {
            Trained::Adapter { .. } => None,
            Trained::Full { gradients } => Some(gradients),
        }
    }
}

impl Decoder {
    /// Adds the gradients of what is trained, given that of the hidden states.
    ///
    /// `batch` and `dropout` are those of the [`Decoder::forward`] that made `activations`, and so is the adapter, whose
    /// parameters must not have changed since. A prompt's rows get the sum of what its completions send back.
    ///
    /// # Shapes
    /// `d_hidden` [N, C].
    ///
    /// # Errors
    /// As [`Decoder::forward`]; [`Error::Shape`] where `activations`, `d_hidden` or gradients belong to something else;
    /// [`Error::Argument`] for a dropout where all weights are trained.
    pub fn backward(
        &self,
        batch: &TokenBatch,
        dropout: Option<&Dropout>,
        activations: &Activations,
        d_hidden: &Tensor,
        mut trained: Trained<'_>,
    ) -> Result<()> {
        const OP: &str = "Decoder::backward";
        self.check_pass(batch, trained.merged(), dropout)?;
        let (n, config) = (batch.len(), &self.config);
        let layers = self.layers.len();
        let stream = [n, config.hidden_size];
        Error::check_shape(OP, "d_hidden", &stream, &d_hidden.shape())?;
        Error::check_shape(
            OP,
            "activations",
            &[layers + 1],
            &[activations.inputs.len()],
        )?;
        let last = activations
            .inputs
            .last()
            .expect("there is one more than layers");
        Error::check_shape(OP, "activations", &stream, &last.shape())?;
        match &trained {
            Trained::Adapter {
                adapter, gradients, ..
            } => {
                let counts = [adapter.layer_count(), gradients.layer_count()];
                Error::check_shape(OP, "adapter and gradients", &[layers, layers], &counts)?;
            }
            Trained::Full { gradients } => {
                Error::check_shape(OP, "gradients", &[layers], &[gradients.layers.len()])?;
            }
        }
        let Some(lowest) = (0..layers).find(|&layer| trained.any(layer, &Target::ALL)) else {
            return Ok(());
        };

        let angles = self.angles(&batch.positions)?;
        let place = Place {
            decoder: self,
            spans: &batch.spans,
            angles: &angles,
            dropout,
        };
        let device = self.device();
        let mut scratch = Scratch::new(&device, config, n)?;
        let mut buffers = Buffers::new(&device, config, n)?;
        let mut recomputed = None;
        let first_kept = layers - activations.inner.len();

        let mut d = Tensor::zeros_on(&device, n, config.hidden_size)?;
        let d_weight = trained.full().map(|all| &mut all.norm);
        let eps = config.rms_norm_eps;
        rms_norm_backward(last, &self.norm, eps, d_hidden, &mut d, d_weight)?;
        for layer in (lowest..layers).rev() {
            let x = &activations.inputs[layer];
            let inner = if layer >= first_kept {
                &activations.inner[layer - first_kept]
            } else {
                let pass = Pass {
                    angles: &angles,
                    merged: trained.merged(),
                    dropout,
                };
                let inner = match &mut recomputed {
                    Some(inner) => inner,
                    none => none.insert(Inner::new(&device, config, n)?),
                };
                self.layer_inner(&pass, layer, &batch.spans, x, &mut scratch, inner)?;
                inner
            };
            let end = layer == lowest && matches!(trained, Trained::Adapter { .. });
            let at = LayerInput {
                layer,
                end,
                x,
                inner,
            };
            place.layer(&at, &mut trained, &mut scratch, &mut buffers, &mut d)?;
        }
        match trained.full() {
            None => Ok(()),
            Some(gradients) => embedding_backward(&batch.ids, &d, &mut gradients.embed_tokens),
        }
    }
}
