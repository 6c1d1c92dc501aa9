//! The forward pass: blocks of rows in parallel, each with every key that its segment sees.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::tile::{Aligned, Keys, Tile, VECTORS, cut, padded, set_limits};
use crate::Tensor;
use crate::batch::{Segment, segments};
use crate::ops::attention::{Operands, Sizes};
use crate::ops::lanes::dispatch;

/// Rows of a task.
const ROWS: usize = 32;

pub(in crate::ops::attention) fn forward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &mut Tensor,
    log_sum_exp: &mut Tensor,
) {
    let mut blocks = Vec::new();
    let (mut out, mut log_sum_exp) = (out.data_mut(), log_sum_exp.data_mut());
    for segment in segments(operands.spans) {
        for first in segment.rows.clone().step_by(ROWS) {
            let rows = first..segment.rows.end.min(first + ROWS);
            blocks.push(Block {
                sizes,
                operands,
                segment: segment.clone(),
                first,
                out: out
                    .split_off_mut(..rows.len() * sizes.q_cols())
                    .expect("a row of out for every span"),
                log_sum_exp: log_sum_exp
                    .split_off_mut(..rows.len() * sizes.heads)
                    .expect("a row of log_sum_exp for every span"),
            });
        }
    }
    blocks.into_par_iter().with_max_len(1).for_each(dispatch);
}

/// Some rows of a segment and their results.
struct Block<'a> {
    sizes: Sizes,
    operands: &'a Operands<'a>,
    segment: Segment,
    first: usize,
    out: &'a mut [f32],         // [rows, H·D]
    log_sum_exp: &'a mut [f32], // [rows, H]
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = self.out.len() / self.sizes.q_cols() * self.sizes.group();
        let width = VECTORS * S::F32_LANES;
        let mut scratch =
            Aligned::zeroed(Tile::scratch::<S>(self.sizes.head_size, width) + padded(width));
        for kv_head in 0..self.sizes.kv_heads {
            for first in (0..lanes).step_by(width) {
                let lanes = first..lanes.min(first + width);
                self.tile(simd, kv_head, lanes, scratch.get_mut());
            }
        }
    }
}

impl Block<'_> {
    /// The attention of some lanes of a key-value head.
    #[inline(always)]
    fn tile<S: Simd>(
        &mut self,
        simd: S,
        kv_head: usize,
        lanes: Range<usize>,
        mut scratch: &mut [f32],
    ) {
        let (sizes, segment) = (self.sizes, self.segment.clone());
        let size = sizes.head_size;
        let Operands { q, k, v, .. } = *self.operands;
        let place = |lane| sizes.lane(kv_head, lanes.start + lane);
        let mut tile = Tile::new::<S>(&mut scratch, size, lanes.len());
        for lane in 0..lanes.len() {
            let (row, head) = place(lane);
            let q = &q.row(self.first + row)[head * size..][..size];
            tile.put_query(lane, q, sizes.scale());
        }
        let prefix = Keys::new(sizes, k.data(), v.data(), segment.prefix.clone(), kv_head);
        for (_, keys) in prefix.tiles() {
            tile.see(simd, keys, None);
        }
        // How many rows of its segment a lane sees; lanes without a row see as many as any.
        let seen = |lane: usize| self.first + place(lane).0 + 1 - segment.rows.start;
        let own = segment.rows.start..segment.rows.start + seen(lanes.len() - 1);
        let limits = cut(&mut scratch, tile.width());
        for (first, keys) in Keys::new(sizes, k.data(), v.data(), own, kv_head).tiles() {
            let all = first + keys.count <= seen(0);
            if !all {
                set_limits(limits, first, seen);
            }
            tile.see(simd, keys, (!all).then_some(&*limits));
        }
        for lane in 0..lanes.len() {
            let (row, head) = place(lane);
            let out = &mut self.out[(row * sizes.heads + head) * size..][..size];
            self.log_sum_exp[row * sizes.heads + head] = tile.finish(lane, out);
        }
    }
}
