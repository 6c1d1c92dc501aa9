//! What an adapter can do at most, measured: multiply-adds in registers, and copies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cubecl::prelude::*;

use super::buffer::Buffer;
use super::device::{CUBE_UNITS, Gpu, grid};
use crate::error::Result;
use crate::profile::Rates;

/// Rounds of a unit's loop, each of [`UNROLLED`] times [`SUMS`] multiply-adds that do not wait for each other.
const ROUNDS: u32 = 512;
const UNROLLED: u32 = 4;
const SUMS: u32 = 16;
const CUBES: usize = 256;
/// Numbers that are copied: more than most caches hold (50 MB on an H100), and as large a buffer as WebGPU promises.
const COPIED: usize = 32 << 20;

#[cube(launch_unchecked)]
fn multiply_add_kernel(out: &mut [f32], factor: f32, #[comptime] sums: u32) {
    let mut found = Array::<f32>::new(comptime!(sums as usize));
    #[unroll]
    for i in 0..sums {
        found[i as usize] = ABSOLUTE_POS as f32 + i as f32;
    }
    for _ in 0..ROUNDS {
        #[unroll]
        for _ in 0..UNROLLED {
            #[unroll]
            for i in 0..sums {
                found[i as usize] = fma(found[i as usize], factor, 1.0f32);
            }
        }
    }
    let mut sum = 0.0f32;
    #[unroll]
    for i in 0..sums {
        sum += found[i as usize];
    }
    out[ABSOLUTE_POS] = sum;
}

/// How long a batch of launches takes at least: the wait behind it takes time by itself.
const BATCH: Duration = Duration::from_millis(50);

/// The best of three batches of launches, after one that compiles.
pub(crate) async fn rates(gpu: &Arc<Gpu>) -> Result<Rates> {
    let units = CUBES * CUBE_UNITS as usize;
    let sums = Buffer::empty(gpu, units)?;
    let [from, to] = [
        Buffer::filled(gpu, COPIED, 1.0)?,
        Buffer::filled(gpu, COPIED, 0.0)?,
    ];
    let multiply_add = || {
        // SAFETY: there is a number for every unit.
        unsafe {
            multiply_add_kernel::launch_unchecked(
                gpu.launcher(),
                grid(CUBES),
                CubeDim::new_1d(CUBE_UNITS),
                sums.arg(),
                0.5,
                SUMS,
            );
        }
    };
    let operations = 2.0 * (units as u64 * u64::from(ROUNDS * UNROLLED * SUMS)) as f64;
    let bytes = (2 * size_of::<f32>() * COPIED) as f64;
    Ok(Rates {
        operations: operations / best(gpu, multiply_add).await?,
        bytes: bytes / best(gpu, || from.copy_to(&to)).await?,
    })
}

/// Seconds that a launch takes: a batch's, by how many there are in it. Launches that compute nothing end it, too, as each takes the processor's time.
async fn best(gpu: &Arc<Gpu>, launch: impl Fn()) -> Result<f64> {
    launch();
    gpu.wait().await?;
    let mut launches = 1u32;
    let mut batches = Vec::new();
    while batches.len() < 3 {
        let begun = Instant::now();
        (0..launches).for_each(|_| launch());
        gpu.wait().await?;
        let taken = begun.elapsed();
        if taken < BATCH {
            launches *= 2;
        } else {
            batches.push(taken.as_secs_f64() / f64::from(launches));
        }
    }
    Ok(batches.into_iter().fold(f64::INFINITY, f64::min))
}
