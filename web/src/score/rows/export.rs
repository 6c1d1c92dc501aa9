//! The shown rows as a file: JSON Lines or CSV.

use super::{Column, Table};
use crate::csv::field;
use serde::{Serialize, Serializer};
use std::fmt::Write;

/// A form of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// An object a line.
    JsonLines,
    /// By RFC 4180, with a line of names.
    Csv,
}

/// A row as it is written.
#[derive(Debug)]
pub struct ScoredLine<'a> {
    values: Vec<(Column, Option<f64>)>,
    dependency: &'a str,
    outcome: &'static str,
}

impl Serialize for ScoredLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |&(column, value): &(Column, Option<f64>)| match (column, value) {
            // A number of a line is whole.
            (Column::Line, Some(line)) => (column.name(), (line as u64).into()),
            (_, value) => (
                column.name(),
                value.map_or(serde_json::Value::Null, Into::into),
            ),
        };
        let texts = [
            ("dependency", self.dependency.into()),
            ("outcome", self.outcome.into()),
        ];
        serializer.collect_map(self.values.iter().map(value).chain(texts))
    }
}

impl Export {
    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Export::JsonLines => "jsonl",
            Export::Csv => "csv",
        }
    }

    /// The table's shown rows; `dependencies` are the names that rows point to.
    pub fn of(self, table: &Table, dependencies: &[String]) -> String {
        let mut text = String::new();
        if self == Export::Csv {
            let names = Column::ALL.map(Column::name).join(",");
            text = format!("{names},dependency,outcome\r\n");
        }
        for &at in &table.shown {
            let row = &table.rows[at as usize];
            let dependency = dependencies.get(row.dependency as usize);
            let line = ScoredLine {
                values: Column::ALL.map(|column| (column, row.value(column))).into(),
                dependency: dependency.map_or("", |name| name),
                outcome: row.outcome.name(),
            };
            match self {
                Export::JsonLines => {
                    text.push_str(&serde_json::to_string(&line).unwrap_or_default());
                    text.push('\n');
                }
                Export::Csv => csv(&mut text, &line),
            }
        }
        text
    }
}

fn csv(text: &mut String, line: &ScoredLine<'_>) {
    for (_, value) in &line.values {
        // Writing to a string cannot fail.
        let _ = match value {
            Some(value) => write!(text, "{value},"),
            None => write!(text, ","),
        };
    }
    let _ = write!(
        text,
        "{},{}\r\n",
        field(line.dependency),
        field(line.outcome)
    );
}

#[cfg(test)]
mod tests {
    use super::super::{Line, RowScore};
    use super::*;
    use crate::score::Rules;

    #[test]
    fn both_forms_hold_the_same_rows() {
        let line = Line::parse(br#"{"completion": "none", "target": "a"}"#).unwrap();
        let mut table = Table::default();
        table.extend([RowScore::of(&line, Rules::Strict, 4, 0, 0, 1)]);
        let names = ["".to_owned(), "=a,\"b\"".to_owned()];
        assert_eq!(
            Export::Csv.of(&table, &names),
            "line,total,format,es_star,em_star,edit_gain,api_adopted,api_left,similarity,dependency,outcome\r\n\
             4,-3,-1,-2,-2,,,,,\"'=a,\"\"b\"\"\",no code\r\n"
        );
        assert_eq!(
            Export::JsonLines.of(&table, &names),
            "{\"line\":4,\"total\":-3.0,\"format\":-1.0,\"es_star\":-2.0,\"em_star\":-2.0,\"edit_gain\":null,\"api_adopted\":null,\
             \"api_left\":null,\"similarity\":null,\"dependency\":\"=a,\\\"b\\\"\",\"outcome\":\"no code\"}\n"
        );
    }
}
