//! `kill -9` at any moment loses at most the steps since the last checkpoint, and nothing of what comes out in the end.
//!
//! The process that is killed is this test binary itself, started again with a folder in its environment: the reward is the toy's, so
//! that the adapter really moves.

mod tiny;
mod toy;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use recode_kernels::random::Stream;
use toy::Toy;

const FOLDER: &str = "RECODE_TOY_FOLDER";
const NAME: &str = "RECODE_TOY_NAME";
const SET: [&str; 5] = [
    "run.max_steps=10",
    "run.save_steps=2",
    "data.eval_rows=2",
    "adapter.lora_dropout=0.1",
    "rollout.prompts_per_step=2",
];
const KILLS: usize = 20;

/// What a started process does; without the environment, nothing.
#[test]
fn a_run_in_a_process_of_its_own() {
    let (Ok(folder), Ok(name)) = (std::env::var(FOLDER), std::env::var(NAME)) else {
        return;
    };
    let toy = Toy::at(folder.into());
    if toy.run_dir(&name).exists() {
        toy.resume(&name, &SET).unwrap();
    } else {
        toy.run(&name, &SET);
    }
}

fn start(toy: &Toy, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_run_in_a_process_of_its_own",
            "--test-threads=1",
        ])
        .env(FOLDER, toy.path())
        .env(NAME, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the process to end by itself within `patience`; otherwise it is killed.
fn end_or_kill(child: &mut Child, patience: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the run failed by itself: {status}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    false
}

#[test]
fn a_run_killed_at_random_moments_ends_in_the_same_bytes() {
    let toy = Toy::new();
    let begun = Instant::now();
    assert!(end_or_kill(
        &mut start(&toy, "whole"),
        Duration::from_secs(600)
    ));
    let takes = begun.elapsed();
    let whole = toy::files(&toy.run_dir("whole"));
    assert!(whole.len() > 20, "{} files to compare", whole.len());

    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let mut random = Stream::new(seed, &[]);
    let mut kills = 0;
    for run in 0.. {
        let name = format!("killed-{run}");
        loop {
            let patience = match kills < KILLS {
                true => takes.mul_f32(0.7 * random.uniform()),
                false => Duration::from_secs(600),
            };
            if end_or_kill(&mut start(&toy, &name), patience) {
                break;
            }
            kills += 1;
        }
        let killed = toy::files(&toy.run_dir(&name));
        let names = |files: &[(String, Vec<u8>)]| {
            files
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(&killed),
            names(&whole),
            "seed {seed}, run {run}, {kills} kills"
        );
        for ((name, a), (_, b)) in killed.iter().zip(&whole) {
            assert!(
                a == b,
                "{name} differs: seed {seed}, run {run}, {kills} kills"
            );
        }
        if kills >= KILLS {
            return;
        }
    }
}
