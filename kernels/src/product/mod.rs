//! The one matrix product behind every linear op: `C (+)= A B`, with A and B read through [`View`]s.
//!
//! Views know transposition and bf16, so `x wᵀ`, `d_y w` and `d_yᵀ x` are one function, and a bf16 weight is widened while
//! its panel is packed: never a whole widened copy.
//!
//! An element of C is `Σ_blocks (Σ_k a·b)`: the inner sum runs over at most [`DEPTH`] consecutive k, in order, in one
//! accumulator, and the blocks are added in order. That sequence depends on nothing but k: not on the number of rows or
//! columns, not on where the element stands, not on the number of threads. So a row's result has the same bits whether it is
//! computed alone or among a thousand others. Where the processor has a tile unit, a bf16 weight is multiplied on it: in
//! another sequence, of which the same can be said (see `amx`).
//!
//! How it is done follows Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), with the roles
//! of the caches moved one level in: a panel of B ([`DEPTH`] x [`PANEL`]) is packed into the first-level cache and stays there
//! while all rows of A pass over it, and A is read where it lies, a few rows at once, each number broadcast to a register.
//! Nothing has to be packed for A unless it is transposed. A frozen weight lies in memory in panels (see `crate::packed`), so
//! that few rows, as in decoding, are multiplied at the speed it comes from there; other weights are packed for every product.
//!
//! It is our own and no library's because libraries widen bf16 by a whole copy, pack a weight again for every product, and
//! give a row other bits in other company, on which the rollouts' independence of their batch mates rests.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
mod pack;
mod portable;
#[cfg(test)]
mod tests;
mod view;

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use isa::Isa;
use view::Ready;
pub(crate) use view::{Dense, View};

use crate::packed::PANEL;

/// How many k one accumulator sums before it is added to C: a panel of B this deep takes three quarters of a first-level
/// cache of 48 KiB.
pub(crate) const DEPTH: usize = 192;
/// At most this many rows of C belong to a task: enough to pay for packing its panels of B.
const TASK_ROWS: usize = 320;
/// At most this many bytes of A's rows belong to a task, a tile of them at least, so that they stay in a second-level cache of 2 MiB from
/// panel to panel; fewer rows would pay more for packing.
const TASK_BYTES: usize = 3 << 19;
/// At most this many rows and columns belong to a task that packs A as well: its part of C stays in that cache.
const PACKED_TASK: [usize; 2] = [384, 16 * PANEL];

/// `c[i, j] = (accumulate ? c[i, j] : 0) + Σ_k a[i, k] b[k, j]`.
///
/// # Shapes
/// `a` [m, k], `b` [k, n], `c` [m, n] dense.
///
/// # Panics
/// Where the shapes do not fit: ops check before they call.
pub(crate) fn product<'b>(a: Dense<'_>, b: impl Into<View<'b>>, c: &mut [f32], accumulate: bool) {
    product_on(Isa::detect(), a, b.into(), c, accumulate);
}

/// [`product`] with given instructions.
fn product_on(isa: Isa, a: Dense<'_>, b: View<'_>, c: &mut [f32], accumulate: bool) {
    let ([m, k], [b_rows, n]) = (a.shape(), b.shape());
    assert_eq!(b_rows, k, "product: inner dimensions differ");
    assert_eq!(c.len(), m * n, "product: c has another size");
    if c.is_empty() {
        return;
    }
    if k == 0 {
        if !accumulate {
            c.fill(0.0);
        }
        return;
    }
    let c = Output {
        start: c.as_mut_ptr(),
        rows: m,
        cols: n,
    };
    let direct = a.as_rows();
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Amx
        && let (Some(a), View::Frozen(b)) = (direct, b)
        && b.is_bf16()
        && k.is_multiple_of(amx::BLOCK)
    {
        return amx::product(a, b, &c, k, accumulate);
    }
    let isa = isa.on_vectors();
    let [task_rows, task_cols] = match direct {
        Some(_) => direct_task([m, k]),
        None => packed_task([m, n], rayon::current_num_threads()),
    };
    let col_tasks = n.div_ceil(task_cols);
    // Tasks that share rows of A follow each other: the rows stay in the second-level cache.
    (0..m.div_ceil(task_rows) * col_tasks)
        .into_par_iter()
        .for_each(|task| {
            let (first_row, first_col) =
                (task / col_tasks * task_rows, task % col_tasks * task_cols);
            let rows = first_row..m.min(first_row + task_rows);
            let cols = first_col..n.min(first_col + task_cols);
            SCRATCH.with_borrow_mut(|scratch| {
                run_task(isa, a, b, &c, rows, cols, accumulate, scratch)
            });
        });
}

/// Rows and columns of a task that reads A where it lies.
fn direct_task([m, k]: [usize; 2]) -> [usize; 2] {
    let tiles = (TASK_BYTES / size_of::<f32>() / k / isa::TILE_ROWS).max(1);
    let most_rows = TASK_ROWS.min(tiles * isa::TILE_ROWS);
    let rows = m.div_ceil(m.div_ceil(most_rows));
    [rows.next_multiple_of(isa::TILE_ROWS), PANEL]
}

/// Rows and columns of a task that packs both operands, to pay for that: as large and as square as leaves every thread
/// the same number of tasks, or four and more.
fn packed_task([m, n]: [usize; 2], threads: usize) -> [usize; 2] {
    const UNIT: [usize; 2] = [isa::TILE_ROWS, PANEL];
    let units = [m.div_ceil(UNIT[0]), n.div_ceil(UNIT[1])];
    let mut size = [0, 1].map(|side| {
        let parts = (units[side] * UNIT[side]).div_ceil(PACKED_TASK[side]);
        units[side].div_ceil(parts)
    });
    loop {
        let tasks = units[0].div_ceil(size[0]) * units[1].div_ceil(size[1]);
        let shared_out = tasks.is_multiple_of(threads) || tasks >= 4 * threads;
        let [rows, cols] = [0, 1].map(|side| size[side] * UNIT[side]);
        if shared_out || size == [1, 1] {
            return [rows, cols];
        }
        let longer = usize::from(size[0] == 1 || size[1] > 1 && cols > rows);
        size[longer] = size[longer].div_ceil(2);
    }
}

/// Packed operands of the task a thread is at.
#[derive(Default)]
struct Scratch {
    panel: Option<Box<Panel>>,
    a: Vec<f32>,
}

/// A packed panel of B: `panel[k * PANEL + j]`. On cache lines of its own, so that no load crosses one.
#[repr(align(64))]
struct Panel([f32; DEPTH * PANEL]);

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The matrix that tasks write disjoint parts of.
struct Output {
    start: *mut f32,
    rows: usize,
    cols: usize,
}

// SAFETY: threads only ever write the rows and columns of their own task, and tasks do not overlap.
unsafe impl Sync for Output {}

impl Output {
    /// A part of C.
    ///
    /// # Safety
    /// The rows and columns belong to the task that asks, which holds one tile at a time.
    unsafe fn tile(&self, rows: Range<usize>, first_col: usize, cols: usize) -> Tile {
        assert!(rows.start <= rows.end && rows.end <= self.rows && first_col + cols <= self.cols);
        // SAFETY: the rows and columns lie inside C, as just asserted, and belong to the task alone, as the caller promises.
        unsafe {
            Tile::new(
                self.start.add(rows.start * self.cols + first_col),
                rows.len(),
                cols,
                self.cols,
            )
        }
    }
}

#[allow(
    clippy::too_many_arguments,
    reason = "the product's operands and the part of it that is due"
)]
fn run_task(
    isa: Isa,
    a: Dense<'_>,
    b: View<'_>,
    c: &Output,
    rows: Range<usize>,
    cols: Range<usize>,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    let [_, k] = a.shape();
    let panel = scratch
        .panel
        .get_or_insert_with(|| Box::new(Panel([0.0; DEPTH * PANEL])));
    for first_k in (0..k).step_by(DEPTH) {
        let ks = first_k..k.min(first_k + DEPTH);
        let a = match a.as_rows() {
            Some(data) => Rows {
                data: &data[rows.start * k + first_k..],
                stride: k,
            },
            None => {
                scratch.a.resize(rows.len() * DEPTH, 0.0);
                a.copy_block(
                    isa,
                    rows.clone(),
                    ks.clone(),
                    [rows.start, ks.end],
                    &mut scratch.a,
                    DEPTH,
                );
                Rows {
                    data: &scratch.a,
                    stride: DEPTH,
                }
            }
        };
        for first_col in cols.clone().step_by(PANEL) {
            let panel_cols = first_col..cols.end.min(first_col + PANEL);
            // SAFETY: tasks do not overlap, and the tile before is gone.
            let tile = unsafe { c.tile(rows.clone(), first_col, panel_cols.len()) };
            let add = accumulate || first_k > 0;
            let ready = match b {
                View::Dense(b) => {
                    let next = match (panel_cols.end < cols.end, ks.end < k) {
                        (true, _) => [ks.start, panel_cols.end],
                        (false, true) => [ks.end, cols.start],
                        (false, false) => [0, cols.end],
                    };
                    b.copy_block(isa, ks.clone(), panel_cols, next, &mut panel.0, PANEL);
                    None
                }
                View::Frozen(b) => {
                    let ready = b.ready(ks.clone(), first_col);
                    if ready.is_none() {
                        b.turn_panel(isa, ks.clone(), panel_cols, &mut panel.0);
                    }
                    ready
                }
            };
            match ready {
                None => isa.multiply(a, &panel.0, ks.len(), tile, add),
                Some(Ready::Panel(panel)) => isa.multiply_ahead(a, panel, ks.len(), tile, add),
                Some(Ready::Lines(lines)) if isa.multiplies_lines() => {
                    isa.multiply_lines(a, lines, tile, add)
                }
                Some(Ready::Lines(lines)) => {
                    pack::widen(lines, &mut panel.0);
                    isa.multiply(a, &panel.0, ks.len(), tile, add);
                }
            }
        }
    }
}

/// Evaluates an expression with a number of rows and of registers as constants, `ROWS` and `VECTORS`.
#[cfg(target_arch = "x86_64")]
macro_rules! with_constants {
    ($rows:expr, $vectors:expr, [$($r:literal)*], $body:expr) => {
        match ($rows, $vectors) {
            $(($r, 1) => { const ROWS: usize = $r; const VECTORS: usize = 1; $body }
            ($r, 2) => { const ROWS: usize = $r; const VECTORS: usize = 2; $body }
            ($r, 3) => { const ROWS: usize = $r; const VECTORS: usize = 3; $body })*
            _ => unreachable!("a tile of {} rows and {} registers", $rows, $vectors),
        }
    };
}
#[cfg(target_arch = "x86_64")]
use with_constants;

/// Rows of A: row i starts at `data[i * stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
}

/// A part of C that one task may write: `rows` x `cols`, rows `stride` apart.
pub(crate) struct Tile {
    start: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
}

impl Tile {
    /// # Safety
    /// For all `i < rows` and `j < cols`, `start + i * stride + j` is valid for reads and writes and nobody else's while the
    /// tile lives.
    unsafe fn new(start: *mut f32, rows: usize, cols: usize, stride: usize) -> Self {
        Self {
            start,
            rows,
            cols,
            stride,
        }
    }
}
