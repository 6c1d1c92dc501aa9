//! `recode-trainer logprobs`.

use recode_kernels::decoder::{Adapter, AdapterConfig};
use serde_json::{Value, json};

use crate::{Outcome, recode, recode_with, text_of, tiny, to_nobody, write};

fn model() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    tiny::write_model(&path, 1, &[]);
    let path = text_of(&path);
    (dir, path)
}

fn logprobs(model: &str, args: &[&str], input: &str) -> Outcome {
    recode_with(
        &[&["logprobs", "--model", model, "-"], args].concat(),
        input.as_bytes(),
    )
}

fn lines(outcome: &Outcome) -> Vec<Value> {
    outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn numbers(line: &Value) -> Vec<f64> {
    line["logprobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

#[test]
fn what_generate_drew_has_the_log_probabilities_it_was_drawn_with() {
    let (_dir, model) = model();
    let args = [
        "generate",
        "--model",
        &model,
        "--max-completion-length",
        "20",
        "-n",
        "3",
        "--json",
        "--temperature",
        "0.7",
        "value =",
    ];
    let drawn = lines(&recode(&args));
    let input: String = drawn
        .iter()
        .map(|line| {
            format!(
                "{}\n",
                json!({"prompt": "value =", "completion": line["completion_ids"]})
            )
        })
        .collect();
    let outcome = logprobs(&model, &["--temperature", "0.7"], &input);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for (drawn, line) in drawn.iter().zip(lines(&outcome)) {
        assert_eq!(drawn["completion_ids"], line["completion_ids"]);
        let sampling = drawn["sampling_logprobs"].as_array().unwrap();
        for (a, b) in sampling.iter().zip(numbers(&line)) {
            assert!(
                (a.as_f64().unwrap() - b).abs() < 2e-5,
                "{a} drawn, {b} computed"
            );
        }
        assert!(
            (line["total"].as_f64().unwrap() - numbers(&line).iter().sum::<f64>()).abs() < 1e-4
        );
    }
    let hotter = lines(&logprobs(&model, &["--temperature", "1.4"], &input));
    assert_ne!(numbers(&hotter[0]), numbers(&lines(&outcome)[0]));
}

#[test]
fn text_and_its_token_ids_are_the_same_and_nothing_spans_the_boundary() {
    let (_dir, model) = model();
    // Joined, "value" is a token of this vocabulary; here "val" and "ue" stay apart.
    let by_text = lines(&logprobs(
        &model,
        &[],
        "{\"prompt\": \"x = val\", \"completion\": \"ue<|im_end|>\"}\n",
    ));
    let line = &by_text[0];
    assert_eq!(line["line"], 1);
    assert_eq!(
        line["completion_ids"].as_array().unwrap().last().unwrap(),
        2
    );
    let by_ids =
        json!({"prompt": line["prompt_ids"], "completion": line["completion_ids"]}).to_string();
    assert_eq!(lines(&logprobs(&model, &[], &by_ids)), by_text);
    let whole = lines(&logprobs(
        &model,
        &[],
        "{\"prompt\": \"x\", \"completion\": \" = value<|im_end|>\"}\n",
    ));
    let count = |line: &Value, name: &str| line[name].as_array().unwrap().len();
    assert!(
        count(line, "prompt_ids") + count(line, "completion_ids")
            > count(&whole[0], "prompt_ids") + count(&whole[0], "completion_ids")
    );
    let nothing = lines(&logprobs(
        &model,
        &[],
        "{\"prompt\": \"x\", \"completion\": \"\"}",
    ));
    assert_eq!(
        (&nothing[0]["logprobs"], &nothing[0]["total"]),
        (&json!([]), &json!(0.0))
    );
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_rest_is_done() {
    let (dir, model) = model();
    let good = "{\"prompt\": \"x\", \"completion\": \"y\"}";
    let bad = [
        ("{\"prompt\": \"x\", \"compl", "the line is cut short"),
        ("{\"prompt\": \"x\"}", "completion is missing"),
        (
            "{\"prompt\": null, \"completion\": \"y\"}",
            "prompt is neither a text nor a list of token ids",
        ),
        (
            "{\"prompt\": [1, -2], \"completion\": \"y\"}",
            "prompt is neither a text nor a list of token ids",
        ),
        (
            "{\"prompt\": \"\", \"completion\": \"y\"}",
            "prompt has no tokens",
        ),
        (
            "{\"prompt\": \"x\", \"completion\": [5, 300]}",
            "completion has the token id 300, but the model's vocab_size is 300",
        ),
        ("", "the line is empty"),
    ];
    let mut input = format!("{good}\n");
    for (line, _) in bad {
        input += &format!("{line}\n{good}\n");
    }
    let file = write(&dir, "pairs.jsonl", input);
    let outcome = recode(&["logprobs", "--model", &model, &file]);
    assert_eq!(outcome.code, Some(1));
    for (at, (_, message)) in bad.iter().enumerate() {
        assert!(
            outcome
                .stderr
                .contains(&format!("{file}:{}: {message}", 2 * at + 2)),
            "{message}: {}",
            outcome.stderr
        );
    }
    assert!(
        outcome.stderr.contains("7 of 15 lines"),
        "{}",
        outcome.stderr
    );
    let numbers: Vec<u64> = lines(&outcome)
        .iter()
        .map(|line| line["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3, 5, 7, 9, 11, 13, 15]);
}

#[test]
fn a_text_longer_than_the_models_positions_is_a_bad_line() {
    let (_dir, model) = model();
    let line = json!({"prompt": vec![5; 4000], "completion": vec![6; 97]}).to_string();
    let outcome = logprobs(&model, &[], &line);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("standard input:1: prompt and completion have 4097 tokens")
            && outcome.stderr.contains("4096"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_adapter_counts_and_a_fresh_one_changes_nothing() {
    let (dir, model) = model();
    let config = r#"{"peft_type": "LORA", "r": 3, "lora_alpha": 6, "lora_dropout": 0.0, "use_dora": true, "target_modules": ["q_proj", "v_proj"]}"#;
    let path = dir.path().join("adapter");
    std::fs::create_dir(&path).unwrap();
    let adapter_dir = text_of(&path);
    let mut adapter = Adapter::init(
        &AdapterConfig::from_json(config).unwrap(),
        &tiny::decoder(1),
        5,
    )
    .unwrap();
    std::fs::write(path.join("adapter_config.json"), config).unwrap();
    let input = "{\"prompt\": \"x = \", \"completion\": \"np.float_(1.0)\"}";
    let base = numbers(&lines(&logprobs(&model, &[], input))[0]);
    let with_adapter = |adapter: &Adapter| {
        std::fs::write(
            path.join("adapter_model.safetensors"),
            adapter.to_safetensors().unwrap(),
        )
        .unwrap();
        let outcome = logprobs(&model, &["--adapter", &adapter_dir], input);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        numbers(&lines(&outcome)[0])
    };
    let fresh = with_adapter(&adapter);
    assert!(
        base.iter().zip(&fresh).all(|(a, b)| (a - b).abs() < 1e-5),
        "B = 0 is the base: {base:?} {fresh:?}"
    );
    for (name, values) in adapter.parameters_mut() {
        if name.contains("lora_B") {
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, value)| *value = 0.3 * ((i % 7) as f32 - 3.0));
        }
    }
    let moved = with_adapter(&adapter);
    assert!(
        base.iter().zip(&moved).any(|(a, b)| (a - b).abs() > 1e-3),
        "{base:?} {moved:?}"
    );
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let (_dir, model) = model();
    let line = b"{\"prompt\": \"x\", \"completion\": \"y\"}\n";
    let outcome = to_nobody(&["logprobs", "--model", &model, "-"], line);
    assert_eq!(outcome, (Some(0), String::new()));
}

#[test]
fn wrong_usage_and_empty_input_are_told_apart() {
    let (_dir, model) = model();
    for temperature in ["0", "nan", "inf", "-1"] {
        let outcome = logprobs(&model, &[&format!("--temperature={temperature}")], "");
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("--temperature"));
    }
    let empty = logprobs(&model, &[], "");
    assert_eq!(empty.code, Some(1));
    assert!(
        empty.stderr.contains("standard input has no lines"),
        "{}",
        empty.stderr
    );
    let missing = recode(&["logprobs", "--model", &model, "no/such.jsonl"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.stderr.contains("cannot read no/such.jsonl"),
        "{}",
        missing.stderr
    );
}
