//! Sums down the columns of a matrix, which gradients of vectors are.

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{CUBE_UNITS, LAUNCH_ROUNDS, grid};

/// Columns of a cube, whose units lie side by side.
const COLS: u32 = 32;
/// Units that share the rows of a column.
const LANES: u32 = CUBE_UNITS / COLS;

/// What is added up: `a[n, c] * b[n, c] * row_scales[n] / divisors[c]` over the rows n, less what is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// [N, C].
    pub a: &'a Buffer,
    /// [N, C].
    pub b: Option<&'a Buffer>,
    /// [N].
    pub row_scales: Option<&'a Buffer>,
    /// [C].
    pub divisors: Option<&'a Buffer>,
}

/// Every lane adds up every so many-th row, and a unit the lanes of its column in their order.
#[cube(launch_unchecked)]
fn column_kernel(
    a: &[f32],
    b: &[f32],
    row_scales: &[f32],
    divisors: &[f32],
    out: &mut [f32],
    first_row: u32,
    end_row: u32,
    cols: u32,
    #[comptime] multiplied: bool,
    #[comptime] scaled: bool,
    #[comptime] divided: bool,
) {
    let lane = UNIT_POS / COLS;
    let col = CUBE_POS as u32 * COLS + UNIT_POS % COLS;
    let mut sum = 0.0f32;
    if col < cols {
        let mut row = first_row + lane;
        while row < end_row {
            let at = (row * cols + col) as usize;
            let mut term = a[at];
            if comptime!(multiplied) {
                term *= b[at];
            }
            if comptime!(scaled) {
                term *= row_scales[row as usize];
            }
            sum += term;
            row += LANES;
        }
    }
    let mut found = Shared::<[f32]>::new_slice(CUBE_UNITS as usize);
    found[UNIT_POS as usize] = sum;
    sync_cube();
    if lane == 0 && col < cols {
        let mut sum = 0.0f32;
        #[unroll]
        for lane in 0..LANES {
            sum += found[(lane * COLS + UNIT_POS) as usize];
        }
        if comptime!(divided) {
            sum /= divisors[col as usize];
        }
        out[col as usize] += sum;
    }
}

/// `out[c] += Σ_n terms[n, c]`, of so many rows.
pub(crate) fn add_columns(terms: Terms<'_>, rows: usize, out: &Buffer) {
    let (gpu, cols) = (out.gpu(), out.words());
    if cols == 0 {
        return;
    }
    let unused = [(); 3].map(|()| Buffer::unused(gpu));
    let launch_rows = LAUNCH_ROUNDS * LANES as usize;
    for first in (0..rows).step_by(launch_rows) {
        // SAFETY: a unit beyond the last column reads and writes no number, the others stay in theirs.
        unsafe {
            column_kernel::launch_unchecked(
                gpu.launcher(),
                grid(cols.div_ceil(COLS as usize)),
                CubeDim::new_1d(CUBE_UNITS),
                terms.a.arg(),
                terms.b.unwrap_or(&unused[0]).arg(),
                terms.row_scales.unwrap_or(&unused[1]).arg(),
                terms.divisors.unwrap_or(&unused[2]).arg(),
                out.arg(),
                first as u32,
                rows.min(first + launch_rows) as u32,
                cols as u32,
                terms.b.is_some(),
                terms.row_scales.is_some(),
                terms.divisors.is_some(),
            );
        }
    }
}
