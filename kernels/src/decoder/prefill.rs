//! A prompt's pass into a [`Cache`], which whoever computes it can leave between two layers: a long prompt takes seconds on a processor.
//!
//! What a prompt leaves in the cache depends on the prompt alone.

use std::sync::Arc;

use super::adapter::Merged;
use super::cache::{Cache, PromptId, Rows};
use super::forward::LayerByLayer;
#[cfg(feature = "gpu")]
use super::pages::Pages;
use super::weights::Decoder;
use crate::batch::TokenBatch;
use crate::device::Device;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Buffer;
#[cfg(feature = "gpu")]
use crate::ops::gather::gather;
use crate::tensor::Tensor;

impl Decoder {
    /// Computes a prompt into the cache; returns its id and the hidden state of its last token, [1, C], which predicts the
    /// first token of every sequence behind it.
    ///
    /// # Errors
    /// As [`Decoder::forward`]; [`Error::Argument`] for an empty prompt or the cache of another configuration.
    pub fn prefill(
        &self,
        ids: &[u32],
        merged: Option<&Merged>,
        cache: &mut Cache,
    ) -> Result<(PromptId, Tensor)> {
        let mut prefill = self.begin_prefill(ids, merged, cache)?;
        for _ in 0..prefill.layers() {
            prefill.next_layer()?;
        }
        prefill.finish()
    }

    /// [`Decoder::prefill`] layer by layer.
    ///
    /// # Errors
    /// As [`Decoder::prefill`].
    pub fn begin_prefill<'a>(
        &'a self,
        ids: &[u32],
        merged: Option<&'a Merged>,
        cache: &'a mut Cache,
    ) -> Result<Prefill<'a>> {
        cache.check(self)?;
        if ids.is_empty() {
            return Err(Error::Argument {
                op: "prefill",
                what: "ids",
                reason: "is empty, and a prompt has at least one token".to_string(),
            });
        }
        let pass = LayerByLayer::new(self, &TokenBatch::causal(ids), merged)?;
        let mut prefill = Prefill {
            pass,
            cache,
            rows: Rows::new(self.layers.len()),
            #[cfg(feature = "gpu")]
            slots: None,
        };
        prefill.rows.tokens = ids.len();
        #[cfg(feature = "gpu")]
        if let Device::Gpu(gpu) = self.device() {
            let pages = &mut prefill.cache.pages;
            let pages = pages.get_or_insert_with(|| Pages::new(&gpu, &self.config));
            let slots = pages.extend(&mut prefill.rows.list, ids.len())?;
            prefill.slots = Some(pages.upload(&slots)?);
        }
        Ok(prefill)
    }
}

/// A prompt on its way into a cache. Dropped before [`Prefill::finish`], it adds no prompt, and its memory is the cache's for the next one.
#[derive(Debug)]
pub struct Prefill<'a> {
    pass: LayerByLayer<'a>,
    cache: &'a mut Cache,
    rows: Rows,
    /// Where a GPU puts the keys and values of the prompt's tokens.
    #[cfg(feature = "gpu")]
    slots: Option<Buffer>,
}

impl Prefill<'_> {
    /// How many layers there are to compute.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.rows.keys.len()
    }

    /// Computes another layer; after the last there is nothing to do. A GPU only hears of it, and computes it when it comes to it.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn next_layer(&mut self) -> Result<()> {
        let Some((layer, inner)) = self.pass.next_layer()? else {
            return Ok(());
        };
        match inner.k.device() {
            Device::Cpu => {
                self.rows.keys[layer] = inner.k.data().to_vec();
                self.rows.values[layer] = inner.v.data().to_vec();
            }
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => {
                let (pages, slots) = (self.cache.pages.as_ref(), self.slots.as_ref());
                let (pages, slots) = pages.zip(slots).expect("made when this was begun");
                pages.store(layer, &inner.k, &inner.v, slots);
            }
        }
        Ok(())
    }

    /// The prompt's id, and the hidden state of its last token, [1, C].
    ///
    /// # Errors
    /// [`Error::Argument`] where layers are left; those of the ops.
    pub fn finish(mut self) -> Result<(PromptId, Tensor)> {
        let done = self.pass.layers_done();
        if done < self.layers() {
            return Err(Error::Argument {
                op: "prefill",
                what: "layers",
                reason: format!("{done} of {} are computed", self.layers()),
            });
        }
        let last = last_row(&self.pass.hidden()?)?;
        let id = PromptId(self.cache.next);
        self.cache.next += 1;
        let rows = std::mem::take(&mut self.rows);
        self.cache.prompts.insert(id, Arc::new(rows));
        Ok((id, last))
    }
}

impl Drop for Prefill<'_> {
    fn drop(&mut self) {
        self.cache.give_back(std::mem::take(&mut self.rows));
    }
}

/// The last row of a tensor, [1, C].
fn last_row(hidden: &Tensor) -> Result<Tensor> {
    let last = hidden.rows() - 1;
    match hidden.device() {
        Device::Cpu => Tensor::from_vec(1, hidden.cols(), hidden.row(last).to_vec()),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gather(hidden, &[last as u32]),
    }
}
