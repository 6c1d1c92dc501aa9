//! f32 panels: an input's numbers for the outputs of a panel stand side by side.

use std::ops::Range;

use rayon::prelude::*;

use super::{LINE, LINES, PANEL};

/// Numbers of [`LINE`] outputs, on a cache line of their own.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A matrix of f32 numbers, in panels.
#[derive(Clone, PartialEq)]
pub struct PackedF32 {
    rows: usize,
    cols: usize,
    lines: Vec<Line>,
}

impl PackedF32 {
    /// Packs `rows * cols` numbers that lie row by row.
    pub(crate) fn new(rows: usize, cols: usize, data: &[f32]) -> Self {
        assert_eq!(data.len(), rows * cols, "packed: data has another size");
        let lines_each = cols * LINES;
        let mut lines = vec![Line([0.0; LINE]); rows.div_ceil(PANEL) * lines_each];
        if !lines.is_empty() {
            let panels = lines
                .par_chunks_mut(lines_each)
                .zip(data.par_chunks(PANEL * cols));
            panels
                .for_each(|(lines, data)| pack_panel(bytemuck::cast_slice_mut(lines), data, cols));
        }
        Self { rows, cols, lines }
    }

    /// The numbers of a panel: `[input][PANEL]`, beginning with a cache line.
    pub(crate) fn panel(&self, panel: usize) -> &[f32] {
        let lines_each = self.cols * LINES;
        bytemuck::cast_slice(&self.lines[panel * lines_each..][..lines_each])
    }

    /// Writes rows `range` to `out`, row by row.
    pub(crate) fn copy_rows(&self, range: Range<usize>, out: &mut [f32]) {
        assert!(
            range.end <= self.rows,
            "packed: rows {range:?} of {}",
            self.rows
        );
        if self.cols == 0 {
            return;
        }
        for (row, out) in range.zip(out.chunks_exact_mut(self.cols)) {
            let numbers = self.panel(row / PANEL)[row % PANEL..].iter().step_by(PANEL);
            for (out, number) in out.iter_mut().zip(numbers) {
                *out = *number;
            }
        }
    }
}

impl std::fmt::Debug for PackedF32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackedF32[{}, {}]", self.rows, self.cols)
    }
}

/// `data`: the rows of one panel, of which there are fewer in the last. A few inputs of all rows at a time, so that both
/// sides stay in the first-level cache.
fn pack_panel(panel: &mut [f32], data: &[f32], cols: usize) {
    for first in (0..cols).step_by(LINE) {
        for (row, data) in data.chunks_exact(cols).enumerate() {
            for (col, number) in data.iter().enumerate().skip(first).take(LINE) {
                panel[col * PANEL + row] = *number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_back_is_the_same_for_any_shape() {
        for [rows, cols] in [[1, 1], [7, 5], [48, 2], [49, 3], [130, 33], [0, 4], [4, 0]] {
            let data: Vec<f32> = (0..rows * cols).map(|i| i as f32 + 1.0).collect();
            let packed = PackedF32::new(rows, cols, &data);
            let mut out = vec![f32::NAN; rows * cols];
            packed.copy_rows(0..rows, &mut out);
            assert_eq!(out, data, "[{rows}, {cols}]");
        }
    }

    #[test]
    fn what_is_missing_is_zero() {
        let packed = PackedF32::new(1, 2, &[1.0, 2.0]);
        assert_eq!(packed.panel(0).len(), 2 * PANEL);
        assert_eq!(packed.panel(0)[PANEL], 2.0);
        assert_eq!(packed.panel(0).iter().sum::<f32>(), 3.0);
    }
}
