//! What is read, and what is refused by name.

use serde_json::{Value, json};

use super::*;
use crate::error::Error;

/// SmolLM2-135M as published, the fields the reference ignores included.
fn smollm2() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1,
        "eos_token_id": [2, 0], "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664,
        "intermediate_size": 1536, "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
        "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null,
        "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}, "transformers_version": "4.42.3",
        "use_cache": true, "vocab_size": 49152,
    })
}

/// Qwen2.5-Coder-7B-Instruct as published.
fn qwen2() -> Value {
    json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
        "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02, "intermediate_size": 18944,
        "max_position_embeddings": 32768, "max_window_layers": 28, "model_type": "qwen2", "num_attention_heads": 28,
        "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
        "sliding_window": 131072, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
        "transformers_version": "4.44.0", "use_cache": true, "use_sliding_window": false, "vocab_size": 152064,
    })
}

fn with(mut base: Value, changes: Value) -> String {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base.to_string()
}

fn field_refused(text: &str) -> String {
    match DecoderConfig::from_json(text) {
        Err(Error::Config { field, .. }) => field,
        other => panic!("expected a config error, got {other:?}"),
    }
}

#[test]
fn the_published_files_are_read() {
    let small = DecoderConfig::from_json(&smollm2().to_string()).unwrap();
    assert_eq!(small.head_dim, 64); // 576 / 9
    assert_eq!(small.shape(Target::KProj), [192, 576]); // 3 x 64
    assert!(small.tie_word_embeddings && !small.has_bias(Target::QProj));
    assert_eq!((small.rope_theta, small.rope_scaling_factor), (1e5, 1.0));
    let large = DecoderConfig::from_json(&qwen2().to_string()).unwrap();
    assert_eq!(large.shape(Target::DownProj), [3584, 18944]);
    assert!(large.has_bias(Target::VProj) && !large.has_bias(Target::OProj));
    assert!(!large.tie_word_embeddings);
}

#[test]
fn linear_rope_scaling_is_read_in_either_spelling() {
    // DeepSeek-Coder: {"type": "linear", "factor": 4.0} and rope_theta 100000.
    let old = json!({"rope_scaling": {"type": "linear", "factor": 4.0}});
    let mut base = smollm2();
    base.as_object_mut().unwrap().shift_remove("rope_theta");
    let new = json!({"rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 1e5}});
    let old = DecoderConfig::from_json(&with(smollm2(), old)).unwrap();
    assert_eq!((old.rope_theta, old.rope_scaling_factor), (1e5, 4.0));
    assert_eq!(DecoderConfig::from_json(&with(base, new)).unwrap(), old);
}

#[test]
fn llama_may_have_biases_and_heads_wider_than_the_stream() {
    let text = with(
        smollm2(),
        json!({"attention_bias": true, "mlp_bias": true, "head_dim": 80}),
    );
    let config = DecoderConfig::from_json(&text).unwrap();
    assert!(Target::ALL.iter().all(|&target| config.has_bias(target)));
    assert_eq!(config.shape(Target::OProj), [576, 720]); // 9 x 80
}

#[test]
fn a_field_that_changes_the_computation_is_named() {
    let cases = [
        ("model_type", json!("mistral")),
        ("architectures", json!(["LlamaForSequenceClassification"])),
        ("hidden_act", json!("gelu")),
        ("use_sliding_window", json!(true)),
        ("attention_dropout", json!(0.1)),
        ("partial_rotary_factor", json!(0.5)),
        ("rope_interleaved", json!(true)),
        (
            "layer_types",
            json!(["full_attention", "sliding_attention"]),
        ),
        ("sliding_window", json!(4096)), // llama does not know it
        ("quantization_config", json!({"quant_method": "gptq"})),
        ("auto_map", json!({"AutoModel": "modeling_mine.Mine"})),
        ("logit_scale", json!(0.0625)),
        ("per_layer_config", json!({"3": {"head_dim": 32}})),
        ("is_encoder_decoder", json!(true)),
    ];
    for (name, value) in cases {
        assert_eq!(field_refused(&with(smollm2(), json!({name: value}))), name);
    }
    let rope = [
        (
            json!({"rope_scaling": {"type": "yarn", "factor": 4.0}}),
            "rope_scaling.type",
        ),
        (
            json!({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}),
            "rope_parameters.rope_type",
        ),
        (
            json!({"rope_scaling": {"type": "linear"}}),
            "rope_scaling.factor",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 0.0}}),
            "rope_scaling.factor",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "rope_type": "default"}}),
            "rope_scaling.rope_type",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 2.0, "beta_fast": 32}}),
            "rope_scaling.beta_fast",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 5e5}}),
            "rope_theta",
        ),
        (
            json!({"rope_parameters": {"full_attention": {"rope_theta": 1e5}}}),
            "rope_parameters.full_attention",
        ),
        (
            json!({"rope_parameters": {}, "rope_scaling": {}}),
            "rope_scaling",
        ),
    ];
    for (changes, field) in rope {
        assert_eq!(field_refused(&with(smollm2(), changes.clone())), field);
    }
    assert_eq!(
        field_refused(&with(qwen2(), json!({"attention_bias": false}))),
        "attention_bias"
    );
}

#[test]
fn sizes_that_are_missing_absurd_or_contradictory_are_named() {
    let cases = [
        ("hidden_size", json!(null)),
        ("hidden_size", json!(577)),
        ("hidden_size", json!("576")),
        ("vocab_size", json!(0)),
        ("vocab_size", json!(u64::MAX)),
        ("intermediate_size", json!(1536.5)),
        ("num_hidden_layers", json!(-1)),
        ("num_key_value_heads", json!(2)),
        ("head_dim", json!(63)),
        ("rms_norm_eps", json!(0.0)),
        ("tie_word_embeddings", json!("yes")),
    ];
    for (name, value) in cases {
        assert_eq!(field_refused(&with(smollm2(), json!({name: value}))), name);
    }
}

#[test]
fn text_that_is_no_object_is_refused() {
    for text in ["", "[1]", "{\"model_type\": \"llama\"", "null"] {
        assert_eq!(field_refused(text), "config.json");
    }
    assert_eq!(field_refused("{}"), "model_type");
}
