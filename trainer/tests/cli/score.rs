use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{program, recode, recode_with, shared, write};

/// A completion in the asked-for form; the thinking was opened by the prompt.
fn answer(code: &str) -> String {
    format!("It is simple.</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

fn line(completion: &str, target: &str) -> String {
    json!({"completion": completion, "target": target}).to_string()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_perfect_answer_earns_three_and_says_why_others_do_not() {
    let input = [
        line(&answer("x = 1"), "x = 1"),
        line("x = 1", "x = 1"),
        line(&answer("x ="), "x = 1"),
    ]
    .join("\n");
    let outcome = recode_with(&["score", "-"], input.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let scored = lines(&outcome.stdout);
    let rewards = |i: usize| {
        ["format", "es_star", "em_star", "total"].map(|name| scored[i][name].as_f64().unwrap())
    };
    assert_eq!(rewards(0), [1.0, 2.0, 2.0, 3.0]);
    assert_eq!(
        (
            &scored[0]["syntax_ok"],
            &scored[0]["similarity"],
            &scored[0]["withheld"]
        ),
        (&json!(true), &json!(1.0), &json!(null))
    );
    assert_eq!(rewards(1), [-1.0, -2.0, -2.0, -3.0]);
    assert_eq!(rewards(2), [1.0, -2.0, -2.0, -1.0]);
    assert_eq!(
        (&scored[2]["syntax_ok"], &scored[2]["similarity"]),
        (&json!(false), &json!(null))
    );
    for withheld in [&scored[1]["withheld"], &scored[2]["withheld"]] {
        assert!(!withheld.is_null(), "{withheld}");
    }
}

#[test]
fn the_modes_differ_where_the_reference_is_wrong() {
    // The right code in the thinking, nothing in the answer: the reference takes the first fence anywhere.
    let completion = "```python\nx = 1\n```</think><answer></answer>";
    let total = |mode: &str| {
        let outcome = recode_with(
            &["score", "--reward", mode, "-"],
            line(completion, "x = 1").as_bytes(),
        );
        lines(&outcome.stdout)[0]["total"].as_f64().unwrap()
    };
    assert_eq!((total("paper"), total("strict")), (3.0, -1.0));
}

#[test]
fn other_fields_pass_through_in_order_and_to_the_byte() {
    let input = r#"{"id": 18446744073709551616, "completion": "a", "note": {"b": [1.50,  "\u00e9"]}, "target": "b", "z": 1e400}"#;
    let outcome = recode_with(&["score", "-"], input.as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let expected = r#"{"id":18446744073709551616,"completion":"a","note":{"b": [1.50,  "\u00e9"]},"target":"b","z":1e400,"format":"#;
    assert!(outcome.stdout.starts_with(expected), "{}", outcome.stdout);
}

#[test]
fn a_field_with_the_name_of_a_result_is_kept_under_another() {
    let input = r#"{"completion":"a","target":"b","format":7,"input_total":8,"total":9}"#;
    let outcome = recode_with(&["score", "-"], input.as_bytes());
    let expected = r#"{"completion":"a","target":"b","input_format":7,"input_total":8,"input_input_total":9,"format":-1.0,"#;
    assert!(outcome.stdout.starts_with(expected), "{}", outcome.stdout);
}

#[test]
fn new_code_stands_in_for_a_missing_target_only() {
    let completion = answer("x = 1");
    let input = [
        json!({"completion": completion, "new_code": "x = 1"}).to_string(),
        json!({"completion": completion, "new_code": "y = 2", "target": "x = 1"}).to_string(),
        json!({"completion": completion, "new_code": "x = 1", "target": null}).to_string(),
        json!({"completion": completion}).to_string(),
    ];
    let outcome = recode_with(&["score", "-"], input.join("\n").as_bytes());
    assert_eq!(outcome.code, Some(1));
    let totals: Vec<_> = lines(&outcome.stdout)
        .iter()
        .map(|scored| scored["total"].as_f64().unwrap())
        .collect();
    assert_eq!(totals, [3.0, 3.0]);
    let expected = "standard input:3: target is null, expected a text\n\
        standard input:4: target is missing (and new_code, which may stand in for it)\n\
        recode-trainer: 2 of 4 lines of standard input could not be scored\n";
    assert_eq!(outcome.stderr, expected);
}

#[test]
fn old_code_that_is_not_python_is_an_error_where_something_counts_from_it() {
    let row = json!({"completion": answer("x = 1"), "target": "x = 1", "old_code": "print x"});
    let outcome = recode_with(&["score", "-"], row.to_string().as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(lines(&outcome.stdout)[0]["total"], json!(3.0));
    for more in [&["--explain"][..], &[]] {
        let args = [&["score", "--reward", "edit_gain"], more, &["-"]].concat();
        let outcome = recode_with(&args, row.to_string().as_bytes());
        assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""));
        let fault = "standard input:1: edit_gain counts from the old code, but the old code is not Python: ";
        assert!(outcome.stderr.starts_with(fault), "{}", outcome.stderr);
    }
}

#[test]
fn bad_lines_are_reported_by_number_and_the_rest_is_scored() {
    let good = line("a", "b");
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = format!("{good}\n\n{}\n", &good[..good.len() - 2]).into_bytes();
    bytes.extend_from_slice(
        b"{\"completion\": \"\xff\"}\n[]\n{\"completion\": 3, \"target\": \"b\"}\n",
    );
    bytes.extend_from_slice(good.as_bytes());
    let file = write(&dir, "completions.jsonl", bytes);
    let outcome = recode(&["score", &file]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(lines(&outcome.stdout).len(), 2);
    let expected = format!(
        "{file}:2: the line is empty\n\
         {file}:3: the line is cut short at byte {}: EOF while parsing a string\n\
         {file}:4: not UTF-8 from byte 17 of the line on\n\
         {file}:5: invalid type: sequence, expected an object\n\
         {file}:6: completion: expected a text, found number\n\
         recode-trainer: 5 of 7 lines of {file} could not be scored\n",
        good.len() - 2
    );
    assert_eq!(outcome.stderr, expected);
}

#[test]
fn half_a_surrogate_pair_is_a_character_of_a_completion_and_breaks_a_target() {
    let half = line(&answer("x = 'HALF'"), "x = 'y'").replace("HALF", "\\ud83d");
    let broken = line(&answer("x"), "HALF").replace("HALF", "\\udc00");
    let output = recode_with(&["score", "-"], format!("{half}\n{broken}\n").as_bytes());
    // The line stays as it was, and one character stands in place of another.
    assert!(output.stdout.starts_with(&half[..half.len() - 1]));
    let (_, similarity) = output.stdout.split_once("\"similarity\":").unwrap();
    let (similarity, _) = similarity.split_once(',').unwrap();
    assert_eq!(similarity.parse(), Ok(1.0 - 1.0 / 7.0));
    let reason = "target: expected a text, found string with half a surrogate pair";
    assert!(output.stderr.contains(reason), "{}", output.stderr);
}

#[test]
fn many_lines_keep_their_order() {
    // 3 MiB: several chunks, scored by every core.
    let padding = "x".repeat(100);
    let input: String = (0..20_000)
        .map(|id| {
            format!(
                "{}\n",
                json!({"id": id, "completion": padding, "target": "b"})
            )
        })
        .collect();
    assert!(input.len() > 2 << 20);
    let outcome = recode_with(&["score", "-"], input.as_bytes());
    let ids: Vec<_> = lines(&outcome.stdout)
        .iter()
        .map(|scored| scored["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
}

#[test]
fn a_line_is_answered_before_the_next_one_arrives() {
    let mut child = program()
        .args(["score", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(
            input,
            "{}",
            json!({"id": id, "completion": "a", "target": "b"})
        )
        .unwrap();
        let mut answered = String::new();
        output.read_line(&mut answered).unwrap();
        assert_eq!(lines(&answered)[0]["id"], id);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let mut child = program()
        .args(["score", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let line = format!("{}\n", line("a", "b"));
        while input.write_all(line.as_bytes()).is_ok() {}
    });
    let status = child.wait().unwrap();
    writer.join().unwrap();
    let mut complaint = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaint)
        .unwrap();
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn the_table_ends_with_means() {
    let input = [line(&answer("x = 1"), "x = 1"), line("nothing", "x = 1")].join("\n");
    let outcome = recode_with(&["score", "--format", "table", "-"], input.as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let rows: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "line",
            "total",
            "format",
            "es_star",
            "em_star",
            "edit_gain",
            "similarity",
            "syntax",
            "withheld"
        ]
    );
    assert_eq!(
        rows[1],
        ["1", "3.000", "1.000", "2.000", "2.000", "-", "1.000", "ok"]
    );
    assert_eq!(
        rows[2][..8],
        ["2", "-3.000", "-1.000", "-2.000", "-2.000", "-", "-", "-"]
    );
    // (3 - 3) / 2, (1 - 1) / 2, (2 - 2) / 2; one of two is in form, is Python and is exact.
    let means: Vec<String> = rows[6..].iter().map(|row| row.join(" ")).collect();
    let expected = [
        "total 0.0000",
        "format 0.0000",
        "es_star 0.0000",
        "em_star 0.0000",
        "similarity (1 of 2 lines) 1.0000",
        "valid format 1 (50.0 %)",
        "syntax ok 1 (50.0 %)",
        "exact match 1 (50.0 %)",
    ];
    assert_eq!(means, expected);
}

#[test]
fn with_the_old_code_a_line_says_what_was_gained_over_copying_it() {
    let row = |code: &str, old: serde_json::Value| {
        json!({"completion": answer(code), "target": "np.vstack(x)", "old_code": old}).to_string()
    };
    // `np.hstack(x)` shares 11 of 12 characters with the target: it is copied, corrected, and broken.
    let old = json!("np.hstack(x)");
    let input = [
        row("np.hstack(x)", old.clone()),
        row("np.vstack(x)", old.clone()),
        row("np.hstack(", old),
        row("np.vstack(x)", json!(null)),
        row("np.vstack(x)", json!("print x")),
    ]
    .join("\n");
    let outcome = recode_with(&["score", "-"], input.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let gains: Vec<Option<f64>> = lines(&outcome.stdout)
        .iter()
        .map(|line| line["edit_gain"].as_f64())
        .collect();
    assert_eq!(gains, [Some(-0.8), Some(2.0), Some(-2.0), None, None]);

    let table = recode_with(&["score", "--format", "table", "-"], input.as_bytes());
    // (-0.8 + 2 - 2) / 3
    assert!(
        table.stdout.contains("edit_gain (3 of 5 lines)") && table.stdout.contains("-0.2667"),
        "{}",
        table.stdout
    );
    let bad = recode_with(&["score", "-"], row("x", json!(3)).as_bytes());
    assert_eq!(bad.code, Some(1));
    assert!(
        bad.stderr
            .contains("old_code: expected a text, found number"),
        "{}",
        bad.stderr
    );
}

#[test]
fn the_rules_are_the_callers() {
    let row = |code: &str, tokens: usize| {
        json!({"completion": answer(code), "target": "np.vstack(x)", "old_code": "np.hstack(x)", "tokens": tokens}).to_string()
    };
    let input = [row("np.hstack( x )", 70), row("np.vstack( x )", 90)].join("\n");
    let totals = |args: &[&str]| -> Vec<f64> {
        let outcome = recode_with(&[&["score", "-"], args].concat(), input.as_bytes());
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        lines(&outcome.stdout)
            .iter()
            .map(|line| line["total"].as_f64().unwrap())
            .collect()
    };
    // Two blanks of 14 characters, and a letter.
    assert_eq!(
        totals(&[]),
        [
            1.0 + 3.5 * (1.0 - 3.0 / 14.0) - 1.5,
            1.0 + 3.5 * (1.0 - 2.0 / 14.0) - 1.5
        ]
    );
    assert_eq!(
        totals(&["--reward", "edit_gain", "--compare", "tokens"]),
        [1.0 - 0.8, 3.0]
    );
    assert_eq!(
        totals(&["--compare", "tree", "--weights", "em_star=2,api_left=0.5"]),
        [-3.0 - 0.5, 4.0]
    );
    assert_eq!(
        totals(&["--weights", "overlong=1", "--overlong", "100:40"]),
        [-0.25, -0.75]
    );
    for (args, complaint) in [
        (
            ["--weights", "es=1"],
            "unknown part of the reward `es`: use `format`, ",
        ),
        (
            ["--weights", "overlong=1"],
            "overlong has a weight, but from which length on is not said",
        ),
        (
            ["--overlong", "40"],
            "--overlong is 40, but must be MAX:BUFFER, as in 1024:64",
        ),
        (
            ["--overlong", "40:41"],
            "overlong: buffer is 41, but must be from 1 to max_length, 40",
        ),
        (["--compare", "words"], "invalid value 'words'"),
    ] {
        let outcome = recode_with(&[&["score", "-"][..], &args[..]].concat(), input.as_bytes());
        assert_eq!(outcome.code, Some(2), "{args:?}");
        assert!(outcome.stderr.contains(complaint), "{}", outcome.stderr);
    }
    for (weights, complaint) in [
        (
            "edit_gain=1",
            "old code is missing, from which edit_gain counts (old_code and tokens of the line)",
        ),
        (
            "overlong=1",
            "the completion's length is missing, which overlong counts",
        ),
    ] {
        let args = ["score", "-", "--overlong", "9:9", "--weights", weights];
        let outcome = recode_with(&args, line("x", "x").as_bytes());
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains(complaint), "{}", outcome.stderr);
    }
    let outcome = recode_with(
        &["score", "-", "--reward", "paper", "--compare", "tree"],
        input.as_bytes(),
    );
    assert!(
        outcome.stderr.contains("mode paper compares characters"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_line_is_explained_as_data_and_as_a_text() {
    let input = json!({"id": 7, "completion": answer("np.hstack(x)"), "target": "np.vstack(x)", "old_code": "np.hstack(x)"}).to_string();
    let plain = lines(&recode_with(&["score", "-"], input.as_bytes()).stdout).remove(0);
    let outcome = recode_with(&["score", "--explain", "-"], input.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let explained = lines(&outcome.stdout).remove(0);
    for (name, value) in plain.as_object().unwrap() {
        assert_eq!(&explained[name], value, "{name}");
    }
    assert_eq!(
        explained["edits"]["lines"][0]["pieces"][1],
        json!({"edit": "delete", "text": "h"})
    );
    let outcome = recode_with(
        &["score", "--explain", "--format", "table", "-"],
        input.as_bytes(),
    );
    assert!(
        outcome.stdout.starts_with("line 1: total "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("~ np.[-h-]{+v+}stack(x)"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("strict, 1 line "),
        "{}",
        outcome.stdout
    );
}

#[test]
fn nothing_to_score_is_an_error() {
    let outcome = recode(&["score", "-"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("recode-trainer: standard input has no lines: "),
        "{}",
        outcome.stderr
    );

    let outcome = recode(&["score", "no/such.jsonl"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.stderr,
        "recode-trainer: cannot read no/such.jsonl: No such file or directory (os error 2)\n"
    );
}

#[test]
fn paper_mode_prints_the_references_numbers_for_the_shared_cases() {
    let Some(file) = shared("data/reward_cases.jsonl") else {
        return;
    };
    let outcome = recode(&["score", "--reward", "paper", &file]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let scored = lines(&outcome.stdout);
    assert_eq!(scored.len(), 3600);
    for case in scored {
        assert_eq!(case["format"], case["input_format"], "{}", case["id"]);
        for reward in ["es_star", "em_star"] {
            // Null where the reference raises.
            if let Some(expected) = case[format!("input_{reward}")].as_f64() {
                let got = case[reward].as_f64().unwrap();
                assert!(
                    (got - expected).abs() <= 1e-12,
                    "case {}: {reward} {got}, the reference's is {expected}",
                    case["id"]
                );
            }
        }
    }
}
