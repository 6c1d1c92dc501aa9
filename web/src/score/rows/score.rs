//! What stays of a scored line: numbers, in a form that a worker hands over by the hundred.

use super::Line;
use crate::score::Rules;
use recode_core::reward::{Breakdown, Reference, Withheld};

/// The most rows of a file: browsers draw nothing higher than a million of them, and each takes 120 bytes.
pub const MAX_ROWS: usize = 1_000_000;

/// How many numbers a row is handed over as.
pub const FIELDS: usize = 14;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The code equals the target.
    Exact,
    /// The code is nearer to the target than the old code.
    Nearer,
    /// The codes were compared, and it is neither.
    Compared,
    /// The code is no nearer to the target than the old code.
    NoNearer,
    /// There is no code where it was looked for.
    NoCode,
    /// The code is not Python.
    NotPython,
    /// Withheld for another reason.
    Withheld,
    /// The line has no completion: a row of a data set.
    Unanswered,
    /// The line could not be read.
    Unread,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 9] = [
        Outcome::Exact,
        Outcome::Nearer,
        Outcome::Compared,
        Outcome::NoNearer,
        Outcome::NoCode,
        Outcome::NotPython,
        Outcome::Withheld,
        Outcome::Unanswered,
        Outcome::Unread,
    ];

    /// In a few words.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Exact => "exact",
            Outcome::Nearer => "nearer than the old code",
            Outcome::Compared => "compared",
            Outcome::NoNearer => "no nearer than the old code",
            Outcome::NoCode => "no code",
            Outcome::NotPython => "not Python",
            Outcome::Withheld => "withheld",
            Outcome::Unanswered => "not answered",
            Outcome::Unread => "unread",
        }
    }

    fn of(breakdown: &Breakdown) -> Self {
        match (
            &breakdown.withheld,
            breakdown.similarity,
            breakdown.baseline,
        ) {
            (Some(Withheld::NoCode { .. } | Withheld::EmptyCode), ..) => Outcome::NoCode,
            (Some(Withheld::AnswerNotPython { .. }), ..) => Outcome::NotPython,
            (Some(_), ..) => Outcome::Withheld,
            _ if breakdown.em_star == 2.0 => Outcome::Exact,
            (None, Some(similarity), Some(baseline)) if similarity > baseline => Outcome::Nearer,
            (None, Some(_), Some(_)) => Outcome::NoNearer,
            _ => Outcome::Compared,
        }
    }
}

/// A column that rows are sorted and filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The line's number.
    Line,
    /// The sum.
    Total,
    /// +1 or -1.
    Format,
    /// ES*.
    EsStar,
    /// EM*.
    EmStar,
    /// What is gained over copying.
    EditGain,
    /// New API names in use.
    ApiAdopted,
    /// Old API names still in use.
    ApiLeft,
    /// Edit similarity.
    Similarity,
}

impl Column {
    /// All of them, in order.
    pub const ALL: [Column; 9] = [
        Column::Line,
        Column::Total,
        Column::Format,
        Column::EsStar,
        Column::EmStar,
        Column::EditGain,
        Column::ApiAdopted,
        Column::ApiLeft,
        Column::Similarity,
    ];

    /// As it is written in results.
    pub fn name(self) -> &'static str {
        match self {
            Column::Line => "line",
            Column::Total => "total",
            Column::Format => "format",
            Column::EsStar => "es_star",
            Column::EmStar => "em_star",
            Column::EditGain => "edit_gain",
            Column::ApiAdopted => "api_adopted",
            Column::ApiLeft => "api_left",
            Column::Similarity => "similarity",
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

/// A scored line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowScore {
    /// Its number in the file, from 1.
    pub line: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Which library: an index into the list of those that were met.
    pub dependency: u32,
    /// The values of [`Column::ALL`] from the total on; NaN for what could not be had.
    values: [f64; 8],
    /// The total that stands in the line; NaN where none does.
    logged: f64,
}

impl RowScore {
    /// Scores a line.
    pub fn of(
        line: &Line,
        rules: Rules,
        number: u32,
        offset: u64,
        bytes: u32,
        dependency: u32,
    ) -> Self {
        let case = &line.case;
        if !line.is_answered {
            return RowScore {
                outcome: Outcome::Unanswered,
                dependency,
                ..RowScore::unread(number, offset, bytes)
            };
        }
        let reference = Reference::new(rules.rubric(), &case.target, case.given_old_code());
        let breakdown = reference.score(&case.completion(), None);
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        RowScore {
            line: number,
            offset,
            bytes,
            outcome: Outcome::of(&breakdown),
            dependency,
            values: [
                or_nan(breakdown.total),
                breakdown.format,
                breakdown.es_star,
                breakdown.em_star,
                or_nan(breakdown.edit_gain),
                or_nan(breakdown.api_adopted),
                or_nan(breakdown.api_left),
                or_nan(breakdown.similarity),
            ],
            logged: or_nan(line.logged),
        }
    }

    /// A line that could not be read.
    pub fn unread(number: u32, offset: u64, bytes: u32) -> Self {
        RowScore {
            line: number,
            offset,
            bytes,
            outcome: Outcome::Unread,
            dependency: 0,
            values: [f64::NAN; 8],
            logged: f64::NAN,
        }
    }

    /// A value; `None` where it could not be had.
    pub fn value(&self, column: Column) -> Option<f64> {
        let value = match column as usize {
            0 => f64::from(self.line),
            at => self.values[at - 1],
        };
        (!value.is_nan()).then_some(value)
    }

    /// Whether the total that stands in the line is another one; `None` where none stands there.
    pub fn differs_from_logged(&self) -> Option<bool> {
        let total = self.value(Column::Total)?;
        (!self.logged.is_nan()).then_some((total - self.logged).abs() > 1e-6)
    }

    /// As numbers.
    pub fn to_numbers(&self) -> [f64; FIELDS] {
        let mut numbers = [0.0; FIELDS];
        numbers[..5].copy_from_slice(&[
            f64::from(self.line),
            self.offset as f64,
            f64::from(self.bytes),
            self.outcome as usize as f64,
            f64::from(self.dependency),
        ]);
        numbers[5..13].copy_from_slice(&self.values);
        numbers[13] = self.logged;
        numbers
    }

    /// Of numbers.
    pub fn from_numbers(numbers: &[f64; FIELDS]) -> Self {
        let mut values = [0.0; 8];
        values.copy_from_slice(&numbers[5..13]);
        let outcome = Outcome::ALL.get(numbers[3] as usize);
        RowScore {
            line: numbers[0] as u32,
            offset: numbers[1] as u64,
            bytes: numbers[2] as u32,
            outcome: *outcome.unwrap_or(&Outcome::Unread),
            dependency: numbers[4] as u32,
            values,
            logged: numbers[13],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::with_tags;

    fn scored(answer: &str, old: &str, total: Option<f64>) -> RowScore {
        let text = serde_json::json!({"completion": answer, "target": "np.vstack(a)", "old_code": old, "total": total});
        let line = Line::parse(text.to_string().as_bytes()).unwrap();
        RowScore::of(&line, Rules::Strict, 7, 1 << 33, 99, 3)
    }

    #[test]
    fn numbers_bring_back_the_row() {
        let row = scored(
            &with_tags("", "np.row_stack(a)"),
            "np.row_stack(a)",
            Some(2.0),
        );
        let back = RowScore::from_numbers(&row.to_numbers());
        assert_eq!(back, row);
        assert_eq!(
            (back.line, back.offset, back.bytes, back.dependency),
            (7, 1 << 33, 99, 3)
        );
        // 3.5 · (1 - 4/15) - 1.5 and the format; edit_gain of a copy.
        assert!(
            (back.value(Column::Total).unwrap() - (3.5 * (1.0 - 4.0 / 15.0) - 0.5)).abs() < 1e-12
        );
        assert_eq!(back.value(Column::EditGain), Some(-0.8));
        assert_eq!(
            (back.outcome, back.differs_from_logged()),
            (Outcome::NoNearer, Some(true))
        );
    }

    #[test]
    fn an_outcome_is_what_became_of_the_code() {
        let outcome = |answer: &str, old| scored(answer, old, None).outcome;
        assert_eq!(outcome(&with_tags("", "np.vstack(a)"), "x"), Outcome::Exact);
        assert_eq!(
            outcome(&with_tags("", "np.vstack(b)"), "x"),
            Outcome::Nearer
        );
        assert_eq!(
            outcome(&with_tags("", "np.vstack(b)"), ""),
            Outcome::Compared
        );
        assert_eq!(outcome("none", "x"), Outcome::NoCode);
        assert_eq!(outcome(&with_tags("", "("), "x"), Outcome::NotPython);
        assert_eq!(scored("none", "x", None).differs_from_logged(), None);
        // Nobody has earned anything.
        let row = Line::parse(br#"{"new_code": "n"}"#).unwrap();
        let row = RowScore::of(&row, Rules::Strict, 7, 0, 17, 3);
        assert_eq!(
            (row.outcome, row.value(Column::Total)),
            (Outcome::Unanswered, None)
        );
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }
}
