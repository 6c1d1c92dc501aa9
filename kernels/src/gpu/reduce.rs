//! Sums and maxima over the units of a cube.

use cubecl::prelude::*;

/// The sum of `value` over the units of a cube, for all of them; the order of additions depends on `units` alone.
///
/// `units` is a power of two. All units of the cube have to come here.
#[cube]
pub(crate) fn cube_sum(value: f32, #[comptime] units: u32) -> f32 {
    let mut partial = Shared::<[f32]>::new_slice(comptime!(units as usize));
    partial[UNIT_POS as usize] = value;
    sync_cube();
    let mut half = comptime!(units / 2).runtime();
    while half > 0 {
        if UNIT_POS < half {
            let other = partial[(UNIT_POS + half) as usize];
            partial[UNIT_POS as usize] += other;
        }
        sync_cube();
        half /= 2;
    }
    let sum = partial[0];
    // Nobody writes the next value while another unit still reads this one.
    sync_cube();
    sum
}

/// The largest `value` of the units of a cube, for all of them; `units` as in [`cube_sum`].
#[cube]
pub(crate) fn cube_max(value: f32, #[comptime] units: u32) -> f32 {
    let mut partial = Shared::<[f32]>::new_slice(comptime!(units as usize));
    partial[UNIT_POS as usize] = value;
    sync_cube();
    let mut half = comptime!(units / 2).runtime();
    while half > 0 {
        if UNIT_POS < half {
            let other = partial[(UNIT_POS + half) as usize];
            let own = partial[UNIT_POS as usize];
            partial[UNIT_POS as usize] = max(own, other);
        }
        sync_cube();
        half /= 2;
    }
    let most = partial[0];
    sync_cube();
    most
}
