//! `recode-trainer migrate`.

use crate::{Outcome, recode, text_of, tiny, write};

const OLD: &str = "import numpy as np\n\nvalue = np.float_(1.0)\nprint(value)\n";

/// Asks a model that gives this answer to migrate this file.
fn migrate(answer: &str, old: &[u8], args: &[&str]) -> (Outcome, String) {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny::write_scripted_model(&model, answer);
    let file = write(&dir, "old.py", old);
    let fixed = [
        "migrate",
        &file,
        "--dependency",
        "numpy",
        "--new-version",
        "==2.0.0",
        "--update-info",
        "float_ is gone",
        "--model",
    ];
    let outcome = recode(&[&fixed[..], &[&text_of(&model)], args].concat());
    let after = std::fs::read(&file).unwrap();
    assert_eq!(after, old, "the file is left as it is");
    (outcome, file)
}

fn answered(code: &str) -> String {
    format!("It is gone.</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

#[test]
fn the_proposal_is_a_diff_that_applies_and_a_verdict() {
    let new = OLD.replace("float_", "float64");
    let (outcome, file) = migrate(&answered(new.trim_end()), OLD.as_bytes(), &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let expected = format!(
        "--- {file}\n+++ {file}\t(numpy 2.0.0)\n@@ -1,4 +1,4 @@\n import numpy as np\n \n-value = np.float_(1.0)\n+value = np.float64(1.0)\n print(value)\n"
    );
    assert_eq!(outcome.stdout, expected);
    for part in [
        "change: 1 lines added, 1 removed",
        "format: as asked for",
        "syntax: Python",
        "answer: 2 tokens",
    ] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn line_ends_and_a_missing_last_one_are_the_files() {
    let crlf = OLD.replace('\n', "\r\n");
    let new = OLD.replace("float_", "float64");
    let (outcome, _) = migrate(&answered(new.trim_end()), crlf.as_bytes(), &[]);
    assert!(
        outcome
            .stdout
            .contains("-value = np.float_(1.0)\r\n+value = np.float64(1.0)\r\n"),
        "{:?}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("1 lines added, 1 removed"),
        "{}",
        outcome.stderr
    );
    let (outcome, _) = migrate(&answered(new.trim_end()), OLD.trim_end().as_bytes(), &[]);
    assert!(
        outcome.stderr.contains("1 lines added, 1 removed"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_same_code_is_no_change() {
    let (outcome, _) = migrate(&answered(OLD.trim_end()), OLD.as_bytes(), &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""));
    assert!(
        outcome.stderr.contains("change: no line changes"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_answer_without_code_or_with_other_code_fails() {
    let (outcome, _) = migrate("I cannot.", OLD.as_bytes(), &["--show-answer"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    for part in [
        "I cannot.",
        "change: none",
        "format: not as asked for",
        "proposes no code",
    ] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    let (outcome, _) = migrate(&answered("value = = 1"), OLD.as_bytes(), &[]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stdout.contains("+value = = 1"),
        "what was proposed is shown all the same"
    );
    assert!(
        outcome.stderr.contains("the proposal is not Python"),
        "{}",
        outcome.stderr
    );
    let (outcome, _) = migrate(
        &answered("x = 1"),
        OLD.as_bytes(),
        &["--max-completion-length", "1"],
    );
    assert!(
        outcome.stderr.contains("answer: 1 tokens, cut off"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn old_code_that_cannot_be_migrated_is_named() {
    for (old, message) in [
        (&b"def f(:\n"[..], "old.py is not Python: "),
        (b"", "old.py is empty"),
        (b" \n\n", "old.py is empty"),
        (b"x = '\xff'\n", "old.py is not UTF-8 from byte 6 on"),
    ] {
        let (outcome, _) = migrate("x", old, &[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
    let args = |old: &'static str, info: &'static str| {
        recode(&[
            "migrate",
            old,
            "--dependency",
            "numpy",
            "--new-version",
            "2",
            "--update-info",
            info,
            "--model",
            "m",
        ])
    };
    assert!(
        args("no/such.py", "i")
            .stderr
            .contains("no/such.py does not exist")
    );
    assert!(args("/", "i").stderr.contains("/ is a directory"));
    let empty = args("no/such.py", " ");
    assert_eq!(empty.code, Some(2));
    assert!(
        empty.stderr.contains("--update-info is empty"),
        "{}",
        empty.stderr
    );
}
