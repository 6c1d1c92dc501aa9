//! The forward pass over a batch, and log-probabilities from its hidden states.

use super::adapter::Merged;
use super::dropout::Dropout;
use super::gradients::WeightGradients;
use super::layer::{Inner, Pass, Scratch};
use super::weights::Decoder;
use crate::batch::{Span, TokenBatch};
use crate::error::Result;
use crate::ops::embedding::embedding;
use crate::ops::linear::linear;
use crate::ops::linear_logprob::{
    LogprobRequest, Logprobs, PendingLogprobs, Sampling, launch_linear_logprob, linear_logprob,
    linear_logprob_backward,
};
use crate::ops::rms_norm::rms_norm;
use crate::ops::rope::RopeAngles;
use crate::tensor::Tensor;

/// What a forward pass leaves for the backward pass.
///
/// Every layer's input is kept, and the inner activations of as many layers as fit [`KEPT_ACTIVATION_BYTES`]; those of the
/// other layers are computed again in the backward pass, with the same bits.
#[derive(Debug)]
pub struct Activations {
    /// The input of each layer, and of the last norm, [N, C] each.
    pub(super) inputs: Vec<Tensor>,
    /// The inner activations of the last layers; the first of them belongs to layer `inputs.len() - 1 - inner.len()`.
    pub(super) inner: Vec<Inner>,
    /// Hidden states after the last norm, [N, C]: what log-probabilities are made of.
    pub hidden: Tensor,
}

/// A forward pass where no gradient is wanted, which others may look into, and leave, between its layers.
#[derive(Debug)]
pub(super) struct LayerByLayer<'a> {
    decoder: &'a Decoder,
    merged: Option<&'a Merged>,
    spans: Vec<Span>,
    angles: RopeAngles,
    scratch: Scratch,
    inner: Inner,
    x: Tensor,   // [N, C]
    out: Tensor, // [N, C]
    layers_done: usize,
}

impl<'a> LayerByLayer<'a> {
    pub(super) fn new(
        decoder: &'a Decoder,
        batch: &TokenBatch,
        merged: Option<&'a Merged>,
    ) -> Result<Self> {
        decoder.check_pass(batch, merged, None)?;
        let (device, config) = (decoder.device(), &decoder.config);
        let x = decoder.embedded(batch)?;
        Ok(Self {
            decoder,
            merged,
            spans: batch.spans.clone(),
            angles: decoder.angles(&batch.positions)?,
            scratch: Scratch::new(&device, config, batch.len())?,
            inner: Inner::new(&device, config, batch.len())?,
            out: Tensor::empty_on(&device, x.rows(), x.cols())?,
            x,
            layers_done: 0,
        })
    }

    /// Computes another layer: which one it was, and its inner activations; none after the last.
    pub(super) fn next_layer(&mut self) -> Result<Option<(usize, &Inner)>> {
        let (decoder, layer) = (self.decoder, self.layers_done);
        if layer == decoder.layers.len() {
            return Ok(None);
        }
        let pass = Pass {
            angles: &self.angles,
            merged: self.merged,
            dropout: None,
        };
        let (scratch, inner) = (&mut self.scratch, &mut self.inner);
        decoder.layer_inner(&pass, layer, &self.spans, &self.x, scratch, inner)?;
        decoder.layer_output(&pass, layer, scratch, inner, &mut self.out)?;
        std::mem::swap(&mut self.x, &mut self.out);
        self.layers_done += 1;
        Ok(Some((layer, &self.inner)))
    }

    pub(super) fn layers_done(&self) -> usize {
        self.layers_done
    }

    /// Hidden states after the last norm, [N, C], once all layers are done.
    pub(super) fn hidden(&self) -> Result<Tensor> {
        self.decoder.last_norm(&self.x)
    }
}

/// Most bytes of inner activations that a forward pass keeps: they save up to three quarters of a second forward pass.
pub const KEPT_ACTIVATION_BYTES: usize = 768 << 20;

impl Decoder {
    /// The forward pass for training: hidden states, and what [`Decoder::backward`] needs.
    ///
    /// `merged` is an adapter in its decoder, from [`Decoder::merge`]; `dropout` needs one.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) for a token id outside the vocabulary or a position that is not below
    /// `max_position_embeddings`; [`Error::Shape`](crate::Error::Shape) and [`Error::Argument`](crate::Error::Argument)
    /// for a batch, an adapter or a dropout that does not fit.
    pub fn forward(
        &self,
        batch: &TokenBatch,
        merged: Option<&Merged>,
        dropout: Option<&Dropout>,
    ) -> Result<Activations> {
        self.forward_keeping(batch, merged, dropout, KEPT_ACTIVATION_BYTES)
    }

    /// [`Decoder::forward`] with another bound on the bytes of inner activations that are kept: with 0 the backward pass
    /// computes them all again. Neither hidden states nor gradients depend on it.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn forward_keeping(
        &self,
        batch: &TokenBatch,
        merged: Option<&Merged>,
        dropout: Option<&Dropout>,
        kept_bytes: usize,
    ) -> Result<Activations> {
        self.check_pass(batch, merged, dropout)?;
        let (n, config) = (batch.len(), &self.config);
        let device = self.device();
        let angles = self.angles(&batch.positions)?;
        let pass = Pass {
            angles: &angles,
            merged,
            dropout,
        };
        let layer_bytes = (n * Inner::token_bytes(config)).max(1);
        let kept = (kept_bytes / layer_bytes).min(self.layers.len());
        let first_kept = self.layers.len() - kept;

        let mut scratch = Scratch::new(&device, config, n)?;
        let mut reused = Inner::new(&device, config, if first_kept > 0 { n } else { 0 })?;
        let mut inner = Vec::with_capacity(kept);
        let mut x = self.embedded(batch)?;
        let mut inputs = Vec::with_capacity(self.layers.len() + 1);
        for layer in 0..self.layers.len() {
            let inside = if layer < first_kept {
                &mut reused
            } else {
                inner.push(Inner::new(&device, config, n)?);
                inner.last_mut().expect("just pushed")
            };
            self.layer_inner(&pass, layer, &batch.spans, &x, &mut scratch, inside)?;
            let mut out = Tensor::empty_on(&device, n, config.hidden_size)?;
            self.layer_output(&pass, layer, &mut scratch, inside, &mut out)?;
            inputs.push(std::mem::replace(&mut x, out));
        }
        let hidden = self.last_norm(&x)?;
        inputs.push(x);
        Ok(Activations {
            inputs,
            inner,
            hidden,
        })
    }

    /// The forward pass where no gradient is wanted: hidden states after the last norm, [N, C], and nothing kept.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn forward_hidden(&self, batch: &TokenBatch, merged: Option<&Merged>) -> Result<Tensor> {
        let mut pass = LayerByLayer::new(self, batch, merged)?;
        while pass.next_layer()?.is_some() {}
        pass.hidden()
    }

    /// Logits of hidden states, `hidden headᵀ`, [M, V]: for the few rows that are sampled from. Where only
    /// log-probabilities are wanted, [`Decoder::logprobs`] gets by without them.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where `hidden` is not [M, C].
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let mut logits = Tensor::empty_on(&self.device(), hidden.rows(), self.config.vocab_size)?;
        linear(hidden, self.head(), None, &mut logits)?;
        Ok(logits)
    }

    /// Log-probabilities of the wanted tokens through the head, tied or not; see
    /// [`linear_logprob`](crate::ops::linear_logprob::linear_logprob).
    ///
    /// # Errors
    /// Those of the op.
    pub async fn logprobs(
        &self,
        hidden: &Tensor,
        requests: &[LogprobRequest],
        sampling: &Sampling<'_>,
    ) -> Result<Logprobs> {
        linear_logprob(hidden, self.head(), requests, sampling).await
    }

    /// [`Decoder::logprobs`] without waiting for a GPU: [`PendingLogprobs::read_all`] does, once for all that was launched.
    ///
    /// # Errors
    /// Those of the op.
    pub fn launch_logprobs(
        &self,
        hidden: &Tensor,
        requests: &[LogprobRequest],
        sampling: &Sampling<'_>,
    ) -> Result<PendingLogprobs> {
        launch_linear_logprob(hidden, self.head(), requests, sampling)
    }

    /// Adds the gradient of hidden states to `d_hidden`, given that of the log-probabilities, and that of the head to
    /// `gradients` where all weights are trained.
    ///
    /// # Errors
    /// Those of [`linear_logprob_backward`].
    #[allow(
        clippy::too_many_arguments,
        reason = "the forward's arguments, its result, and a gradient for each"
    )]
    pub fn logprobs_backward(
        &self,
        hidden: &Tensor,
        requests: &[LogprobRequest],
        sampling: &Sampling<'_>,
        logprobs: &Logprobs,
        d_logprobs: &[f32],
        d_hidden: &mut Tensor,
        gradients: Option<&mut WeightGradients>,
    ) -> Result<()> {
        linear_logprob_backward(
            hidden,
            self.head(),
            requests,
            sampling,
            logprobs,
            d_logprobs,
            d_hidden,
            gradients.map(WeightGradients::head_mut),
        )
    }

    fn embedded(&self, batch: &TokenBatch) -> Result<Tensor> {
        let mut x = Tensor::empty_on(&self.device(), batch.len(), self.config.hidden_size)?;
        embedding(&batch.ids, &self.embed_tokens, &mut x)?;
        Ok(x)
    }

    pub(super) fn last_norm(&self, x: &Tensor) -> Result<Tensor> {
        let mut hidden = Tensor::empty_on(&self.device(), x.rows(), x.cols())?;
        rms_norm(x, &self.norm, self.config.rms_norm_eps, &mut hidden)?;
        Ok(hidden)
    }
}
