//! The backward pass: parts of segments in parallel, one key-value head after the other.
//!
//! A part owns its rows of d_q. Keys are seen by several parts, so each part sums its share of d_k and d_v in a buffer of its
//! own, and the shares are added in the order of the parts: the same bits for any number of threads, and every product is
//! computed once. The buffers cover one key-value head and what their part sees of the rows; there is one a
//! segment, or about as many as `parts` cuts a long segment into.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::parts::{Part, parts};
use super::probabilities::Probabilities;
use super::product::{Product, Scalars};
use super::tile::{Aligned, KEYS, Keys, VECTORS, cut, padded, put_lane, set_limits, take_lane};
use crate::Tensor;
use crate::ops::attention::{Gradients, Operands, Sizes};
use crate::ops::lanes::{dispatch, lanewise_sum};

/// Rows of d_k and d_v that a task adds up.
const ROWS: usize = 64;

pub(in crate::ops::attention) fn backward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &Tensor,
    log_sum_exp: &Tensor,
    d_out: &Tensor,
    gradients: Gradients<'_>,
) {
    let inputs = Inputs {
        sizes,
        operands,
        out,
        log_sum_exp,
        d_out,
    };
    let parts = parts(sizes, operands);
    let Gradients { d_q, d_k, d_v } = gradients;
    for kv_head in 0..sizes.kv_heads {
        let mut rest = d_q.data_mut();
        let tasks: Vec<_> = parts
            .iter()
            .map(|part| Task {
                inputs: &inputs,
                part,
                kv_head,
                d_q: rest
                    .split_off_mut(..part.rows.len() * sizes.q_cols())
                    .expect("parts cover the rows of d_q"),
            })
            .collect();
        let shares: Vec<Share> = tasks
            .into_par_iter()
            .with_max_len(1)
            .map(dispatch)
            .collect();
        let cols = sizes.kv_cols();
        d_k.data_mut()
            .par_chunks_mut(ROWS * cols)
            .zip(d_v.data_mut().par_chunks_mut(ROWS * cols))
            .enumerate()
            .for_each(|(block, (d_k, d_v))| {
                let columns = kv_head * sizes.head_size..(kv_head + 1) * sizes.head_size;
                let rows = block * ROWS..block * ROWS + d_k.len() / cols;
                for d in [&mut *d_k, &mut *d_v] {
                    for row in d.chunks_mut(cols) {
                        row[columns.clone()].fill(0.0);
                    }
                }
                for (part, share) in parts.iter().zip(&shares) {
                    share.add_to(part, rows.clone(), columns.clone(), cols, d_k, d_v);
                }
            });
    }
}

/// A part's contribution to d_k and d_v of one key-value head: a row for each key it sees, D numbers padded to vectors.
struct Share {
    d_k: Aligned,
    d_v: Aligned,
    stride: usize,
}

impl Share {
    /// Adds what belongs to `rows`, whose first stands at the beginning of `d_k` and `d_v`.
    fn add_to(
        &self,
        part: &Part,
        rows: Range<usize>,
        columns: Range<usize>,
        cols: usize,
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) {
        let mut first = 0;
        for keys in part.keys() {
            for row in rows.start.max(keys.start)..rows.end.min(keys.end) {
                let at = (first + row - keys.start) * self.stride;
                for (sum, share) in [(&mut *d_k, &self.d_k), (&mut *d_v, &self.d_v)] {
                    let sum = &mut sum[(row - rows.start) * cols..][columns.clone()];
                    for (sum, x) in sum.iter_mut().zip(&share.get()[at..]) {
                        *sum += x;
                    }
                }
            }
            first += keys.len();
        }
    }
}

/// What all tasks read.
struct Inputs<'a> {
    sizes: Sizes,
    operands: &'a Operands<'a>,
    out: &'a Tensor,
    log_sum_exp: &'a Tensor,
    d_out: &'a Tensor,
}

/// A part and a key-value head.
struct Task<'a> {
    inputs: &'a Inputs<'a>,
    part: &'a Part,
    kv_head: usize,
    d_q: &'a mut [f32], // [rows, H·D], the key-value head's heads are written
}

impl WithSimd for Task<'_> {
    type Output = Share;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Share {
        let size = self.inputs.sizes.head_size;
        let stride = size.next_multiple_of(S::F32_LANES);
        let keys: usize = self.part.keys().iter().map(Range::len).sum();
        let mut share = Share {
            d_k: Aligned::zeroed(keys * stride),
            d_v: Aligned::zeroed(keys * stride),
            stride,
        };
        let lanes = self.part.rows.len() * self.inputs.sizes.group();
        let width = VECTORS * S::F32_LANES;
        let mut scratch = Aligned::zeroed(Tile::scratch(size, stride, width));
        for first in (0..lanes).step_by(width) {
            let lanes = first..lanes.min(first + width);
            self.tile(simd, lanes, scratch.get_mut(), &mut share);
        }
        share
    }
}

impl Task<'_> {
    /// The gradients of some lanes: those of the queries are written, those of keys and values added to the share.
    #[inline(always)]
    fn tile<S: Simd>(
        &mut self,
        simd: S,
        lanes: Range<usize>,
        scratch: &mut [f32],
        share: &mut Share,
    ) {
        let Inputs {
            sizes, operands, ..
        } = *self.inputs;
        let (size, rows) = (sizes.head_size, &self.part.rows);
        // Row within the part, and head.
        let place = |lane| sizes.lane(self.kv_head, lanes.start + lane);
        let mut tile = Tile::new::<S>(scratch, size, share.stride, lanes.len());
        for lane in 0..lanes.len() {
            let (row, head) = place(lane);
            let row = rows.start + row;
            let [q, out, d_out] = [operands.q, self.inputs.out, self.inputs.d_out]
                .map(|x| &x.row(row)[head * size..][..size]);
            let log_sum_exp = self.inputs.log_sum_exp.row(row)[head];
            tile.put(simd, lane, q, out, d_out, log_sum_exp, sizes.scale());
        }
        // How many rows of its segment a lane sees; lanes without a row see as many as any.
        let start = self.part.segment.rows.start;
        let seen = |lane: usize| rows.start + place(lane).0 + 1 - start;
        let [prefix, _] = self.part.keys();
        let own = start..start + seen(lanes.len() - 1);
        let mut first_share = 0;
        for (keys, causal) in [(prefix, false), (own, true)] {
            let (k, v) = (operands.k.data(), operands.v.data());
            let all = Keys::new(sizes, k, v, keys, self.kv_head);
            for (first, keys) in all.tiles() {
                let hidden = causal && first + keys.count > seen(0);
                if hidden {
                    set_limits(tile.limits, first, seen);
                }
                let at = (first_share + first) * share.stride..;
                tile.see(
                    simd,
                    keys,
                    hidden,
                    &mut share.d_k.get_mut()[at.clone()],
                    &mut share.d_v.get_mut()[at],
                );
            }
            first_share += all.count;
        }
        for lane in 0..lanes.len() {
            let (row, head) = place(lane);
            let d_q = &mut self.d_q[(row * sizes.heads + head) * size..][..size];
            take_lane(tile.d_q, tile.width, lane, sizes.scale(), d_q);
        }
    }
}

/// Queries in lanes, with what the backward pass knows of them.
struct Tile<'a> {
    head_size: usize,
    lanes: usize,
    vectors: usize,
    width: usize,
    stride: usize,
    q: &'a mut [f32],           // [D, width], scaled
    d_out: &'a mut [f32],       // [D, width]
    d_q: &'a mut [f32],         // [D, width], to be scaled
    q_rows: &'a mut [f32],      // [lanes, stride], scaled
    d_out_rows: &'a mut [f32],  // [lanes, stride]
    p: &'a mut [f32],           // [KEYS, width]
    d_s: &'a mut [f32],         // [KEYS, width]
    log_sum_exp: &'a mut [f32], // [width]
    delta: &'a mut [f32],       // [width]
    limits: &'a mut [f32],      // [width]
}

impl<'a> Tile<'a> {
    /// Numbers that [`Tile::new`] cuts off.
    fn scratch(head_size: usize, stride: usize, width: usize) -> usize {
        3 * padded(head_size * width)
            + 2 * padded(width * stride)
            + 2 * padded(KEYS * width)
            + 3 * padded(width)
    }

    /// A tile of `lanes` queries, to be put; lanes without one have no share in anything.
    fn new<S: Simd>(
        mut rest: &'a mut [f32],
        head_size: usize,
        stride: usize,
        lanes: usize,
    ) -> Self {
        let vectors = lanes.div_ceil(S::F32_LANES);
        let width = vectors * S::F32_LANES;
        let rest = &mut rest;
        let tile = Self {
            head_size,
            lanes,
            vectors,
            width,
            stride,
            q: cut(rest, head_size * width),
            d_out: cut(rest, head_size * width),
            d_q: cut(rest, head_size * width),
            q_rows: cut(rest, width * stride),
            d_out_rows: cut(rest, width * stride),
            p: cut(rest, KEYS * width),
            d_s: cut(rest, KEYS * width),
            log_sum_exp: cut(rest, width),
            delta: cut(rest, width),
            limits: cut(rest, width),
        };
        tile.q.fill(0.0);
        tile.d_out.fill(0.0);
        tile.d_q.fill(0.0);
        // exp(s - infinity) = 0.
        tile.log_sum_exp.fill(f32::INFINITY);
        tile.delta.fill(0.0);
        tile
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn put<S: Simd>(
        &mut self,
        simd: S,
        lane: usize,
        q: &[f32],
        out: &[f32],
        d_out: &[f32],
        log_sum_exp: f32,
        scale: f32,
    ) {
        put_lane(self.q, self.width, lane, q, scale);
        put_lane(self.d_out, self.width, lane, d_out, 1.0);
        let row = lane * self.stride..;
        for (y, x) in self.q_rows[row.clone()].iter_mut().zip(q) {
            *y = x * scale;
        }
        self.d_out_rows[row][..d_out.len()].copy_from_slice(d_out);
        self.log_sum_exp[lane] = log_sum_exp;
        self.delta[lane] = lanewise_sum(
            simd,
            [out, d_out],
            #[inline(always)]
            |[out, d_out]| simd.mul_f32s(out, d_out),
        );
    }

    /// Takes in at most [`KEYS`] keys and adds to their gradients `d_k` and `d_v`, [keys, stride].
    #[inline(always)]
    fn see<S: Simd>(
        &mut self,
        simd: S,
        keys: Keys<'_>,
        hidden: bool,
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) {
        let Keys {
            k,
            v,
            stride,
            count,
        } = keys;
        // p <- k q, d_s <- v d_out
        for (data, b, c) in [
            (k, &*self.q, &mut *self.p),
            (v, &*self.d_out, &mut *self.d_s),
        ] {
            simd.vectorize(Product {
                rows: count,
                steps: self.head_size,
                vectors: self.vectors,
                a: Scalars {
                    data,
                    row_stride: stride,
                    step_stride: 1,
                },
                b,
                b_stride: self.width,
                c,
                c_stride: self.width,
                add: false,
            });
        }
        simd.vectorize(Probabilities {
            vectors: self.vectors,
            p: &mut self.p[..count * self.width],
            d_s: &mut self.d_s[..count * self.width],
            log_sum_exp: self.log_sum_exp,
            delta: self.delta,
            limits: hidden.then_some(&*self.limits),
        });
        // d_v += p d_out, d_k += d_s q, a few vectors of a row's at a time
        let columns = self.stride / S::F32_LANES;
        for (a, b, c) in [
            (&*self.p, &*self.d_out_rows, d_v),
            (&*self.d_s, &*self.q_rows, d_k),
        ] {
            let step = columns.div_ceil(columns.div_ceil(VECTORS));
            for first in (0..columns).step_by(step) {
                simd.vectorize(Product {
                    rows: count,
                    steps: self.lanes,
                    vectors: step.min(columns - first),
                    a: Scalars {
                        data: a,
                        row_stride: self.width,
                        step_stride: 1,
                    },
                    b: &b[first * S::F32_LANES..],
                    b_stride: self.stride,
                    c: &mut c[first * S::F32_LANES..],
                    c_stride: self.stride,
                    add: true,
                });
            }
        }
        // d_q += k d_s
        simd.vectorize(Product {
            rows: self.head_size,
            steps: count,
            vectors: self.vectors,
            a: Scalars {
                data: k,
                row_stride: 1,
                step_stride: stride,
            },
            b: self.d_s,
            b_stride: self.width,
            c: self.d_q,
            c_stride: self.width,
            add: true,
        });
    }
}
