//! `recode-trainer merge`: a model with an adapter in it computes what the two compute together.

use serde_json::Value;

use crate::toy::Toy;
use crate::{recode, recode_with, text_of};

/// Log-probabilities of a completion, by the program.
fn logprobs(model: &str, adapter: Option<&str>) -> Vec<f64> {
    let mut args = vec!["logprobs", "--model", model, "-"];
    args.extend(adapter.iter().flat_map(|adapter| ["--adapter", adapter]));
    let outcome = recode_with(
        &args,
        br#"{"prompt": "import numpy", "completion": " as np\nvalue"}"#,
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let line: Value = serde_json::from_str(&outcome.stdout).unwrap();
    line["logprobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn merged_and_unmerged_are_one_model() {
    let toy = Toy::new();
    let run = toy.run("a", &["run.max_steps=3"]);
    let adapter = text_of(&run.join("checkpoints/step-000003"));
    let model = text_of(&toy.path().join("model"));
    let out = text_of(&toy.path().join("merged/f32"));
    let merge = |out: &str, more: &[&str]| {
        let args = [
            "merge",
            "--model",
            &model,
            "--adapter",
            &adapter,
            "--out",
            out,
        ];
        recode(&[&args, more].concat())
    };
    let merged = merge(&out, &[]);
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);

    let (together, base) = (logprobs(&model, Some(&adapter)), logprobs(&model, None));
    assert!(
        largest_difference(&together, &base) > 1e-3,
        "the adapter does something"
    );
    assert!(largest_difference(&logprobs(&out, None), &together) < 1e-6);

    let config: Value =
        serde_json::from_slice(&std::fs::read(format!("{out}/config.json")).unwrap()).unwrap();
    assert_eq!(config["torch_dtype"], "float32");

    // Half the size, at the price of bf16's eight bits.
    let narrow = text_of(&toy.path().join("merged/bf16"));
    assert_eq!(merge(&narrow, &["--dtype", "bfloat16"]).code, Some(0));
    let size = |dir: &str| {
        std::fs::metadata(format!("{dir}/model.safetensors"))
            .unwrap()
            .len()
    };
    assert!(size(&narrow) * 10 < size(&out) * 6);
    let apart = largest_difference(&logprobs(&narrow, None), &together);
    assert!(apart > 0.0 && apart < 0.05, "{apart}");

    let again = merge(&out, &[]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

#[test]
fn an_adapter_that_is_none_leaves_nothing() {
    let toy = Toy::new();
    let model = text_of(&toy.path().join("model"));
    let out = toy.path().join("merged");
    let outcome = recode(&[
        "merge",
        "--model",
        &model,
        "--adapter",
        &model,
        "--out",
        &text_of(&out),
    ]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("adapter_config.json"),
        "{}",
        outcome.stderr
    );
    assert!(!out.exists());
}
