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

/// The demo's own settings but for its length. Of whole demos, with seeds 0, 1 and 2, the mean reward of steps 31 to 40 was 1.6, 1.8 and 1.5, that
/// of the first ten 1.0; with a learning rate of 1e-9 these forty go from 0.99 to 0.92.
#[test]
fn forty_steps_of_the_demo_learn_something() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("demo");
    let run_dir_text = text_of(&run_dir);
    let mut args = vec!["demo", "--run-dir", &run_dir_text];
    args.extend(["--set", "run.max_steps=40", "--set", "data.eval_rows=1"]);
    let outcome = recode(&args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let rewards: Vec<f64> = std::fs::read_to_string(run_dir.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["reward"].as_f64().unwrap())
        .collect();
    assert_eq!(rewards.len(), 40);
    let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
    let (first, last) = (mean(&rewards[..10]), mean(&rewards[30..]));
    assert!(last > first + 0.25, "{first} to {last}");
    assert!(!outcome.stderr.contains("nothing was learned"));
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
    // A file by the name of an old mark, or a run of `train`, makes no demo.
    for (name, text) in [
        ("mine.txt", "keep"),
        ("demo", ""),
        ("config.toml", "name = \"a\""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mine = crate::write(&dir, name, text);
        let outcome = short_demo(dir.path(), &[]);
        assert_eq!(outcome.code, Some(2), "{name}");
        assert!(outcome.stderr.contains("--run-dir"), "{}", outcome.stderr);
        assert_eq!(std::fs::read_to_string(mine).unwrap(), text);
        assert_eq!(names(dir.path()), [name], "nothing is added");
    }
    let dir = tempfile::tempdir().unwrap();
    let file = crate::write(&dir, "file", "keep");
    let outcome = short_demo(Path::new(&file), &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("is no folder"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_empty_folder_and_what_a_killed_demo_left_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(short_demo(dir.path(), &[]).code, Some(0));
    // Killed at any moment, between two files: what is there is a prefix of these.
    let mark = std::fs::read(dir.path().join(".recode-demo")).unwrap();
    let early = tempfile::tempdir().unwrap();
    crate::write(&early, ".lock", "");
    crate::write(&early, ".recode-demo", mark);
    crate::write(&early, ".config.toml.partial", "name");
    let outcome = short_demo(early.path(), &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_stopped_can_be_gone_on_with_and_is_not_replaced_while_it_runs() {
    use std::process::Stdio;

    let dir = tempfile::tempdir().unwrap();
    let run_dir = text_of(&dir.path().join("demo"));
    let log = dir.path().join("stderr.txt");
    let set = ["run.max_steps=100000", "data.eval_rows=1"];
    let set = set.iter().flat_map(|set| ["--set", set]);
    let mut child = crate::program()
        .args(["demo", "--run-dir", &run_dir])
        .args(set)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    crate::train::wait_for("the demo to begin", || {
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("\nadapter ")
    });
    let second = short_demo(Path::new(&run_dir), &[]);
    assert_eq!(second.code, Some(1));
    assert!(
        second.stderr.contains("another process is training in ")
            && second.stderr.contains("another folder with --run-dir"),
        "{}",
        second.stderr
    );
    assert_eq!(child.try_wait().unwrap(), None, "the first goes on");
    crate::train::interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(&log).unwrap();
    let way_out =
        format!("go on with `recode-trainer train --config {run_dir}/config.toml --resume`");
    assert!(said.contains(&way_out), "{said}");
}

#[test]
fn what_cannot_begin_leaves_the_demo_before() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("demo");
    let first = short_demo(&run_dir, &[]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let before = crate::toy::files(&run_dir);
    for (more, code, message) in [
        (&["--seed", "9223372036854775808"][..], 2, "--seed"),
        (&["--set", "run.max_step=3"], 2, "run.max_steps"),
        (&["--set", "run.eval=false"], 2, "nothing to show"),
        (&["--set", "data.eval_rows=0"], 2, "nothing to show"),
        (&["--set", "data.eval_rows=97"], 1, "has 96 rows"),
        (
            &["--set", "data.max_prompt_length=9"],
            1,
            "data.max_prompt_length 9",
        ),
        (&["--set", "seed=3"], 2, "give --seed"),
        (&["--set", "name=x"], 2, "give --run-dir"),
        (&["--set", "output_dir=x"], 2, "give --run-dir"),
        (&["--set", "model.path=x"], 2, "brings its own"),
        (&["--set", "data.train=x"], 2, "brings its own"),
        (&["--set", " data.eval = x"], 2, "brings its own"),
    ] {
        let outcome = short_demo(&run_dir, more);
        assert_eq!(outcome.code, Some(code), "{more:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
        assert!(crate::toy::files(&run_dir) == before, "{more:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_not_unicode_is_wrong_usage() {
    use std::os::unix::ffi::OsStrExt;

    let dir = tempfile::tempdir().unwrap();
    for path in [&b"caf\xe9"[..], b"caf\xe9/demo"] {
        let run_dir = dir.path().join(std::ffi::OsStr::from_bytes(path));
        let output = crate::program()
            .args(["demo", "--run-dir"])
            .arg(&run_dir)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("is not Unicode: choose another"), "{said}");
        assert!(!run_dir.exists());
    }
}

#[test]
fn a_wrong_key_is_wrong_usage_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("demo");
    for set in ["run.max_step=3", "data.eval_rows=97"] {
        let outcome = short_demo(&run_dir, &["--set", set]);
        assert_ne!(outcome.code, Some(0));
        assert!(!run_dir.exists(), "{set}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
