//! Keys and values in a GPU's memory: pages of a pool a layer, so that sequences grow and go without moving each other.

use std::collections::HashSet;
use std::sync::Arc;

use super::config::DecoderConfig;
use super::footprint::{PAGE, pages_for};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu};
use crate::ops::attention::paged::{ROW_WORDS, decode, rotate_and_store, store};
use crate::ops::rope::RopeAngles;
use crate::profile::Work;
use crate::tensor::Tensor;

/// The pools.
#[derive(Debug)]
pub(super) struct Pages {
    gpu: Arc<Gpu>,
    heads: [usize; 2],
    /// Numbers of a token's keys.
    cols: usize,
    /// By layer: keys and values, [pages · 16, K D] each.
    layers: Vec<[Buffer; 2]>,
    count: usize,
    free: Vec<u32>,
}

/// The pages of a prompt, or of a sequence's own tokens.
#[derive(Debug, Default)]
pub(super) struct PageList {
    pub pages: Vec<u32>,
    pub tokens: usize,
}

/// Where the rows of a decode step find their keys.
#[derive(Debug)]
pub(super) struct Table {
    words: Buffer,
    /// Tokens that the rows see, all together, and the same with a prompt that several see counted once.
    seen: usize,
    stored: usize,
}

impl Pages {
    pub fn new(gpu: &Arc<Gpu>, config: &DecoderConfig) -> Self {
        Self {
            gpu: Arc::clone(gpu),
            heads: [config.num_attention_heads, config.num_key_value_heads],
            cols: config.key_value_size(),
            layers: Vec::new(),
            count: 0,
            free: Vec::new(),
        }
        .with_layers(config.num_hidden_layers)
    }

    fn with_layers(mut self, layers: usize) -> Self {
        let none = || Buffer::unused(&self.gpu);
        self.layers = (0..layers).map(|_| [none(), none()]).collect();
        self
    }

    /// Bytes of all pages, in use or not.
    pub fn bytes(&self) -> usize {
        self.layers.len() * 2 * self.count * PAGE * self.cols * size_of::<f32>()
    }

    /// Slots for more tokens behind those of the list.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) where the pools would be larger than the adapter's buffers can be; the list is as it was.
    pub fn extend(&mut self, list: &mut PageList, tokens: usize) -> Result<Vec<u32>> {
        let needed = (list.tokens + tokens).div_ceil(PAGE) - list.pages.len();
        if self.free.len() < needed {
            let least = self.count + needed;
            let most = self.gpu.adapter().limits.buffer_bytes as usize / (4 * PAGE * self.cols);
            self.grow(least.max(pages_for(self.count, least).min(most)))?;
        }
        let taken = self.free.split_off(self.free.len() - needed);
        list.pages.extend(taken);
        let slots = (list.tokens..list.tokens + tokens)
            .map(|token| list.pages[token / PAGE] * PAGE as u32 + (token % PAGE) as u32);
        let slots = slots.collect();
        list.tokens += tokens;
        Ok(slots)
    }

    /// Gives back what a list holds beyond its first tokens.
    pub fn truncate(&mut self, list: &mut PageList, tokens: usize) {
        list.tokens = tokens;
        self.free.extend(list.pages.drain(tokens.div_ceil(PAGE)..));
    }

    /// Pool by pool: one that has grown is none the worse where the next one cannot.
    fn grow(&mut self, count: usize) -> Result<()> {
        let words = |pages: usize| pages * PAGE * self.cols;
        for pool in self.layers.iter_mut().flatten() {
            let larger = Buffer::empty(&self.gpu, words(count))?;
            pool.copy_first(&larger, words(self.count));
            *pool = larger;
        }
        self.free.extend(self.count as u32..count as u32);
        self.count = count;
        Ok(())
    }

    /// Puts rows of keys and values into slots of a layer.
    pub fn store(&self, layer: usize, k: &Tensor, v: &Tensor, slots: &Buffer) {
        let [keys, values] = &self.layers[layer];
        store(k, v, slots, keys, values);
    }

    /// [`Pages::store`] of keys that are not turned yet; the queries are turned in place.
    pub fn rotate_and_store(
        &self,
        layer: usize,
        [q, k, v]: [&Tensor; 3],
        angles: &RopeAngles,
        slots: &Buffer,
    ) {
        let [keys, values] = &self.layers[layer];
        rotate_and_store(q, k, v, angles, slots, keys, values);
    }

    /// Where the rows of a decode step find their keys: their prompt's, which several may share, then their own.
    pub fn table<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = (&'a PageList, &'a PageList)>,
    ) -> Result<Table> {
        let (mut seen, mut stored, mut prompts) = (0, 0, HashSet::new());
        let mut table = vec![0; rows.len() * ROW_WORDS];
        for (row, (prompt, own)) in rows.enumerate() {
            for (part, list) in [prompt, own].into_iter().enumerate() {
                let at = row * ROW_WORDS + 2 * part;
                table[at] = table.len() as u32;
                table[at + 1] = list.tokens as u32;
                table.extend(&list.pages);
                seen += list.tokens;
            }
            stored += own.tokens;
            if prompts.insert(std::ptr::from_ref(prompt)) {
                stored += prompt.tokens;
            }
        }
        Ok(Table {
            words: Buffer::from_words(&self.gpu, &table)?,
            seen,
            stored,
        })
    }

    /// Attention of a layer's queries over what the table says.
    pub fn attend(&self, layer: usize, q: &Tensor, table: &Table, out: &Tensor) {
        let [keys, values] = &self.layers[layer];
        let work = Work::new(
            4 * q.cols() * table.seen,
            (2 * size_of::<f32>() * self.cols * table.stored) as u64 + 2 * q.bytes(),
        );
        decode(self.heads, q, keys, values, &table.words, work, out);
    }

    pub fn upload(&self, slots: &[u32]) -> Result<Buffer> {
        Buffer::from_words(&self.gpu, slots)
    }
}
