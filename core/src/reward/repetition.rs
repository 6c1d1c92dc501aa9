//! How much of a completion says again what it has said: the share of its runs of [`RUN`] words that stood in it before.
//!
//! ```text
//! repetition = different runs / runs - 1,   in [-1, 0]
//! ```
//!
//! A policy that falls into a loop, in its thinking above all, ends near -1; code and prose of ordinary length stay near 0. Words are what white
//! space separates. Of fewer than [`RUN`] words there are no runs, and nothing repeats.

use std::collections::HashSet;

/// Words of a run: short enough to find a loop of a line, long enough that Python's own words do not count.
const RUN: usize = 4;

/// The part `repetition`.
pub(super) fn reward(completion: &str) -> f64 {
    let words: Vec<&str> = completion.split_whitespace().collect();
    let runs = words.len().saturating_sub(RUN - 1);
    if runs == 0 {
        return 0.0;
    }
    let different: HashSet<&[&str]> = words.windows(RUN).collect();
    different.len() as f64 / runs as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_ends_near_minus_one_and_prose_at_zero() {
        assert_eq!(reward("row_stack is gone, so vstack takes its place"), 0.0);
        // 4,000 words, 3,997 runs, 4 of them different.
        assert_eq!(reward(&"I will call it. ".repeat(1000)), 4.0 / 3997.0 - 1.0);
        assert_eq!(reward("a a a a"), 0.0);
        assert_eq!(reward("a a a a a"), 0.5 - 1.0);
        assert_eq!(reward(""), 0.0);
    }
}
