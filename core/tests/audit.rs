//! The audit of a data set: every finding, and no other.

mod shared;

use recode_core::audit::{AuditRow, Field, Finding, FindingKind, PromptBudget, audit};
use recode_core::migration::Migration;

fn row() -> Migration {
    Migration {
        dependency: "numpy".into(),
        new_version: "==2.0.0".into(),
        description: "rows are stacked".into(),
        update_info: "row_stack is an alias of vstack".into(),
        old_code: "np.row_stack(rows)".into(),
        new_code: "np.vstack(rows)".into(),
    }
}

fn with(change: impl FnOnce(&mut Migration)) -> AuditRow {
    let mut row = row();
    change(&mut row);
    row.into()
}

fn findings(row: AuditRow) -> Vec<String> {
    audit([row], None).rows[0]
        .findings
        .iter()
        .map(Finding::to_string)
        .collect()
}

#[test]
fn a_sound_row_has_no_findings() {
    let report = audit([row().into()], None);
    assert!(report.rows[0].findings.is_empty() && report.rows[0].is_sound());
    assert_eq!(
        (report.sound, report.counts.len(), report.spellings.len()),
        (1, 0, 0)
    );
    assert_eq!(AuditRow::from(row()).migration(), Some(row()));
    // The description may be blank: nothing needs it.
    assert_eq!(findings(with(|row| row.description.clear())), [""; 0]);
}

#[test]
fn fields_that_are_no_text_are_found() {
    let row = AuditRow {
        dependency: Field::Missing,
        new_version: Field::Null,
        description: Field::Null,
        update_info: Field::Text(" \n".into()),
        old_code: Field::NotText("number".into()),
        new_code: Field::Text("x = 1".into()),
    };
    assert_eq!(row.migration(), None);
    assert_eq!(
        findings(row.clone()),
        [
            "`dependency` is missing",
            "`new_version` is null",
            "`description` is null",
            "`update_info` is blank",
            "`old_code` is a number, not a text"
        ]
    );
    // Two null fields are one row with null fields.
    assert_eq!(audit([row], None).counts[&FindingKind::NullField], 1);
}

#[test]
fn codes_that_are_not_python_are_found() {
    assert_eq!(
        findings(with(|row| row.old_code = "x = 1\nprint 'a'".into())),
        [
            "`old_code` is not Python: Simple statements must be separated by newlines or semicolons (line 2, column 7)"
        ]
    );
    assert!(
        findings(with(|row| row.new_code = "// C++".into()))[0]
            .starts_with("`new_code` is not Python: ")
    );
}

#[test]
fn rows_that_change_nothing_are_found() {
    assert_eq!(
        findings(with(|row| row.new_code = row.old_code.clone())),
        ["`new_code` is `old_code`"]
    );
    let layout = with(|row| row.new_code = "np.row_stack( rows )  # as before".into());
    assert_eq!(
        findings(layout),
        ["`new_code` is the same program as `old_code`"]
    );
    // Said once, and where it is not Python too.
    let broken = with(|row| (row.old_code, row.new_code) = ("x =".into(), "x =".into()));
    assert_eq!(findings(broken).len(), 3);
}

#[test]
fn a_duplicate_names_the_first_of_its_kind() {
    let other = with(|row| row.description = "another".into());
    let report = audit([row().into(), other, row().into(), row().into()], None);
    let found: Vec<_> = report.rows.iter().map(|row| row.findings.clone()).collect();
    assert_eq!(
        found,
        [
            vec![],
            vec![],
            vec![Finding::Duplicate { of: 0 }],
            vec![Finding::Duplicate { of: 0 }]
        ]
    );
    assert_eq!(report.sound, 2);
    assert_eq!(
        Finding::Duplicate { of: 0 }.to_string(),
        "the same as row 0, counted from 0"
    );
}

#[test]
fn a_fence_that_would_end_an_answers_block_is_a_blemish() {
    let fenced = |indent: &str| {
        with(|row| row.new_code = format!("def f():\n    \"\"\"\n{indent}```\n    \"\"\""))
    };
    let report = audit([fenced(""), fenced("  ")], None);
    assert_eq!(report.rows[0].findings, [Finding::FenceInCode]);
    assert_eq!(report.rows[1].findings, []);
    assert_eq!(report.sound, 2);
}

#[test]
fn a_prompt_over_the_budget_is_found() {
    let length = |row: &Migration| row.old_code.len();
    let report = |max_prompt_length| {
        audit(
            [row().into()],
            Some(&PromptBudget {
                max_prompt_length,
                length: &length,
            }),
        )
    };
    assert_eq!(report(18).sound, 1);
    assert_eq!(
        report(17).rows[0].findings,
        [Finding::TooLong {
            length: 18,
            max_prompt_length: 17
        }]
    );
}

#[test]
fn blemishes_leave_a_row_sound() {
    let report = audit([with(|row| row.new_version = "2.0.0".into())], None);
    assert_eq!(
        report.rows[0].findings,
        [Finding::NoOperator {
            new_version: "2.0.0".into()
        }]
    );
    assert!(report.rows[0].is_sound());

    let names = [
        "Seaborn",
        "scikit-learn",
        "seaborn",
        "Scikit Learn",
        "seaborn",
        "numpy",
    ];
    let report = audit(
        names.map(|name| with(|row| row.dependency = name.into())),
        None,
    );
    let unusual: Vec<usize> = (0..6)
        .filter(|&i| {
            report.rows[i]
                .findings
                .iter()
                .any(|found| found.kind() == FindingKind::UnusualSpelling)
        })
        .collect();
    // Of scikit-learn's two the first is the usual one.
    assert_eq!(unusual, [0, 3]);
    let usual: Vec<_> = report
        .spellings
        .iter()
        .map(|library| library.usual.as_str())
        .collect();
    assert_eq!(usual, ["scikit-learn", "seaborn"]);
    assert_eq!(
        report.spellings[1]
            .names
            .iter()
            .map(|(name, &rows)| (name.as_str(), rows))
            .collect::<Vec<_>>(),
        [("Seaborn", 1), ("seaborn", 2)]
    );
}

#[test]
fn a_report_is_plain_json() {
    let report = audit([with(|row| row.new_version = "2".into())], None);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(
        json,
        r#"{"rows":[{"findings":[{"kind":"no_operator","new_version":"2"}]}],"counts":{"no_operator":1},"spellings":[],"sound":1}"#
    );
    assert_eq!(
        serde_json::from_str::<recode_core::audit::AuditReport>(&json).unwrap(),
        report
    );
}

#[test]
fn the_shared_data_has_the_faults_that_are_known() {
    let Some(text) = shared::read("api_update.jsonl") else {
        return;
    };
    let rows = text.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| match row.get(name) {
            None => Field::Missing,
            Some(serde_json::Value::Null) => Field::Null,
            Some(serde_json::Value::String(text)) => Field::Text(text.clone()),
            Some(_) => Field::NotText("value".into()),
        };
        AuditRow {
            dependency: field("dependency"),
            new_version: field("new_version"),
            description: field("description"),
            update_info: field("update_info"),
            old_code: field("old_code"),
            new_code: field("new_code"),
        }
    });
    let report = audit(rows, None);
    let counts: Vec<(FindingKind, usize)> = report.counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            (FindingKind::NullField, 15),
            (FindingKind::NewNotPython, 43),
            (FindingKind::OldNotPython, 35),
            (FindingKind::SameText, 115),
            (FindingKind::SameSyntaxTree, 121),
            (FindingKind::Duplicate, 25),
            (FindingKind::NoOperator, 86),
            (FindingKind::UnusualSpelling, 28 + 5),
        ]
    );
    assert_eq!((report.rows.len(), report.sound), (1482, 1162));
}
