//! Keys and values of prompts and of the sequences behind them, on which `decode` lives.
//!
//! A prompt is computed once and read by all of its sequences; a sequence holds only the tokens after its prompt. Ids are
//! never used twice, so an id of something that is gone is an error and never another sequence.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::DecoderConfig;
#[cfg(feature = "gpu")]
use super::pages::{PageList, Pages};
use super::weights::Decoder;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ops::attention::KeyValues;

/// A prompt in a [`Cache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(pub(super) u64);

/// A sequence in a [`Cache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(u64);

/// Cached keys and values. Not tied to an adapter: whoever decodes with another one than the prompt was computed with mixes
/// two models, so a cache is emptied (or dropped) when the adapter changes.
#[derive(Debug)]
pub struct Cache {
    /// Whose keys these are: heads, rotation and layers of another decoder would be read as if they were its own.
    config: DecoderConfig,
    /// Where its keys lie, once there are some.
    device: Option<Device>,
    pub(super) next: u64,
    pub(super) prompts: BTreeMap<PromptId, Arc<Rows>>,
    pub(super) sequences: BTreeMap<SequenceId, Sequence>,
    /// Where the keys of a decoder on a GPU lie.
    #[cfg(feature = "gpu")]
    pub(super) pages: Option<Pages>,
}

/// Keys (rotated) and values of some tokens, by layer, [T, K D] each; on a GPU the pages that hold them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) tokens: usize,
    pub(super) keys: Vec<Vec<f32>>,
    pub(super) values: Vec<Vec<f32>>,
    #[cfg(feature = "gpu")]
    pub(super) list: PageList,
}

#[derive(Debug)]
pub(super) struct Sequence {
    /// Lives as long as its last sequence, freed or not.
    pub(super) prompt: Arc<Rows>,
    pub(super) own: Rows,
}

impl Rows {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            tokens: 0,
            keys: vec![Vec::new(); layers],
            values: vec![Vec::new(); layers],
            #[cfg(feature = "gpu")]
            list: PageList::default(),
        }
    }

    pub(super) fn of(&self, layer: usize) -> KeyValues<'_> {
        KeyValues {
            k: &self.keys[layer],
            v: &self.values[layer],
        }
    }

    /// Drops what a failed call has appended.
    pub(super) fn truncate(&mut self, width: usize) {
        for rows in self.keys.iter_mut().chain(&mut self.values) {
            rows.truncate(self.tokens * width);
        }
    }

    fn bytes(&self) -> usize {
        let both = self.keys.iter().chain(&self.values);
        both.map(|rows| rows.capacity() * size_of::<f32>()).sum()
    }
}

impl Cache {
    /// An empty cache for decoders of this configuration.
    #[must_use]
    pub fn new(config: &DecoderConfig) -> Self {
        Self {
            config: config.clone(),
            device: None,
            next: 0,
            prompts: BTreeMap::new(),
            sequences: BTreeMap::new(),
            #[cfg(feature = "gpu")]
            pages: None,
        }
    }

    /// A new sequence that has its prompt before it and no token of its own yet.
    ///
    /// # Errors
    /// [`Error::Argument`] where the prompt is not in the cache.
    pub fn fork(&mut self, prompt: PromptId) -> Result<SequenceId> {
        let Some(prompt) = self.prompts.get(&prompt) else {
            return Err(gone("prompt", prompt));
        };
        let sequence = Sequence {
            prompt: Arc::clone(prompt),
            own: Rows::new(self.config.num_hidden_layers),
        };
        let id = SequenceId(self.next);
        self.next += 1;
        self.sequences.insert(id, sequence);
        Ok(id)
    }

    /// Lets go of a sequence and its memory.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is not in the cache.
    pub fn free_sequence(&mut self, sequence: SequenceId) -> Result<()> {
        match self.sequences.remove(&sequence) {
            Some(Sequence { prompt, own }) => {
                self.give_back(own);
                self.give_back_shared(prompt);
                Ok(())
            }
            None => Err(gone("sequence", sequence)),
        }
    }

    /// Lets go of a prompt: it cannot be forked any more. Its memory goes with the last of its sequences.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is not in the cache.
    pub fn free_prompt(&mut self, prompt: PromptId) -> Result<()> {
        match self.prompts.remove(&prompt) {
            Some(rows) => {
                self.give_back_shared(rows);
                Ok(())
            }
            None => Err(gone("prompt", prompt)),
        }
    }

    /// A prompt's memory goes with its last holder.
    fn give_back_shared(&mut self, rows: Arc<Rows>) {
        if let Ok(rows) = Arc::try_unwrap(rows) {
            self.give_back(rows);
        }
    }

    #[cfg_attr(not(feature = "gpu"), allow(unused_mut, unused_variables))]
    pub(super) fn give_back(&mut self, mut rows: Rows) {
        #[cfg(feature = "gpu")]
        if let Some(pages) = &mut self.pages {
            pages.truncate(&mut rows.list, 0);
        }
    }

    /// Number of tokens of a sequence, its prompt's included: the position of its next one.
    ///
    /// # Errors
    /// [`Error::Argument`] where it is not in the cache.
    pub fn sequence_len(&self, sequence: SequenceId) -> Result<usize> {
        let found = self.sequences.get(&sequence);
        let found = found.ok_or_else(|| gone("sequence", sequence))?;
        Ok(found.prompt.tokens + found.own.tokens)
    }

    /// Bytes of all keys and values, a prompt that only its sequences hold included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mut prompts: Vec<&Arc<Rows>> = self.prompts.values().collect();
        prompts.extend(self.sequences.values().map(|sequence| &sequence.prompt));
        prompts.sort_by_key(|prompt| Arc::as_ptr(prompt));
        prompts.dedup_by_key(|prompt| Arc::as_ptr(prompt));
        let prompts: usize = prompts.iter().map(|prompt| prompt.bytes()).sum();
        let own: usize = self
            .sequences
            .values()
            .map(|sequence| sequence.own.bytes())
            .sum();
        #[cfg(feature = "gpu")]
        if let Some(pages) = &self.pages {
            return pages.bytes();
        }
        prompts + own
    }

    /// A cache belongs to one configuration and, once its first prompt is begun, to one device.
    pub(super) fn check(&mut self, decoder: &Decoder) -> Result<()> {
        let refuse = |what: &str| {
            Err(Error::Argument {
                op: "decoder",
                what: "cache",
                reason: format!("was made for a decoder {what}"),
            })
        };
        if self.config != decoder.config {
            return refuse("of another configuration");
        }
        let device = decoder.device();
        match &self.device {
            Some(of_cache) if *of_cache != device => refuse("on another device"),
            Some(_) => Ok(()),
            None => {
                self.device = Some(device);
                Ok(())
            }
        }
    }
}

fn gone(what: &'static str, id: impl std::fmt::Debug) -> Error {
    Error::Argument {
        op: "cache",
        what,
        reason: format!("{id:?} is not in the cache: it was freed, or belongs to another one"),
    }
}
