use cubecl::prelude::*;

use super::super::{Gradients, Operands, Sizes};
use super::tiles::{KeyTiles, QueryTiles, WORDS, key_tiles, query_tiles};
use super::{LANES, check, is_software, stage, tile_keys};
use crate::gpu::{Buffer, CUBE_UNITS, grid, unit_each};
use crate::{Result, Tensor};

/// Of each query and head the log-sum-exp, and behind all of these `d_out · out`: what both passes start from.
#[cube(launch_unchecked)]
fn start_kernel(
    out: &[f32],
    d_out: &[f32],
    log_sum_exp: &[f32],
    starts: &mut [f32],
    #[comptime] head_size: u32,
) {
    let queries = log_sum_exp.len();
    if ABSOLUTE_POS < queries {
        let first = ABSOLUTE_POS * comptime!(head_size as usize);
        let mut delta = 0.0f32;
        #[unroll]
        for d in 0..comptime!(head_size as usize) {
            delta += d_out[first + d] * out[first + d];
        }
        starts[ABSOLUTE_POS] = log_sum_exp[ABSOLUTE_POS];
        starts[queries + ABSOLUTE_POS] = delta;
    }
}

/// The queries' gradients.
#[cube(launch_unchecked)]
fn query_kernel(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    tiles: &[u32],
    d_out: &[f32],
    starts: &[f32],
    d_q: &mut [f32],
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
        let row = first_row + UNIT_POS / group;
        let head = kv_head * group + UNIT_POS % group;
        let active = row < end_row && UNIT_POS / group * group + group <= comptime!(LANES);
        let query = ((row * heads + head) * head_size) as usize;
        let mut own = Array::<f32>::new(comptime!(head_size as usize));
        let mut d_own = Array::<f32>::new(comptime!(head_size as usize));
        let mut sum = Array::<f32>::new(comptime!(head_size as usize));
        let mut norm = 0.0f32;
        let mut delta = 0.0f32;
        #[unroll]
        for d in 0..comptime!(head_size as usize) {
            own[d] = 0.0f32;
            d_own[d] = 0.0f32;
            sum[d] = 0.0f32;
            if active {
                own[d] = q[query + d] * scale;
                d_own[d] = d_out[query + d];
            }
        }
        if active {
            let at = (row * heads + head) as usize;
            norm = starts[at];
            delta = starts[starts.len() / 2 + at];
        }
        let mut tile_k = Shared::<[f32]>::new_slice(comptime!((keys * head_size) as usize));
        let mut tile_v = Shared::<[f32]>::new_slice(comptime!((keys * head_size) as usize));
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
                for j in 0..count {
                    if active && (part == 0 || first_key + j <= row) {
                        let mut score = 0.0f32;
                        let mut d_p = 0.0f32;
                        #[unroll]
                        for d in 0..comptime!(head_size) {
                            let at = (j * head_size + d) as usize;
                            score += own[d as usize] * tile_k[at];
                            d_p += d_own[d as usize] * tile_v[at];
                        }
                        let d_score = (score - norm).exp() * (d_p - delta) * scale;
                        #[unroll]
                        for d in 0..comptime!(head_size) {
                            sum[d as usize] += d_score * tile_k[(j * head_size + d) as usize];
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
                d_q[query + d] = sum[d];
            }
        }
    }
}

/// The keys' gradients, or the values', of some of the heads that read them: a unit owns a key, and takes the queries that see it in order.
#[cube(launch_unchecked)]
fn key_kernel(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    tiles: &[u32],
    d_out: &[f32],
    starts: &[f32],
    d_key: &mut [f32],
    cubes: u32,
    heads: u32,
    kv_heads: u32,
    first_in_group: u32,
    end_in_group: u32,
    scale: f32,
    #[comptime] head_size: u32,
    #[comptime] queries: u32,
    #[comptime] of_values: bool,
) {
    let cube = CUBE_POS as u32;
    if cube < cubes {
        let kv_head = cube % kv_heads;
        let tile = (cube / kv_heads * 4) as usize;
        let key = tiles[tile] + UNIT_POS;
        let active = key < tiles[tile + 1];
        let group = heads / kv_heads;
        let own = ((key * kv_heads + kv_head) * head_size) as usize;
        let mut own_k = Array::<f32>::new(comptime!(head_size as usize));
        let mut own_v = Array::<f32>::new(comptime!(head_size as usize));
        let mut sum = Array::<f32>::new(comptime!(head_size as usize));
        #[unroll]
        for d in 0..comptime!(head_size as usize) {
            own_k[d] = 0.0f32;
            own_v[d] = 0.0f32;
            sum[d] = 0.0f32;
            if active {
                own_k[d] = k[own + d] * scale;
                own_v[d] = v[own + d];
                if first_in_group > 0 {
                    sum[d] = d_key[own + d];
                }
            }
        }
        let mut tile_q = Shared::<[f32]>::new_slice(comptime!((queries * head_size) as usize));
        let mut tile_d = Shared::<[f32]>::new_slice(comptime!((queries * head_size) as usize));
        let deltas = starts.len() / 2;
        let mut entry = tiles[tile + 2];
        let end_entry = tiles[tile + 3];
        while entry < end_entry {
            let at = entry as usize;
            let end_query = tiles[at + 1];
            let prefix_start = tiles[at + 2];
            let prefix_end = tiles[at + 3];
            let start = tiles[at + 4];
            let in_prefix = key >= prefix_start && key < prefix_end;
            for in_group in first_in_group..end_in_group {
                let head = kv_head * group + in_group;
                let mut first_query = tiles[at];
                while first_query < end_query {
                    let count = min(end_query - first_query, comptime!(queries).runtime());
                    stage(q, &mut tile_q, first_query, count, heads, head, head_size);
                    stage(
                        d_out,
                        &mut tile_d,
                        first_query,
                        count,
                        heads,
                        head,
                        head_size,
                    );
                    sync_cube();
                    for i in 0..count {
                        let query = first_query + i;
                        if active && (in_prefix || (key >= start && key <= query)) {
                            let of_query = (query * heads + head) as usize;
                            let mut score = 0.0f32;
                            #[unroll]
                            for d in 0..comptime!(head_size) {
                                score += own_k[d as usize] * tile_q[(i * head_size + d) as usize];
                            }
                            let p = (score - starts[of_query]).exp();
                            if comptime!(of_values) {
                                #[unroll]
                                for d in 0..comptime!(head_size) {
                                    sum[d as usize] += p * tile_d[(i * head_size + d) as usize];
                                }
                            } else {
                                let mut d_p = 0.0f32;
                                #[unroll]
                                for d in 0..comptime!(head_size) {
                                    d_p += own_v[d as usize] * tile_d[(i * head_size + d) as usize];
                                }
                                let d_score = p * (d_p - starts[deltas + of_query]) * scale;
                                #[unroll]
                                for d in 0..comptime!(head_size) {
                                    sum[d as usize] +=
                                        d_score * tile_q[(i * head_size + d) as usize];
                                }
                            }
                        }
                    }
                    sync_cube();
                    first_query += count;
                }
            }
            entry += comptime!(WORDS as u32);
        }
        if active {
            #[unroll]
            for d in 0..comptime!(head_size as usize) {
                d_key[own + d] = sum[d];
            }
        }
    }
}

pub(in super::super) fn backward(
    sizes: Sizes,
    operands: &Operands<'_>,
    out: &Tensor,
    log_sum_exp: &Tensor,
    d_out: &Tensor,
    gradients: Gradients<'_>,
) -> Result<()> {
    check("attention_backward", sizes, operands.q)?;
    let n = operands.spans.len();
    let Some(each_query) = unit_each(n * sizes.heads) else {
        return Ok(());
    };
    let Operands { q, k, v, spans, .. } = operands;
    let gpu = q.buffer().gpu();
    let head_size = sizes.head_size as u32;
    let starts = Buffer::empty(gpu, 2 * n * sizes.heads)?;
    // SAFETY: rows, keys and heads are those of the checked operands, here and below.
    unsafe {
        start_kernel::launch_unchecked(
            gpu.launcher(),
            each_query,
            CubeDim::new_1d(CUBE_UNITS),
            out.buffer().arg(),
            d_out.buffer().arg(),
            log_sum_exp.buffer().arg(),
            starts.arg(),
            head_size,
        );
    }
    let QueryTiles { count, table } =
        query_tiles(gpu, spans, (LANES as usize / sizes.group()).max(1))?;
    let cubes = count * sizes.kv_heads;
    // SAFETY: as above.
    unsafe {
        query_kernel::launch_unchecked(
            gpu.launcher(),
            grid(cubes),
            CubeDim::new_1d(LANES),
            q.buffer().arg(),
            k.buffer().arg(),
            v.buffer().arg(),
            table.arg(),
            d_out.buffer().arg(),
            starts.arg(),
            gradients.d_q.buffer().arg(),
            cubes as u32,
            sizes.heads as u32,
            sizes.kv_heads as u32,
            sizes.scale(),
            head_size,
            tile_keys(sizes.head_size) as u32,
        );
    }
    let KeyTiles { count, table } = key_tiles(gpu, spans, LANES as usize)?;
    let cubes = count * sizes.kv_heads;
    // A head at a time where rounds of loops are counted.
    let step = if is_software(q) { 1 } else { sizes.group() };
    let groups = (0..sizes.group()).step_by(step);
    let outputs = [(false, &*gradients.d_k), (true, &*gradients.d_v)];
    for (first, (of_values, d_key)) in groups.flat_map(|first| outputs.map(|out| (first, out))) {
        // SAFETY: as above.
        unsafe {
            key_kernel::launch_unchecked(
                gpu.launcher(),
                grid(cubes),
                CubeDim::new_1d(LANES),
                q.buffer().arg(),
                k.buffer().arg(),
                v.buffer().arg(),
                table.arg(),
                d_out.buffer().arg(),
                starts.arg(),
                d_key.buffer().arg(),
                cubes as u32,
                sizes.heads as u32,
                sizes.kv_heads as u32,
                first as u32,
                (first + step).min(sizes.group()) as u32,
                sizes.scale(),
                head_size,
                tile_keys(sizes.head_size) as u32,
                of_values,
            );
        }
    }
    Ok(())
}
