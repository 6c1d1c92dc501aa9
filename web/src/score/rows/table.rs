//! The table of a file's rows: which of them are shown, and in what order.

use super::{Column, Outcome, RowScore};
use std::cmp::Ordering;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The most first.
    Descending,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: Column,
    /// Up or down.
    pub direction: Direction,
}

/// A condition on rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    /// A value of at least that.
    AtLeast(Column, f64),
    /// A value of at most that.
    AtMost(Column, f64),
    /// What became of the line.
    Outcome(Outcome),
    /// The total that stands in the line is another one.
    DiffersFromLogged,
}

impl Filter {
    /// In words: `total ≥ 1.5`.
    pub fn in_words(&self) -> String {
        match self {
            Filter::AtLeast(column, value) => format!("{} ≥ {value}", column.name()),
            Filter::AtMost(column, value) => format!("{} ≤ {value}", column.name()),
            Filter::Outcome(outcome) => outcome.name().to_owned(),
            Filter::DiffersFromLogged => "total is not the logged one".to_owned(),
        }
    }

    fn passes(&self, row: &RowScore) -> bool {
        match *self {
            Filter::AtLeast(column, least) => row.value(column).is_some_and(|value| value >= least),
            Filter::AtMost(column, most) => row.value(column).is_some_and(|value| value <= most),
            Filter::Outcome(outcome) => row.outcome == outcome,
            Filter::DiffersFromLogged => row.differs_from_logged() == Some(true),
        }
    }
}

/// The rows of a file, and those that are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Every row, in the file's order.
    pub rows: Vec<RowScore>,
    /// What they are sorted by.
    pub order: Order,
    /// What shown rows have to pass, all of it.
    pub filters: Vec<Filter>,
    /// Indices of the shown rows, in order.
    pub shown: Vec<u32>,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            rows: Vec::new(),
            order: Order {
                column: Column::Line,
                direction: Direction::Ascending,
            },
            filters: Vec::new(),
            shown: Vec::new(),
        }
    }
}

impl Table {
    /// Adds rows.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = RowScore>) {
        self.rows.extend(rows);
        self.arrange();
    }

    /// Forgets the rows; order and filters stay.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.shown.clear();
    }

    /// Sorts by a column: the other way round where it is sorted by that already.
    pub fn sort_by(&mut self, column: Column) {
        let first = match column {
            Column::Line => Direction::Ascending,
            _ => Direction::Descending,
        };
        let direction = match (self.order.column == column, self.order.direction) {
            (true, Direction::Ascending) => Direction::Descending,
            (true, Direction::Descending) => Direction::Ascending,
            (false, _) => first,
        };
        self.order = Order { column, direction };
        self.arrange();
    }

    /// Adds a filter, or takes it away where it is there.
    pub fn toggle(&mut self, filter: Filter) {
        match self.filters.iter().position(|other| *other == filter) {
            Some(at) => {
                self.filters.remove(at);
            }
            None => self.filters.push(filter),
        }
        self.arrange();
    }

    /// How many rows have each outcome, those that none has left out.
    pub fn outcomes(&self) -> Vec<(Outcome, usize)> {
        let count = |outcome| {
            self.rows
                .iter()
                .filter(|row| row.outcome == outcome)
                .count()
        };
        let counts = Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome, count(outcome)));
        counts.filter(|&(_, count)| count > 0).collect()
    }

    /// The mean of a column over the shown rows that have it, and how many those are.
    pub fn mean(&self, column: Column) -> (Option<f64>, usize) {
        let rows = self.shown.iter().map(|&at| &self.rows[at as usize]);
        let mean: recode_core::metrics::Mean = rows.filter_map(|row| row.value(column)).collect();
        (mean.value(), mean.count())
    }

    fn arrange(&mut self) {
        let rows = &self.rows;
        self.shown = (0..rows.len() as u32)
            .filter(|&at| {
                self.filters
                    .iter()
                    .all(|filter| filter.passes(&rows[at as usize]))
            })
            .collect();
        let Order { column, direction } = self.order;
        let compare = |a: &u32, b: &u32| {
            let value = |at: &u32| rows[*at as usize].value(column);
            match (value(a), value(b)) {
                (Some(a), Some(b)) if direction == Direction::Ascending => a.total_cmp(&b),
                (Some(a), Some(b)) => b.total_cmp(&a),
                // What could not be had stands last either way.
                (a, b) => a.is_none().cmp(&b.is_none()),
            }
        };
        if self.order != Table::default().order {
            self.shown.sort_by(|a, b| match compare(a, b) {
                Ordering::Equal => a.cmp(b),
                other => other,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;
    use crate::score::{Rules, with_tags};

    /// Codes of falling similarity, one that is none, and a line that was not read.
    fn table() -> Table {
        let answers = ["abc", "abd", "xyz", "("];
        let row = |(at, code): (usize, &str)| {
            let text =
                serde_json::json!({"completion": with_tags("", code), "target": "abc"}).to_string();
            let line = Line::parse(text.as_bytes()).unwrap();
            RowScore::of(&line, Rules::Strict, at as u32 + 1, 0, 0, 0)
        };
        let mut table = Table::default();
        table.extend(answers.into_iter().enumerate().map(row));
        table.extend([RowScore::unread(5, 0, 0)]);
        table
    }

    #[test]
    fn a_second_click_turns_the_order_and_what_has_no_value_stays_last() {
        let mut table = table();
        assert_eq!(table.shown, [0, 1, 2, 3, 4]);
        table.sort_by(Column::Similarity);
        assert_eq!(table.shown, [0, 1, 2, 3, 4]);
        table.sort_by(Column::Similarity);
        assert_eq!(table.shown, [2, 1, 0, 3, 4]);
        table.sort_by(Column::Line);
        table.sort_by(Column::Line);
        assert_eq!(table.shown, [4, 3, 2, 1, 0]);
    }

    #[test]
    fn filters_hold_together_and_a_mean_is_over_what_is_shown() {
        let mut table = table();
        table.toggle(Filter::AtMost(Column::Similarity, 0.9));
        assert_eq!(table.shown, [1, 2]);
        // Two of three characters, and none.
        let (mean, count) = table.mean(Column::Similarity);
        assert!((mean.unwrap() - 1.0 / 3.0).abs() < 1e-12 && count == 2);
        table.toggle(Filter::AtLeast(Column::EsStar, 0.0));
        assert_eq!(table.shown, [1]);
        table.toggle(Filter::AtMost(Column::Similarity, 0.9));
        assert_eq!(table.shown, [0, 1]);
        table.toggle(Filter::Outcome(Outcome::Unread));
        assert_eq!(
            (table.shown.len(), table.mean(Column::Total)),
            (0, (None, 0))
        );
        assert_eq!(
            table.outcomes(),
            [
                (Outcome::Exact, 1),
                (Outcome::Compared, 2),
                (Outcome::NotPython, 1),
                (Outcome::Unread, 1)
            ]
        );
    }
}
