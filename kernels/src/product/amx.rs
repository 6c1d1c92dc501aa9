//! Products with bf16 weights on the tile unit of newer Intel processors (AMX), at the precision of f32.
//!
//! The unit multiplies tiles of bf16 and adds in f32. A weight is bf16; a number of A is cut into three bf16 that add up to
//! it exactly, 8 bits of its 24 each, so three products of tiles take the place of one product in f32, and are still several
//! times as fast. Products of two bf16 are exact in f32; what is rounded is their sums, as everywhere.
//!
//! An element of C is summed over blocks of [`BLOCK`] inputs in order, each with the third parts first; that sequence
//! depends on nothing but the number of inputs, so here, too, a row has the same bits in any company. They are other bits
//! than those of the other sets of instructions. Numbers below 2^-126, parts of A among them, count as zero.
//!
//! Source: Intel Architecture Instruction Set Extensions Programming Reference, chapter 3; for the permission
//! `Documentation/arch/x86/xstate.rst` of Linux.

use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use rayon::prelude::*;

use super::view::{Frozen, Ready};
use super::{Output, PANEL, Tile};
use crate::packed::{LINE, LINES, Line};

/// Inputs that an instruction sums over: a weight's inputs are a multiple of it, or the unit is not used.
pub(super) const BLOCK: usize = 32;
/// Rows of a tile.
const ROWS: usize = 16;
/// Parts that a number of A is cut into.
const PARTS: usize = 3;
/// Inputs that many rows are multiplied over at a time: a panel of B this deep takes half of a first-level cache, the rows
/// of a task a fifth of a second-level one.
const DEPTH: usize = 192;
/// Rows of a task, at most.
const TASK_ROWS: usize = 320;
/// Panels of a task, at least and at most: enough to pay for cutting its rows, few enough to share out.
const TASK_PANELS: [usize; 2] = [2, 12];
/// How far ahead weights are fetched that come from memory.
const AHEAD_BYTES: usize = 8192;

/// Whether the processor has the unit and the system lends it to this process.
pub(super) fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| has_unit() && permitted());
    *AVAILABLE
}

fn has_unit() -> bool {
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES
}

/// Asks Linux for the unit's registers, which it saves for processes that asked only; other systems are not asked.
fn permitted() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that touches no memory; it writes rax, rcx and r11.
    unsafe {
        asm!("syscall", inout("rax") result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    result == 0
}

/// `c (+)= a b` for rows `a` [m, k] and a bf16 weight; `k` is a multiple of [`BLOCK`].
pub(super) fn product(a: &[f32], b: Frozen<'_>, c: &Output, k: usize, accumulate: bool) {
    assert!(available() && k.is_multiple_of(BLOCK) && a.len() == c.rows * k);
    let row_tasks = c.rows.div_ceil(TASK_ROWS);
    let task_rows = c.rows.div_ceil(row_tasks).next_multiple_of(ROWS);
    let row_tasks = c.rows.div_ceil(task_rows);
    let panels = c.cols.div_ceil(PANEL);
    let [least, most] = TASK_PANELS;
    let col_tasks = (2 * rayon::current_num_threads()).div_ceil(row_tasks);
    let task_cols = PANEL * panels.div_ceil(col_tasks).clamp(least, most);
    (0..row_tasks * c.cols.div_ceil(task_cols))
        .into_par_iter()
        .for_each(|task| {
            let (first_row, first_col) =
                (task % row_tasks * task_rows, task / row_tasks * task_cols);
            let rows = first_row..c.rows.min(first_row + task_rows);
            let cols = first_col..c.cols.min(first_col + task_cols);
            SCRATCH.with_borrow_mut(|scratch| {
                run_task(a, b, c, k, rows, cols, accumulate, scratch);
            });
        });
}

/// Packed operands of the task a thread is at, and a tile of C.
struct Scratch {
    a: Vec<Line>,
    panel: Vec<Line>,
    c: [f32; ROWS * PANEL],
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const {
        RefCell::new(Scratch { a: Vec::new(), panel: Vec::new(), c: [0.0; ROWS * PANEL] })
    };
}

#[allow(
    clippy::too_many_arguments,
    reason = "the product's operands and the part of it that is due"
)]
fn run_task(
    a: &[f32],
    b: Frozen<'_>,
    c: &Output,
    k: usize,
    rows: Range<usize>,
    cols: Range<usize>,
    accumulate: bool,
    scratch: &mut Scratch,
) {
    // A few rows go through a panel as it lies in memory, from its beginning to its end.
    let depth = if rows.len() <= ROWS { k } else { DEPTH };
    for first_k in (0..k).step_by(depth) {
        let ks = first_k..k.min(first_k + depth);
        let tile_lines = ks.len() / BLOCK * PARTS * ROWS;
        scratch
            .a
            .resize(rows.len().div_ceil(ROWS) * tile_lines, Line([0; LINE]));
        for (row, at) in rows.clone().enumerate() {
            let lines = &mut scratch.a[at_row(row, tile_lines)..];
            // SAFETY: the machine has AVX-512 F and BW, or `available` had said no.
            unsafe { cut(&a[at * k..][ks.clone()], lines) };
        }
        let add = accumulate || first_k > 0;
        for first_col in cols.clone().step_by(PANEL) {
            let width = PANEL.min(cols.end - first_col);
            let (panel, ahead) = match b.ready(ks.clone(), first_col) {
                Some(Ready::Lines(lines)) => (lines.pairs, true),
                Some(Ready::Panel(_)) => unreachable!("the weight is bf16"),
                None => {
                    scratch.panel.resize(ks.len() / 2 * LINES, Line([0; LINE]));
                    b.turn_pairs(ks.clone(), first_col..first_col + width, &mut scratch.panel);
                    (&*scratch.panel, false)
                }
            };
            // All whole tiles at once, then the last: setting the unit up takes as long as a tile.
            let whole = rows.len() / ROWS * ROWS;
            for part in [0..whole, whole..rows.len()] {
                let a = &scratch.a[part.start / ROWS * tile_lines..];
                // SAFETY: tasks do not overlap, and the tile before is gone.
                let at = unsafe {
                    c.tile(
                        rows.start + part.start..rows.start + part.end,
                        first_col,
                        width,
                    )
                };
                let product = Product {
                    a,
                    b: panel,
                    blocks: ks.len() / BLOCK,
                    add,
                    // What comes from memory comes with the first rows.
                    ahead: ahead && part.start == 0,
                };
                // SAFETY: the unit is available, and the rows and columns belong to this task alone.
                unsafe { product.write_to(at, &mut scratch.c) };
            }
        }
    }
}

/// Where the lines of a row begin: `[tile][block][part][row of the tile]`.
fn at_row(row: usize, tile_lines: usize) -> usize {
    row / ROWS * tile_lines + row % ROWS
}

/// Cuts a row into three parts: the third of a block's inputs goes to `lines[block * PARTS * ROWS]`, the second
/// [`ROWS`] lines after it, the first as far again.
///
/// # Safety
/// The machine has AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn cut(row: &[f32], lines: &mut [Line]) {
    let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    // The upper halves of sixteen words and of sixteen more.
    let halves: [u16; 32] = std::array::from_fn(|i| 2 * i as u16 + 1);
    // SAFETY: 64 bytes are read.
    let halves = unsafe { _mm512_loadu_si512(halves.as_ptr().cast()) };
    let blocks = row.as_chunks::<BLOCK>().0;
    for (numbers, lines) in blocks.iter().zip(lines.chunks_mut(PARTS * ROWS)) {
        // SAFETY: 32 numbers are read.
        let mut rest = unsafe {
            [
                _mm512_loadu_ps(numbers.as_ptr()),
                _mm512_loadu_ps(numbers.as_ptr().add(16)),
            ]
        };
        for part in (0..PARTS).rev() {
            let bits = rest.map(|rest| _mm512_castps_si512(rest));
            let line = _mm512_permutex2var_epi16(bits[0], halves, bits[1]);
            // SAFETY: a line is 64 bytes on a cache line of its own.
            unsafe { _mm512_store_si512(lines[part * ROWS].0.as_mut_ptr().cast(), line) };
            for (rest, bits) in rest.iter_mut().zip(bits) {
                let part = _mm512_castsi512_ps(_mm512_and_si512(bits, upper));
                *rest = _mm512_sub_ps(*rest, part);
            }
        }
    }
}

/// `[rows of tiles][block][part][ROWS]` lines times `[block][BLOCK / 2][LINES]` lines, a whole panel.
struct Product<'a> {
    a: &'a [Line],
    b: &'a [Line],
    blocks: usize,
    add: bool,
    ahead: bool,
}

/// What the unit is set up with: the shapes of its registers, three tiles of C, three of B, two of A; and what a product
/// counts by.
#[repr(C, align(64))]
struct Setup {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
    blocks: u64,
    add: u64,
    /// Prefetches of a block, in fours.
    ahead: u64,
}

impl Product<'_> {
    /// Writes or adds the product to a tile of C of any size, in rows of [`ROWS`] or, once, fewer.
    ///
    /// # Safety
    /// The unit is [`available`]; the tile is what [`Tile::new`] asks for.
    unsafe fn write_to(&self, c: Tile, spare: &mut [f32; ROWS * PANEL]) {
        if c.rows == 0 {
            return;
        }
        let tiles = c.rows.div_ceil(ROWS);
        assert!(self.blocks > 0 && tiles * self.blocks * PARTS * ROWS <= self.a.len());
        assert!(self.blocks * BLOCK / 2 * LINES <= self.b.len());
        assert!(c.rows.is_multiple_of(ROWS) || tiles == 1);
        if c.cols == PANEL {
            // SAFETY: the caller's promises, for a whole panel; the operands are long enough.
            return unsafe { self.run(self.a, c.start, tiles, c.rows.min(ROWS), c.stride) };
        }
        let tile_lines = self.blocks * PARTS * ROWS;
        for (tile, a) in self.a.chunks_exact(tile_lines).enumerate().take(tiles) {
            let height = ROWS.min(c.rows - tile * ROWS);
            // SAFETY: rows and columns of the tile; the spare tile is a whole one.
            unsafe {
                let row = |i: usize| c.start.add((tile * ROWS + i) * c.stride);
                for i in (0..height).filter(|_| self.add) {
                    let from = std::slice::from_raw_parts(row(i), c.cols);
                    spare[i * PANEL..][..c.cols].copy_from_slice(from);
                }
                self.run(a, spare.as_mut_ptr(), 1, height, PANEL);
                for i in 0..height {
                    let to = std::slice::from_raw_parts_mut(row(i), c.cols);
                    to.copy_from_slice(&spare[i * PANEL..][..c.cols]);
                }
            }
        }
    }

    /// `tiles` tiles of `rows` rows under each other, to `c` and on.
    ///
    /// # Safety
    /// The unit is [`available`]; `a` and `self.b` have the lines; `c` has `tiles * rows` rows of [`PANEL`] numbers, `c_stride`
    /// apart, that are nobody else's meanwhile; several tiles have [`ROWS`] rows.
    unsafe fn run(&self, a: &[Line], c: *mut f32, tiles: usize, rows: usize, c_stride: usize) {
        let (few, all) = (rows as u8, ROWS as u8);
        let mut setup = Setup {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
            rows: [
                few, few, few, all, all, all, few, few, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            blocks: self.blocks as u64,
            add: u64::from(self.add),
            ahead: u64::from(self.ahead) * 12,
        };
        // SAFETY: what is read of a and b lies inside them, and of c what the caller promised; prefetches may go anywhere.
        // The registers are set up and given back in here.
        unsafe {
            asm!(
                "ldtilecfg [{setup}]",
                "2:", // a tile of C
                "cmp qword ptr [{setup} + {ADD}], 0",
                "je 3f",
                "tileloadd tmm0, [{c} + {c_stride}]",
                "tileloadd tmm1, [{c} + {c_stride} + 64]",
                "tileloadd tmm2, [{c} + {c_stride} + 128]",
                "jmp 4f",
                "3:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "4:",
                "mov {block}, [{setup} + {BLOCKS}]",
                "5:", // a block of inputs
                "mov {count}, [{setup} + {AHEAD}]",
                "test {count}, {count}",
                "jz 7f",
                "6:",
                "prefetcht0 [{b} + {b_ahead}]",
                "prefetcht0 [{b} + {b_ahead} + 64]",
                "prefetcht0 [{b} + {b_ahead} + 128]",
                "prefetcht0 [{b} + {b_ahead} + 192]",
                "add {b_ahead}, 256",
                "dec {count}",
                "jnz 6b",
                "sub {b_ahead}, 3072",
                "7:",
                "tileloadd tmm3, [{b} + {b_stride}]",
                "tileloadd tmm4, [{b} + {b_stride} + 64]",
                "tileloadd tmm5, [{b} + {b_stride} + 128]",
                "tileloadd tmm6, [{a} + {a_stride}]",
                "tileloadd tmm7, [{a} + {a_stride} + 1024]",
                "tdpbf16ps tmm0, tmm6, tmm3",
                "tdpbf16ps tmm1, tmm6, tmm4",
                "tdpbf16ps tmm2, tmm6, tmm5",
                "tileloadd tmm6, [{a} + {a_stride} + 2048]",
                "tdpbf16ps tmm0, tmm7, tmm3",
                "tdpbf16ps tmm1, tmm7, tmm4",
                "tdpbf16ps tmm2, tmm7, tmm5",
                "tdpbf16ps tmm0, tmm6, tmm3",
                "tdpbf16ps tmm1, tmm6, tmm4",
                "tdpbf16ps tmm2, tmm6, tmm5",
                "add {a}, 3072",
                "add {b}, 3072",
                "dec {block}",
                "jnz 5b",
                "tilestored [{c} + {c_stride}], tmm0",
                "tilestored [{c} + {c_stride} + 64], tmm1",
                "tilestored [{c} + {c_stride} + 128], tmm2",
                // The next rows: of a they follow, b begins again and is in the cache.
                "imul {count}, [{setup} + {BLOCKS}], 3072",
                "sub {b}, {count}",
                "mov {count}, {c_stride}",
                "shl {count}, 4",
                "add {c}, {count}",
                "mov qword ptr [{setup} + {AHEAD}], 0",
                "dec {tiles}",
                "jnz 2b",
                "tilerelease",
                setup = in(reg) &mut setup,
                BLOCKS = const std::mem::offset_of!(Setup, blocks),
                ADD = const std::mem::offset_of!(Setup, add),
                AHEAD = const std::mem::offset_of!(Setup, ahead),
                c = inout(reg) c => _,
                c_stride = in(reg) c_stride * size_of::<f32>(),
                a = inout(reg) a.as_ptr() => _,
                a_stride = in(reg) size_of::<Line>(),
                b = inout(reg) self.b.as_ptr() => _,
                b_stride = in(reg) LINES * size_of::<Line>(),
                b_ahead = inout(reg) AHEAD_BYTES => _,
                tiles = inout(reg) tiles => _,
                block = out(reg) _,
                count = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
