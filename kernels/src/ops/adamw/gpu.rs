//! Every tensor of a GPU in three launches: the gradients' norm in parts, what clips them, the step.
//!
//! Tensors that do not lie side by side are a launch each. Nothing waits for the norm before the step is made; it is read with what came of
//! the step.

use cubecl::prelude::*;

use super::{AdamW, CLIP_EPSILON, Scalars, Step};
use crate::Result;
use crate::gpu::reduce::{cube_max, cube_sum};
use crate::gpu::{Buffer, CUBE_UNITS, grid, joined};

/// Numbers of each unit, and of a cube.
const EACH: u32 = 16;
const BLOCK: usize = (EACH * CUBE_UNITS) as usize;
/// What a part of the norm is: the largest size, the sum of squares over its square, how many are not finite.
const PART: u32 = 3;
/// 2^-64: what takes the largest numbers of f32 into the middle of its range.
const HALF_RANGE: f32 = 1.0 / (1u128 << 64) as f32;

/// Whether a number is neither infinite nor NaN, by its exponent.
#[cube]
fn is_finite(x: f32) -> bool {
    (u32::reinterpret(x) & 0x7f80_0000) != 0x7f80_0000
}

/// `x / most`, where that is at most 1 and `most` at least 2^-126, below which adapters may divide as they like.
///
/// They divide by way of the divisor's inverse, which is 0 where the divisor is one of the largest numbers. Both are therefore made smaller
/// first, so that an `x` below 2^-126 of `most` may become 0.
#[cube]
fn share(x: f32, most: f32) -> f32 {
    let mut scale = 1.0f32;
    if most * HALF_RANGE > 1.0f32 {
        scale = HALF_RANGE;
    }
    (x * scale) / (most * scale)
}

/// One cube a block of gradients: its part of the norm. Scaled by the largest, no square leaves the range.
#[cube(launch_unchecked)]
fn norm_kernel(
    gradient: &[f32],
    parts: &mut [f32],
    blocks: u32,
    first: u32,
    #[comptime] planes: bool,
) {
    let cube = CUBE_POS as u32;
    if cube < blocks {
        let begin = cube * EACH * CUBE_UNITS + UNIT_POS;
        let end = gradient.len() as u32;
        let mut most = 0.0f32;
        let mut spoiled = 0.0f32;
        for i in 0..EACH {
            let at = begin + i * CUBE_UNITS;
            if at < end {
                let g = gradient[at as usize];
                if is_finite(g) {
                    most = max(most, g.abs());
                } else {
                    spoiled += 1.0f32;
                }
            }
        }
        let most = cube_max(most, CUBE_UNITS, planes);
        let mut squares = 0.0f32;
        // Smaller gradients are left out of the norm.
        if most >= f32::MIN_POSITIVE {
            for i in 0..EACH {
                let at = begin + i * CUBE_UNITS;
                if at < end {
                    let g = gradient[at as usize];
                    if is_finite(g) {
                        let share = share(g, most);
                        squares += share * share;
                    }
                }
            }
        }
        let squares = cube_sum(squares, CUBE_UNITS, planes);
        let spoiled = cube_sum(spoiled, CUBE_UNITS, planes);
        if UNIT_POS == 0 {
            let part = ((first + cube) * PART) as usize;
            parts[part] = most;
            parts[part + 1] = squares;
            parts[part + 2] = spoiled;
        }
    }
}

/// One cube: what takes the norm of all parts down to `limit` as two numbers, the largest gradient and what becomes of it; 1 and 1 where the norm
/// is below. Their ratio may be so small that adapters take it for zero, and so may any product of its parts that a compiler makes.
#[cube(launch_unchecked)]
fn clip_kernel(
    parts: &[f32],
    clip: &mut [f32],
    count: u32,
    limit: f32,
    epsilon: f32,
    #[comptime] planes: bool,
) {
    let mut most = 0.0f32;
    let mut part = UNIT_POS;
    while part < count {
        most = max(most, parts[(part * PART) as usize]);
        part += CUBE_UNITS;
    }
    let most = cube_max(most, CUBE_UNITS, planes);
    let mut squares = 0.0f32;
    if most >= f32::MIN_POSITIVE {
        let mut part = UNIT_POS;
        while part < count {
            let own = share(parts[(part * PART) as usize], most);
            squares += own * own * parts[(part * PART + 1) as usize];
            part += CUBE_UNITS;
        }
    }
    let squares = cube_sum(squares, CUBE_UNITS, planes);
    if UNIT_POS == 0 {
        // In this order, because the norm itself may be beyond the range.
        let of_most = limit / (squares.sqrt() + epsilon / max(most, f32::MIN_POSITIVE));
        let clipped = of_most < most && most >= f32::MIN_POSITIVE;
        clip[0] = select(clipped, most, 1.0f32);
        clip[1] = select(clipped, of_most, 1.0f32);
    }
}

/// One cube a block of parameters; how many of them are not finite then is its number in `spoiled`.
#[cube(launch_unchecked)]
#[allow(
    clippy::too_many_arguments,
    reason = "each is a buffer or a scalar of the step"
)]
fn step_kernel(
    param: &mut [f32],
    gradient: &[f32],
    m: &mut [f32],
    v: &mut [f32],
    clip: &[f32],
    spoiled: &mut [f32],
    blocks: u32,
    first: u32,
    keep: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_correction2: f32,
    epsilon: f32,
    #[comptime] planes: bool,
) {
    let cube = CUBE_POS as u32;
    if cube < blocks {
        let begin = cube * EACH * CUBE_UNITS + UNIT_POS;
        let end = param.len() as u32;
        let most = clip[0];
        let of_most = clip[1];
        let mut lost = 0.0f32;
        for i in 0..EACH {
            let at = (begin + i * CUBE_UNITS) as usize;
            if (at as u32) < end {
                let g = share(gradient[at], most) * of_most;
                let mean = m[at] + one_minus_beta1 * (g - m[at]);
                let square = beta2 * v[at] + one_minus_beta2 * (g * g);
                let root = square.sqrt() / root_correction2;
                let moved = param[at] * keep - step_size * (mean / (root + epsilon));
                m[at] = mean;
                v[at] = square;
                param[at] = moved;
                if !is_finite(moved) {
                    lost += 1.0f32;
                }
            }
        }
        let lost = cube_sum(lost, CUBE_UNITS, planes);
        if UNIT_POS == 0 {
            spoiled[(first + cube) as usize] = lost;
        }
    }
}

pub(super) async fn step(
    lists: [&[&Buffer]; 4],
    step: u64,
    config: &AdamW,
    max_grad_norm: f64,
) -> Result<Step> {
    let runs = joined(lists);
    let Some([first, ..]) = runs.first() else {
        return Ok(Step {
            norm: 0.0,
            gradients_finite: true,
            parameters_finite: true,
        });
    };
    let (gpu, units) = (first.gpu(), CubeDim::new_1d(CUBE_UNITS));
    let blocks = |run: &[Buffer; 4]| run[0].words().div_ceil(BLOCK);
    let all: usize = runs.iter().map(blocks).sum();
    let parts = Buffer::empty(gpu, PART as usize * all)?;
    let spoiled = Buffer::empty(gpu, all)?;
    let mut begin = 0;
    for run in &runs {
        let [_, gradient, _, _] = run;
        // SAFETY: a unit looks at what stands below the gradients' end, and every cube has a part.
        unsafe {
            norm_kernel::launch_unchecked(
                gpu.launcher(),
                grid(blocks(run)),
                units,
                gradient.arg(),
                parts.arg(),
                blocks(run) as u32,
                begin as u32,
                gpu.planes(),
            );
        }
        begin += blocks(run);
    }
    let clipped = max_grad_norm > 0.0;
    let clip = match clipped {
        true => Buffer::empty(gpu, 2)?,
        false => Buffer::filled(gpu, 2, 1.0)?,
    };
    if clipped {
        // SAFETY: there are so many parts.
        unsafe {
            clip_kernel::launch_unchecked(
                gpu.launcher(),
                grid(1),
                units,
                parts.arg(),
                clip.arg(),
                all as u32,
                max_grad_norm as f32,
                CLIP_EPSILON as f32,
                gpu.planes(),
            );
        }
    }
    let scalars = Scalars::new(step, config);
    let mut begin = 0;
    for run in &runs {
        let [param, gradient, m, v] = run;
        // SAFETY: the four are of one length, and a unit beyond it does nothing.
        unsafe {
            step_kernel::launch_unchecked(
                gpu.launcher(),
                grid(blocks(run)),
                units,
                param.arg(),
                gradient.arg(),
                m.arg(),
                v.arg(),
                clip.arg(),
                spoiled.arg(),
                blocks(run) as u32,
                begin as u32,
                scalars.keep,
                scalars.one_minus_beta1,
                scalars.beta2,
                scalars.one_minus_beta2,
                scalars.step_size,
                scalars.root_correction2,
                scalars.epsilon,
                gpu.planes(),
            );
        }
        begin += blocks(run);
    }
    let read = Buffer::read_all_f32(&[&parts, &spoiled]).await?;
    let parts = || read[0].chunks_exact(PART as usize);
    let squares = parts().map(|part| {
        let most = f64::from(part[0]);
        most * most * f64::from(part[1])
    });
    Ok(Step {
        norm: squares.sum::<f64>().sqrt(),
        gradients_finite: parts().all(|part| part[2] == 0.0),
        parameters_finite: read[1].iter().all(|&lost| lost == 0.0),
    })
}
