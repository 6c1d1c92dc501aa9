//! Whole runs in this process on a tiny random model: what the mathematics promises, seen from outside.

mod tiny;
mod toy;

use std::fs;
use std::path::Path;

use recode_core::migration::Migration;
use recode_core::reward::Breakdown;
use recode_kernels::Device;
use recode_kernels::decoder::Adapter;
use recode_trainer::checkpoint;
use recode_trainer::interrupt::Interrupt;
use recode_trainer::model_dir::{self, Model};
use recode_trainer::run_dir::RunDir;
use recode_trainer::threads;
use serde_json::Value;
use toy::{Toy, adapter, lines, metrics};

fn series(dir: &Path, name: &str) -> Vec<f64> {
    let of = |line: &Value| {
        line[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name} in {line}"))
    };
    metrics(dir).iter().map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let toy = Toy::new();
    let run = |name: &str, seed: &str| {
        toy.run(
            name,
            &[
                "run.max_steps=4",
                "run.save_steps=2",
                "data.eval_rows=2",
                seed,
            ],
        )
    };
    let (a, b, c) = (run("a", "seed=1"), run("b", "seed=1"), run("c", "seed=2"));
    assert_eq!(toy::files(&a), toy::files(&b));
    assert_ne!(
        fs::read(a.join("completions.jsonl")).unwrap(),
        fs::read(c.join("completions.jsonl")).unwrap()
    );
}

#[test]
fn threads_change_nothing() {
    let toy = Toy::new();
    let run = |name: &str, threads: usize| {
        threads::with(threads, || Ok(toy.run(name, &["run.max_steps=3"]))).unwrap()
    };
    assert_eq!(toy::files(&run("a", 1)), toy::files(&run("b", 3)));
}

/// 1 x 8 == 8 x 1: how a step is cut into training passes changes rounding alone.
#[test]
fn accumulation_over_micro_batches_changes_nothing() {
    let toy = Toy::new();
    for mode in ["seq_mean_token_mean", "token_mean"] {
        let mode_key = format!("loss.loss_agg_mode={mode}");
        let run = |cut: &str, tokens: &str| {
            toy.run(
                &format!("{mode}-{cut}"),
                &[
                    "run.max_steps=3",
                    "rollout.prompts_per_step=2",
                    "loss.beta=0.05",
                    "adapter.lora_dropout=0.1",
                    // AdamW then follows the gradient, and does not blow the rounding of near-zero ones up to whole steps.
                    "optimizer.adam_epsilon=0.01",
                    &mode_key,
                    tokens,
                ],
            )
        };
        let whole = run("whole", "run.micro_batch_tokens=100000");
        let singles = run("singles", "run.micro_batch_tokens=1");
        for name in ["loss", "kl", "entropy", "grad_norm", "reward"] {
            for (a, b) in series(&whole, name).iter().zip(series(&singles, name)) {
                assert!(
                    (a - b).abs() <= 1e-5 * a.abs().max(1.0),
                    "{mode} {name}: {a} {b}"
                );
            }
        }
        for (a, b) in adapter(&whole).iter().zip(adapter(&singles)) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{mode}: {a} {b}");
        }
    }
}

#[test]
fn a_reward_that_can_be_climbed_is_climbed() {
    let toy = Toy::new();
    // The random model's logits hardly differ; a low temperature gives the adapter something to move.
    for set in [
        &["loss.beta=0.001"][..],
        &["loss.beta=0", "adapter.use_dora=false", "rollout.top_p=0.9"],
        &[
            "loss.beta=0.01",
            "loss.num_iterations=3",
            "adapter.lora_dropout=0.05",
            "loss.dual_clip=3",
            "loss.loss_agg_mode=token_mean",
        ],
    ] {
        let all = [
            &[
                "run.max_steps=30",
                "rollout.prompts_per_step=2",
                "rollout.temperature=0.1",
            ],
            set,
        ]
        .concat();
        let dir = toy.run(&format!("climb-{}", set.len()), &all);
        let reward = series(&dir, "reward");
        let (first, last) = (mean(&reward[..5]), mean(&reward[25..]));
        assert!(
            last > first + 0.3,
            "{set:?}: {first:.3} to {last:.3} in {reward:.2?}"
        );
    }
}

#[test]
fn sampling_and_training_agree_on_log_probabilities() {
    let toy = Toy::new();
    for (name, set) in [
        ("plain", &["run.max_steps=3"][..]),
        ("dropout", &["run.max_steps=3", "adapter.lora_dropout=0.3"]),
        (
            "iterations",
            &[
                "run.max_steps=3",
                "adapter.lora_dropout=0.3",
                "loss.num_iterations=2",
            ],
        ),
        (
            "cut",
            &[
                "run.max_steps=3",
                "rollout.top_k=20",
                "rollout.top_p=0.8",
                "rollout.temperature=0.7",
            ],
        ),
    ] {
        let dir = toy.run(name, set);
        for largest in series(&dir, "sampling/sampling_logp_difference/max") {
            assert!(largest < 1e-4, "{name}: {largest}");
        }
    }
}

#[test]
fn with_one_update_a_step_is_on_policy() {
    let toy = Toy::new();
    let dir = toy.run("on", &["run.max_steps=3", "adapter.lora_dropout=0.2"]);
    assert!(
        series(&dir, "clip_ratio/region_mean")
            .iter()
            .all(|&share| share == 0.0)
    );
    // Three updates of the same answers at a high rate leave the clip range.
    let off = toy.run(
        "off",
        &[
            "run.max_steps=3",
            "loss.num_iterations=3",
            "optimizer.learning_rate=0.1",
        ],
    );
    assert!(
        series(&off, "clip_ratio/region_mean")
            .iter()
            .any(|&share| share > 0.0)
    );
}

fn even(_: &Migration, _: &str, _: usize) -> Breakdown {
    toy::breakdown(1.0)
}

#[test]
fn without_beta_there_is_no_kl_and_even_groups_cost_no_training_pass() {
    let toy = Toy::new();
    let dir = toy
        .run_with("even", &["run.max_steps=2", "loss.beta=0"], &even)
        .unwrap();
    for line in metrics(&dir) {
        assert!(line["kl"].is_null() && line["entropy"].is_null(), "{line}");
        assert_eq!(
            (&line["grad_norm"], &line["frac_reward_zero_std"]),
            (&0.0.into(), &1.0.into())
        );
        // Sampling is compared with what training would compute all the same.
        let apart = line["sampling/sampling_logp_difference/max"].as_f64();
        assert!(apart.is_some_and(|apart| apart < 1e-4), "{line}");
    }
    for line in lines(&dir, "timings.jsonl") {
        for pass in ["forward_seconds", "backward_seconds"] {
            assert_eq!(line[pass], 0.0, "no such pass: {line}");
        }
    }
    // The adapter stays what it was: B is zero, A and the magnitudes are the seed's and the model's.
    let config = toy.config("even", &[]);
    let model = Model::load(&config.model.path, &Device::Cpu).unwrap();
    let saved = checkpoint::latest(&dir.join("checkpoints"))
        .unwrap()
        .unwrap();
    let saved = model_dir::load_adapter(&saved, &model.decoder).unwrap();
    let first = Adapter::init(saved.config(), &model.decoder, config.seed).unwrap();
    assert!(saved == first);
}

#[test]
fn truncated_completions_are_masked_by_choice() {
    let toy = Toy::new();
    let completions = |dir: &Path| lines(dir, "completions.jsonl");
    let ended = |line: &Value| line["finish_reason"] == "eos";
    let counted = |line: &Value| line["counted"].as_bool().unwrap();
    let masked = "loss.mask_truncated_completions=true";

    // 6 tokens are never enough for this model to end by itself: nobody counts, and nothing moves.
    let short = ["run.max_steps=2", "rollout.max_completion_length=6"];
    let dir = toy.run("none", &[&short[..], &[masked]].concat());
    assert!(
        !completions(&dir)
            .iter()
            .any(|line| ended(line) || counted(line))
    );
    assert_eq!(series(&dir, "grad_norm"), [0.0, 0.0]);
    assert!(series(&toy.run("short", &short), "grad_norm")[0] > 0.0);

    // Where some end and some do not, those that do count, and the step is another one.
    let long = ["run.max_steps=1", "rollout.max_completion_length=200"];
    let (all, some) = (
        toy.run("all", &long),
        toy.run("some", &[&long[..], &[masked]].concat()),
    );
    let lines = completions(&some);
    assert!(
        lines.iter().any(ended) && !lines.iter().all(ended),
        "a mixed group"
    );
    assert!(lines.iter().all(|line| ended(line) == counted(line)));
    assert!(completions(&all).iter().all(counted));
    // What is masked is compared with all the same: advantages are those of the whole group.
    let advantages = |lines: &[Value]| -> Vec<f64> {
        lines
            .iter()
            .map(|line| line["advantage"].as_f64().unwrap())
            .collect()
    };
    assert_eq!(advantages(&lines), advantages(&completions(&all)));
    let (all, some) = (series(&all, "grad_norm")[0], series(&some, "grad_norm")[0]);
    assert!(some > 0.0 && some != all, "{some} {all}");
}

#[test]
fn an_adapter_that_does_not_move_stops_the_run() {
    let toy = Toy::new();
    // Above zero, and nothing in f32.
    let error = toy
        .run_with(
            "still",
            &["run.max_steps=2", "optimizer.learning_rate=1e-80"],
            &toy::letters,
        )
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("step 1 of") && text.contains("no weight of the adapter has moved"),
        "{text}"
    );
}

/// Weight decay moves the adapter by itself: that is no sign of learning.
#[test]
fn a_gradient_of_zero_stops_the_run_also_under_weight_decay() {
    let toy = Toy::new();
    // Both scale the gradient, to 1e-60 of what it was: zero in f32.
    let set = [
        "run.max_steps=2",
        "optimizer.weight_decay=0.1",
        "adapter.use_dora=false",
        "adapter.lora_alpha=1e-30",
        "rollout.temperature=1e30",
    ];
    let error = toy.run_with("flat", &set, &toy::letters).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("step 1 of") && text.contains("the gradient is zero, though 8 completions"),
        "{text}"
    );
}

#[test]
fn rewards_and_weights_that_are_not_finite_stop_the_run() {
    let toy = Toy::new();
    let error = toy
        .run_with("reward", &["run.max_steps=2"], &|_, _, _| {
            toy::breakdown(f64::NAN)
        })
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("step 1 of") && text.contains("reward 0 is NaN"),
        "{text}"
    );

    // A learning rate that throws the adapter out of f32: the step and the tensor are named.
    let error = toy
        .run_with(
            "rate",
            &["run.max_steps=9", "optimizer.learning_rate=1e38"],
            &toy::letters,
        )
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("step 1 of") && text.contains("q_proj.lora_"),
        "{text}"
    );
}

#[test]
fn a_run_that_is_asked_to_stop_resumes_to_the_same_bytes() {
    let toy = Toy::new();
    let set = [
        "run.max_steps=7",
        "run.save_steps=3",
        "data.eval_rows=2",
        "adapter.lora_dropout=0.1",
        "loss.num_iterations=2",
    ];
    let whole = toy.run("whole", &set);
    // The request comes during step 2; the step is finished and saved.
    let text = format!("{:#}", toy.run_interrupted("parts", &set, 2).unwrap_err());
    assert!(
        text.contains("stopped after step 2 as asked") && text.contains("--resume"),
        "{text}"
    );
    let parts = toy.resume("parts", &set).unwrap();
    let (whole, mut parts) = (toy::files(&whole), toy::files(&parts));
    // The stop left a checkpoint of its own.
    parts.retain(|(name, _)| !name.contains("step-000002"));
    assert_eq!(parts, whole);
    // A run that is complete has nothing to do, and says what it came to.
    toy.resume("parts", &set).unwrap();
}

#[test]
fn a_run_that_is_asked_to_stop_while_it_evaluates_says_how_to_go_on() {
    let toy = Toy::new();
    let set = ["run.max_steps=2", "data.eval_rows=2"];
    let (config, interrupt) = (toy.config("stopped", &set), Interrupt::default());
    interrupt.raise();
    let dir = RunDir::create(&config).unwrap();
    let error = toy::train(&config, dir, &toy::letters, &interrupt).unwrap_err();
    let way_out = format!(
        "stopped during the evaluation before as asked; go on with `recode-trainer train --config {} --resume`",
        toy.run_dir("stopped").join("config.toml").display()
    );
    assert_eq!(format!("{error:#}"), way_out);
    let gone_on = toy.resume("stopped", &set).unwrap();
    assert_eq!(toy::files(&gone_on), toy::files(&toy.run("whole", &set)));
}

#[test]
fn a_run_on_other_rows_or_with_another_model_is_not_resumed() {
    let toy = Toy::new();
    let set = ["run.max_steps=2"];
    toy.run("a", &set);
    // A run that was stopped before its first checkpoint is the same run or none, too.
    let early = toy.run_dir("early");
    toy.run("early", &set);
    fs::remove_dir_all(early.join("checkpoints")).unwrap();

    let refused = |what: &str| {
        for name in ["a", "early"] {
            let text = format!("{:#}", toy.resume(name, &set).unwrap_err());
            assert!(text.contains(&format!("{what} changed since")), "{text}");
        }
    };
    let rows = fs::read_to_string(toy.rows()).unwrap();
    fs::write(toy.rows(), rows.replace("==2.0", "==2.1")).unwrap();
    refused("the rows have");
    fs::write(toy.rows(), rows).unwrap();

    for name in ["model.safetensors", "tokenizer.json", "config.json"] {
        let path = toy.path().join("model").join(name);
        let sound = fs::read(&path).unwrap();
        let mut other = sound.clone();
        match name {
            // The last bit of the last weight.
            "model.safetensors" => *other.last_mut().unwrap() ^= 1,
            _ => other.push(b'\n'),
        }
        fs::write(&path, other).unwrap();
        refused("the model has");
        fs::write(&path, sound).unwrap();
    }
    toy.resume("a", &set).unwrap();
    toy.resume("early", &set).unwrap();

    // A checkpoint knows its inputs by itself.
    let path = toy.run_dir("a").join("fingerprint.json");
    fs::remove_file(path).unwrap();
    fs::write(
        toy.path().join("model/generation_config.json"),
        "{\"eos_token_id\": [2]}",
    )
    .unwrap();
    let text = format!("{:#}", toy.resume("a", &set).unwrap_err());
    assert!(
        text.contains("the model has changed since") && text.contains("step-000002"),
        "{text}"
    );
}
