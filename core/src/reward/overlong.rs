//! The penalty for over-long completions: DAPO's soft overlong punishment (arXiv 2503.14476, equation 13).
//!
//! ```text
//! length <= max_length - buffer:   0
//! length <= max_length:           (max_length - buffer - length) / buffer     from 0 down to -1
//! length >  max_length:           -1
//! ```
//!
//! Lengths are in tokens, or in whatever unit the caller counts all three. The paper defines it and its script leaves it off.

use serde::{Deserialize, Serialize};

/// From which length on a completion is penalized, and over how much the penalty grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlong {
    /// The longest completion.
    pub max_length: usize,
    /// The part of it, at its end, over which the penalty grows; from 1 to `max_length`.
    pub buffer: usize,
}

impl Overlong {
    /// The penalty of a completion of that length, in [-1, 0].
    ///
    /// ```
    /// use recode_core::reward::Overlong;
    ///
    /// let overlong = Overlong { max_length: 100, buffer: 20 };
    /// assert_eq!([80, 85, 100, 4096].map(|length| overlong.penalty(length)), [0.0, -0.25, -1.0, -1.0]);
    /// ```
    pub fn penalty(&self, length: usize) -> f64 {
        let over = length.saturating_sub(self.max_length.saturating_sub(self.buffer));
        match over {
            // Not -0.
            0 => 0.0,
            _ => -(over as f64 / self.buffer.max(1) as f64).min(1.0),
        }
    }
}
