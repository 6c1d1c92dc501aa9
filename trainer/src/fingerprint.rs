//! Two numbers for what a run reads, its model and its rows, so that a run does not go on with others.
//!
//! `fingerprint.json` in the run's folder is written before the first step, and every checkpoint holds the numbers too. The hash tells
//! accidents apart and not intent: it is no cryptographic one, but every byte counts, and it costs no more than reading the bytes.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::run_dir::RunDir;

/// Bytes that a thread hashes at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// The golden ratio in 64 bits: odd, and of no pattern.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a run has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Of the model directory's files: configuration, tokenizer, weights.
    pub model: String,
    /// Of the training and held-out rows.
    pub data: String,
}

impl Fingerprint {
    /// Whether a run that began with `self` goes on with the same; `place` says where that is written.
    ///
    /// # Errors
    /// What has changed, with both numbers and the ways out.
    pub fn check(&self, now: &Self, place: &str) -> anyhow::Result<()> {
        for (what, was, now) in [
            ("the model has", &self.model, &now.model),
            ("the rows have", &self.data, &now.data),
        ] {
            if was != now {
                bail!(
                    "{what} changed since {place} was written (fingerprint {was}, now {now}): restore what was there, or start a new run"
                );
            }
        }
        Ok(())
    }

    /// Writes the numbers into a run's folder, or compares them with what an earlier start of the run has written there.
    ///
    /// # Errors
    /// As [`Fingerprint::check`]; a file that cannot be read or written.
    pub fn hold(&self, dir: &RunDir) -> anyhow::Result<()> {
        let path = dir.fingerprint();
        let place = path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => {
                let before: Self = serde_json::from_slice(&bytes)
                    .with_context(|| format!("{place} is no fingerprint of a run"))?;
                before.check(self, &place)
            }
            // A new run, or one that was killed before it had written it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut bytes = serde_json::to_vec_pretty(self)?;
                bytes.push(b'\n');
                atomic::write_file(&path, &bytes)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {place}")),
        }
    }
}

/// The hash of byte strings in their order, in hexadecimal. Where one ends and the next begins counts.
pub fn text<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let hash = parts
        .into_iter()
        .fold(FACTOR, |hash, part| add(hash, of(part)));
    format!("{hash:016x}")
}

fn of(bytes: &[u8]) -> u64 {
    let chunks: Vec<u64> = bytes.par_chunks(CHUNK_BYTES).map(of_chunk).collect();
    chunks.into_iter().fold(bytes.len() as u64, add)
}

/// Four lanes, so that one product does not wait for the one before.
fn of_chunk(chunk: &[u8]) -> u64 {
    let mut lanes = [1, 2, 3, 4];
    let mut take = |block: &[u8; 32]| {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = add(*lane, u64::from_le_bytes(*word));
        }
    };
    let (blocks, rest) = chunk.as_chunks::<32>();
    blocks.iter().for_each(&mut take);
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    take(&last);
    lanes.into_iter().fold(chunk.len() as u64, add)
}

/// FNV-1a's step for a word; the shift brings the high bits, which a product only moves up, back to the low ones. It can be undone for
/// a known word, so that two hashes that differ still differ after it.
fn add(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(FACTOR);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let bytes: Vec<u8> = (0..100).collect();
        let whole = text([bytes.as_slice()]);
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[index] ^= 1 << bit;
                assert_ne!(text([other.as_slice()]), whole, "byte {index}, bit {bit}");
            }
        }
        // Signs are the highest bits: two of them in one lane do not cancel.
        let mut signs = bytes.clone();
        signs[7] ^= 0x80;
        signs[39] ^= 0x80;
        assert_ne!(text([signs.as_slice()]), whole);
    }

    #[test]
    fn lengths_and_boundaries_count() {
        let zeros = [0; 70];
        let mut seen: Vec<String> = (0..70).map(|n| text([&zeros[..n]])).collect();
        seen.push(text([&zeros[..3], &zeros[..4]]));
        seen.push(text([&zeros[..4], &zeros[..3]]));
        seen.push(text([]));
        seen.sort();
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn threads_change_nothing() {
        let bytes: Vec<u8> = (0..3 * CHUNK_BYTES + 5).map(|i| (i % 251) as u8).collect();
        let with =
            |threads| crate::threads::with(threads, || Ok(text([bytes.as_slice()]))).unwrap();
        assert_eq!(with(1), with(3));
    }
}
