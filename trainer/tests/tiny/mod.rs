//! A tiny model directory made on the spot: a byte-level BPE tokenizer with ChatML's tokens, trained here on a few lines of Python, and
//! random weights. The model knows nothing, but everything is where Hugging Face's layout has it.
//! Shared by the unit tests of the library and the whole-binary tests.
#![allow(dead_code)] // every test binary uses another part of it

use std::path::Path;
use std::sync::OnceLock;

use recode_kernels::decoder::{Decoder, DecoderConfig};
use tempfile::TempDir;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

/// Ids 0, 1, 2 are `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`, then the 256 bytes, then merges.
pub const VOCAB_SIZE: usize = 300;

const TEXT: [&str; 4] = [
    "import numpy as np\nvalue = np.float_(1.0)\nprint(value)\n",
    "import pandas as pd\nframe = pd.concat([frame, row])\n",
    "You are a helpful coding assistant. Return the final code in <answer> </answer> tags.\n",
    "Show your work in <think> </think> tags. ```python\nreturn value\n```\n",
];

/// The text of a `tokenizer.json` with `VOCAB_SIZE` ids.
pub fn tokenizer_json() -> String {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(train_tokenizer).clone()
}

fn train_tokenizer() -> String {
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(VOCAB_SIZE)
        .min_frequency(1)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
                .map(|token| AddedToken::from(token, true))
                .to_vec(),
        )
        .build()
        .into();
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, false, true)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    tokenizer
        .train(&mut trainer, TEXT.iter())
        .expect("the tokenizer trains");
    assert_eq!(tokenizer.get_vocab_size(true), VOCAB_SIZE);
    tokenizer
        .to_string(false)
        .expect("the tokenizer is written")
}

/// `config.json` of a decoder whose sizes are all different and no powers of two.
pub const CONFIG: &str = r#"{
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 300, "hidden_size": 36, "intermediate_size": 52,
  "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 10, "max_position_embeddings": 4096,
  "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "float32"
}"#;

/// Random weights for [`CONFIG`].
pub fn decoder(seed: u64) -> Decoder {
    let config = DecoderConfig::from_json(CONFIG).expect("the tiny config is sound");
    Decoder::random(config, seed).expect("a tiny decoder")
}

/// Writes a model directory. The end tokens are `<|im_end|>` and those given.
pub fn write_model(dir: &Path, seed: u64, eos_ids: &[u32]) {
    std::fs::create_dir_all(dir).expect("a directory");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.join(name), bytes).expect("the file is written")
    };
    write("config.json", CONFIG.as_bytes());
    write("tokenizer.json", tokenizer_json().as_bytes());
    write(
        "generation_config.json",
        format!("{{\"eos_token_id\": {eos_ids:?}}}").as_bytes(),
    );
    write(
        "model.safetensors",
        &decoder(seed)
            .to_safetensors()
            .expect("the weights are written"),
    );
}

/// A model directory of its own, removed with the value.
pub fn model_dir(seed: u64) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write_model(dir.path(), seed, &[]);
    dir
}

/// Writes a model that always gives the same answer and then ends: its tokenizer knows the answer as one token, its layers do nothing, and
/// its head has two rows: after any other token comes the answer, after the answer `<|im_end|>`.
pub fn write_scripted_model(dir: &Path, answer: &str) {
    write_model(dir, 1, &[]);
    let mut tokenizer =
        Tokenizer::from_bytes(tokenizer_json()).expect("the tokenizer is read again");
    tokenizer
        .add_tokens([AddedToken::from(answer, false).normalized(false)])
        .expect("the answer is added");
    let (answer_id, end_id) = (VOCAB_SIZE, 2);
    let config = CONFIG
        .replace("\"vocab_size\": 300", "\"vocab_size\": 301")
        .replace(
            "\"tie_word_embeddings\": true",
            "\"tie_word_embeddings\": false",
        );
    let parsed = DecoderConfig::from_json(&config).expect("the scripted config is sound");
    let width = parsed.hidden_size;
    let mut decoder = Decoder::random(parsed, 1).expect("a tiny decoder");
    for (name, values) in decoder.parameters_mut().expect("f32 weights") {
        match name.as_str() {
            // Dimension 0 says "any token", dimension 1 "the answer".
            "model.embed_tokens.weight" => {
                values.fill(0.0);
                for (id, row) in values.chunks_mut(width).enumerate() {
                    row[usize::from(id == answer_id)] = 1.0;
                }
            }
            "lm_head.weight" => {
                values.fill(0.0);
                values[answer_id * width] = 30.0;
                values[end_id * width + 1] = 30.0;
            }
            _ if name.ends_with("norm.weight") => values.fill(1.0),
            _ => values.fill(0.0),
        }
    }
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.join(name), bytes).expect("the file is written")
    };
    write("config.json", config.as_bytes());
    write(
        "tokenizer.json",
        tokenizer
            .to_string(false)
            .expect("the tokenizer is written")
            .as_bytes(),
    );
    write(
        "model.safetensors",
        &decoder.to_safetensors().expect("the weights are written"),
    );
}
