//! `recode-trainer migrate`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Outcome, program, recode, text_of, tiny, write};

const OLD: &str = "import numpy as np\n\nvalue = np.float_(1.0)\nprint(value)\n";

/// Asks a model that gives this answer to migrate this file.
fn migrate(answer: &str, old: &[u8], args: &[&str]) -> (Outcome, tempfile::TempDir) {
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
    (outcome, dir)
}

/// Pipes a diff to `patch -p0` in `folder`.
fn patch(folder: &Path, diff: &str) {
    let mut child = Command::new("patch")
        .args(["-p0", "--no-backup-if-mismatch", "-d"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot start patch ({error}): install Debian's package patch")
        });
    child
        .stdin
        .take()
        .unwrap()
        .write_all(diff.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "patch refuses {diff}: {said}");
}

fn answered(code: &str) -> String {
    format!("It is gone.</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

#[test]
fn the_proposal_is_a_diff_that_applies_and_a_verdict() {
    let new = OLD.replace("float_", "float64");
    let (outcome, dir) = migrate(&answered(new.trim_end()), OLD.as_bytes(), &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let expected = "--- old.py\n+++ old.py\t(numpy 2.0.0)\n@@ -1,4 +1,4 @@\n import numpy as np\n \n-value = np.float_(1.0)\n+value = np.float64(1.0)\n print(value)\n";
    assert_eq!(outcome.stdout, expected);
    let apply = format!("apply: patch -p0 -d {}\n", dir.path().display());
    assert!(outcome.stderr.ends_with(&apply), "{}", outcome.stderr);
    patch(dir.path(), &outcome.stdout);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("old.py")).unwrap(),
        new
    );
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
fn a_file_in_the_current_folder_is_named_from_there_and_the_diff_applies_there() {
    let dir = tempfile::tempdir().unwrap();
    // The system may know the folder by another name than the one it was asked for.
    let here = dir.path().canonicalize().unwrap();
    let new = OLD.replace("float_", "float64");
    tiny::write_scripted_model(&here.join("model"), &answered(new.trim_end()));
    let file = here.join("a folder/old.py");
    std::fs::create_dir(here.join("a folder")).unwrap();
    for path in ["a folder/old.py", "./a folder/old.py", &text_of(&file)] {
        std::fs::write(&file, OLD).unwrap();
        let output = program()
            .args(["migrate", path, "--dependency", "numpy"])
            .args(["--new-version", "2", "--update-info", "i"])
            .args(["--model", "model"])
            .current_dir(&here)
            .output()
            .unwrap();
        let (diff, said) = (String::from_utf8(output.stdout), output.stderr);
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("apply: "), "{said}");
        patch(&here, &diff.unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), new, "{path}");
    }
}

#[test]
fn line_ends_and_a_missing_last_one_are_the_files() {
    let crlf = OLD.replace('\n', "\r\n");
    let new = OLD.replace("float_", "float64");
    let (outcome, dir) = migrate(&answered(new.trim_end()), crlf.as_bytes(), &[]);
    patch(dir.path(), &outcome.stdout);
    let patched = std::fs::read_to_string(dir.path().join("old.py")).unwrap();
    assert_eq!(patched, new.replace('\n', "\r\n"));
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
    let (outcome, dir) = migrate(&answered(new.trim_end()), OLD.trim_end().as_bytes(), &[]);
    patch(dir.path(), &outcome.stdout);
    let patched = std::fs::read_to_string(dir.path().join("old.py")).unwrap();
    assert_eq!(patched, new.trim_end());
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
