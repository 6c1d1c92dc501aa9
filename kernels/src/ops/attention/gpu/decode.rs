//! One new token a sequence, against keys and values in pages.

use cubecl::prelude::*;

use super::super::Sizes;
use super::MASKED;
use crate::Tensor;
use crate::decoder::PAGE;
use crate::gpu::reduce::{cube_max, cube_sum};
use crate::gpu::{Buffer, CUBE_UNITS, grid, unit_each};
use crate::ops::rope::RopeAngles;
use crate::profile::{self, Work};

/// Words that say where a row's keys lie: `[first page of the prompt, tokens, first page of its own, tokens]`.
pub(crate) const ROW_WORDS: usize = 4;

/// Units of a cube: as many as have a sum of values each in 8 KiB, and a power of two.
fn units(head_size: usize) -> usize {
    let most = (2048 / head_size.max(1)).clamp(1, 64);
    1 << most.ilog2()
}

/// Puts rows of keys and values into their slots.
#[cube(launch_unchecked)]
fn store_kernel(
    k: &[f32],
    v: &[f32],
    slots: &[u32],
    keys: &mut [f32],
    values: &mut [f32],
    cols: u32,
) {
    if ABSOLUTE_POS < k.len() {
        let place = ABSOLUTE_POS as u32;
        let at = (slots[(place / cols) as usize] * cols + place % cols) as usize;
        keys[at] = k[ABSOLUTE_POS];
        values[at] = v[ABSOLUTE_POS];
    }
}

/// Turns queries and keys by their row's angles, one unit a pair, and puts keys and values into their row's slot.
#[cube(launch_unchecked)]
fn rotate_and_store_kernel(
    q: &mut [f32],
    k: &[f32],
    v: &[f32],
    cos_sin: &[f32],
    slots: &[u32],
    keys: &mut [f32],
    values: &mut [f32],
    q_cols: u32,
    cols: u32,
    half: u32,
) {
    let q_pairs = q.len() as u32 / 2;
    let unit = ABSOLUTE_POS as u32;
    if unit < q_pairs {
        let row = unit / (q_cols / 2);
        let head = unit % (q_cols / 2) / half;
        let i = unit % half;
        let low = (row * q_cols + head * 2 * half + i) as usize;
        let (cos, sin) = angle(cos_sin, row, i, half);
        let (a, b) = (q[low], q[low + half as usize]);
        q[low] = a * cos - b * sin;
        q[low + half as usize] = b * cos + a * sin;
    } else if unit - q_pairs < k.len() as u32 / 2 {
        let pair = unit - q_pairs;
        let row = pair / (cols / 2);
        let in_row = pair % (cols / 2) / half * 2 * half + pair % half;
        let (cos, sin) = angle(cos_sin, row, pair % half, half);
        let from = (row * cols + in_row) as usize;
        let at = (slots[row as usize] * cols + in_row) as usize;
        let (a, b) = (k[from], k[from + half as usize]);
        keys[at] = a * cos - b * sin;
        keys[at + half as usize] = b * cos + a * sin;
        values[at] = v[from];
        values[at + half as usize] = v[from + half as usize];
    }
}

/// Cosine and sine of a row's i-th angle.
#[cube]
fn angle(cos_sin: &[f32], row: u32, i: u32, half: u32) -> (f32, f32) {
    let at = (row * 2 * half + i) as usize;
    (cos_sin[at], cos_sin[at + half as usize])
}

/// One cube a row and head: units share its keys out, and add up what they found.
#[cube(launch_unchecked)]
fn decode_kernel(
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    table: &[u32],
    out: &mut [f32],
    cubes: u32,
    heads: u32,
    kv_heads: u32,
    scale: f32,
    #[comptime] head_size: u32,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) {
    let cube = CUBE_POS as u32;
    if cube < cubes {
        let head = cube % heads;
        let row = (cube / heads * comptime!(ROW_WORDS as u32)) as usize;
        let prompt_pages = table[row];
        let prompt = table[row + 1];
        let own_pages = table[row + 2];
        let count = prompt + table[row + 3];
        let kv_head = head / (heads / kv_heads);
        let query = (cube * head_size) as usize;
        let mut sums = Array::<f32>::new(comptime!(head_size as usize));
        #[unroll]
        for d in 0..comptime!(head_size as usize) {
            sums[d] = 0.0f32;
        }
        let mut most = comptime!(MASKED).runtime();
        let mut sum = 0.0f32;
        let mut j = UNIT_POS;
        while j < count {
            let mut pages = prompt_pages;
            let mut place = j;
            if j >= prompt {
                pages = own_pages;
                place = j - prompt;
            }
            let page = table[(pages + place / comptime!(PAGE as u32)) as usize];
            let slot = page * comptime!(PAGE as u32) + place % comptime!(PAGE as u32);
            let at = ((slot * kv_heads + kv_head) * head_size) as usize;
            let mut score = 0.0f32;
            #[unroll]
            for d in 0..comptime!(head_size as usize) {
                score += q[query + d] * keys[at + d];
            }
            score *= scale;
            let more = max(most, score);
            let shrink = (most - more).exp();
            let p = (score - more).exp();
            most = more;
            sum = sum * shrink + p;
            #[unroll]
            for d in 0..comptime!(head_size as usize) {
                sums[d] = sums[d] * shrink + p * values[at + d];
            }
            j += units;
        }
        let all = cube_max(most, units, planes);
        let shrink = (most - all).exp();
        let total = cube_sum(sum * shrink, units, planes);
        let mut found = Shared::<[f32]>::new_slice(comptime!((units * head_size) as usize));
        #[unroll]
        for d in 0..comptime!(head_size) {
            found[(UNIT_POS * head_size + d) as usize] = sums[d as usize] * shrink;
        }
        sync_cube();
        let mut d = UNIT_POS;
        while d < head_size {
            let mut value = 0.0f32;
            for unit in 0..units {
                value += found[(unit * head_size + d) as usize];
            }
            out[query + d as usize] = value / total;
            d += units;
        }
    }
}

/// Puts the rows of `k` and `v` into slots of `keys` and `values`.
pub(crate) fn store(k: &Tensor, v: &Tensor, slots: &Buffer, keys: &Buffer, values: &Buffer) {
    let Some(grid) = unit_each(k.buffer().words()) else {
        return;
    };
    // SAFETY: there is a slot for every row, and all of them lie in the pages.
    unsafe {
        store_kernel::launch_unchecked(
            keys.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            k.buffer().arg(),
            v.buffer().arg(),
            slots.arg(),
            keys.arg(),
            values.arg(),
            k.cols() as u32,
        );
    }
}

/// [`store`] of keys that are turned by their rows' angles on the way, and the queries turned in place.
pub(crate) fn rotate_and_store(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    angles: &RopeAngles,
    slots: &Buffer,
    keys: &Buffer,
    values: &Buffer,
) {
    let pairs = (q.buffer().words() + k.buffer().words()) / 2;
    let Some(grid) = unit_each(pairs) else {
        return;
    };
    let device = q.device();
    let _op = profile::op("rotate_and_store", &device, || {
        Work::new(
            3 * (q.len() + k.len()),
            2 * (q.bytes() + k.bytes() + v.bytes()),
        )
    });
    // SAFETY: pairs lie in their row, which has a slot in the pages and angles.
    unsafe {
        rotate_and_store_kernel::launch_unchecked(
            keys.gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            q.buffer().arg(),
            k.buffer().arg(),
            v.buffer().arg(),
            angles.cos_sin().buffer().arg(),
            slots.arg(),
            keys.arg(),
            values.arg(),
            q.cols() as u32,
            k.cols() as u32,
            angles.head_size() as u32 / 2,
        );
    }
}

/// `out[m]` is the attention of the queries of row m over the tokens that the table says; every row has at least one. `work` is what the table
/// makes of it, which on the GPU nobody counts.
pub(crate) fn decode(
    [heads, kv_heads]: [usize; 2],
    q: &Tensor,
    keys: &Buffer,
    values: &Buffer,
    table: &Buffer,
    work: Work,
    out: &Tensor,
) {
    let sizes = Sizes {
        heads,
        kv_heads,
        head_size: q.cols() / heads,
    };
    let cubes = q.rows() * heads;
    if cubes == 0 {
        return;
    }
    let device = q.device();
    let _op = profile::op("attention_decode", &device, || work);
    let units = units(sizes.head_size) as u32;
    // SAFETY: the table's pages lie in `keys` and `values`.
    unsafe {
        decode_kernel::launch_unchecked(
            keys.gpu().launcher(),
            grid(cubes),
            CubeDim::new_1d(units),
            q.buffer().arg(),
            keys.arg(),
            values.arg(),
            table.arg(),
            out.buffer().arg(),
            cubes as u32,
            heads as u32,
            kv_heads as u32,
            sizes.scale(),
            sizes.head_size as u32,
            units,
            keys.gpu().planes(),
        );
    }
}
