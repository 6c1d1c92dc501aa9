//! Sums over many completions, and the baseline that any policy has to beat: answering with the old code.
//!
//! Most of a migration's text stays as it was, so returning the old code unchanged earns about half of ES* in the reference's data. A mean reward
//! therefore says little by itself; [`gain_over_copy`] says how much of it is the policy's own.

use crate::migration::Migration;
use crate::reward::{Breakdown, RewardMode, score};
use serde::{Deserialize, Serialize};

/// The mean; `None` of nothing.
///
/// ```
/// assert_eq!(recode_core::metrics::mean([1.0, 2.0, 6.0]), Some(3.0));
/// assert_eq!(recode_core::metrics::mean([]), None);
/// ```
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values
        .into_iter()
        .fold((0_usize, 0.0), |(count, sum), value| {
            (count + 1, sum + value)
        });
    (count > 0).then(|| sum / count as f64)
}

/// What answering with the old code, in perfect form, is worth.
pub fn copy_old(mode: RewardMode, row: &Migration) -> Breakdown {
    score(mode, &answered(&row.old_code), &row.new_code)
}

/// A completion in the asked-for form that answers with `code`.
fn answered(code: &str) -> String {
    format!("</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

/// How much nearer to the target an answer is than the old code was: the difference of their similarities to it, in [-1, 1].
///
/// Positive is better than copying, 0 is copying, and the most there is to gain is `1 - similarity of the old code`. An answer whose reward
/// was withheld has similarity 0, and so has old code that is not Python; where the target is not Python, strict mode compares nothing
/// and there is nothing to gain.
///
/// # Differences
/// The reference has no such number.
pub fn gain_over_copy(answer: &Breakdown, copy: &Breakdown) -> f64 {
    answer.similarity.unwrap_or(0.0) - copy.similarity.unwrap_or(0.0)
}

/// Means over completions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many completions.
    pub completions: usize,
    /// Mean format reward.
    pub format: f64,
    /// Mean ES*.
    pub es_star: f64,
    /// Mean EM*.
    pub em_star: f64,
    /// Mean total.
    pub total: f64,
    /// Share in the asked-for format.
    pub valid_format: f64,
    /// Share with code that is Python.
    pub valid_syntax: f64,
    /// Share equal to the target.
    pub exact: f64,
    /// Share whose code reward was withheld.
    pub withheld: f64,
}

impl Summary {
    /// The means over `breakdowns`; `None` of nothing.
    pub fn of<'a>(breakdowns: impl IntoIterator<Item = &'a Breakdown>) -> Option<Self> {
        let breakdowns: Vec<&Breakdown> = breakdowns.into_iter().collect();
        let mean = |value: fn(&Breakdown) -> f64| {
            mean(breakdowns.iter().map(|breakdown| value(breakdown)))
        };
        Some(Summary {
            completions: breakdowns.len(),
            format: mean(|b| b.format)?,
            es_star: mean(|b| b.es_star)?,
            em_star: mean(|b| b.em_star)?,
            total: mean(|b| b.total)?,
            valid_format: mean(|b| f64::from(b.format > 0.0))?,
            valid_syntax: mean(|b| f64::from(b.syntax_ok))?,
            exact: mean(|b| f64::from(b.em_star == 2.0))?,
            withheld: mean(|b| f64::from(b.withheld.is_some()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(old_code: &str, new_code: &str) -> Migration {
        Migration {
            dependency: "numpy".into(),
            new_version: "==2.0.0".into(),
            description: String::new(),
            update_info: String::new(),
            old_code: old_code.into(),
            new_code: new_code.into(),
        }
    }

    #[test]
    fn copying_is_worth_its_similarity() {
        // One letter of nine.
        let copy = copy_old(RewardMode::Strict, &row("np.hstack", "np.vstack"));
        assert_eq!((copy.format, copy.similarity), (1.0, Some(1.0 - 1.0 / 9.0)));
        assert_eq!(
            copy,
            copy_old(RewardMode::Paper, &row("np.hstack", "np.vstack"))
        );
    }

    #[test]
    fn gain_is_zero_for_a_copy_and_negative_for_nothing() {
        let row = row("np.hstack", "np.vstack");
        let copy = copy_old(RewardMode::Strict, &row);
        let score = |completion: &str| score(RewardMode::Strict, completion, &row.new_code);
        assert_eq!(gain_over_copy(&copy, &copy), 0.0);
        assert_eq!(
            gain_over_copy(&score(&answered("np.vstack")), &copy),
            1.0 - (1.0 - 1.0 / 9.0)
        );
        assert_eq!(gain_over_copy(&score("no code"), &copy), -(1.0 - 1.0 / 9.0));
    }

    #[test]
    fn a_summary_is_the_means() {
        let score = |completion: &str| score(RewardMode::Strict, completion, "x");
        let summary = Summary::of([
            &score(&answered("x")),
            &score(&answered("y")),
            &score("no code"),
            &score(&answered("=")),
        ])
        .unwrap();
        assert_eq!(summary.completions, 4);
        assert_eq!(summary.format, (1.0 + 1.0 - 1.0 + 1.0) / 4.0);
        assert_eq!(summary.es_star, (2.0 - 1.5 - 2.0 - 2.0) / 4.0);
        assert_eq!(summary.em_star, summary.es_star);
        assert_eq!(summary.total, summary.format + summary.es_star);
        assert_eq!(
            (
                summary.valid_format,
                summary.valid_syntax,
                summary.exact,
                summary.withheld
            ),
            (0.75, 0.5, 0.25, 0.5)
        );
        assert_eq!(Summary::of([]), None);
    }
}
