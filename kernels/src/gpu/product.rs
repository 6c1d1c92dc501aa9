//! Products of matrices: blocks of the result, a cube each, from tiles of both operands in shared memory.
//!
//! The tiles are staged in one layout, whatever the operands' transpositions and precision, so that one inner loop serves all products of the
//! forward and the backward pass.

use cubecl::prelude::*;

use super::adapter::AdapterKind;
use super::buffer::Buffer;
use super::device::{CUBE_UNITS, grid};
use super::registers::register_product;
use super::thin::thin_product;
use super::weight::{GpuWeight, Part};

/// Units along either side of a block.
const SIDE: u32 = 16;
/// Rows and columns of a unit, which lie side by side: the drivers of GPUs read them at once.
const TILE: u32 = 4;
/// Rows and columns of a block. On an H200 blocks of 64 give the most, twice as much as 128 where there are too few of those for its processors.
const BLOCK: u32 = SIDE * TILE;
/// Depth of the tiles in shared memory.
const DEPTH: u32 = 16;
/// From one of their rows to the next: a little apart, so that units that write a column meet in no memory bank.
const PITCH: u32 = BLOCK + 4;

/// Rows up to which a product is a thin one: a row's bits do not depend on how many there are.
pub(crate) const THIN_ROWS: usize = crate::decoder::GPU_SEQUENCES;

/// How an operand lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// Element (i, j) stands at `i * stride + j`.
    Rows,
    /// Element (i, j) stands at `j * stride + i`.
    Transposed,
}

/// The left operand, [M, K].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a> {
    pub numbers: &'a Buffer,
    pub order: Order,
    /// From a row of the memory to the next one, and the first element's place.
    pub stride: usize,
    pub offset: usize,
}

/// The right operand, [K, N].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right<'a> {
    pub words: &'a Buffer,
    pub order: Order,
    /// Words are pairs of bf16 numbers that are neighbours in a row of the memory.
    pub narrow: bool,
    /// Words from a row of the memory to the next one.
    pub stride: usize,
}

/// Where the result goes, [M, N].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out<'a> {
    pub numbers: &'a Buffer,
    pub stride: usize,
    pub offset: usize,
    pub accumulate: bool,
}

impl<'a> Left<'a> {
    pub fn new(numbers: &'a Buffer, order: Order, stride: usize) -> Self {
        Self {
            numbers,
            order,
            stride,
            offset: 0,
        }
    }

    /// The same from another place on.
    pub fn from(self, offset: usize) -> Self {
        Self { offset, ..self }
    }
}

impl<'a> Right<'a> {
    /// f32 numbers.
    pub fn new(words: &'a Buffer, order: Order, stride: usize) -> Self {
        Self {
            words,
            order,
            narrow: false,
            stride,
        }
    }

    /// Some rows of a weight of `cols` columns.
    pub fn part(weight: &GpuWeight, part: &'a Part, cols: usize, order: Order) -> Self {
        Self {
            words: &part.words,
            order,
            narrow: weight.narrow,
            stride: weight.stride(cols),
        }
    }
}

impl<'a> Out<'a> {
    pub fn new(numbers: &'a Buffer, stride: usize, accumulate: bool) -> Self {
        Self {
            numbers,
            stride,
            offset: 0,
            accumulate,
        }
    }

    /// The same from another place on.
    pub fn from(self, offset: usize) -> Self {
        Self { offset, ..self }
    }
}

/// One number of a pair of bf16.
#[cube]
pub(crate) fn widen(word: u32, odd: u32) -> f32 {
    if odd == 1 {
        f32::reinterpret(word & 0xffff_0000)
    } else {
        f32::reinterpret(word << 16)
    }
}

#[cube(launch_unchecked)]
fn product_kernel(
    a: &[f32],
    b: &[u32],
    bias: &[f32],
    c: &mut [f32],
    m: u32,
    k: u32,
    n: u32,
    a_stride: u32,
    a_offset: u32,
    b_stride: u32,
    c_stride: u32,
    c_offset: u32,
    bias_offset: u32,
    #[comptime] a_transposed: bool,
    #[comptime] b_transposed: bool,
    #[comptime] narrow: bool,
    #[comptime] accumulate: bool,
    #[comptime] biased: bool,
) {
    let blocks_n = n.div_ceil(BLOCK);
    let blocks = m.div_ceil(BLOCK) * blocks_n;
    let cube = CUBE_POS as u32;
    // The same for all units of a cube, so that they meet at every barrier.
    if cube < blocks {
        let first_m = cube / blocks_n * BLOCK;
        let first_n = cube % blocks_n * BLOCK;
        let mut tile_a = Shared::<[f32]>::new_slice(comptime!((PITCH * DEPTH) as usize));
        let mut tile_b = Shared::<[f32]>::new_slice(comptime!((PITCH * DEPTH) as usize));
        let unit_m = UNIT_POS / SIDE;
        let unit_n = UNIT_POS % SIDE;
        let mut sums = Array::<f32>::new(comptime!((TILE * TILE) as usize));
        #[unroll]
        for i in 0..comptime!(TILE * TILE) {
            sums[i as usize] = 0.0f32;
        }
        let mut first_k = 0u32;
        while first_k < k {
            #[unroll]
            for step in 0..comptime!(BLOCK * DEPTH / CUBE_UNITS) {
                let place = UNIT_POS + step * CUBE_UNITS;
                // Neighbouring units read neighbouring numbers.
                let (i, kk) = if comptime!(a_transposed) {
                    (place % BLOCK, place / BLOCK)
                } else {
                    (place / DEPTH, place % DEPTH)
                };
                let mut value = 0.0f32;
                if first_m + i < m && first_k + kk < k {
                    let at = if comptime!(a_transposed) {
                        a_offset + (first_k + kk) * a_stride + first_m + i
                    } else {
                        a_offset + (first_m + i) * a_stride + first_k + kk
                    };
                    value = a[at as usize];
                }
                tile_a[(kk * PITCH + i) as usize] = value;

                let (j, kk) = if comptime!(b_transposed) {
                    (place / DEPTH, place % DEPTH)
                } else {
                    (place % BLOCK, place / BLOCK)
                };
                let mut value = 0.0f32;
                if first_n + j < n && first_k + kk < k {
                    let (row, col) = if comptime!(b_transposed) {
                        (first_n + j, first_k + kk)
                    } else {
                        (first_k + kk, first_n + j)
                    };
                    if comptime!(narrow) {
                        value = widen(b[(row * b_stride + col / 2) as usize], col % 2);
                    } else {
                        value = f32::reinterpret(b[(row * b_stride + col) as usize]);
                    }
                }
                tile_b[(kk * PITCH + j) as usize] = value;
            }
            sync_cube();
            // A tile's products are summed apart: over K of them the rounding grows with DEPTH + K / DEPTH, not with K.
            let mut tile_sums = Array::<f32>::new(comptime!((TILE * TILE) as usize));
            #[unroll]
            for i in 0..comptime!(TILE * TILE) {
                tile_sums[i as usize] = 0.0f32;
            }
            #[unroll]
            for kk in 0..DEPTH {
                let mut right = Array::<f32>::new(comptime!(TILE as usize));
                #[unroll]
                for j in 0..TILE {
                    right[j as usize] = tile_b[(kk * PITCH + unit_n * TILE + j) as usize];
                }
                #[unroll]
                for i in 0..TILE {
                    let left = tile_a[(kk * PITCH + unit_m * TILE + i) as usize];
                    #[unroll]
                    for j in 0..TILE {
                        tile_sums[(i * TILE + j) as usize] += left * right[j as usize];
                    }
                }
            }
            #[unroll]
            for i in 0..comptime!(TILE * TILE) {
                sums[i as usize] += tile_sums[i as usize];
            }
            sync_cube();
            first_k += DEPTH;
        }
        #[unroll]
        for i in 0..TILE {
            let row = first_m + unit_m * TILE + i;
            #[unroll]
            for j in 0..TILE {
                let col = first_n + unit_n * TILE + j;
                if row < m && col < n {
                    let at = (c_offset + row * c_stride + col) as usize;
                    let mut sum = sums[(i * TILE + j) as usize];
                    if comptime!(biased) {
                        sum += bias[(bias_offset + col) as usize];
                    }
                    if comptime!(accumulate) {
                        sum += c[at];
                    }
                    c[at] = sum;
                }
            }
        }
    }
}

/// `out (+)= left right + bias`, the bias for every row, from its number `.1` on.
///
/// Nothing is done for a result of no elements; a product over nothing gives zeros.
pub(crate) fn product(
    [m, k, n]: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    bias: Option<(&Buffer, usize)>,
    out: Out<'_>,
) {
    if m * n == 0 {
        return;
    }
    let gpu = out.numbers.gpu();
    if gpu.cut_for() == AdapterKind::Software {
        return register_product([m, k, n], left, right, bias, out);
    }
    let rows = left.order == Order::Rows && right.order == Order::Transposed;
    if rows && m <= THIN_ROWS {
        return thin_product([m, k, n], left, right, bias, out);
    }
    let unused = Buffer::unused(gpu);
    let block = BLOCK as usize;
    // SAFETY: no unit reads or writes beyond the operands' sizes, which are those of their buffers by their strides.
    unsafe {
        product_kernel::launch_unchecked(
            gpu.launcher(),
            grid(m.div_ceil(block) * n.div_ceil(block)),
            CubeDim::new_1d(CUBE_UNITS),
            left.numbers.arg(),
            right.words.arg(),
            bias.map_or(&unused, |(numbers, _)| numbers).arg(),
            out.numbers.arg(),
            m as u32,
            k as u32,
            n as u32,
            left.stride as u32,
            left.offset as u32,
            right.stride as u32,
            out.stride as u32,
            out.offset as u32,
            bias.map_or(0, |(_, offset)| offset as u32),
            left.order == Order::Transposed,
            right.order == Order::Transposed,
            right.narrow,
            out.accumulate,
            bias.is_some(),
        );
    }
}
