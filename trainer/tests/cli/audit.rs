use std::path::Path;

use serde_json::{Value, json};

use super::{recode, recode_with, shared, text_of, write};

/// A sound row; `change` overrides fields.
fn row(change: Value) -> String {
    let mut row = json!({
        "dependency": "numpy", "new_version": "==2.0.0", "description": "stacks rows", "update_info": "row_stack is an alias of vstack",
        "old_code": "np.row_stack(rows)", "new_code": "np.vstack(rows)",
    });
    for (field, value) in change.as_object().unwrap() {
        row[field] = value.clone();
    }
    row.to_string()
}

/// One row of each kind; the sound ones are the lines 1, 8 and 9.
fn faulty() -> String {
    let rows = [
        row(json!({})),
        row(json!({"new_code": null})),
        row(json!({"old_code": 3})),
        row(json!({"new_code": "np.vstack(rows"})),
        row(json!({"new_code": "np.row_stack(rows)"})),
        row(json!({"new_code": "np.row_stack( rows )  # same"})),
        row(json!({})),
        row(json!({"new_version": "2.0.0", "description": "bare"})),
        row(json!({"dependency": "NumPy"})),
        "{\"dependency\": \"num".to_owned(),
        row(json!({"update_info": "long ".repeat(1000)})),
    ];
    rows.join("\n") + "\n"
}

#[test]
fn data_is_no_command_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(
        &dir,
        "rows.jsonl",
        row(json!({"new_version": "\u{1b}[2J2"})),
    );
    let outcome = recode(&["audit", &file]);
    assert!(
        outcome.stdout.contains("\\u{1b}[2J2") && !outcome.stdout.contains('\u{1b}'),
        "{}",
        outcome.stdout
    );
}

#[test]
fn every_fault_is_named_with_its_line_and_summed() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let outcome = recode(&["audit", &file, "--max-prompt-length", "3000"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let (complaints, sums) = outcome.stdout.split_once("\n\n").unwrap();

    let complaints: Vec<&str> = complaints
        .lines()
        .map(|line| line.strip_prefix(&format!("{file}:")).unwrap())
        .collect();
    let starts = [
        "2: `new_code` is null",
        "3: `old_code` is a number",
        "4: `new_code` is not Python: ",
        "5: `new_code` is `old_code`",
        "6: `new_code` is the same program as `old_code`",
        "7: the same as line 1",
        "8: `new_version` 2.0.0 has no operator",
        "9: most rows call NumPy numpy",
        "10: the line is cut short at byte 19: EOF while parsing a string",
        "11: the prompt of 5",
    ];
    assert_eq!(complaints.len(), starts.len(), "{complaints:#?}");
    for (complaint, start) in complaints.iter().zip(starts) {
        assert!(complaint.starts_with(start), "{complaint}");
    }
    assert!(
        complaints[9].ends_with(" characters is over the budget of 3000"),
        "{}",
        complaints[9]
    );

    let sums: Vec<String> = sums
        .lines()
        .skip(2)
        .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "no JSON object 1 left out",
        "a field is null 1 left out",
        "a field is no text 1 left out",
        "new code is not Python 1 left out",
        "no change: the same text 1 left out",
        "no change: the same syntax tree 1 left out",
        "a duplicate 1 left out",
        "prompt over the budget of 3000 characters 1 left out",
        "version without operator 1 kept",
        "library under an unusual name 1 kept",
        "one library: NumPy 1, numpy 9",
        "sound 3 of 11",
    ];
    assert_eq!(sums, expected);
}

#[test]
fn json_says_the_same_to_machines() {
    let outcome = recode_with(
        &["audit", "--json", "--max-prompt-length", "3000", "-"],
        faulty().as_bytes(),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (
            &report["lines"],
            &report["sound"],
            &report["prompt_length_unit"]
        ),
        (&json!(11), &json!(3), &json!("characters"))
    );
    assert_eq!(report["counts"]["duplicate"], 1);
    assert_eq!(report["unreadable"][0]["line"], 10);
    let lines: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 11]);
    assert_eq!(
        report["rows"][5],
        json!({"line": 7, "sound": false, "findings": [{"kind": "duplicate", "of_line": 1}]})
    );
}

#[test]
fn the_clean_rows_are_the_sound_ones_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let clean = text_of(&dir.path().join("clean.jsonl"));
    let outcome = recode(&[
        "audit",
        &file,
        "--max-prompt-length",
        "3000",
        "--write-clean",
        &clean,
    ]);
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.stderr, format!("3 sound rows written to {clean}\n"));
    let faulty = faulty();
    let lines: Vec<&str> = faulty.lines().collect();
    assert_eq!(
        std::fs::read_to_string(&clean).unwrap(),
        format!("{}\n{}\n{}\n", lines[0], lines[7], lines[8])
    );

    let again = recode(&["audit", &clean]);
    assert!(!again.stdout.contains("left out"), "{}", again.stdout);
}

#[test]
fn the_clean_rows_never_replace_the_input() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let other_name = dir.path().join("link.jsonl");
    std::fs::hard_link(&file, &other_name).unwrap();
    for out in [
        &file,
        &text_of(&other_name),
        &text_of(&dir.path().join(".").join("rows.jsonl")),
    ] {
        let outcome = recode(&["audit", &file, "--write-clean", out]);
        assert_eq!(outcome.code, Some(2), "{out}");
        assert_eq!(
            outcome.stderr,
            format!("recode-trainer: --write-clean {out} is the input itself: name another file\n")
        );
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), faulty());
}

#[cfg(target_os = "linux")]
#[test]
fn the_clean_rows_go_through_links_and_devices() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let real = write(&dir, "real.jsonl", "old");
    let link = dir.path().join("link.jsonl");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let outcome = recode(&["audit", &file, "--write-clean", &text_of(&link)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(link.is_symlink(), "the link stays");
    // Without a budget the long row is sound too.
    let rows = std::fs::read_to_string(&real).unwrap();
    assert_eq!(rows.lines().count(), 4);

    let outcome = recode(&["audit", &file, "--write-clean", "/dev/null"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(!null.is_file(), "the device stays a device");
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let out = text_of(&dir.path().join("no/such/folder.jsonl"));
    let outcome = recode(&["audit", &file, "--write-clean", &out]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with(&format!("recode-trainer: cannot write {out}: ")),
        "{}",
        outcome.stderr
    );

    let unsound = write(&dir, "unsound.jsonl", row(json!({"new_code": null})));
    let out = text_of(&dir.path().join("out.jsonl"));
    let outcome = recode(&["audit", &unsound, "--write-clean", &out]);
    assert_eq!(
        (outcome.code, outcome.stderr),
        (
            Some(1),
            format!("recode-trainer: {unsound} has no sound row: {out} is not written\n")
        )
    );
    assert!(
        outcome.stdout.contains("`new_code` is null") && outcome.stdout.contains("of 1"),
        "the report says why: {}",
        outcome.stdout
    );
    assert!(!Path::new(&out).exists());

    let outcome = recode_with(&["audit", "-"], b"");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("recode-trainer: standard input has no rows: "),
        "{}",
        outcome.stderr
    );
}

/// A full disk, as Linux plays it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "rows.jsonl", faulty());
    let run = |stdout: std::process::Stdio| {
        let output = super::program()
            .args(["audit", &file])
            .stdout(stdout)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    assert_eq!(
        run(full.into()),
        (
            Some(1),
            "recode-trainer: cannot write to standard output: No space left on device (os error 28)\n"
                .to_owned()
        )
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(writer.into()), (Some(0), String::new()));
}

/// The counts of the shared file, found by a Python script (json, ast.parse of CPython 3.11, exact comparison): see the numbers' names.
#[test]
fn the_shared_data_has_what_a_person_finds_by_hand() {
    let Some(file) = shared("data/api_update.jsonl") else {
        return;
    };
    let outcome = recode(&["audit", "--json", &file]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&report["lines"], &report["sound"]),
        (&json!(1482), &json!(1162))
    );
    let expected = json!({
        "null_field": 15, "new_not_python": 43, "old_not_python": 35, "same_text": 115, "same_syntax_tree": 121, "duplicate": 25,
        "no_operator": 86, "unusual_spelling": 33,
    });
    assert_eq!(report["counts"], expected);
}
