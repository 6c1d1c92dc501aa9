//! `recode-trainer plan` and `profile`: what a run would take, and where its time goes.

use serde_json::Value;

use crate::toy::Toy;
use crate::{recode, text_of, write_in};

fn config(toy: &Toy) -> String {
    write_in(toy.path(), "toy.toml", toy.config_text())
}

#[test]
fn a_plan_names_every_part_and_adds_up() {
    let toy = Toy::new();
    let config = config(&toy);
    let plan = |set: &[&str]| -> Value {
        let mut args = vec!["plan", "--config", &config, "--json"];
        args.extend(set.iter().flat_map(|assignment| ["--set", assignment]));
        let outcome = recode(&args);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let number = |plan: &Value, pointer: &str| plan.pointer(pointer).unwrap().as_u64().unwrap();
    let small = plan(&[]);
    let phases = ["rollout", "training", "evaluation"];
    let largest = phases.map(|phase| number(&small, &format!("/{phase}/bytes")));
    let parts = ["/weights", "/merged", "/adapter"].map(|part| number(&small, part));
    let sum = parts.iter().sum::<u64>() + largest.iter().max().unwrap();
    assert_eq!(number(&small, "/peak"), sum);
    assert_eq!(number(&small, "/evaluation/bytes"), 0, "no row is held out");

    // More of what costs memory costs memory.
    for (set, pointer) in [
        ("rollout.max_completion_length=100", "/training/bytes"),
        ("rollout.max_completion_length=100", "/rollout/bytes"),
        ("rollout.top_k=5", "/training/bytes"),
        ("adapter.lora_dropout=0.1", "/training/bytes"),
        ("adapter.r=8", "/adapter"),
        ("data.eval_rows=2", "/evaluation/bytes"),
    ] {
        let (before, after) = (number(&small, pointer), number(&plan(&[set]), pointer));
        assert!(after > before, "{set}: {pointer} {before} {after}");
    }
}

#[test]
fn a_plan_is_of_the_model_that_is_named_and_says_what_it_cannot_read() {
    let toy = Toy::new();
    let config = config(&toy);
    let model = text_of(&toy.path().join("model")).to_owned();
    let outcome = recode(&["plan", "--config", &config, "--model", &model]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("at most together"),
        "{}",
        outcome.stdout
    );
    let outcome = recode(&["plan", "--config", &config, "--model", "/no/model"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("/no/model does not exist"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_profile_lists_ops_by_phase_and_leaves_nothing_behind() {
    let toy = Toy::new();
    let outcome = recode(&["profile", "--config", &config(&toy)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let calls = |phase: &str, op: &str| -> u64 {
        let line = outcome.stdout.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            line.starts_with(phase) && words.contains(&op)
        });
        let line = line.unwrap_or_else(|| panic!("no {op} in {phase}: {}", outcome.stdout));
        let mut words = line.split_whitespace().skip_while(|&word| word != op);
        words.nth(1).unwrap().parse().unwrap()
    };
    // Two layers, twelve rounds at most, six maps a layer. Without spread in the rewards nothing goes backward.
    assert_eq!(calls("training pass", "attention"), 2);
    assert!((2..=24).contains(&calls("decode", "attention_decode")));
    assert_eq!(calls("update", "merge"), 12);
    assert!(!toy.path().join("runs").exists());
}
