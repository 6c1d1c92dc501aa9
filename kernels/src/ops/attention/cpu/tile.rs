//! A tile of queries in lanes, and what its softmax has seen of the keys so far.
//!
//! A lane is one (row, head). Everything about it stands in its lane of a vector: scores and probabilities are [keys, lanes],
//! query and output transposed, [D, lanes]. So maximum, sum and rescaling need no operation across lanes, keys and values
//! are read as they lie, number by number, for any head size, and a lane's result depends on no other lane. A value that is not
//! finite reaches the lanes that see any key of its block: a hidden key's probability is 0, and 0 times it is NaN.

use std::cmp::Ordering;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::product::{Product, Scalars};
use crate::ops::attention::Sizes;
use crate::ops::exp::exp;

/// Keys of a tile. Their scores, for three vectors of lanes, fit the first-level cache.
pub(super) const KEYS: usize = 64;
/// Most vectors of lanes a tile has.
pub(super) const VECTORS: usize = 3;
/// Stands where no key was seen: finite, so that it can be subtracted from.
const NO_MAX: f32 = f32::MIN;

/// Consecutive keys and values of one head: key j begins at `j * stride` of both slices.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub stride: usize,
    pub count: usize,
}

impl<'a> Keys<'a> {
    /// The rows `rows` of `k` and `v`, [_, K·D], seen by key-value head `kv_head`.
    pub(super) fn new(
        sizes: Sizes,
        k: &'a [f32],
        v: &'a [f32],
        rows: Range<usize>,
        kv_head: usize,
    ) -> Self {
        let stride = sizes.kv_cols();
        // No rows: the first of them may lie beyond the end.
        let begin = if rows.is_empty() {
            0
        } else {
            rows.start * stride + kv_head * sizes.head_size
        };
        Self {
            k: &k[begin..],
            v: &v[begin..],
            stride,
            count: rows.len(),
        }
    }

    /// The keys in tiles, each with the index of its first key.
    pub(super) fn tiles(self) -> impl Iterator<Item = (usize, Keys<'a>)> {
        (0..self.count).step_by(KEYS).map(move |first| {
            let count = KEYS.min(self.count - first);
            let tile = Keys {
                k: &self.k[first * self.stride..],
                v: &self.v[first * self.stride..],
                stride: self.stride,
                count,
            };
            (first, tile)
        })
    }
}

/// Numbers that begin at a multiple of 64 bytes, so that a vector never lies across two cache lines.
pub(super) struct Aligned {
    numbers: Vec<f32>,
    offset: usize,
    len: usize,
}

impl Aligned {
    pub(super) fn zeroed(len: usize) -> Self {
        let numbers = vec![0.0f32; len + 16];
        // align_offset may decline (it says usize::MAX); then the alignment is the allocator's.
        let offset = match numbers.as_ptr().align_offset(64) {
            offset if offset <= 16 => offset,
            _ => 0,
        };
        Self {
            numbers,
            offset,
            len,
        }
    }

    pub(super) fn get(&self) -> &[f32] {
        &self.numbers[self.offset..][..self.len]
    }

    pub(super) fn get_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.offset..][..self.len]
    }
}

/// Cuts the next `len` numbers off `rest`, rounded up so that the next piece is aligned too.
pub(super) fn cut<'a>(rest: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (piece, tail) = std::mem::take(rest).split_at_mut(padded(len));
    *rest = tail;
    &mut piece[..len]
}

/// `len` rounded up to whole cache lines.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(16)
}

/// Vectors that hold `lanes` lanes.
pub(super) fn vectors<S: Simd>(lanes: usize) -> usize {
    lanes.div_ceil(S::F32_LANES)
}

/// Writes `row`, `[D]`, times `factor`, to lane `lane` of `transposed`, [D, width].
#[inline(always)]
pub(super) fn put_lane(
    transposed: &mut [f32],
    width: usize,
    lane: usize,
    row: &[f32],
    factor: f32,
) {
    for (column, x) in transposed.chunks_exact_mut(width).zip(row) {
        column[lane] = x * factor;
    }
}

/// Writes lane `lane` of `transposed`, [D, width], times `factor`, to `row`, `[D]`.
#[inline(always)]
pub(super) fn take_lane(
    transposed: &[f32],
    width: usize,
    lane: usize,
    factor: f32,
    row: &mut [f32],
) {
    for (column, x) in transposed.chunks_exact(width).zip(row) {
        *x = column[lane] * factor;
    }
}

/// For keys `first..` of a segment and lanes whose rows see `seen[lane]` of its keys: how many of a tile's keys each lane
/// sees. As f32, the type of the lanes: exact, for a negative count hides a whole tile as well as zero does.
pub(super) fn set_limits(limits: &mut [f32], first: usize, seen: impl Fn(usize) -> usize) {
    for (lane, limit) in limits.iter_mut().enumerate() {
        *limit = (seen(lane) as f32) - first as f32;
    }
}

/// Queries in lanes and their softmax.
pub(super) struct Tile<'a> {
    head_size: usize,
    vectors: usize,
    width: usize,
    q: &'a mut [f32],   // [D, width], scaled
    out: &'a mut [f32], // [D, width], not yet divided by the sum
    max: &'a mut [f32], // [width]
    sum: &'a mut [f32], // [width]
    p: &'a mut [f32],   // [KEYS, width]
}

impl<'a> Tile<'a> {
    /// Numbers that [`Tile::new`] cuts off.
    pub(super) fn scratch<S: Simd>(head_size: usize, lanes: usize) -> usize {
        let width = vectors::<S>(lanes) * S::F32_LANES;
        2 * padded(head_size * width) + 2 * padded(width) + padded(KEYS * width)
    }

    /// A tile of `lanes` lanes that has seen no key, with queries of zero until [`Tile::put_query`].
    pub(super) fn new<S: Simd>(rest: &mut &'a mut [f32], head_size: usize, lanes: usize) -> Self {
        let vectors = vectors::<S>(lanes);
        let width = vectors * S::F32_LANES;
        let tile = Self {
            head_size,
            vectors,
            width,
            q: cut(rest, head_size * width),
            out: cut(rest, head_size * width),
            max: cut(rest, width),
            sum: cut(rest, width),
            p: cut(rest, KEYS * width),
        };
        tile.q.fill(0.0);
        tile.out.fill(0.0);
        tile.max.fill(NO_MAX);
        tile.sum.fill(0.0);
        tile
    }

    /// Lanes of its vectors.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Sets the query of a lane.
    #[inline(always)]
    pub(super) fn put_query(&mut self, lane: usize, q: &[f32], scale: f32) {
        put_lane(self.q, self.width, lane, q, scale);
    }

    /// Makes lane `to` what lane `from` of another tile is, query and softmax.
    pub(super) fn copy_lane(&mut self, to: usize, other: &Tile<'_>, from: usize) {
        for (mine, theirs) in [(&mut *self.q, &*other.q), (&mut *self.out, &*other.out)] {
            let mine = mine.chunks_exact_mut(self.width);
            for (mine, theirs) in mine.zip(theirs.chunks_exact(other.width)) {
                mine[to] = theirs[from];
            }
        }
        self.max[to] = other.max[from];
        self.sum[to] = other.sum[from];
    }

    /// Takes in at most [`KEYS`] keys, all that lane l sees of them: those below `limits[l]` where there are limits.
    #[inline(always)]
    pub(super) fn see<S: Simd>(&mut self, simd: S, keys: Keys<'_>, limits: Option<&[f32]>) {
        let Keys {
            k,
            v,
            stride,
            count,
        } = keys;
        simd.vectorize(Product {
            rows: count,
            steps: self.head_size,
            vectors: self.vectors,
            a: Scalars {
                data: k,
                row_stride: stride,
                step_stride: 1,
            },
            b: self.q,
            b_stride: self.width,
            c: self.p,
            c_stride: self.width,
            add: false,
        });
        simd.vectorize(Softmax {
            vectors: self.vectors,
            p: &mut self.p[..count * self.width],
            limits,
            max: self.max,
            sum: self.sum,
            out: self.out,
        });
        simd.vectorize(Product {
            rows: self.head_size,
            steps: count,
            vectors: self.vectors,
            a: Scalars {
                data: v,
                row_stride: 1,
                step_stride: stride,
            },
            b: self.p,
            b_stride: self.width,
            c: self.out,
            c_stride: self.width,
            add: true,
        });
    }

    /// Writes a lane's attention to `out`, `[D]`, and returns its log-sum-exp.
    #[inline(always)]
    pub(super) fn finish(&self, lane: usize, out: &mut [f32]) -> f32 {
        take_lane(self.out, self.width, lane, 1.0 / self.sum[lane], out);
        self.max[lane] + self.sum[lane].ln()
    }
}

/// Scores to probabilities under the new maximum, with sum and output rescaled to it.
struct Softmax<'a> {
    vectors: usize,
    p: &'a mut [f32], // [keys, width]
    limits: Option<&'a [f32]>,
    max: &'a mut [f32],
    sum: &'a mut [f32],
    out: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.vectors {
            1 => self.run::<S, 1>(simd),
            2 => self.run::<S, 2>(simd),
            3 => self.run::<S, 3>(simd),
            other => unreachable!("{other} vectors of lanes"),
        }
    }
}

impl Softmax<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let p = lane_rows::<S, V>(self.p);
        let max = &mut lane_rows::<S, V>(self.max)[0];
        let sum = &mut lane_rows::<S, V>(self.sum)[0];
        if let Some(limits) = self.limits {
            hide(simd, p, limits);
        }
        let old = *max;
        for scores in p.iter() {
            for (max, score) in max.iter_mut().zip(scores) {
                *max = simd.max_f32s(*max, *score);
            }
        }
        let mut factors = old;
        let mut smallest = simd.splat_f32s(1.0);
        for (factor, new) in factors.iter_mut().zip(max.iter()) {
            *factor = exp(simd, simd.sub_f32s(*factor, *new));
            // In this order: of a NaN and a number, the second is the minimum on x86.
            smallest = simd.min_f32s(*factor, smallest);
        }
        // Where no maximum moved, every factor is 1. A NaN, which is in its own lane's sum already, must not hide that another moved.
        let moved = simd.reduce_min_f32s(smallest).partial_cmp(&1.0);
        if moved != Some(Ordering::Equal) {
            for row in lane_rows::<S, V>(self.out) {
                for (out, factor) in row.iter_mut().zip(factors) {
                    *out = simd.mul_f32s(*out, factor);
                }
            }
            for (sum, factor) in sum.iter_mut().zip(factors) {
                *sum = simd.mul_f32s(*sum, factor);
            }
        }
        for row in p {
            for ((p, max), sum) in row.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
                *p = exp(simd, simd.sub_f32s(*p, *max));
                *sum = simd.add_f32s(*sum, *p);
            }
        }
    }
}

/// Numbers in rows of V vectors.
#[inline(always)]
pub(super) fn lane_rows<S: Simd, const V: usize>(numbers: &mut [f32]) -> &mut [[S::f32s; V]] {
    S::as_mut_simd_f32s(numbers).0.as_chunks_mut().0
}

/// Sets the scores of the keys that a lane does not see, `limits[lane]` and later, to minus infinity.
#[inline(always)]
pub(super) fn hide<S: Simd, const V: usize>(simd: S, scores: &mut [[S::f32s; V]], limits: &[f32]) {
    let hidden = simd.splat_f32s(f32::NEG_INFINITY);
    let limits = S::as_simd_f32s(limits).0;
    for (key, row) in scores.iter_mut().enumerate() {
        let key = simd.splat_f32s(key as f32);
        for (score, limit) in row.iter_mut().zip(limits) {
            let seen = simd.less_than_f32s(key, *limit);
            *score = simd.select_f32s(seen, *score, hidden);
        }
    }
}
