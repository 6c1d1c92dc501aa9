//! Decoding: the rows behind one prompt stand in the lanes of one tile while its keys are walked, then each row goes on
//! alone over its own.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::tile::{Aligned, Keys, Tile, VECTORS};
use crate::Tensor;
use crate::ops::attention::{DecodeRow, KeyValues, Sizes};
use crate::ops::lanes::dispatch;

/// Lanes of a task, about: small, so that a few sequences are work for several threads.
const LANES: usize = 16;

pub(in crate::ops::attention) fn decode(
    sizes: Sizes,
    q: &Tensor,
    prompts: &[KeyValues<'_>],
    rows: &[DecodeRow<'_>],
    out: &mut Tensor,
) {
    // Every (row, head) of the output, to be handed to the one task that writes it.
    let heads = out.data_mut().chunks_mut(sizes.head_size);
    let mut outs: Vec<Option<&mut [f32]>> = heads.map(Some).collect();
    let mut tasks = Vec::new();
    for (prompt, keys) in prompts.iter().enumerate() {
        let members = (0..rows.len()).filter(|&m| rows[m].prompt == prompt);
        let members: Vec<usize> = members.collect();
        for members in members.chunks((LANES / sizes.group()).max(1)) {
            for kv_head in 0..sizes.kv_heads {
                let lanes = (0..members.len() * sizes.group()).map(|lane| {
                    let (member, head) = sizes.lane(kv_head, lane);
                    let row = members[member];
                    Lane {
                        row,
                        q: &q.row(row)[head * sizes.head_size..][..sizes.head_size],
                        out: outs[row * sizes.heads + head]
                            .take()
                            .expect("a row has one prompt and a head one key-value head"),
                    }
                });
                tasks.push(Task {
                    sizes,
                    kv_head,
                    prompt: *keys,
                    rows,
                    lanes: lanes.collect(),
                });
            }
        }
    }
    tasks.into_par_iter().with_max_len(1).for_each(dispatch);
}

/// One (row, head).
struct Lane<'a> {
    row: usize,
    q: &'a [f32],       // [D]
    out: &'a mut [f32], // [D]
}

/// Rows of one prompt, the heads of one key-value head.
struct Task<'a> {
    sizes: Sizes,
    kv_head: usize,
    prompt: KeyValues<'a>,
    rows: &'a [DecodeRow<'a>],
    lanes: Vec<Lane<'a>>,
}

impl Task<'_> {
    fn keys<'a>(&self, keys: KeyValues<'a>) -> Keys<'a> {
        let rows = 0..keys.k.len() / self.sizes.kv_cols();
        Keys::new(self.sizes, keys.k, keys.v, rows, self.kv_head)
    }
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let size = self.sizes.head_size;
        let width = self.lanes.len().min(VECTORS * S::F32_LANES);
        let mut scratch = Aligned::zeroed(2 * Tile::scratch::<S>(size, width));
        let mut all_lanes = std::mem::take(&mut self.lanes);
        for lanes in all_lanes.chunks_mut(width) {
            let mut rest = scratch.get_mut();
            let mut shared = Tile::new::<S>(&mut rest, size, lanes.len());
            for (lane, Lane { q, .. }) in lanes.iter().enumerate() {
                shared.put_query(lane, q, self.sizes.scale());
            }
            for (_, keys) in self.keys(self.prompt).tiles() {
                shared.see(simd, keys, None);
            }
            let mut first = 0;
            for lanes in lanes.chunk_by_mut(|a, b| a.row == b.row) {
                let mut rest = &mut *rest;
                let mut alone = Tile::new::<S>(&mut rest, size, lanes.len());
                for lane in 0..lanes.len() {
                    alone.copy_lane(lane, &shared, first + lane);
                }
                for (_, keys) in self.keys(self.rows[lanes[0].row].own).tiles() {
                    alone.see(simd, keys, None);
                }
                first += lanes.len();
                for (lane, Lane { out, .. }) in lanes.iter_mut().enumerate() {
                    alone.finish(lane, out);
                }
            }
        }
    }
}
