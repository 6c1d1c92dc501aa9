//! The two passes that live on a [`Cache`]: a prompt into it, and a token more for each of some sequences.
//!
//! What a prompt leaves there depends on the prompt alone, and a decoded row on its own sequence alone, bit for bit: neither
//! batch mates nor the number of threads change a completion.

use std::sync::Arc;

use super::adapter::Merged;
use super::cache::{Cache, PromptId, Rows, Sequence, SequenceId};
use super::layer::{Inner, Pass, Scratch};
#[cfg(feature = "gpu")]
use super::pages::Pages;
use super::weights::Decoder;
use crate::batch::TokenBatch;
use crate::device::Device;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::product::THIN_ROWS;
use crate::ops::attention::{DecodeRow, KeyValues, attention_decode};
use crate::ops::embedding::embedding;
#[cfg(feature = "gpu")]
use crate::ops::gather::gather;
use crate::ops::rope::RopeAngles;
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
        cache.check(self)?;
        if ids.is_empty() {
            return Err(Error::Argument {
                op: "prefill",
                what: "ids",
                reason: "is empty, and a prompt has at least one token".to_string(),
            });
        }
        let mut rows = Rows::new(self.layers.len());
        rows.tokens = ids.len();
        let batch = TokenBatch::causal(ids);
        let hidden = match self.device() {
            Device::Cpu => self.forward_visiting(&batch, merged, |layer, inner| {
                rows.keys[layer] = inner.k.data().to_vec();
                rows.values[layer] = inner.v.data().to_vec();
            })?,
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let pages = cache
                    .pages
                    .get_or_insert_with(|| Pages::new(&gpu, &self.config));
                let slots = pages.extend(&mut rows.list, ids.len())?;
                let computed = pages.upload(&slots).and_then(|slots| {
                    self.forward_visiting(&batch, merged, |layer, inner| {
                        pages.store(layer, &inner.k, &inner.v, &slots);
                    })
                });
                if computed.is_err() {
                    pages.truncate(&mut rows.list, 0);
                }
                computed?
            }
        };
        let last = last_row(&hidden)?;
        let id = PromptId(cache.next);
        cache.next += 1;
        cache.prompts.insert(id, Arc::new(rows));
        Ok((id, last))
    }

    /// How many sequences can be decoded at once: on a GPU as many as its thin products have rows, lest a row's bits depend on their number.
    #[must_use]
    pub fn most_sequences(&self) -> usize {
        match self.device() {
            Device::Cpu => usize::MAX,
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => THIN_ROWS,
        }
    }

    /// Appends one token to each of M sequences; returns the hidden states that predict what follows, [M, C].
    ///
    /// A row has the same bits whatever the other sequences are. After an error no sequence has changed.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is not one id per sequence; [`Error::Argument`] for a sequence that is not in the cache or
    /// stands in the call twice, and for more than [`Decoder::most_sequences`]; [`Error::Index`] for a token id outside the vocabulary or a sequence that has reached
    /// `max_position_embeddings`.
    pub fn decode(
        &self,
        sequences: &[SequenceId],
        ids: &[u32],
        merged: Option<&Merged>,
        cache: &mut Cache,
    ) -> Result<Tensor> {
        cache.check(self)?;
        self.check_merged(merged)?;
        if sequences.is_empty() && ids.is_empty() {
            return Tensor::empty_on(&self.device(), 0, self.config.hidden_size);
        }
        Error::check_shape("decode", "ids", &[sequences.len()], &[ids.len()])?;
        let most = self.most_sequences();
        if sequences.len() > most {
            return Err(Error::Argument {
                op: "decode",
                what: "sequences",
                reason: format!("are {}, and a GPU takes {most} at once", sequences.len()),
            });
        }
        let mut positions = Vec::with_capacity(ids.len());
        for (row, (&sequence, &id)) in sequences.iter().zip(ids).enumerate() {
            let position = u32::try_from(cache.sequence_len(sequence)?).unwrap_or(u32::MAX);
            self.check_token(row, id, position)?;
            positions.push(position);
        }
        let mut once = sequences.to_vec();
        once.sort_unstable();
        if let Some(twice) = once.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::Argument {
                op: "decode",
                what: "sequences",
                reason: format!("holds {:?} twice", twice[0]),
            });
        }
        let angles = self.angles(&positions)?;

        // Taken out, so that their rows can be written; put back whatever happens.
        let mut taken: Vec<Sequence> = sequences
            .iter()
            .map(|id| cache.sequences.remove(id).expect("checked above"))
            .collect();
        // On a thread of the pool: from outside, each of the hundreds of short products would put the caller to sleep and
        // wake it again.
        let hidden = match self.device() {
            Device::Cpu => rayon::scope(|_| self.decode_rows(&mut taken, ids, merged, &angles)),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => {
                let pages = cache.pages.as_mut();
                let pages = pages.expect("a sequence has a prompt, which made them");
                self.decode_paged(pages, &mut taken, ids, merged, &angles)
            }
        };
        for (&id, mut sequence) in sequences.iter().zip(taken) {
            match hidden {
                Ok(_) => sequence.own.tokens += 1,
                Err(_) => {
                    sequence.own.truncate(self.config.key_value_size());
                    #[cfg(feature = "gpu")]
                    if let Some(pages) = &mut cache.pages {
                        pages.truncate(&mut sequence.own.list, sequence.own.tokens);
                    }
                }
            }
            cache.sequences.insert(id, sequence);
        }
        hidden
    }

    fn decode_rows(
        &self,
        sequences: &mut [Sequence],
        ids: &[u32],
        merged: Option<&Merged>,
        angles: &RopeAngles,
    ) -> Result<Tensor> {
        let (m, config) = (ids.len(), &self.config);
        let pass = Pass {
            angles,
            merged,
            dropout: None,
        };
        let device = self.device();
        let mut scratch = Scratch::new(&device, config, m)?;
        let mut inner = Inner::new(&device, config, m)?;
        let mut x = Tensor::empty_on(&device, m, config.hidden_size)?;
        embedding(ids, &self.embed_tokens, &mut x)?;
        let mut out = Tensor::empty_on(&device, m, config.hidden_size)?;
        let (prompts, prompt_of) = distinct_prompts(sequences);
        for layer in 0..self.layers.len() {
            self.before_attention(&pass, layer, &x, &mut scratch, &mut inner)?;
            for (row, sequence) in sequences.iter_mut().enumerate() {
                sequence.own.keys[layer].extend_from_slice(inner.k.row(row));
                sequence.own.values[layer].extend_from_slice(inner.v.row(row));
            }
            let prompts: Vec<KeyValues<'_>> = prompts.iter().map(|rows| rows.of(layer)).collect();
            let rows: Vec<DecodeRow<'_>> = sequences
                .iter()
                .zip(&prompt_of)
                .map(|(sequence, &prompt)| DecodeRow {
                    prompt,
                    own: sequence.own.of(layer),
                })
                .collect();
            let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
            attention_decode(
                &inner.q,
                &prompts,
                &rows,
                heads,
                kv_heads,
                &mut inner.attended,
            )?;
            self.after_attention(&pass, layer, &x, &mut scratch, &mut inner)?;
            self.layer_output(&pass, layer, &mut scratch, &inner, &mut out)?;
            std::mem::swap(&mut x, &mut out);
        }
        self.last_norm(&x)
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

/// The prompts of the sequences, each once in the order of its first sequence, and the index of each sequence's prompt.
fn distinct_prompts(sequences: &[Sequence]) -> (Vec<Arc<Rows>>, Vec<usize>) {
    let mut prompts: Vec<Arc<Rows>> = Vec::new();
    let indices = sequences
        .iter()
        .map(|sequence| {
            let same = |prompt: &Arc<Rows>| Arc::ptr_eq(prompt, &sequence.prompt);
            prompts.iter().position(same).unwrap_or_else(|| {
                prompts.push(Arc::clone(&sequence.prompt));
                prompts.len() - 1
            })
        })
        .collect();
    (prompts, indices)
}
