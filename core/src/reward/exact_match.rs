//! EM*: the code reward by exact match.

/// `2` for code equal to the target, `-1.5` for other Python.
pub(super) fn reward(equal: bool) -> f64 {
    if equal { 2.0 } else { -1.5 }
}
