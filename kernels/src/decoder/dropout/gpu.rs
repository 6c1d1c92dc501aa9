//! Dropout on a GPU: the same masks, from the same counters.

use cubecl::prelude::*;

use super::Dropout;
use crate::decoder::target::Target;
use crate::error::Result;
use crate::gpu::{Buffer, CUBE_UNITS, unit_each};
use crate::tensor::Tensor;

/// The upper half of a product of two words.
#[cube]
fn multiply_high(a: u32, b: u32) -> u32 {
    let (a0, a1) = (a & 0xffff, a >> 16);
    let (b0, b1) = (b & 0xffff, b >> 16);
    let low = a0 * b0;
    let (middle, other) = (a0 * b1, a1 * b0);
    let carried = (low >> 16) + (middle & 0xffff) + (other & 0xffff);
    a1 * b1 + (middle >> 16) + (other >> 16) + (carried >> 16)
}

/// Word `lane` of the Philox block of a counter, as [`crate::random::philox`] has it.
#[cube]
fn philox_word(
    k0: u32,
    k1: u32,
    token: u32,
    token_high: u32,
    block: u32,
    map: u32,
    lane: u32,
) -> u32 {
    let (mut k0, mut k1) = (k0, k1);
    let (mut c0, mut c1, mut c2, mut c3) = (token, token_high, block, map);
    #[unroll]
    for _ in 0..10u32 {
        let high0 = multiply_high(0xD251_1F53u32, c0);
        let low0 = 0xD251_1F53u32 * c0;
        let high1 = multiply_high(0xCD9E_8D57u32, c2);
        let low1 = 0xCD9E_8D57u32 * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E37_79B9u32;
        k1 += 0xBB67_AE85u32;
    }
    let mut word = c0;
    if lane == 1 {
        word = c1;
    }
    if lane == 2 {
        word = c2;
    }
    if lane == 3 {
        word = c3;
    }
    word
}

/// 0 or 1 / (1 - p), for an element.
#[cube]
fn factor(
    tokens: &[u32],
    place: u32,
    cols: u32,
    k0: u32,
    k1: u32,
    map: u32,
    probability: f32,
) -> f32 {
    let row = (place / cols * 2) as usize;
    let col = place % cols;
    let word = philox_word(k0, k1, tokens[row], tokens[row + 1], col / 4, map, col % 4);
    let uniform = f32::cast_from(word >> 8) * comptime!(1.0f32 / 16_777_216.0);
    let mut factor = 0.0f32;
    if uniform >= probability {
        factor = 1.0f32 / (1.0f32 - probability);
    }
    factor
}

#[cube(launch_unchecked)]
fn split_kernel(
    x: &[f32],
    tokens: &[u32],
    dropped: &mut [f32],
    rest: &mut [f32],
    cols: u32,
    k0: u32,
    k1: u32,
    map: u32,
    probability: f32,
) {
    if ABSOLUTE_POS < x.len() {
        let value = x[ABSOLUTE_POS];
        let kept = value * factor(tokens, ABSOLUTE_POS as u32, cols, k0, k1, map, probability);
        dropped[ABSOLUTE_POS] = kept;
        rest[ABSOLUTE_POS] = value - kept;
    }
}

#[cube(launch_unchecked)]
fn join_kernel(
    d_dropped: &[f32],
    d_rest: &[f32],
    tokens: &[u32],
    d_x: &mut [f32],
    cols: u32,
    k0: u32,
    k1: u32,
    map: u32,
    probability: f32,
    #[comptime] accumulate: bool,
) {
    if ABSOLUTE_POS < d_x.len() {
        let factor = factor(tokens, ABSOLUTE_POS as u32, cols, k0, k1, map, probability);
        let mut sum = factor * d_dropped[ABSOLUTE_POS] + (1.0f32 - factor) * d_rest[ABSOLUTE_POS];
        if comptime!(accumulate) {
            sum += d_x[ABSOLUTE_POS];
        }
        d_x[ABSOLUTE_POS] = sum;
    }
}

/// The names of the rows' tokens, two words each.
fn token_words(dropout: &Dropout, like: &Tensor) -> Result<Buffer> {
    let halves = |token: &u64| [*token as u32, (*token >> 32) as u32];
    let words: Vec<u32> = dropout.tokens.iter().flat_map(halves).collect();
    Buffer::from_words(like.buffer().gpu(), &words)
}

fn map(layer: usize, target: Target) -> u32 {
    (layer * Target::ALL.len() + target as usize) as u32
}

pub(super) fn split(
    dropout: &Dropout,
    layer: usize,
    target: Target,
    x: &Tensor,
    dropped: &Tensor,
    rest: &Tensor,
) -> Result<()> {
    let Some(grid) = unit_each(x.buffer().words()) else {
        return Ok(());
    };
    // SAFETY: the three have one shape, and there is a token for every row.
    unsafe {
        split_kernel::launch_unchecked(
            x.buffer().gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            x.buffer().arg(),
            token_words(dropout, x)?.arg(),
            dropped.buffer().arg(),
            rest.buffer().arg(),
            x.cols() as u32,
            dropout.seed as u32,
            (dropout.seed >> 32) as u32,
            map(layer, target),
            dropout.probability,
        );
    }
    Ok(())
}

pub(super) fn join(
    dropout: &Dropout,
    layer: usize,
    target: Target,
    d_dropped: &Tensor,
    d_rest: &Tensor,
    d_x: &Tensor,
    accumulate: bool,
) -> Result<()> {
    let Some(grid) = unit_each(d_x.buffer().words()) else {
        return Ok(());
    };
    // SAFETY: as in `split`.
    unsafe {
        join_kernel::launch_unchecked(
            d_x.buffer().gpu().launcher(),
            grid,
            CubeDim::new_1d(CUBE_UNITS),
            d_dropped.buffer().arg(),
            d_rest.buffer().arg(),
            token_words(dropout, d_x)?.arg(),
            d_x.buffer().arg(),
            d_x.cols() as u32,
            dropout.seed as u32,
            (dropout.seed >> 32) as u32,
            map(layer, target),
            dropout.probability,
            accumulate,
        );
    }
    Ok(())
}
