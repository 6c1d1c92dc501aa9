//! The rows the demo ships: real API changes, all of them sound, and none of them from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use recode_core::audit::audit;
use recode_core::migration::Migration;

const TRAIN: &str = include_str!("../demo/migrations.jsonl");
const HELD_OUT: &str = include_str!("../demo/held_out.jsonl");

fn rows(json_lines: &str) -> Vec<Migration> {
    json_lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn all() -> Vec<Migration> {
    let mut all = rows(TRAIN);
    all.extend(rows(HELD_OUT));
    all
}

#[test]
fn there_are_hundreds_of_rows_of_many_libraries() {
    let all = all();
    let mut libraries: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &all {
        *libraries.entry(&row.dependency).or_default() += 1;
    }
    assert!(all.len() >= 600, "{} rows", all.len());
    assert!(libraries.len() >= 80, "{libraries:?}");
    // Not one library with a handful of others for show: no library has more than an eighth of the rows.
    assert!(
        libraries.values().all(|&rows| rows * 8 <= all.len()),
        "{libraries:?}"
    );
}

#[test]
fn the_audit_finds_nothing() {
    // Valid Python on both sides, another syntax tree, every field filled, an operator, one spelling a library, no row twice.
    let report = audit(all().into_iter().map(Into::into), None);
    for (index, row) in report.rows.iter().enumerate() {
        assert!(
            row.findings.is_empty(),
            "row {}: {:?}",
            index + 1,
            row.findings
        );
    }
    assert!(report.counts.is_empty(), "{:?}", report.counts);
    assert!(report.spellings.is_empty(), "{:?}", report.spellings);
}

#[test]
fn no_note_and_no_code_stands_in_two_rows() {
    let all = all();
    type Text = fn(&Migration) -> &str;
    let fields: [(&str, Text); 3] = [
        ("update_info", |row| &row.update_info),
        ("old_code", |row| &row.old_code),
        ("new_code", |row| &row.new_code),
    ];
    for (name, field) in fields {
        let mut seen = BTreeSet::new();
        for row in &all {
            assert!(seen.insert(field(row)), "{name} twice: {}", field(row));
        }
    }
}

#[test]
fn rows_are_short() {
    for row in all() {
        for code in [&row.old_code, &row.new_code] {
            assert!(code.len() <= 250 && code.lines().count() <= 7, "{code}");
        }
        assert!(row.update_info.len() <= 160, "{}", row.update_info);
    }
}

#[test]
fn no_row_is_taken_from_the_papers_data() {
    let shared = std::env::var("RECODE_SHARED").unwrap_or_else(|_| "../../shared".into());
    let path = Path::new(&shared).join("data/api_update.jsonl");
    let Ok(theirs) = std::fs::read_to_string(&path) else {
        eprintln!(
            "skipped: {} is not there (set RECODE_SHARED)",
            path.display()
        );
        return;
    };
    let mut notes = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for line in theirs.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let text = |field: &str| row[field].as_str().unwrap_or_default().trim().to_owned();
        notes.insert(text("update_info"));
        codes.insert(text("old_code"));
    }
    for row in all() {
        assert!(
            !notes.contains(row.update_info.trim()),
            "{}",
            row.update_info
        );
        assert!(!codes.contains(row.old_code.trim()), "{}", row.old_code);
    }
}
