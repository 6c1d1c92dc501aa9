//! Completions a second on one core beside the reference's Python, and edit distance beside `strsim`.
//!
//! `cargo bench -p recode-core --bench reward`; with `RECODE_PYTHON` naming an interpreter and `RECODE_REFERENCE` the reference's
//! `src/DAPO/reward.py` (zjunlp/ReCode), `tests/peers/reward.py` scores the same cases right after. The cases are the shared ones where they are at hand, else the few that ship with the tests.
//! Nothing is kept from one call to the next: every call finds, parses, strips and compares both of its texts.

#[path = "../tests/shared/mod.rs"]
mod shared;

use recode_core::python::{Grammar, check_syntax, strip};
use recode_core::reward::{Rubric, score};
use recode_core::similarity::levenshtein;
use serde::Deserialize;
use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Deserialize)]
struct Case {
    completion: String,
    target: String,
    format: f64,
    es_star: Option<f64>,
}

/// The best of several rounds over all of `items`, in items a second: other processes only ever slow a round down.
fn per_second<T>(items: &[T], mut work: impl FnMut(&T)) -> f64 {
    let mut best = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        items.iter().for_each(&mut work);
        best = best.min(start.elapsed());
    }
    items.len() as f64 / best.as_secs_f64()
}

/// Completions a second of the reference, where it is at hand.
fn peer(cases: &str) -> Option<f64> {
    let python = std::env::var_os("RECODE_PYTHON")?;
    let reference = std::env::var_os("RECODE_REFERENCE")?;
    let mut child = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/peers/reward.py"
        ))
        .arg(reference)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("RECODE_PYTHON starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(cases.as_bytes()).expect("cases are read");
    drop(stdin);
    let output = child.wait_with_output().expect("the peer ends");
    let rate = String::from_utf8_lossy(&output.stdout).trim().parse();
    Some(rate.expect("tests/peers/reward.py prints a number"))
}

/// The sum of what as many threads reach side by side.
fn on_threads(threads: usize, rate: impl Fn() -> f64 + Sync) -> f64 {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&rate)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("the work does not panic"))
            .sum()
    })
}

fn main() {
    let (source, text) = match shared::read("reward_cases.jsonl") {
        Some(text) => ("shared cases", text),
        None => (
            "shipped cases",
            include_str!("../tests/golden/reward_cases.jsonl").to_owned(),
        ),
    };
    let cases: Vec<Case> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect();

    // What is timed is right: paper mode gives the reference's numbers; strict mode has its tests in tests/strict_reward.rs.
    for case in &cases {
        let breakdown = score(&Rubric::paper(), &case.completion, &case.target);
        let expected = case.format + case.es_star.unwrap_or(-2.0);
        assert!(
            (breakdown.total.unwrap() - expected).abs() <= 1e-12,
            "{}",
            case.completion
        );
    }
    // What strict mode compares: pairs of codes without comments.
    let pairs: Vec<(String, String)> = cases
        .iter()
        .filter_map(|case| {
            let parts = recode_core::answer::Answer::find(&case.completion);
            Some((
                strip(&case.completion[parts.code?]).ok()?,
                strip(&case.target).ok()?,
            ))
        })
        .collect();
    for (a, b) in &pairs {
        assert_eq!(levenshtein(a, b), strsim::levenshtein(a, b));
    }

    // `cargo test --benches` stops here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bytes = |lengths: &mut dyn Iterator<Item = usize>| lengths.sum::<usize>() / cases.len();
    println!(
        "{} {source}: completions of {} bytes, targets of {} bytes on average; one core",
        cases.len(),
        bytes(&mut cases.iter().map(|case| case.completion.len())),
        bytes(&mut cases.iter().map(|case| case.target.len())),
    );
    let peer = peer(&text);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (name, rubric) in [("strict", Rubric::strict()), ("paper", Rubric::paper())] {
        let work = |case: &Case| {
            black_box(score(&rubric, &case.completion, &case.target));
        };
        for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
            let rate = on_threads(threads, || per_second(&cases, work));
            println!(
                "score, {name:6} {threads:2} thread(s) {rate:9.0} completions/s   {:6.2} us each{}",
                1e6 / rate,
                peer.map_or_else(String::new, |peer| format!(
                    "   {:.0} times the reference's {peer:.0}",
                    rate / peer
                ))
            );
        }
    }
    let rate = per_second(&cases, |case| {
        let _ = black_box(check_syntax(&case.target, Grammar::Latest));
    });
    println!(
        "check_syntax    {rate:9.0} targets/s       {:6.2} us each",
        1e6 / rate
    );
    let ours = per_second(&pairs, |(a, b)| {
        black_box(levenshtein(a, b));
    });
    println!(
        "levenshtein     {ours:9.0} pairs/s         {:6.2} us each",
        1e6 / ours
    );
    let peer = per_second(&pairs, |(a, b)| {
        black_box(strsim::levenshtein(a, b));
    });
    println!(
        "strsim          {peer:9.0} pairs/s         {:6.2} us each   ours is {:.1} times as fast",
        1e6 / peer,
        ours / peer
    );
}
