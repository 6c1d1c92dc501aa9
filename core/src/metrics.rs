//! Sums over many completions, beside the baseline that any policy has to beat: answering with the old code.
//!
//! Most of a migration's text stays as it was, so returning the old code unchanged earns about half of ES* in the reference's data. A mean reward
//! therefore says little by itself; [`Summary::gain_over_copy`] says how much of it is the policy's own.

use crate::reward::{Breakdown, Part};
use std::collections::BTreeMap;

/// A mean that grows value by value, in their order.
///
/// ```
/// use recode_core::metrics::Mean;
///
/// let mean: Mean = [1.0, 2.0, 6.0].into_iter().collect();
/// assert_eq!((mean.count(), mean.value()), (3, Some(3.0)));
/// assert_eq!(Mean::default().value(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    count: usize,
    sum: f64,
}

impl Mean {
    /// Takes one more value in.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
    }

    /// Of how many values.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean; `None` of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl FromIterator<f64> for Mean {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut mean = Mean::default();
        values.into_iter().for_each(|value| mean.add(value));
        mean
    }
}

/// Means over completions, each over those that have the number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// How many completions.
    pub completions: usize,
    /// Of the totals.
    pub total: Mean,
    parts: BTreeMap<Part, Mean>,
    /// Of the similarities of codes that were compared.
    pub similarity: Mean,
    /// Of [`Breakdown::gain_over_copy`].
    pub gain_over_copy: Mean,
    /// Share in the asked-for format.
    pub valid_format: Mean,
    /// Share with code that is Python.
    pub valid_syntax: Mean,
    /// Share equal to the target.
    pub exact: Mean,
    /// Share whose code reward was withheld.
    pub withheld: Mean,
}

impl Summary {
    /// Takes one more completion in.
    pub fn add(&mut self, breakdown: &Breakdown) {
        self.completions += 1;
        breakdown
            .total
            .into_iter()
            .for_each(|total| self.total.add(total));
        for &part in Part::ALL {
            if let Some(value) = breakdown.part(part) {
                self.parts.entry(part).or_default().add(value);
            }
        }
        breakdown
            .similarity
            .into_iter()
            .for_each(|similarity| self.similarity.add(similarity));
        self.gain_over_copy.add(breakdown.gain_over_copy());
        self.valid_format.add(f64::from(breakdown.format > 0.0));
        self.valid_syntax.add(f64::from(breakdown.syntax_ok));
        self.exact.add(f64::from(breakdown.em_star == 2.0));
        self.withheld.add(f64::from(breakdown.withheld.is_some()));
    }

    /// What a part gave on average.
    pub fn part(&self, part: Part) -> Mean {
        self.parts.get(&part).copied().unwrap_or_default()
    }
}

impl<'a> FromIterator<&'a Breakdown> for Summary {
    fn from_iter<I: IntoIterator<Item = &'a Breakdown>>(breakdowns: I) -> Self {
        let mut summary = Summary::default();
        breakdowns
            .into_iter()
            .for_each(|breakdown| summary.add(breakdown));
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reward::{Rubric, score_migration};

    fn scored(completion: &str) -> Breakdown {
        score_migration(&Rubric::strict(), completion, "np.hstack", "np.vstack")
    }

    fn answered(code: &str) -> Breakdown {
        scored(&format!(
            "</think>\n<answer>\n```python\n{code}\n```\n</answer>"
        ))
    }

    #[test]
    fn gain_is_zero_for_a_copy_and_negative_for_nothing() {
        // One letter of nine.
        let baseline = 1.0 - 1.0 / 9.0;
        assert_eq!(answered("np.hstack").gain_over_copy(), 0.0);
        assert_eq!(answered("np.vstack").gain_over_copy(), 1.0 - baseline);
        assert_eq!(scored("no code").gain_over_copy(), -baseline);
    }

    #[test]
    fn a_summary_is_the_means() {
        let all = [
            answered("np.vstack"),
            answered("np.hstack"),
            scored("no code"),
            answered("="),
        ];
        let summary: Summary = all.iter().collect();
        let shares = [
            &summary.valid_format,
            &summary.valid_syntax,
            &summary.exact,
            &summary.withheld,
        ];
        assert_eq!(
            shares.map(|share| share.value()),
            [Some(0.75), Some(0.5), Some(0.25), Some(0.5)]
        );
        // (2 - 1.5 - 2 - 2) / 4, (1 + 1 - 1 + 1) / 4, (2 - 0.8 - 2 - 2) / 4
        assert_eq!(summary.part(Part::EmStar).value(), Some(-0.875));
        assert_eq!(summary.part(Part::Format).value(), Some(0.5));
        assert_eq!(summary.part(Part::EditGain).value(), Some(-0.7));
        assert_eq!(
            (
                summary.similarity.count(),
                summary.total.count(),
                summary.part(Part::Overlong).count()
            ),
            (2, 4, 0)
        );
        assert_eq!(Summary::default().total.value(), None);
    }
}
