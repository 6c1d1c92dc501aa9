//! Frozen matrices in the order in which products read them.
//!
//! A weight [O, I] is cut into panels of [`PANEL`] outputs, and inside a panel the inputs follow each other, each with its
//! numbers for all outputs of the panel. So whoever multiplies a few rows by the matrix, as decoding does, walks through
//! memory once, from its beginning to its end, and nothing has to be transposed on the way. What is missing in the last
//! panel is zero.

mod bf16;
mod f32;

pub use bf16::PackedBf16;
pub use f32::PackedF32;

pub(crate) use bf16::{Line, widen_pair};

/// Outputs of a panel: three AVX-512 registers, six of AVX2.
pub(crate) const PANEL: usize = 48;
/// Outputs of a cache line of words.
pub(crate) const LINE: usize = 16;
/// Lines of an input, or of a pair of bf16 inputs, in a panel.
pub(crate) const LINES: usize = PANEL / LINE;
