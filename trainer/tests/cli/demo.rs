//! `demo`, shortened: all of the way, two steps of it.

use std::path::Path;

use crate::{Outcome, recode, text_of};

/// A demo of two small steps in `run_dir`; it has learned nothing then, but everything has happened.
fn short_demo(run_dir: &Path, more: &[&str]) -> Outcome {
    let run_dir = text_of(run_dir);
    let mut args = vec!["demo", "--run-dir", &run_dir];
    for set in [
        "run.max_steps=2",
        "data.eval_rows=5",
        "rollout.prompts_per_step=2",
        "rollout.num_generations=4",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    recode(&args)
}

#[test]
fn a_demo_ends_with_its_table_and_names_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("runs/short");
    let outcome = short_demo(&run_dir, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for measure in [
        "reward",
        "ES*",
        "EM*",
        "valid format",
        "gain over copying",
        "before",
        "after",
        "held_out.jsonl:5",
        "short",
    ] {
        assert!(outcome.stdout.contains(measure), "{}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("held_out.jsonl:6"));
    assert!(outcome.stderr.contains("step 2/2"), "{}", outcome.stderr);

    // What a run leaves behind, and what it was made of.
    let lines = |file: &str| {
        let text =
            std::fs::read_to_string(run_dir.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        text.lines().count()
    };
    assert_eq!(lines("metrics.jsonl"), 2);
    assert_eq!(lines("completions.jsonl"), 2 * 2 * 4);
    assert_eq!(lines("eval/before.jsonl"), 5);
    assert_eq!(lines("eval/after.jsonl"), 5);
    for file in [
        "config.toml",
        "policy/model.safetensors",
        "data/migrations.jsonl",
    ] {
        assert!(run_dir.join(file).is_file(), "{file}");
    }
}

#[test]
fn the_same_seed_prints_the_same_and_another_seed_does_not_learn_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("demo");
    // The second run replaces the first, in the same folder; the number of threads may be another.
    let first = short_demo(&run_dir, &[]);
    let metrics = std::fs::read(run_dir.join("metrics.jsonl")).unwrap();
    let second = short_demo(&run_dir, &["--set", "threads=1"]);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(first.stdout, second.stdout);
    assert!(metrics == std::fs::read(run_dir.join("metrics.jsonl")).unwrap());
    let other = short_demo(&run_dir, &["--seed", "1"]);
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    assert!(metrics != std::fs::read(run_dir.join("metrics.jsonl")).unwrap());
}

#[test]
fn a_folder_that_no_demo_made_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mine = crate::write(&dir, "mine.txt", "keep");
    let outcome = short_demo(dir.path(), &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("--run-dir"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(mine).unwrap(), "keep");
}

#[test]
fn a_wrong_key_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("demo");
    let outcome = short_demo(&run_dir, &["--set", "run.max_step=3"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("run.max_steps"),
        "{}",
        outcome.stderr
    );
    assert!(!run_dir.exists());
}
