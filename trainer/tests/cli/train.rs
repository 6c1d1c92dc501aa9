//! `recode-trainer train`: a run as a person starts, stops and resumes it, and what can be wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::toy::{self, Toy};
use crate::{Outcome, program, recode, text_of, write_in};

/// A toy's configuration as a file, with the runs beside it.
fn config(toy: &Toy) -> String {
    let runs = format!("output_dir = {:?}\n", text_of(&toy.path().join("runs")));
    write_in(toy.path(), "toy.toml", runs + &toy.config_text())
}

fn args<'a>(config: &'a str, set: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let set = set.iter().flat_map(|assignment| ["--set", assignment]);
    ["train", "--config", config]
        .into_iter()
        .chain(set)
        .chain(more.iter().copied())
        .collect()
}

fn train(toy: &Toy, set: &[&str], more: &[&str]) -> Outcome {
    recode(&args(&config(toy), set, more))
}

/// A run that does not return before it ends; its standard error goes to a file.
fn start(toy: &Toy, set: &[&str], more: &[&str]) -> (Child, PathBuf) {
    let log = toy.path().join("stderr.txt");
    let child = program()
        .args(args(&config(toy), set, more))
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    (child, log)
}

pub fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "still waiting for {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_run_says_its_sizes_and_ends_with_a_table() {
    let toy = Toy::new();
    let set = [
        "run.max_steps=3",
        "run.save_steps=2",
        "data.eval_rows=2",
        "rollout.prompts_per_step=2",
    ];
    let first = train(&toy, &set, &[]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for part in [
        "5 to train on, 2 held out",
        "prompts_per_step 2 x num_generations 8 = 16 completions of at most 12 tokens",
        "3 steps = 1.20 epochs = 48 completions = 3 optimizer steps",
        "DoRA r 4",
        "step 3/3",
    ] {
        assert!(first.stderr.contains(part), "{part} in {}", first.stderr);
    }
    for part in [
        "before",
        "after",
        "reward",
        "ES*",
        "EM*",
        "valid format",
        "gain over copying",
        "step-000003",
    ] {
        assert!(first.stdout.contains(part), "{part} in {}", first.stdout);
    }
    let run = toy.run_dir("toy");
    let written = [
        ".lock",
        "checkpoints",
        "completions.jsonl",
        "config.toml",
        "eval",
        "fingerprint.json",
        "metrics.jsonl",
        "timings.jsonl",
    ];
    assert_eq!(names(&run), written);
    assert_eq!(
        names(&run.join("checkpoints")),
        ["step-000002", "step-000003"]
    );

    // The same again is a mistake of the caller; going on with a complete run does nothing and says the same.
    let again = train(&toy, &set, &[]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("exists already") && again.stderr.contains("--resume"),
        "{}",
        again.stderr
    );
    let resumed = train(&toy, &set, &["--resume"]);
    assert_eq!(
        (resumed.code, &resumed.stdout),
        (Some(0), &first.stdout),
        "{}",
        resumed.stderr
    );

    // What was written down repeats the run.
    let config = text_of(&run.join("config.toml"));
    let repeated = recode(&args(&config, &["name=again"], &[]));
    assert_eq!(repeated.code, Some(0), "{}", repeated.stderr);
    assert_eq!(toy::files(&toy.run_dir("again")), toy::files(&run));
}

#[test]
fn resuming_asks_for_the_same_run() {
    let toy = Toy::new();
    let nothing = train(&toy, &[], &["--resume"]);
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.stderr.contains("no run to resume"),
        "{}",
        nothing.stderr
    );

    assert_eq!(train(&toy, &["run.max_steps=1"], &[]).code, Some(0));
    let other = train(&toy, &["run.max_steps=1", "loss.beta=0.5"], &["--resume"]);
    assert_eq!(other.code, Some(2));
    assert!(
        other.stderr.contains("says otherwise: loss.beta = 0.001"),
        "{}",
        other.stderr
    );

    // Without its config.toml nobody knows what it computed; and what is no run is left as it is.
    let run = toy.run_dir("toy");
    let before = toy::files(&run);
    fs::remove_file(run.join("config.toml")).unwrap();
    let lost = train(&toy, &["run.max_steps=1"], &["--resume"]);
    assert_eq!(lost.code, Some(2));
    assert!(
        lost.stderr.contains("but no config.toml"),
        "{}",
        lost.stderr
    );
    let left: Vec<_> = before
        .into_iter()
        .filter(|(name, _)| name != "config.toml")
        .collect();
    assert!(toy::files(&run) == left);

    // Nor is what only looks like half a file of ours.
    let other = toy.run_dir("other");
    fs::create_dir_all(other.join(".backup.partial")).unwrap();
    let foreign = train(&toy, &["name=other"], &["--resume"]);
    assert_eq!(foreign.code, Some(2), "{}", foreign.stderr);
    assert_eq!(names(&other), [".backup.partial"]);
}

#[test]
fn a_run_without_spread_says_that_it_learned_nothing() {
    let toy = Toy::new();
    let outcome = train(&toy, &["run.max_steps=2", "rollout.top_k=1"], &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("in steps 1 to 2 no group had answers of different reward"),
        "{}",
        outcome.stderr
    );
}

/// The number of the only checkpoint that is newer than `after`.
fn stopped_at(run: &Path, after: u64) -> u64 {
    let saved: Vec<u64> = names(&run.join("checkpoints"))
        .iter()
        .map(|name| name.strip_prefix("step-").unwrap().parse().unwrap())
        .filter(|step| *step > after)
        .collect();
    let [step] = saved.as_slice() else {
        panic!("{saved:?}")
    };
    *step
}

#[test]
fn ctrl_c_finishes_the_step_and_saves() {
    let toy = Toy::new();
    // More steps than anybody waits for, and no checkpoint but those of the stops.
    let set = ["run.max_steps=1000000", "run.save_steps=1000000000"];
    let run = toy.run_dir("toy");
    let mut last = 0;
    for more in [&[][..], &["--resume"]] {
        let (mut child, log) = start(&toy, &set, more);
        wait_for("a step", || {
            fs::read_to_string(&log).unwrap().contains("\nstep ")
        });
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let said = fs::read_to_string(log).unwrap();
        assert!(
            said.contains("as asked, and saved; go on with `recode-trainer train --config"),
            "{said}"
        );
        last = stopped_at(&run, last);
    }

    // The toy's learning rate does not depend on the number of steps: a run of as many leaves the same.
    let steps = format!("run.max_steps={last}");
    let whole = train(&toy, &[&steps, set[1], "name=whole"], &[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let newest = format!("step-{last:06}");
    let mut files = toy::files(&run);
    files.retain(|(name, _)| !name.starts_with("checkpoints") || name.contains(&newest));
    let whole = toy::files(&toy.run_dir("whole"));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&files), names(&whole));
    for ((name, a), (_, b)) in files.iter().zip(&whole) {
        assert!(a == b, "{name} differs after {last} steps");
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let toy = Toy::new();
    // One step that takes long.
    let set = [
        "rollout.num_generations=64",
        "rollout.prompts_per_step=64",
        "rollout.max_completion_length=500",
    ];
    let (mut child, log) = start(&toy, &set, &[]);
    wait_for("the run to begin", || {
        fs::read_to_string(&log).unwrap().contains("adapter ")
    });
    interrupt(&child);
    wait_for("the first to be acknowledged", || {
        fs::read_to_string(&log)
            .unwrap()
            .contains("once more stops at once")
    });
    assert_eq!(child.try_wait().unwrap(), None, "the step is not done yet");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A limit on the size of files stands for a full disk: writes beyond it fail, whoever the user is.
#[cfg(unix)]
fn train_with_little_room(toy: &Toy, blocks: usize, set: &[&str], more: &[&str]) -> Outcome {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_recode-trainer")])
        .args(args(&config(toy), set, more))
        .output()
        .unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_whole_files_and_says_so() {
    let toy = Toy::new();
    let run = toy.run_dir("toy");
    // 512 bytes, less than config.toml: the folder that was made for it goes again.
    let none = train_with_little_room(&toy, 1, &["run.max_steps=3"], &[]);
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr.contains("cannot write") && none.stderr.contains("config.toml"),
        "{}",
        none.stderr
    );
    assert!(!run.exists());

    // 16 KiB (32 where a block is 1 KiB): logs and adapter may fit, AdamW's moments do not.
    let some = train_with_little_room(&toy, 32, &["run.max_steps=3", "run.save_steps=2"], &[]);
    assert_eq!(some.code, Some(1));
    assert!(
        some.stderr.contains("no checkpoint of step 2")
            && some.stderr.contains(".safetensors: File too large"),
        "{}",
        some.stderr
    );
    assert_eq!(
        names(&run.join("checkpoints")),
        [""; 0],
        "nothing half-written"
    );
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(
        metrics
            .lines()
            .map(serde_json::from_str::<serde_json::Value>)
            .filter(Result::is_ok)
            .count(),
        2
    );
    assert!(metrics.ends_with('\n'));

    // With room again the run goes on, and nothing tells that it was ever stopped.
    let set = ["run.max_steps=3", "run.save_steps=2"];
    let resumed = train(&toy, &set, &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(
        train(&toy, &[&set[..], &["name=whole"]].concat(), &[]).code,
        Some(0)
    );
    assert_eq!(toy::files(&run), toy::files(&toy.run_dir("whole")));
}

#[test]
fn a_log_that_cannot_grow_stops_the_run_between_lines() {
    let toy = Toy::new();
    let set = ["run.max_steps=60", "run.save_steps=1000"];
    let outcome = train_with_little_room(&toy, 32, &set, &[]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("cannot write")
            && outcome.stderr.contains(".jsonl: File too large"),
        "{}",
        outcome.stderr
    );
    for name in ["metrics.jsonl", "completions.jsonl"] {
        let text = fs::read_to_string(toy.run_dir("toy").join(name)).unwrap();
        assert!(text.ends_with('\n'), "{name} ends with a whole line");
        assert!(
            text.lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_used_is_named_before_anything_is_written() {
    let toy = Toy::new();
    let rows = fs::read_to_string(toy.rows()).unwrap();
    let refuse = |what: &str, set: &[&str], parts: &[&str]| {
        let outcome = train(&toy, set, &[]);
        assert_eq!(outcome.code, Some(1), "{what}: {}", outcome.stderr);
        for part in parts {
            assert!(
                outcome.stderr.contains(part),
                "{what}: {part} in {}",
                outcome.stderr
            );
        }
        assert!(!toy.run_dir("toy").exists(), "{what}: no run folder");
    };
    refuse(
        "a long prompt",
        &["data.max_prompt_length=400"],
        &[
            "rows.jsonl:1: the prompt has ",
            "data.max_prompt_length 400",
        ],
    );
    refuse(
        "no room",
        &["rollout.max_completion_length=4000"],
        &["rows.jsonl:1", "positions"],
    );
    refuse(
        "too few rows",
        &["data.eval_rows=7"],
        &["data.eval_rows is 7", "7 rows"],
    );
    refuse(
        "no data",
        &["data.train=none.jsonl"],
        &["cannot read none.jsonl"],
    );
    refuse("no model", &["model.path=none"], &["none"]);
    let weights = toy.path().join("model/model.safetensors");
    let sound = fs::read(&weights).unwrap();
    let mut spoiled = sound.clone();
    let last = spoiled.len() - 4;
    spoiled[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, spoiled).unwrap();
    refuse(
        "a NaN in the weights",
        &[],
        &["model.safetensors", "model.norm.weight", "NaN"],
    );
    fs::write(&weights, &sound[..sound.len() / 2]).unwrap();
    refuse("weights cut short", &[], &["model.safetensors"]);
    fs::write(&weights, sound).unwrap();
    fs::write(toy.rows(), "").unwrap();
    refuse("empty data", &[], &["rows.jsonl has no rows"]);
    fs::write(toy.rows(), &rows[..rows.len() - 9]).unwrap();
    refuse(
        "a line cut short",
        &[],
        &["rows.jsonl:7: the line is cut short"],
    );
    fs::write(toy.rows(), &rows).unwrap();
    fs::write(toy.path().join("runs"), "").unwrap();
    refuse(
        "a file in the way",
        &[],
        &["cannot create the run directory", "--set output_dir="],
    );
}
