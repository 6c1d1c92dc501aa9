//! Two files side by side: every shared example with both values, what they come to, and the verdict.

use super::join::{Join, Shared};
use super::paired::{Difference, TIE, mcnemar};
use super::record::{Basis, Measure, Record};
use crate::score::signed;

/// How B did on an example, against A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Better.
    Win,
    /// Worse.
    Loss,
    /// Neither.
    Tie,
    /// One of them has no such value.
    NoValue,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 4] = [Outcome::Win, Outcome::Loss, Outcome::Tie, Outcome::NoValue];

    /// In a word, as it is written to files and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Win => "win",
            Outcome::Loss => "loss",
            Outcome::Tie => "tie",
            Outcome::NoValue => "no_value",
        }
    }

    /// So many of them: `3 wins`.
    pub fn counted(self, count: usize) -> String {
        let (one, many) = match self {
            Outcome::Win => ("win", "wins"),
            Outcome::Loss => ("loss", "losses"),
            Outcome::Tie => ("tie", "ties"),
            Outcome::NoValue => ("without a value", "without a value"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// An example that both files answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The records' indices.
    pub at: Shared,
    /// A's value of the compared measure.
    pub a: Option<f64>,
    /// B's.
    pub b: Option<f64>,
    /// How B did.
    pub outcome: Outcome,
    /// Whether both answers are the same text.
    pub same_answer: bool,
}

impl Pair {
    /// B's value less A's.
    pub fn difference(&self) -> Option<f64> {
        Some(self.b? - self.a?)
    }
}

/// Two files side by side, by one measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The measure.
    pub measure: Measure,
    /// Where its values come from.
    pub basis: Basis,
    /// Which examples there are.
    pub join: Join,
    /// Every shared example.
    pub pairs: Vec<Pair>,
    /// What the differences come to; `None` where there are none.
    pub difference: Option<Difference>,
}

impl Comparison {
    /// Compares two files' records.
    pub fn of(a: &[Record], b: &[Record], measure: Measure, basis: Basis) -> Self {
        let join = Join::of(a, b);
        let pair = |&at: &Shared| {
            let (a, b) = (&a[at.a as usize], &b[at.b as usize]);
            let values = (a.value(measure, basis), b.value(measure, basis));
            let sign = if measure.less_is_better() { -1.0 } else { 1.0 };
            let outcome = match values {
                (Some(a), Some(b)) if (b - a).abs() <= TIE => Outcome::Tie,
                (Some(a), Some(b)) if sign * (b - a) > 0.0 => Outcome::Win,
                (Some(_), Some(_)) => Outcome::Loss,
                _ => Outcome::NoValue,
            };
            Pair {
                at,
                a: values.0,
                b: values.1,
                outcome,
                same_answer: a.answer == b.answer,
            }
        };
        let pairs: Vec<Pair> = join.shared.iter().map(pair).collect();
        let differences: Vec<(f64, u64)> = pairs
            .iter()
            .filter_map(|pair| Some((pair.difference()?, a[pair.at.a as usize].update)))
            .collect();
        Comparison {
            measure,
            basis,
            difference: Difference::of(&differences),
            join,
            pairs,
        }
    }

    /// How many pairs have an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        let pairs = self.pairs.iter();
        pairs.filter(|pair| pair.outcome == outcome).count()
    }

    /// McNemar's p of wins and losses.
    pub fn p(&self) -> f64 {
        mcnemar(self.count(Outcome::Win), self.count(Outcome::Loss))
    }

    /// The verdict, in a sentence.
    pub fn verdict(&self) -> String {
        let Some(difference) = self.difference else {
            return format!(
                "There is nothing to compare: no example has a {} in both files.",
                self.measure.title()
            );
        };
        let mean = match self.measure.less_is_better() {
            true => -difference.mean,
            false => difference.mean,
        };
        let by = match difference.half {
            Some(half) => format!("{} ± {}", self.written(mean.abs()), self.written(half)),
            None => self.written(mean.abs()),
        };
        let what = self.measure.title();
        let claim = match (difference.is_clear(), mean > 0.0) {
            (true, true) => format!("B beats A by {by} {what}"),
            (true, false) => format!("A beats B by {by} {what}"),
            (false, _) if mean.abs() <= TIE => format!("B and A are level in {what}: {by}"),
            (false, ahead) => {
                let who = match ahead {
                    true => "B is ahead of A",
                    false => "A is ahead of B",
                };
                let zero = match difference.half {
                    Some(_) => ", an interval with 0 in it,",
                    None => "",
                };
                format!("{who}: {by} {what}{zero}")
            }
        };
        let pairs = match difference.pairs {
            1 => "1 pair".to_owned(),
            n => format!("{n} pairs"),
        };
        let counts = [Outcome::Win, Outcome::Loss, Outcome::Tie];
        let counts = counts.map(|outcome| outcome.counted(self.count(outcome)));
        format!(
            "{claim} on {pairs}; B has {}, {} unmatched.",
            counts.join(", "),
            self.join.unmatched()
        )
    }

    /// How the verdict was come by; nothing where nothing was compared.
    pub fn method(&self) -> String {
        if self.pairs.is_empty() {
            return String::new();
        }
        let p = self.p();
        let reading = match p < 0.05 {
            true => "it is hardly by chance that one side wins more often",
            false => "wins and losses may be split so by chance",
        };
        let p = if p < 0.001 {
            "p < 0.001".to_owned()
        } else {
            format!("p = {p:.3}")
        };
        let test = format!("McNemar's exact test on wins and losses: {p}; {reading}.");
        let zero = match self.difference.is_some_and(Difference::is_clear) {
            true => "It leaves out 0: the mean difference is hardly by chance.",
            false => "Where it holds 0, the mean difference may be chance.",
        };
        match self.difference {
            Some(Difference {
                half: Some(_),
                updates,
                pairs,
                ..
            }) if updates < pairs => format!(
                "± is half a 95 % interval of the mean difference per example: Student's t over {updates} updates, as examples of one update are not independent. {zero} {test}"
            ),
            Some(Difference { half: Some(_), .. }) => format!(
                "± is half a 95 % interval of the mean difference per example: Student's t, paired. {zero} {test}"
            ),
            Some(_) => format!(
                "There is no interval: all pairs are of one update, which says nothing about others. {test}"
            ),
            None => test,
        }
    }

    fn written(&self, value: f64) -> String {
        match self.measure.is_share() {
            true => format!("{:.1} points of", 100.0 * value),
            false => format!("{value:.3}"),
        }
    }
}

/// A difference with its interval: `+0.120 ± 0.040`, shares in percent.
pub fn written(difference: Difference, measure: Measure) -> String {
    let scale = if measure.is_share() { 100.0 } else { 1.0 };
    let number = |value: f64| match measure.is_share() {
        true => format!("{value:.1}"),
        false => format!("{value:.3}"),
    };
    let mean = match measure.is_share() {
        true if (difference.mean * 1000.0).round() == 0.0 => "0.0".to_owned(),
        true => format!("{:+.1}", 100.0 * difference.mean),
        false => signed(difference.mean),
    };
    match difference.half {
        Some(half) => format!("{mean} ± {}", number(scale * half)),
        None => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;
    use crate::score::Rules;

    fn records(totals: &[(u64, f64, &str)]) -> Vec<Record> {
        let record = |&(row, total, update): &(u64, f64, &str)| {
            let line = serde_json::json!({"row": row, "completion": total.to_string(), "update_info": update, "new_code": "x", "total": total});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        totals.iter().map(record).collect()
    }

    #[test]
    fn a_verdict_counts_everything() {
        let a = records(&[(1, 0.0, "u"), (2, 1.0, "v"), (3, 1.0, "w"), (4, 1.0, "x")]);
        let b = records(&[(1, 1.0, "u"), (2, 2.0, "v"), (3, 2.0, "w"), (5, 1.0, "x")]);
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Logged);
        // All three differences are 1: no spread. 2 · 1/8.
        assert_eq!(
            comparison.verdict(),
            "B beats A by 1.000 ± 0.000 reward on 3 pairs; B has 3 wins, 0 losses, 0 ties, 2 unmatched."
        );
        assert!(comparison.method().contains("p = 0.250"));
        let turned = Comparison::of(&b, &a, Measure::Total, Basis::Logged);
        assert!(
            turned.verdict().starts_with("A beats B by 1.000"),
            "{}",
            turned.verdict()
        );
    }

    #[test]
    fn what_may_be_chance_is_said_by_interval_and_test_alike() {
        let a = records(&[(1, 0.0, "u"), (2, 1.0, "v"), (3, 1.0, "w")]);
        let b = records(&[(1, 1.0, "u"), (2, 0.5, "v"), (3, 1.0, "w")]);
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Logged);
        let verdict = comparison.verdict();
        assert!(
            verdict.starts_with("B is ahead of A: 0.167 ± "),
            "{verdict}"
        );
        assert!(
            verdict.contains("reward, an interval with 0 in it, on 3 pairs; B has 1 win, 1 loss, 1 tie, 0 unmatched"),
            "{verdict}"
        );
        let method = comparison.method();
        assert!(
            method.contains("Where it holds 0, the mean difference may be chance."),
            "{method}"
        );
        assert!(
            method.ends_with("p = 1.000; wins and losses may be split so by chance."),
            "{method}"
        );
        let same = Comparison::of(&a, &a, Measure::Total, Basis::Logged);
        assert!(
            same.verdict()
                .starts_with("B and A are level in reward: 0.000 ± 0.000 on 3 pairs"),
            "{}",
            same.verdict()
        );
    }

    #[test]
    fn without_a_shared_value_there_is_no_verdict() {
        let a = records(&[(1, 0.0, "u")]);
        let comparison = Comparison::of(&a, &[], Measure::Total, Basis::Logged);
        assert!(
            comparison
                .verdict()
                .starts_with("There is nothing to compare")
        );
        let unscored = Comparison::of(&a, &a, Measure::Truncated, Basis::Logged);
        assert_eq!(unscored.count(Outcome::NoValue), 1);
    }

    #[test]
    fn less_truncation_is_a_win() {
        let mut a = records(&[(1, 0.0, "u"), (2, 0.0, "v")]);
        let mut b = a.clone();
        (a[0].truncated, b[0].truncated) = (Some(true), Some(false));
        (a[1].truncated, b[1].truncated) = (Some(true), Some(false));
        let comparison = Comparison::of(&a, &b, Measure::Truncated, Basis::Logged);
        assert_eq!(comparison.count(Outcome::Win), 2);
        assert!(
            comparison
                .verdict()
                .starts_with("B beats A by 100.0 points of"),
            "{}",
            comparison.verdict()
        );
        assert_eq!(
            written(comparison.difference.unwrap(), Measure::Truncated),
            "-100.0 ± 0.0"
        );
    }

    /// By scipy 1.17.1: the formula of `paired` over the files' logged totals, sorted by row, and `binomtest(27, 40)`.
    #[test]
    fn the_pair_that_comes_with_the_page_has_scipys_numbers() {
        let records = |text: &str| {
            let lines = text.lines().map(|line| Line::parse(line.as_bytes()));
            let records = lines.map(|line| line.unwrap().record);
            records.collect::<Vec<_>>()
        };
        let a = records(include_str!("../../page/demo-before.jsonl"));
        let b = records(include_str!("../../page/demo-after.jsonl"));
        for records in [&a, &b] {
            let rules = super::super::LoggedRules::of(records).unwrap();
            assert_eq!(
                (rules.rules, rules.agree, rules.of),
                (Rules::Strict, 96, 96)
            );
        }
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Scored(Rules::Strict));
        let difference = comparison.difference.unwrap();
        assert!((difference.mean - 0.28004666843689174).abs() < 1e-9);
        assert!((difference.half.unwrap() - 0.2815422162326663).abs() < 1e-9);
        assert_eq!((difference.pairs, difference.updates), (96, 96));
        assert_eq!(
            (
                comparison.count(Outcome::Win),
                comparison.count(Outcome::Loss)
            ),
            (27, 13)
        );
        assert!((comparison.p() - 0.03847730828420026).abs() < 1e-12);
        // How far ahead and how often are two questions, and here they have two answers.
        let (verdict, method) = (comparison.verdict(), comparison.method());
        assert!(
            verdict.contains("0.280 ± 0.282 reward, an interval with 0 in it, on 96 pairs"),
            "{verdict}"
        );
        assert!(
            method.ends_with("p = 0.038; it is hardly by chance that one side wins more often."),
            "{method}"
        );
    }
}
