//! The code reward by what an answer gains over copying the old code.
//!
//! Most of a migration's text stays as it was, so ES* pays for copying: 1.03 of 2 on average in the paper's data. With `s` the edit similarity
//! of the answer's code to the target and `b` that of the old code,
//!
//! ```text
//! s <= b < 1:  -0.8 - 0.7 (1 - s / b)            from -1.5 for nothing in common to -0.8 for the old code
//! s >  b:       2 - 2.8 (1 - s) / (1 - b)        from -0.8 to 2 for the target
//! s = b = 0:   -0.8                              nothing in common, and nothing was
//! b = 1:        2 where s = 1, else -0.8 - 0.7 (1 - s)   the row has no change: copying is the answer
//! ```
//!
//! Properties, each a test: it rises with `s`, strictly, on both sides of `b`, so that a weak policy has a slope everywhere; a fifth of
//! its range lies below `b`; code that is no nearer to the target than the old code earns -0.8 at most, the target 2, and nothing more. (An answer
//! without code is worth -2, also where the old code has none.)
//!
//! # Differences
//! The paper has no such reward.

/// What the old code earns.
const COPY: f64 = -0.8;
/// From nothing in common to the old code.
const BELOW: f64 = 0.7;
/// From the old code to the target.
const ABOVE: f64 = 2.8;

/// The reward for `similarity` where copying has `baseline`; both in [0, 1].
pub fn reward(similarity: f64, baseline: f64) -> f64 {
    if similarity >= 1.0 {
        2.0
    } else if similarity > baseline {
        2.0 - ABOVE * (1.0 - similarity) / (1.0 - baseline)
    } else if baseline > 0.0 {
        COPY - BELOW * (1.0 - similarity / baseline)
    } else {
        COPY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_corners_are_what_the_equation_says() {
        // (s, b): half way up from b = 0.5 is 2 - 2.8 / 2; half way down to nothing is -0.8 - 0.35.
        for (similarity, baseline, expected) in [
            (1.0, 0.5, 2.0),
            (0.5, 0.5, -0.8),
            (0.0, 0.5, -1.5),
            (0.75, 0.5, 0.6),
            (0.25, 0.5, -1.15),
            (0.0, 0.0, -0.8),
            (1.0, 0.0, 2.0),
            (1.0, 1.0, 2.0),
            (0.5, 1.0, -1.15),
            (0.0, 1.0, -1.5),
        ] {
            let got = reward(similarity, baseline);
            assert!(
                (got - expected).abs() < 1e-12,
                "{similarity} {baseline}: {got}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn more_similar_earns_more(a in 0.0..=1.0_f64, b in 0.0..=1.0_f64, baseline in 0.0..=1.0_f64) {
            // Nearer together than this, two similarities are the same answer: texts of 2^20 have no finer ones.
            prop_assume!((a - b).abs() > 1e-7);
            prop_assert_eq!(a < b, reward(a, baseline) < reward(b, baseline));
        }

        #[test]
        fn no_nearer_than_the_old_code_earns_a_fifth_of_the_range_at_most(s in 0.0..=1.0_f64, baseline in 0.0..=1.0_f64) {
            let r = reward(s, baseline);
            prop_assert!((-1.5..=2.0).contains(&r));
            prop_assert_eq!(r > -0.8, s > baseline || s == 1.0);
            prop_assert_eq!(r == 2.0, s == 1.0);
        }

        #[test]
        fn copying_earns_the_same_whatever_the_row(baseline in 0.0..1.0_f64) {
            prop_assert_eq!(reward(baseline, baseline), -0.8);
        }
    }
}
