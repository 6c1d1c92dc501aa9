//! The scale that charts of rewards share: from -3 to 3, whatever is drawn.

use crate::score::SCALE;

/// Where a value stands across a chart, in percent, with room for the labels at both ends.
pub fn percent(value: f64) -> f64 {
    2.0 + 96.0 * (value.clamp(-SCALE, SCALE) + SCALE) / (2.0 * SCALE)
}

/// The same as an attribute.
pub fn at(value: f64) -> String {
    format!("{:.3}%", percent(value))
}

/// The distance of two values, as an attribute.
pub fn between(a: f64, b: f64) -> String {
    format!("{:.3}%", (percent(a) - percent(b)).abs())
}
