//! Products in registers alone, for software adapters: a tile of the result is a unit's, which reads both operands where they lie.
//!
//! Where the processor plays the GPU, units are the lanes of its vectors, and a number that each of them reads by an address of its own is read
//! lane by lane: on lavapipe that takes the time of tens of multiply-adds, from shared memory hardly less than from a buffer. So reads decide: a
//! large tile makes the most of each, even if its sums do not fit in registers, and nothing is staged in shared memory.
//!
//! A number is the sum over the depth in order, whatever the tile: its bits do not depend on how many rows there are.

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{LAUNCH_ROUNDS, grid};
use super::product::{Left, Order, Out, Right, widen};

/// Units of a cube: the lanes of lavapipe's vectors. Cubes wait for nothing, and the processor's cores share even a small result.
const UNITS: u32 = 8;
/// Rows of a tile, at most, and its columns: as large as compiles in about a second, and half of that for results which would not make up for it.
const ROWS: u32 = 32;
const ROWS_OF_SMALL: u32 = 16;
/// Numbers of a result from which it is no small one.
const LARGE: usize = 1 << 16;
const COLS: u32 = 16;

#[cube(launch_unchecked)]
fn register_kernel(
    a: &[f32],
    b: &[u32],
    bias: &[f32],
    c: &mut [f32],
    m: u32,
    n: u32,
    first_k: u32,
    end_k: u32,
    a_stride: u32,
    a_offset: u32,
    b_stride: u32,
    c_stride: u32,
    c_offset: u32,
    bias_offset: u32,
    #[comptime] rows: u32,
    #[comptime] a_transposed: bool,
    #[comptime] b_transposed: bool,
    #[comptime] narrow: bool,
    #[comptime] accumulate: bool,
    #[comptime] biased: bool,
) {
    let tiles_n = n.div_ceil(COLS);
    let unit = CUBE_POS as u32 * UNITS + UNIT_POS;
    if unit < m.div_ceil(rows) * tiles_n {
        let first_m = unit / tiles_n * rows;
        let first_n = unit % tiles_n * COLS;
        let mut sums = Array::<f32>::new(comptime!((rows * COLS) as usize));
        #[unroll]
        for i in 0..comptime!(rows * COLS) {
            sums[i as usize] = 0.0f32;
        }
        for k in first_k..end_k {
            // Rows and columns beyond the last are the last once more, and are not written.
            let mut right = Array::<f32>::new(comptime!(COLS as usize));
            #[unroll]
            for j in 0..COLS {
                let j_n = min(first_n + j, n - 1);
                let (row, col) = if comptime!(b_transposed) {
                    (j_n, k)
                } else {
                    (k, j_n)
                };
                right[j as usize] = if comptime!(narrow) {
                    widen(b[(row * b_stride + col / 2) as usize], col % 2)
                } else {
                    f32::reinterpret(b[(row * b_stride + col) as usize])
                };
            }
            #[unroll]
            for i in 0..rows {
                let i_m = min(first_m + i, m - 1);
                let at = if comptime!(a_transposed) {
                    k * a_stride + i_m
                } else {
                    i_m * a_stride + k
                };
                let left = a[(a_offset + at) as usize];
                #[unroll]
                for j in 0..COLS {
                    let sum = comptime!((i * COLS + j) as usize);
                    sums[sum] = fma(left, right[j as usize], sums[sum]);
                }
            }
        }
        // Not unrolled, as hundreds of writes take longer to compile than all the rest. So a row is picked from sums whose places are constants.
        for i in 0..min(rows, m - first_m) {
            let row = first_m + i;
            #[unroll]
            for j in 0..COLS {
                let mut sum = 0.0f32;
                #[unroll]
                for picked in 0..rows {
                    sum = select(
                        i == picked,
                        sums[comptime!((picked * COLS + j) as usize)],
                        sum,
                    );
                }
                let col = first_n + j;
                if col < n {
                    let at = (c_offset + row * c_stride + col) as usize;
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

/// `out (+)= left right + bias`, as [`super::product::product`] says.
pub(super) fn register_product(
    [m, k, n]: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    bias: Option<(&Buffer, usize)>,
    out: Out<'_>,
) {
    let gpu = out.numbers.gpu();
    let unused = Buffer::unused(gpu);
    let most = if m * n < LARGE { ROWS_OF_SMALL } else { ROWS };
    let rows = (m as u32).next_power_of_two().min(most);
    let units = m.div_ceil(rows as usize) * n.div_ceil(COLS as usize);
    // A product over nothing is a launch too.
    for first_k in (0..k.max(1)).step_by(LAUNCH_ROUNDS) {
        let first = first_k == 0;
        let bias = bias.filter(|_| first);
        // SAFETY: no unit reads or writes beyond the operands' sizes, which are those of their buffers by their strides.
        unsafe {
            register_kernel::launch_unchecked(
                gpu.launcher(),
                grid(units.div_ceil(UNITS as usize)),
                CubeDim::new_1d(UNITS),
                left.numbers.arg(),
                right.words.arg(),
                bias.map_or(&unused, |(numbers, _)| numbers).arg(),
                out.numbers.arg(),
                m as u32,
                n as u32,
                first_k as u32,
                k.min(first_k + LAUNCH_ROUNDS) as u32,
                left.stride as u32,
                left.offset as u32,
                right.stride as u32,
                out.stride as u32,
                out.offset as u32,
                bias.map_or(0, |(_, offset)| offset as u32),
                rows,
                left.order == Order::Transposed,
                right.order == Order::Transposed,
                right.narrow,
                out.accumulate || !first,
                bias.is_some(),
            );
        }
    }
}
