//! The rows that a run was trained on: what its completions, which name a row by its line, are held against.

use crate::score::rows::Lines;
use serde::Deserialize;
use std::collections::HashMap;

/// A row, as far as a completion is judged by it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Its line; a row that says nothing of it is that of the line where it stands.
    #[serde(default)]
    row: Option<u64>,
    /// The library.
    #[serde(default)]
    pub dependency: String,
    /// What the release note says.
    #[serde(default)]
    pub update_info: String,
    /// The code before.
    #[serde(default)]
    pub old_code: String,
    /// The true migration.
    pub new_code: String,
}

/// Reads rows as they come.
#[derive(Debug, Default)]
pub struct RowsReader {
    lines: Lines,
    /// The rows by their lines.
    pub rows: HashMap<u64, Row>,
    /// How many lines are no rows.
    pub unread: usize,
}

impl RowsReader {
    /// Takes the next piece of the file.
    pub fn push(&mut self, piece: &[u8]) {
        for raw in self.lines.push(piece) {
            self.read(raw.number, raw.text.ok());
        }
    }

    /// Takes the last line of a file that does not end in a line end.
    pub fn finish(&mut self) {
        if let Some(raw) = self.lines.finish() {
            self.read(raw.number, raw.text.ok());
        }
    }

    fn read(&mut self, line: u32, text: Option<Vec<u8>>) {
        // A list would be read as the fields in order.
        let text = text.filter(|text| text.trim_ascii_start().starts_with(b"{"));
        match text.and_then(|text| serde_json::from_slice::<Row>(&text).ok()) {
            Some(row) => {
                self.rows.insert(row.row.unwrap_or(u64::from(line)), row);
            }
            None => self.unread += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_by_its_line_or_by_what_it_says() {
        let mut reader = RowsReader::default();
        reader.push(b"{\"new_code\":\"a\"}\n\n[1]\n{\"row\":17,\"new_code\":\"b\",\"old_code\":\"o\"}\n{\"new_code\":\"c\"}");
        reader.finish();
        let mut rows: Vec<_> = reader
            .rows
            .iter()
            .map(|(&line, row)| (line, &*row.new_code))
            .collect();
        rows.sort_unstable();
        assert_eq!(
            (rows, reader.unread),
            (vec![(1, "a"), (5, "c"), (17, "b")], 1)
        );
    }
}
