//! The table of pairs: which of them are shown, and in what order.

use super::comparison::{Comparison, Outcome, Pair};
use super::record::{Basis, Measure, Record};
use crate::score::Rules;
use crate::score::rows::Direction;
use std::cmp::Ordering;

/// One of the two compared files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The baseline.
    A,
    /// The other.
    B,
}

impl Side {
    /// Its letter.
    pub fn name(self) -> &'static str {
        match self {
            Side::A => "A",
            Side::B => "B",
        }
    }
}

/// A column that pairs are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The example's name.
    Example,
    /// A side's value of the compared measure.
    Value(Side),
    /// B less A, by a measure.
    Difference(Measure),
}

/// A condition on pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    /// How B did.
    Outcome(Outcome),
    /// Whether the answers are different texts.
    OtherAnswer,
    /// A side's value lies from the first up to the second; the scale's end is part of the last.
    Within(Side, f64, f64),
    /// A logged reward is not what the page computes.
    NotAsLogged,
}

impl Filter {
    /// In words.
    pub fn in_words(self) -> String {
        match self {
            Filter::Outcome(Outcome::Win) => "B wins".to_owned(),
            Filter::Outcome(Outcome::Loss) => "B loses".to_owned(),
            Filter::Outcome(Outcome::Tie) => "tied".to_owned(),
            Filter::Outcome(Outcome::NoValue) => "without a value".to_owned(),
            Filter::OtherAnswer => "different answers".to_owned(),
            Filter::Within(side, from, to) => {
                format!("{} from {from:.2} to {to:.2}", side.name())
            }
            Filter::NotAsLogged => "not the logged rewards".to_owned(),
        }
    }

    /// Whether one takes the other's place: a pair has one outcome and a side one value.
    fn excludes(self, other: Filter) -> bool {
        match (self, other) {
            (Filter::Outcome(_), Filter::Outcome(_)) => true,
            (Filter::Within(a, ..), Filter::Within(b, ..)) => a == b,
            _ => self == other,
        }
    }
}

/// Adds a filter in place of those that it excludes, or takes it away where it is there.
pub fn toggle(filters: &mut Vec<Filter>, filter: Filter) {
    let there = filters.contains(&filter);
    filters.retain(|other| !filter.excludes(*other));
    if !there {
        filters.push(filter);
    }
}

/// Both files' records, and the rules that each was logged by.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// Of A.
    pub a: &'a [Record],
    /// Of B.
    pub b: &'a [Record],
    /// By which rules A's rewards are checked.
    pub a_rules: Option<Rules>,
    /// By which B's are.
    pub b_rules: Option<Rules>,
}

impl Sides<'_> {
    /// The records of a pair.
    pub fn records(&self, pair: &Pair) -> (&Record, &Record) {
        (&self.a[pair.at.a as usize], &self.b[pair.at.b as usize])
    }

    /// A side's value of a measure.
    pub fn value(&self, pair: &Pair, side: Side, measure: Measure, basis: Basis) -> Option<f64> {
        let (a, b) = self.records(pair);
        match side {
            Side::A => a.value(measure, basis),
            Side::B => b.value(measure, basis),
        }
    }

    /// Whether both logged rewards are what the page computes; `None` where neither can be checked.
    pub fn as_logged(&self, pair: &Pair) -> Option<bool> {
        let (a, b) = self.records(pair);
        let checks = [
            self.a_rules.and_then(|rules| a.agrees(rules)),
            self.b_rules.and_then(|rules| b.agrees(rules)),
        ];
        let checked = checks.into_iter().flatten();
        checked.reduce(|one, other| one && other)
    }

    fn passes(&self, pair: &Pair, filter: Filter, top: f64) -> bool {
        match filter {
            Filter::Outcome(outcome) => pair.outcome == outcome,
            Filter::OtherAnswer => !pair.same_answer,
            Filter::Within(side, from, to) => {
                let value = if side == Side::A { pair.a } else { pair.b };
                value.is_some_and(|value| {
                    from <= value && (value < to || (to >= top && value <= to))
                })
            }
            Filter::NotAsLogged => self.as_logged(pair) == Some(false),
        }
    }
}

/// What the table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: Column,
    /// Up or down.
    pub direction: Direction,
}

impl Default for Order {
    fn default() -> Self {
        Order {
            column: Column::Example,
            direction: Direction::Ascending,
        }
    }
}

impl Order {
    /// By that column: the other way round where it is sorted by that already.
    pub fn by(self, column: Column) -> Self {
        let direction = match (self.column == column, self.direction) {
            (true, Direction::Ascending) => Direction::Descending,
            (true, Direction::Descending) => Direction::Ascending,
            // What B lost comes first.
            (false, _) => Direction::Ascending,
        };
        Order { column, direction }
    }
}

/// Indices of the pairs that pass all filters, in order.
pub fn shown(
    comparison: &Comparison,
    sides: Sides<'_>,
    filters: &[Filter],
    order: Order,
) -> Vec<u32> {
    let pairs = &comparison.pairs;
    let (_, top) = comparison.measure.scale();
    let passes = |at: &u32| {
        let pair = &pairs[*at as usize];
        filters
            .iter()
            .all(|filter| sides.passes(pair, *filter, top))
    };
    let mut shown: Vec<u32> = (0..pairs.len() as u32).filter(passes).collect();
    // Pairs stand in the order of their examples.
    let value = |at: &u32| {
        let pair = &pairs[*at as usize];
        match order.column {
            Column::Example => Some(f64::from(*at)),
            Column::Value(Side::A) => pair.a,
            Column::Value(Side::B) => pair.b,
            Column::Difference(measure) => {
                let value = |side| sides.value(pair, side, measure, comparison.basis);
                Some(value(Side::B)? - value(Side::A)?)
            }
        }
    };
    let mut keyed: Vec<(Option<f64>, u32)> = shown.iter().map(|at| (value(at), *at)).collect();
    keyed.sort_by(|(one, at), (other, at_other)| {
        let by_value = match (one, other) {
            (Some(one), Some(other)) if order.direction == Direction::Ascending => {
                one.total_cmp(other)
            }
            (Some(one), Some(other)) => other.total_cmp(one),
            // What has no value stands last either way.
            (one, other) => one.is_none().cmp(&other.is_none()),
        };
        match by_value {
            Ordering::Equal => at.cmp(at_other),
            by_value => by_value,
        }
    });
    shown.clear();
    shown.extend(keyed.into_iter().map(|(_, at)| at));
    shown
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    fn records(totals: [Option<f64>; 4]) -> Vec<Record> {
        let record = |(row, total): (usize, Option<f64>)| {
            let line = serde_json::json!({"row": row, "completion": total.map(|t| t.to_string()).unwrap_or_default(), "total": total});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        totals.into_iter().enumerate().map(record).collect()
    }

    #[test]
    fn pairs_are_sorted_and_filtered() {
        let a = records([Some(0.0), Some(1.0), Some(3.0), None]);
        let b = records([Some(1.0), Some(-1.0), Some(3.0), Some(2.0)]);
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Logged);
        let sides = Sides {
            a: &a,
            b: &b,
            a_rules: None,
            b_rules: None,
        };
        let of = |filters: &[Filter], order| shown(&comparison, sides, filters, order);
        let plain = Order::default();
        assert_eq!(of(&[], plain), [0, 1, 2, 3]);
        let by_difference = plain.by(Column::Difference(Measure::Total));
        assert_eq!(of(&[], by_difference), [1, 2, 0, 3]);
        let turned = by_difference.by(Column::Difference(Measure::Total));
        assert_eq!(of(&[], turned), [0, 2, 1, 3]);
        assert_eq!(of(&[], plain.by(Column::Value(Side::B))), [1, 0, 3, 2]);
        assert_eq!(of(&[Filter::Outcome(Outcome::Loss)], plain), [1]);
        assert_eq!(of(&[Filter::OtherAnswer], plain), [0, 1, 3]);
        // The most there is lies in the last bin.
        assert_eq!(of(&[Filter::Within(Side::A, 2.75, 3.0)], plain), [2]);
        assert_eq!(of(&[Filter::Within(Side::A, 0.0, 1.0)], plain), [0]);
        assert_eq!(of(&[Filter::NotAsLogged], plain), [0u32; 0]);
    }

    #[test]
    fn a_filter_takes_the_place_of_its_like() {
        let mut filters = vec![Filter::OtherAnswer];
        toggle(&mut filters, Filter::Outcome(Outcome::Win));
        toggle(&mut filters, Filter::Outcome(Outcome::Loss));
        assert_eq!(
            filters,
            [Filter::OtherAnswer, Filter::Outcome(Outcome::Loss)]
        );
        toggle(&mut filters, Filter::Outcome(Outcome::Loss));
        assert_eq!(filters, [Filter::OtherAnswer]);
    }
}
