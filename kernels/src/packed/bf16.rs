//! bf16 panels: the inputs in pairs, a pair with a 32-bit word for each output, the even input's number below and the odd
//! one's above. A register of words becomes two registers of f32 by a shift and a mask.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use super::{LINE, LINES, PANEL};

/// A pair of inputs for [`LINE`] outputs, on a cache line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [u32; LINE]);

/// A matrix of bf16 numbers, in panels.
#[derive(Clone, PartialEq)]
pub struct PackedBf16 {
    rows: usize,
    cols: usize,
    lines: Vec<Line>,
}

impl PackedBf16 {
    /// Packs `rows * cols` numbers that lie row by row.
    pub(crate) fn new(rows: usize, cols: usize, data: &[bf16]) -> Self {
        assert_eq!(data.len(), rows * cols, "packed: data has another size");
        let lines_each = cols.div_ceil(2) * LINES;
        let mut lines = vec![Line([0; LINE]); rows.div_ceil(PANEL) * lines_each];
        if !lines.is_empty() {
            let panels = lines
                .par_chunks_mut(lines_each)
                .zip(data.par_chunks(PANEL * cols));
            panels.for_each(|(lines, data)| pack_panel(lines, data, cols));
        }
        Self { rows, cols, lines }
    }

    /// The lines of a panel: `[pair of inputs][LINES]`.
    pub(crate) fn panel(&self, panel: usize) -> &[Line] {
        let lines_each = self.cols.div_ceil(2) * LINES;
        &self.lines[panel * lines_each..][..lines_each]
    }

    /// Writes rows `range` to `out`, row by row, as f32.
    pub(crate) fn widen_rows(&self, range: Range<usize>, out: &mut [f32]) {
        assert!(
            range.end <= self.rows,
            "packed: rows {range:?} of {}",
            self.rows
        );
        if self.cols == 0 {
            return;
        }
        for (row, out) in range.zip(out.chunks_exact_mut(self.cols)) {
            let (line, word) = (row % PANEL / LINE, row % LINE);
            let lines = self.panel(row / PANEL)[line..].iter().step_by(LINES);
            for (pair, line) in out.chunks_mut(2).zip(lines) {
                let [even, odd] = widen_pair(line.0[word]);
                pair[0] = even;
                if let Some(second) = pair.get_mut(1) {
                    *second = odd;
                }
            }
        }
    }

    /// The numbers row by row.
    #[must_use]
    pub fn to_vec(&self) -> Vec<bf16> {
        let mut out = vec![bf16::ZERO; self.rows * self.cols];
        if self.cols == 0 {
            return out;
        }
        out.par_chunks_mut(PANEL * self.cols)
            .enumerate()
            .for_each(|(panel, out)| {
                let lines = self.panel(panel);
                for (row, out) in out.chunks_exact_mut(self.cols).enumerate() {
                    for (col, out) in out.iter_mut().enumerate() {
                        let word = lines[col / 2 * LINES + row / LINE].0[row % LINE];
                        *out = bf16::from_bits((word >> (col % 2 * 16)) as u16);
                    }
                }
            });
        out
    }
}

impl std::fmt::Debug for PackedBf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackedBf16[{}, {}]", self.rows, self.cols)
    }
}

/// The two numbers of a word. A bf16 is the upper half of an f32.
pub(crate) fn widen_pair(word: u32) -> [f32; 2] {
    [
        f32::from_bits(word << 16),
        f32::from_bits(word & 0xffff_0000),
    ]
}

/// `data`: the rows of one panel, of which there are fewer in the last.
fn pack_panel(lines: &mut [Line], data: &[bf16], cols: usize) {
    for (row, data) in data.chunks_exact(cols).enumerate() {
        let lines = lines[row / LINE..].iter_mut().step_by(LINES);
        for (line, pair) in lines.zip(data.chunks(2)) {
            let odd = pair.get(1).map_or(0, |v| v.to_bits());
            line.0[row % LINE] = u32::from(odd) << 16 | u32::from(pair[0].to_bits());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_back_is_the_same_for_any_shape() {
        for [rows, cols] in [[1, 1], [7, 5], [48, 2], [49, 3], [130, 33], [0, 4], [4, 0]] {
            let data: Vec<bf16> = (0..rows * cols)
                .map(|i| bf16::from_bits(i as u16 + 1))
                .collect();
            let packed = PackedBf16::new(rows, cols, &data);
            assert_eq!(packed.to_vec(), data, "[{rows}, {cols}]");
            let mut wide = vec![f32::NAN; rows * cols];
            packed.widen_rows(0..rows, &mut wide);
            assert!(
                wide.iter().zip(&data).all(|(w, d)| *w == d.to_f32()),
                "[{rows}, {cols}]"
            );
        }
    }

    #[test]
    fn what_is_missing_is_zero() {
        let packed = PackedBf16::new(1, 1, &[bf16::ONE]);
        let lines = packed.panel(0);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].0[0], u32::from(bf16::ONE.to_bits()));
        assert_eq!(
            lines
                .iter()
                .flat_map(|line| line.0)
                .filter(|word| *word != 0)
                .count(),
            1
        );
    }
}
