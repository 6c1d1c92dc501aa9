//! `warm-up`: from rows and settings to a model directory, the same one every time.

use std::path::Path;

use crate::{recode, text_of};

/// A few steps of a policy too small to learn anything, so that all of the way is gone in a second.
fn settings(dir: &tempfile::TempDir, change: (&str, &str)) -> String {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/migrations.jsonl");
    let shipped = include_str!("../../demo/warm-up.toml");
    let mut text = String::new();
    for line in shipped.lines() {
        let small = match line.split(" =").next().unwrap() {
            "train" => format!("train = {:?}", text_of(&rows)),
            "steps" => "steps = 3".into(),
            "answers_per_step" => "answers_per_step = 2".into(),
            "vocab_size" => "vocab_size = 500".into(),
            "hidden_size" => "hidden_size = 24".into(),
            "intermediate_size" => "intermediate_size = 40".into(),
            "num_hidden_layers" => "num_hidden_layers = 2".into(),
            _ => line.to_owned(),
        };
        text += &small.replace(change.0, change.1);
        text.push('\n');
    }
    crate::write(dir, "warm-up.toml", text)
}

#[test]
fn the_same_settings_make_the_same_policy_and_it_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let config = settings(&dir, ("", ""));
    let made = ["one", "two"].map(|name| {
        let out = text_of(&dir.path().join(name));
        let outcome = recode(&["warm-up", "--config", &config, "--out", &out]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("step 3/3"), "{}", outcome.stderr);
        out
    });
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let [one, two] = made
            .each_ref()
            .map(|out| std::fs::read(Path::new(out).join(file)).unwrap());
        assert!(one == two, "{file} differs");
    }
    let outcome = recode(&[
        "generate",
        "--model",
        &made[0],
        "--max-completion-length",
        "4",
        "hello",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn a_folder_that_exists_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = settings(&dir, ("", ""));
    let outcome = recode(&[
        "warm-up",
        "--config",
        &config,
        "--out",
        &text_of(dir.path()),
    ]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("exists: choose another folder"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_found_out_before_the_first_step() {
    let dir = tempfile::tempdir().unwrap();
    let config = settings(&dir, ("", ""));
    // A file is no folder to put one into, for root as well.
    let file = crate::write(&dir, "file", String::new());
    let out = format!("{file}/policy");
    let outcome = recode(&["warm-up", "--config", &config, "--out", &out]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("file/policy"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("step"), "{}", outcome.stderr);
}

#[test]
fn wrong_settings_are_named() {
    for (change, complaint, code) in [
        (
            ("prompt_weight", "promt_weight"),
            "warm-up.toml:6: unknown field",
            2,
        ),
        (
            ("steps = 3", "steps = \"3\""),
            "warm-up.toml:4: invalid type: string",
            2,
        ),
        (
            ("steps = 3", "steps = 3\nsteps = 4"),
            "warm-up.toml:5: not TOML: duplicate key steps",
            2,
        ),
        (("steps = 3", ""), "warm-up.toml: missing field `steps`", 2),
        (("steps = 3", "steps = 0"), "steps is 0", 2),
        (
            ("learning_rate = 3e-3", "learning_rate = -3e-3"),
            "optimizer.learning_rate = -0.003 is not permitted",
            2,
        ),
        (("keep_old = ", "keep_old = 2"), "habits.keep_old", 2),
        (
            ("vocab_size = 500", "vocab_size = 9999"),
            "vocab_size = 9999",
            1,
        ),
        (("head_dim = 32", "head_dim = 31"), "head_dim", 1),
        (("migrations.jsonl", "nowhere.jsonl"), "nowhere.jsonl", 1),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let config = settings(&dir, change);
        let out = text_of(&dir.path().join("policy"));
        let outcome = recode(&["warm-up", "--config", &config, "--out", &out]);
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(complaint), "{}", outcome.stderr);
        assert!(!Path::new(&out).exists());
    }
}
