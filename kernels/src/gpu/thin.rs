//! Thin products: few rows times a large matrix, as in decoding, where a blocked product would compute mostly nothing.
//!
//! The matrix's numbers decide the time, so each is read once for up to [`ROWS`] rows. [`LANES`] units share the depth of some outputs, each
//! adding up every so many-th word in registers; what they found is added up in shared memory, in the lanes' order: that order depends on neither
//! a row's place nor the number of rows, and nor do its bits (as lavapipe computes them, says a test; WGSL lets a compiler choose how it fuses).
//!
//! A gated product is of two matrices: a unit's sums are by turns of the one and of the other, and the result is `silu(a gateᵀ) (a upᵀ)`.

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{CUBE_UNITS, grid};
use super::product::{Left, Out, Right, widen};
use crate::ops::silu_mul::sigmoid;

/// Units that share the depth of an output.
const LANES: u32 = 32;
/// Groups of lanes in a cube.
const GROUPS: u32 = CUBE_UNITS / LANES;
/// Rows that are computed at once, at most.
const ROWS: u32 = 8;
/// Sums that a unit keeps at most: those of a cube have 16 KiB of shared memory.
const SUMS: u32 = 16;

#[cube(launch_unchecked)]
fn thin_kernel(
    a: &[f32],
    b: &[u32],
    up: &[u32],
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
    #[comptime] rows: u32,
    #[comptime] each: u32,
    #[comptime] narrow: bool,
    #[comptime] biased: bool,
    #[comptime] accumulate: bool,
    #[comptime] gated: bool,
) {
    // Sums that make a result.
    let per = comptime!(if gated { 2 } else { 1 });
    let outputs = comptime!(GROUPS * each / per);
    let blocks_n = n.div_ceil(outputs);
    let cube = CUBE_POS as u32;
    if cube < m.div_ceil(rows) * blocks_n {
        let first_row = cube / blocks_n * rows;
        let first_out = cube % blocks_n * outputs;
        let group_out = first_out + UNIT_POS / LANES * comptime!(each / per);
        let mut sums = Array::<f32>::new(comptime!((rows * each) as usize));
        #[unroll]
        for i in 0..comptime!(rows * each) {
            sums[i as usize] = 0.0f32;
        }
        let words = if comptime!(narrow) { k.div_ceil(2) } else { k };
        let mut word = UNIT_POS % LANES;
        while word < words {
            let first_k = if comptime!(narrow) { word * 2 } else { word };
            let mut even = Array::<f32>::new(comptime!(rows as usize));
            let mut odd = Array::<f32>::new(comptime!(rows as usize));
            #[unroll]
            for i in 0..rows {
                // Rows and outputs beyond the last are the last once more, and are not written.
                let row = min(first_row + i, m - 1);
                let at = (a_offset + row * a_stride + first_k) as usize;
                even[i as usize] = a[at];
                if comptime!(narrow) {
                    odd[i as usize] = 0.0f32;
                    if first_k + 1 < k {
                        odd[i as usize] = a[at + 1];
                    }
                }
            }
            #[unroll]
            for j in 0..each {
                let out = min(group_out + comptime!(j / per), n - 1);
                let at = (out * b_stride + word) as usize;
                let value = if comptime!(gated && j % 2 == 1) {
                    up[at]
                } else {
                    b[at]
                };
                #[unroll]
                for i in 0..rows {
                    let at = comptime!((i * each + j) as usize);
                    if comptime!(narrow) {
                        let low = fma(even[i as usize], widen(value, 0), sums[at]);
                        sums[at] = fma(odd[i as usize], widen(value, 1), low);
                    } else {
                        sums[at] = fma(even[i as usize], f32::reinterpret(value), sums[at]);
                    }
                }
            }
            word += LANES;
        }
        let mut found = Shared::<[f32]>::new_slice(comptime!((CUBE_UNITS * rows * each) as usize));
        #[unroll]
        for i in 0..comptime!(rows * each) {
            found[(comptime!(i * CUBE_UNITS) + UNIT_POS) as usize] = sums[i as usize];
        }
        sync_cube();
        // A unit for each of the results.
        if UNIT_POS < comptime!(outputs * rows) {
            let row = first_row + UNIT_POS / outputs;
            let in_block = UNIT_POS % outputs;
            let out = first_out + in_block;
            if row < m && out < n {
                let in_group = comptime!(each / per);
                let first = UNIT_POS / outputs * each + in_block % in_group * per;
                let place = first * CUBE_UNITS + in_block / in_group * LANES;
                let mut sum = lane_sum(&found, place);
                if comptime!(gated) {
                    sum = sum * sigmoid(sum) * lane_sum(&found, place + CUBE_UNITS);
                }
                if comptime!(biased) {
                    sum += bias[(bias_offset + out) as usize];
                }
                let at = (c_offset + row * c_stride + out) as usize;
                if comptime!(accumulate) {
                    sum += c[at];
                }
                c[at] = sum;
            }
        }
    }
}

/// The sum of what the lanes of a group found.
#[cube]
fn lane_sum(found: &Shared<[f32]>, place: u32) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for lane in 0..LANES {
        sum += found[(place + lane) as usize];
    }
    sum
}

/// `out (+)= left rightᵀ + bias`, the rows of the memory of `right` being the outputs; `left` lies row by row.
pub(super) fn thin_product(
    sizes: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    bias: Option<(&Buffer, usize)>,
    out: Out<'_>,
) {
    launch(sizes, left, right, None, bias, out);
}

/// `out = silu(left gateᵀ) (left upᵀ)`, operands as in [`thin_product`]; both matrices lie alike.
pub(crate) fn gated_product(
    sizes: [usize; 3],
    left: Left<'_>,
    gate: Right<'_>,
    up: Right<'_>,
    out: Out<'_>,
) {
    launch(sizes, left, gate, Some(up), None, out);
}

fn launch(
    [m, k, n]: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    up: Option<Right<'_>>,
    bias: Option<(&Buffer, usize)>,
    out: Out<'_>,
) {
    let gpu = out.numbers.gpu();
    let unused = [Buffer::unused(gpu), Buffer::unused(gpu)];
    let rows = (m as u32).next_power_of_two().min(ROWS);
    let each = (SUMS / rows).min(4);
    let outputs = GROUPS * each / if up.is_some() { 2 } else { 1 };
    let cubes = m.div_ceil(rows as usize) * n.div_ceil(outputs as usize);
    // SAFETY: no unit reads or writes beyond the operands' sizes, which are those of their buffers by their strides.
    unsafe {
        thin_kernel::launch_unchecked(
            gpu.launcher(),
            grid(cubes),
            CubeDim::new_1d(CUBE_UNITS),
            left.numbers.arg(),
            right.words.arg(),
            up.map_or(&unused[0], |up| up.words).arg(),
            bias.map_or(&unused[1], |(numbers, _)| numbers).arg(),
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
            rows,
            each,
            right.narrow,
            bias.is_some(),
            out.accumulate,
            up.is_some(),
        );
    }
}
