//! A tiny model directory made on the spot: a byte-level BPE tokenizer with ChatML's tokens, trained here on a few lines of Python.
//! Shared by the unit tests of the library and the whole-binary tests.
#![allow(dead_code)] // every test binary uses another part of it

use std::sync::OnceLock;

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
