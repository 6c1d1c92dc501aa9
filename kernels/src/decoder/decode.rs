//! A token more for each of some sequences behind the prompts of a [`Cache`].
//!
//! A decoded row depends on its own sequence alone, bit for bit: neither batch mates nor the number of threads change a completion.

use std::sync::Arc;

use super::adapter::Merged;
use super::cache::{Cache, Rows, Sequence, SequenceId};
use super::layer::{Inner, Pass, Scratch};
use super::weights::Decoder;
use crate::device::Device;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::product::THIN_ROWS;
use crate::ops::attention::{DecodeRow, KeyValues, attention_decode};
use crate::ops::embedding::embedding;
use crate::ops::rope::RopeAngles;
use crate::tensor::Tensor;

impl Decoder {
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
