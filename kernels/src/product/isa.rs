//! Which instructions the innermost loops are made of, found out when the program runs.

use super::pack::Lines;
use super::{PANEL, Rows, Tile, portable};
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512};
use crate::packed::LINES;

/// Rows a tile is computed in at once, at most.
pub(super) const TILE_ROWS: usize = 8;

/// A set of instructions. Those with fused multiply-add, AVX-512 and AVX2, give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512, and AMX for bf16 weights with inputs that fill its tiles.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// AVX-512 F and BW: 16 floats a register.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA: 8 floats a register.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of plain loops.
    Portable,
}

impl Isa {
    /// The widest set this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if amx::available() {
                return Self::Amx;
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Every set this machine has.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                all.push(Self::Avx512);
            }
            if amx::available() {
                all.push(Self::Amx);
            }
        }
        all
    }

    /// The set without its tiles.
    pub fn on_vectors(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512,
            vectors => vectors,
        }
    }

    /// `c[i, j] (+)= Σ_{k < depth} a[i, k] panel[k * PANEL + j]`; without `add` what C holds is not read. The panel begins
    /// with a cache line.
    pub fn multiply(self, a: Rows<'_>, panel: &[f32], depth: usize, c: Tile, add: bool) {
        self.multiply_panel::<false>(a, panel, depth, c, add);
    }

    /// [`multiply`](Self::multiply) for a panel that comes from memory, followed by the one that is needed next.
    pub fn multiply_ahead(self, a: Rows<'_>, panel: &[f32], depth: usize, c: Tile, add: bool) {
        self.multiply_panel::<true>(a, panel, depth, c, add);
    }

    fn multiply_panel<const AHEAD: bool>(
        self,
        a: Rows<'_>,
        panel: &[f32],
        depth: usize,
        c: Tile,
        add: bool,
    ) {
        assert!(
            c.cols <= PANEL
                && depth * PANEL <= panel.len()
                && panel.as_ptr().addr().is_multiple_of(64)
        );
        assert!(
            c.rows == 0 || a.data.len() >= (c.rows - 1) * a.stride + depth,
            "rows of A end early"
        );
        match self {
            // SAFETY: the machine has these instructions, or `detect` and `all` had not named them. A's rows, the panel and
            // the tile reach as far as the kernel goes: asserted above and promised by the tile.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::multiply::<AHEAD>(a, panel, depth, c, add) },
            // SAFETY: likewise.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::multiply(a, panel, depth, c, add) },
            Self::Portable => portable::multiply(a, panel, depth, c, add),
            #[cfg(target_arch = "x86_64")]
            Self::Amx => unreachable!("panels are multiplied on vectors"),
        }
    }

    /// Whether bf16 weights are widened in registers, by [`multiply_lines`](Self::multiply_lines), and not into a panel.
    pub fn multiplies_lines(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            other => other == Self::Avx512,
        }
    }

    /// [`multiply`](Self::multiply) with bf16 weights in place of a panel, widened in registers.
    ///
    /// # Panics
    /// With instructions that [`multiplies_lines`](Self::multiplies_lines) denies.
    pub fn multiply_lines(self, a: Rows<'_>, lines: Lines<'_>, c: Tile, add: bool) {
        assert!(c.cols <= PANEL && lines.pairs.len() == lines.len.div_ceil(2) * LINES);
        assert!(
            c.rows == 0 || a.data.len() >= (c.rows - 1) * a.stride + lines.len,
            "rows of A end early"
        );
        match self {
            // SAFETY: as in `multiply`, with lines for the panel.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::multiply_lines(a, lines, c, add) },
            Self::Portable => portable::multiply_lines(a, lines, c, add),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Amx => panic!("{self:?} has no kernel for lines"),
        }
    }
}
