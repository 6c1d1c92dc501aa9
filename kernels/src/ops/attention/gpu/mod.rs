//! Attention on a GPU, after FlashAttention-2: a cube takes up to [`LANES`] queries of one key-value head and walks the keys that they see in
//! tiles; each unit owns one query, or in the second backward pass one key, and adds up in registers.

mod backward;
pub(crate) mod decode;
mod forward;
mod tiles;

pub(super) use backward::backward;
pub(super) use forward::forward;

use cubecl::prelude::*;

use super::Sizes;
use crate::gpu::AdapterKind;
use crate::{Error, Result, Tensor};

/// Queries, or keys, of a cube: its units.
const LANES: u32 = 64;

/// Numbers of a tile of keys and of one of values, 8 KiB each: 32 keys of 64 numbers.
const TILE_NUMBERS: usize = 2048;

/// Keys of a tile.
fn tile_keys(head_size: usize) -> usize {
    (TILE_NUMBERS / head_size).clamp(1, LANES as usize)
}

/// A score that is not there: e to it is 0, and it is no infinity, about which compilers make promises of their own.
const MASKED: f32 = -1e30;

/// Whether the kernels can be asked.
///
/// # Errors
/// [`Error::Argument`] for more heads behind one key-value head than a cube has units, and on a software adapter, whose driver ends a unit's
/// loops after 65,535 rounds and says nothing, for more rows than those are enough for.
fn check(op: &'static str, sizes: Sizes, q: &Tensor) -> Result<()> {
    const ROUNDS: usize = 65_535;
    let refuse = |what, reason| Err(Error::Argument { op, what, reason });
    if sizes.group() > LANES as usize {
        return refuse(
            "heads",
            format!(
                "has {} behind each of kv_heads, but on a GPU at most {LANES} are computed",
                sizes.group()
            ),
        );
    }
    // Of a row two are staged, at a number a unit, and one or two loops walk over it.
    let rounds = q.rows() * (2 + 2 * sizes.head_size.div_ceil(LANES as usize));
    if is_software(q) && rounds > ROUNDS {
        return refuse(
            "q",
            format!(
                "has {} rows, more than a software adapter can be trusted with: use the CPU",
                q.rows()
            ),
        );
    }
    Ok(())
}

fn is_software(tensor: &Tensor) -> bool {
    tensor.buffer().gpu().cut_for() == AdapterKind::Software
}

/// Copies rows of a head of `from`, [rows, heads, head_size], into a tile; the cube's units share the work.
#[cube]
fn stage(
    from: &[f32],
    tile: &mut Shared<[f32]>,
    first_row: u32,
    rows: u32,
    heads: u32,
    head: u32,
    #[comptime] head_size: u32,
) {
    let mut place = UNIT_POS;
    while place < rows * head_size {
        let row = first_row + place / head_size;
        let at = (row * heads + head) * head_size + place % head_size;
        tile[place as usize] = from[at as usize];
        place += comptime!(LANES);
    }
}
