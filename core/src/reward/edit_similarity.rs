//! ES*: the code reward by edit similarity.

/// `3.5 similarity - 1.5`: from `-1.5` for nothing in common to `2` for code equal to the target.
pub(super) fn reward(similarity: f64) -> f64 {
    similarity * 3.5 - 1.5
}
