//! How much better B is than A on the examples they share, and how sure that is.
//!
//! The mean of the differences per example, with a 95 % interval of Student's t on G - 1 degrees of freedom. Examples of one update share what
//! makes them hard, so the variance is taken over the G updates and not over the n examples (cluster-robust, as in Miller, "Adding Error Bars
//! to Evals", arXiv 2411.00640, eq. 4): with residuals e = d - mean,
//! `se² = G / (G - 1) · Σ_g (Σ_{i in g} e_i)² / n²`, which is the paired t interval where every update has one example.

use super::student::{ln_gamma, t_95};
use std::collections::HashMap;

/// Differences smaller than that are ties: what rounding leaves.
pub const TIE: f64 = 1e-9;

/// A mean difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// B less A.
    pub mean: f64,
    /// Half of the interval's width; `None` where there is one update, which says nothing about others.
    pub half: Option<f64>,
    /// Over how many pairs.
    pub pairs: usize,
    /// Of how many updates.
    pub updates: usize,
}

impl Difference {
    /// Of differences, each with its update; `None` of none.
    pub fn of(differences: &[(f64, u64)]) -> Option<Self> {
        let n = differences.len() as f64;
        if differences.is_empty() {
            return None;
        }
        let mean = differences.iter().map(|(d, _)| d).sum::<f64>() / n;
        // In the order of the first example, so that the sum does not depend on a hash.
        let (mut places, mut sums) = (HashMap::new(), Vec::new());
        for (difference, update) in differences {
            let place = *places.entry(update).or_insert(sums.len());
            if place == sums.len() {
                sums.push(0.0);
            }
            sums[place] += difference - mean;
        }
        let updates = sums.len();
        let half = (updates > 1).then(|| {
            let g = updates as f64;
            let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
            t_95(g - 1.0) * (g / (g - 1.0) * squares).sqrt() / n
        });
        Some(Difference {
            mean,
            half,
            pairs: differences.len(),
            updates,
        })
    }

    /// Whether the interval leaves out zero.
    pub fn is_clear(self) -> bool {
        self.half.is_some_and(|half| self.mean.abs() > half)
    }
}

/// McNemar's exact test: how likely wins and losses would be split at least that unevenly if either were as likely as the other (two-sided
/// binomial; ties say nothing).
///
/// `p = min(1, 2 · Σ_{k ≤ min(w, l)} C(w + l, k) / 2^(w + l))`
pub fn mcnemar(wins: usize, losses: usize) -> f64 {
    let n = (wins + losses) as f64;
    let ln_choose = |k: f64| ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let tail: f64 = (0..=wins.min(losses))
        .map(|k| (ln_choose(k as f64) - n * std::f64::consts::LN_2).exp())
        .sum();
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Differences of seven examples of four updates.
    const DIFFERENCES: [(f64, u64); 7] = [
        (0.5, 1),
        (0.25, 1),
        (-1.0, 2),
        (2.0, 3),
        (1.75, 3),
        (0.0, 4),
        (0.125, 3),
    ];

    /// `statsmodels`' formula in numpy and scipy (1.17.1): `e = d - d.mean()`, `S = [e[g == k].sum() for k in unique(g)]`,
    /// `half = t.ppf(0.975, G - 1) * sqrt(G / (G - 1) * sum(S**2)) / n`; for updates of one example each also
    /// `ttest_1samp(d, 0).confidence_interval()`.
    #[test]
    fn the_interval_is_scipys() {
        let clustered = Difference::of(&DIFFERENCES).unwrap();
        assert_eq!((clustered.pairs, clustered.updates), (7, 4));
        assert!((clustered.mean - 3.625 / 7.0).abs() < 1e-12);
        assert!((clustered.half.unwrap() - 1.4887924127784067).abs() < 1e-9);
        let alone: Vec<(f64, u64)> = (0..).zip(DIFFERENCES).map(|(at, (d, _))| (d, at)).collect();
        let alone = Difference::of(&alone).unwrap();
        assert!((alone.half.unwrap() - 0.9636011640398234).abs() < 1e-9);
        assert!(!alone.is_clear());
    }

    #[test]
    fn one_update_has_no_interval_and_no_pairs_have_nothing() {
        let one = Difference::of(&[(1.0, 7), (3.0, 7)]).unwrap();
        assert_eq!((one.mean, one.half, one.is_clear()), (2.0, None, false));
        assert_eq!(Difference::of(&[]), None);
    }

    /// `scipy.stats.binomtest(w, w + l).pvalue`, scipy 1.17.1.
    #[test]
    fn mcnemar_is_scipys_binomial_test() {
        for (wins, losses, expected) in [
            (9, 2, 0.0654296875),
            (1, 0, 1.0),
            (12, 10, 0.8318119049072266),
            (60, 35, 0.013378703026003939),
            (1200, 1000, 2.1817026407914194e-05),
            (0, 40, 1.8189894035458565e-12),
        ] {
            let p = mcnemar(wins, losses);
            assert!((p / expected - 1.0).abs() < 1e-9, "{wins} {losses}: {p}");
            assert_eq!(p, mcnemar(losses, wins));
        }
        assert_eq!((mcnemar(0, 0), mcnemar(5, 5)), (1.0, 1.0));
    }

    proptest! {
        #[test]
        fn turning_the_sides_turns_the_sign(differences in prop::collection::vec((-4.0f64..4.0, 0u64..5), 1..40)) {
            let turned: Vec<_> = differences.iter().map(|&(d, update)| (-d, update)).collect();
            let (one, other) = (Difference::of(&differences).unwrap(), Difference::of(&turned).unwrap());
            prop_assert!((one.mean + other.mean).abs() < 1e-12);
            prop_assert_eq!(one.half.is_some(), other.half.is_some());
            if let (Some(one), Some(other)) = (one.half, other.half) {
                prop_assert!((one - other).abs() < 1e-9 && one.is_finite());
            }
        }
    }
}
