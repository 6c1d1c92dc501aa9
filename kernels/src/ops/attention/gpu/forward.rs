use cubecl::prelude::*;

use super::super::{Operands, Sizes};
use super::tiles::{QueryTiles, WORDS, query_tiles};
use super::{LANES, MASKED, check, stage, tile_keys};
use crate::gpu::grid;
use crate::{Result, Tensor};

#[cube(launch_unchecked)]
fn forward_kernel(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    tiles: &[u32],
    out: &mut [f32],
    log_sum_exp: &mut [f32],
    cubes: u32,
    heads: u32,
    kv_heads: u32,
    scale: f32,
    #[comptime] head_size: u32,
    #[comptime] keys: u32,
) {
    let cube = CUBE_POS as u32;
    if cube < cubes {
        let kv_head = cube % kv_heads;
        let tile = (cube / kv_heads * comptime!(WORDS as u32)) as usize;
        let first_row = tiles[tile];
        let end_row = tiles[tile + 1];
        let prefix_start = tiles[tile + 2];
        let prefix_end = tiles[tile + 3];
        let start = tiles[tile + 4];
        let group = heads / kv_heads;

        // A lane is a query: the rows in order, and of a row the heads of this key-value head.
        let row = first_row + UNIT_POS / group;
        let head = kv_head * group + UNIT_POS % group;
        let active = row < end_row && UNIT_POS / group * group + group <= comptime!(LANES);
        let query = ((row * heads + head) * head_size) as usize;
        let mut own = Array::<f32>::new(comptime!(head_size as usize));
        let mut sum_of_values = Array::<f32>::new(comptime!(head_size as usize));
        #[unroll]
        for d in 0..comptime!(head_size as usize) {
            own[d] = 0.0f32;
            sum_of_values[d] = 0.0f32;
            if active {
                own[d] = q[query + d] * scale;
            }
        }
        let mut most = comptime!(MASKED).runtime();
        let mut sum = 0.0f32;

        let mut tile_k = Shared::<[f32]>::new_slice(comptime!((keys * head_size) as usize));
        let mut tile_v = Shared::<[f32]>::new_slice(comptime!((keys * head_size) as usize));
        let mut scores = Array::<f32>::new(comptime!(keys as usize));
        // The prefix, then the segment up to the tile's last row.
        for part in 0..2u32 {
            let mut first_key = prefix_start;
            let mut end_key = prefix_end;
            if part == 1 {
                first_key = start;
                end_key = end_row;
            }
            while first_key < end_key {
                let count = min(end_key - first_key, comptime!(keys).runtime());
                stage(
                    k,
                    &mut tile_k,
                    first_key,
                    count,
                    kv_heads,
                    kv_head,
                    head_size,
                );
                stage(
                    v,
                    &mut tile_v,
                    first_key,
                    count,
                    kv_heads,
                    kv_head,
                    head_size,
                );
                sync_cube();
                let mut tile_most = most;
                for j in 0..count {
                    let mut score = comptime!(MASKED).runtime();
                    if active && (part == 0 || first_key + j <= row) {
                        score = 0.0f32;
                        #[unroll]
                        for d in 0..comptime!(head_size) {
                            score += own[d as usize] * tile_k[(j * head_size + d) as usize];
                        }
                    }
                    scores[j as usize] = score;
                    tile_most = max(tile_most, score);
                }
                let shrink = (most - tile_most).exp();
                most = tile_most;
                sum *= shrink;
                #[unroll]
                for d in 0..comptime!(head_size as usize) {
                    sum_of_values[d] *= shrink;
                }
                for j in 0..count {
                    if active && (part == 0 || first_key + j <= row) {
                        let p = (scores[j as usize] - most).exp();
                        sum += p;
                        #[unroll]
                        for d in 0..comptime!(head_size) {
                            sum_of_values[d as usize] += p * tile_v[(j * head_size + d) as usize];
                        }
                    }
                }
                sync_cube();
                first_key += count;
            }
        }
        if active {
            #[unroll]
            for d in 0..comptime!(head_size as usize) {
                out[query + d] = sum_of_values[d] / sum;
            }
            log_sum_exp[(row * heads + head) as usize] = most + sum.ln();
        }
    }
}

pub(in super::super) fn forward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    check("attention", sizes, operands.q)?;
    if operands.spans.is_empty() {
        return Ok(());
    }
    let gpu = operands.q.buffer().gpu();
    let rows_a_tile = (LANES as usize / sizes.group()).max(1);
    let QueryTiles { count, table } = query_tiles(gpu, operands.spans, rows_a_tile)?;
    let cubes = count * sizes.kv_heads;
    // SAFETY: rows, keys and heads are those of the checked operands.
    unsafe {
        forward_kernel::launch_unchecked(
            gpu.launcher(),
            grid(cubes),
            CubeDim::new_1d(LANES),
            operands.q.buffer().arg(),
            operands.k.buffer().arg(),
            operands.v.buffer().arg(),
            table.arg(),
            out.buffer().arg(),
            log_sum_exp.buffer().arg(),
            cubes as u32,
            sizes.heads as u32,
            sizes.kv_heads as u32,
            sizes.scale(),
            sizes.head_size as u32,
            tile_keys(sizes.head_size) as u32,
        );
    }
    Ok(())
}
