//! Sums and maxima over the units of a cube, in two ways: by planes (subgroups), whose units exchange numbers in registers, and by shared memory
//! alone where an adapter has no planes or does not lay them out in the order of its units.

use std::sync::Arc;

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{CUBE_UNITS, Gpu, grid};
use crate::error::Result;

/// The sum of `value` over the units of a cube, for all of them; the order of additions depends on `units` alone, and
/// within a plane on its adapter.
///
/// `units` is a power of two. All units of the cube have to come here.
#[cube]
pub(crate) fn cube_sum(value: f32, #[comptime] units: u32, #[comptime] planes: bool) -> f32 {
    reduce(value, units, planes, false)
}

/// The largest `value` of the units of a cube, for all of them; `units` as in [`cube_sum`].
#[cube]
pub(crate) fn cube_max(value: f32, #[comptime] units: u32, #[comptime] planes: bool) -> f32 {
    reduce(value, units, planes, true)
}

#[cube]
fn reduce(
    value: f32,
    #[comptime] units: u32,
    #[comptime] planes: bool,
    #[comptime] largest: bool,
) -> f32 {
    let mut partial = Shared::<[f32]>::new_slice(comptime!(units as usize));
    let all = if comptime!(planes) {
        let of_plane = if comptime!(largest) {
            plane_max(value)
        } else {
            plane_sum(value)
        };
        if UNIT_POS_PLANE == 0 {
            partial[(UNIT_POS / PLANE_DIM) as usize] = of_plane;
        }
        sync_cube();
        let mut all = partial[0];
        for plane in 1..planes_of(units) {
            all = of_two(all, partial[plane as usize], largest);
        }
        all
    } else {
        partial[UNIT_POS as usize] = value;
        sync_cube();
        let mut half = comptime!(units / 2).runtime();
        while half > 0 {
            if UNIT_POS < half {
                let own = partial[UNIT_POS as usize];
                let other = partial[(UNIT_POS + half) as usize];
                partial[UNIT_POS as usize] = of_two(own, other, largest);
            }
            sync_cube();
            half /= 2;
        }
        partial[0]
    };
    // Nobody writes the next value while another unit still reads this one.
    sync_cube();
    all
}

#[cube]
fn of_two(a: f32, b: f32, #[comptime] largest: bool) -> f32 {
    if comptime!(largest) { max(a, b) } else { a + b }
}

/// Planes of a cube.
#[cube]
#[allow(clippy::manual_div_ceil, reason = "kernels have it of constants alone")]
fn planes_of(#[comptime] units: u32) -> u32 {
    (units + PLANE_DIM - 1) / PLANE_DIM
}

/// What each of a cube's units has of both, of numbers that f32 adds up exactly.
#[cube(launch_unchecked)]
fn trial_kernel(out: &mut [f32], #[comptime] units: u32) {
    let own = UNIT_POS as f32 + 1.0f32;
    out[UNIT_POS as usize] = cube_sum(own, units, true) + cube_max(own, units, true);
}

/// Whether an adapter's planes give the right results: no interface promises that units lie in planes in their order.
pub(super) async fn planes_add_up(gpu: &Arc<Gpu>) -> Result<bool> {
    for units in [1, 2, 4, 8, 16, 32, 64, CUBE_UNITS] {
        let out = Buffer::filled(gpu, units as usize, 0.0)?;
        // SAFETY: there is a number for every unit.
        unsafe {
            trial_kernel::launch_unchecked(
                gpu.launcher(),
                grid(1),
                CubeDim::new_1d(units),
                out.arg(),
                units,
            );
        }
        let expected = (units * (units + 1) / 2 + units) as f32;
        if out.read_f32().await?.iter().any(|&got| got != expected) {
            return Ok(false);
        }
    }
    Ok(true)
}
