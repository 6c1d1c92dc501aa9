//! `recode-trainer generate`.

use serde_json::Value;

use crate::{Outcome, recode, recode_with, text_of, tiny, to_nobody, write};

/// A directory with a model of random weights.
fn model() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    tiny::write_model(&path, 1, &[]);
    let path = text_of(&path);
    (dir, path)
}

fn generate(model: &str, args: &[&str]) -> Outcome {
    recode(
        &[
            &[
                "generate",
                "--model",
                model,
                "--max-completion-length",
                "20",
            ],
            args,
        ]
        .concat(),
    )
}

fn lines(outcome: &Outcome) -> Vec<Value> {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

const ROW: &str = r#"{"dependency":"numpy","new_version":"==2.0","description":"d","update_info":"float_ is float64","old_code":"x = np.float_(1)","new_code":"x = np.float64(1)"}"#;
const RIGHT: &str = "It is gone.</think>\n<answer>\n```python\nx = np.float64(1)\n```\n</answer>";

#[test]
fn the_same_seed_gives_the_same_answer_on_any_number_of_threads() {
    let (_dir, model) = model();
    let first = generate(&model, &["--seed", "4", "value ="]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for threads in ["1", "2", "3"] {
        assert_eq!(
            generate(&model, &["--seed", "4", "--threads", threads, "value ="]).stdout,
            first.stdout
        );
    }
    assert_ne!(
        generate(&model, &["--seed", "5", "value ="]).stdout,
        first.stdout
    );
}

#[test]
fn the_streamed_text_is_the_text_of_the_json_line() {
    let (_dir, model) = model();
    let plain = generate(&model, &["--seed", "9", "value ="]);
    let json = lines(&generate(&model, &["--seed", "9", "--json", "value ="]));
    assert_eq!(
        plain.stdout,
        format!("{}\n", json[0]["text"].as_str().unwrap())
    );
    assert!(
        plain
            .stderr
            .contains("20 tokens, cut off at --max-completion-length"),
        "{}",
        plain.stderr
    );
    assert_eq!(
        recode_with(
            &[
                "generate",
                "--model",
                &model,
                "--max-completion-length",
                "20",
                "--seed",
                "9",
                "-"
            ],
            b"value ="
        )
        .stdout,
        plain.stdout
    );
}

#[test]
fn several_answers_are_lines_with_their_tokens() {
    let (_dir, model) = model();
    let all = lines(&generate(
        &model,
        &["-n", "5", "--json", "--top-k", "40", "value ="],
    ));
    assert_eq!(all.len(), 5);
    for (sample, line) in all.iter().enumerate() {
        assert_eq!(line["sample"], sample);
        assert_eq!(
            line["completion_ids"].as_array().unwrap().len(),
            line["tokens"]
        );
        assert_eq!(
            line["sampling_logprobs"].as_array().unwrap().len(),
            line["tokens"]
        );
        assert!(["eos", "length"].contains(&line["finish_reason"].as_str().unwrap()));
        assert!(line.get("reward").is_none(), "a plain prompt has no target");
    }
    let plain = generate(&model, &["-n", "2", "value ="]);
    assert!(
        plain.stdout.starts_with("=== answer 1 of 2: ")
            && plain.stdout.contains("\n=== answer 2 of 2: "),
        "{}",
        plain.stdout
    );
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let (_dir, model) = model();
    for more in [&["--json"][..], &["-n", "2"], &[]] {
        let args = [
            &[
                "generate",
                "--model",
                &model,
                "--max-completion-length",
                "5",
                "value =",
            ],
            more,
        ];
        let outcome = to_nobody(&args.concat(), b"");
        assert_eq!(outcome, (Some(0), String::new()), "{more:?}");
    }
}

#[test]
fn a_row_is_asked_in_the_migration_prompt_and_its_answer_is_scored() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny::write_scripted_model(&model, RIGHT);
    let model = text_of(&model);
    // Other lines of the file are not looked at.
    let file = write(&dir, "rows.jsonl", format!("no JSON\n{ROW}\n"));
    let line = &lines(&generate(
        &model,
        &["--data", &file, "--row", "2", "--json"],
    ))[0];
    assert_eq!(line["text"], RIGHT);
    assert_eq!(
        (&line["tokens"], &line["finish_reason"]),
        (&2.into(), &"eos".into())
    );
    // Format 1, and 3.5 * 1 - 1.5 = 2 for the same code.
    assert_eq!(line["reward"]["total"], 3.0);
    let plain = generate(&model, &["--data", &file, "--row", "2"]);
    assert_eq!(plain.stdout, format!("{RIGHT}\n"));
    assert!(
        plain
            .stderr
            .contains("2 tokens, ended by itself, reward 3.000 (format 1, ES* 2.000, EM* 2)"),
        "{}",
        plain.stderr
    );
}

#[test]
fn a_row_that_is_not_there_or_no_migration_is_named() {
    let (dir, model) = model();
    let file = write(
        &dir,
        "rows.jsonl",
        format!("{ROW}\n{{\"dependency\": null}}\n"),
    );
    for (row, message) in [
        ("3", "has 2 lines: there is no row 3"),
        ("2", "rows.jsonl:2: dependency is null"),
    ] {
        let outcome = generate(&model, &["--data", &file, "--row", row]);
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn what_cannot_be_asked_is_wrong_usage() {
    let (_dir, model) = model();
    for (args, message) in [
        (&[][..], "PROMPT"),
        (&["--row", "1"], "--data"),
        (&["a", "--row", "1"], "--row is a line of --data"),
        (&["--data", "f", "--row", "0"], "--row counts from 1"),
        (&["--data", "rows.jsonl"], "--row"),
        (
            &["a", "--data", "rows.jsonl", "--row", "1"],
            "cannot be used with",
        ),
        (&[""], "the prompt is empty"),
        (&["a", "-n", "0"], "--num-generations is 0"),
        (
            &["a", "--max-completion-length", "0"],
            "--max-completion-length",
        ),
        (&["a", "--temperature", "-1"], "temperature is -1"),
        (&["a", "--top-p", "0"], "top_p is 0"),
        (
            &["a", "--reward", "lenient", "--data", "f", "--row", "1"],
            "lenient",
        ),
    ] {
        let outcome = recode(&[&["generate", "--model", &model], args].concat());
        assert_eq!(outcome.code, Some(2), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(message),
            "{args:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_prompt_beyond_the_models_positions_is_an_error_with_the_numbers() {
    let (_dir, model) = model();
    let outcome = generate(&model, &["--max-completion-length", "4096", "x"]);
    assert_eq!(outcome.code, Some(2), "given twice");
    let outcome = recode(&[
        "generate",
        "--model",
        &model,
        "--max-completion-length",
        "4096",
        "x",
    ]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("4096 positions")
            && outcome.stderr.contains("max_completion_length"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_model_that_does_not_load_is_an_error_before_any_answer() {
    let (dir, model) = model();
    for (model, message) in [
        ("org/name".to_owned(), "hub id"),
        (format!("{model}/config.json"), "is a file"),
        (text_of(&dir.path().join("nowhere")), "does not exist"),
    ] {
        let outcome = generate(&model, &["x"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
    let outcome = generate(&model, &["--adapter", "no/adapter", "x"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("no/adapter"), "{}", outcome.stderr);
}

#[test]
fn a_model_without_chatml_answers_plain_prompts_only() {
    let (dir, model) = model();
    let json = tiny::tokenizer_json().replace("<|im_", "<|my_");
    write(&dir, "model/tokenizer.json", json);
    write(
        &dir,
        "model/generation_config.json",
        "{\"eos_token_id\": 2}",
    );
    assert_eq!(generate(&model, &["x = 1"]).code, Some(0));
    let chat = generate(&model, &["--chat", "x = 1"]);
    assert_eq!(chat.code, Some(1));
    assert!(
        chat.stderr.contains("<|im_start|>") && chat.stderr.contains("plain text"),
        "{}",
        chat.stderr
    );
}
