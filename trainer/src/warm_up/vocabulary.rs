//! The policy's tokenizer: byte-level BPE trained on the rows, with the fixed parts of the prompt as tokens of their own.
//!
//! Two decisions serve copying, which is most of what the policy does. A word is cut off from the space, dot or bracket before it, so that
//! a name has the same ids wherever it stands. And what is the same in every prompt (system message, instructions, tags) is one token
//! each: the paper's prompt of some 800 characters costs no more than its row.

use anyhow::{Context, Result, anyhow};
use recode_core::migration::Migration;
use tokenizers::decoders::byte_level::ByteLevel as Decoder;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use super::answers::thinking;
use crate::tokenizer::{IM_END, IM_START};

/// What a merge never crosses: words, single digits, a line's indentation, underscores, signs with the spaces at their sides.
const PIECE: &str = r"[A-Za-z]+|[0-9]|\n *|_+| ?[^\sA-Za-z0-9_]+ ?|\s";
/// The tags and fences of an answer.
const ANSWER: [&str; 6] = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "```python\n",
    "\n```\n",
];

/// Trains a tokenizer of `vocab_size` ids on `rows` and returns the text of its `tokenizer.json`.
///
/// # Errors
/// A vocabulary that is too small for the 256 bytes and the prompt's parts, or that the rows cannot fill.
pub(super) fn train(rows: &[Migration], vocab_size: usize) -> Result<String> {
    let fixed = fixed_parts(&rows[0]);
    let special_tokens = [IM_START, IM_END]
        .into_iter()
        .chain(fixed.iter().map(String::as_str))
        .chain(ANSWER)
        .map(|text| AddedToken::from(text, true))
        .collect();
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocab_size)
        .min_frequency(2)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(special_tokens)
        .build()
        .into();
    let split = Split::new(
        SplitPattern::Regex(PIECE.to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .map_err(|error| anyhow!("{error}"))?;
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
    ])));
    tokenizer.with_decoder(Some(Decoder::default()));
    let text = rows.iter().flat_map(|row| {
        [
            row.dependency.clone(),
            row.update_info.clone(),
            row.old_code.clone(),
            row.new_code.clone(),
            thinking(&row.old_code, &row.new_code),
        ]
    });
    tokenizer
        .train(&mut trainer, text)
        .map_err(|error| anyhow!("{error}"))
        .context("cannot train the tokenizer")?;
    let size = tokenizer.get_vocab_size(true);
    anyhow::ensure!(
        size == vocab_size,
        "the tokenizer has {size} ids and not vocab_size = {vocab_size}: the bytes and the prompt's parts take {}, the rows give the rest",
        256 + 2 + fixed.len() + ANSWER.len()
    );
    tokenizer
        .to_string(false)
        .map_err(|error| anyhow!("{error}"))
}

/// What is the same in every prompt: the text before, between and behind the four things that differ.
fn fixed_parts(row: &Migration) -> Vec<String> {
    // Signs that stand nowhere in a prompt mark where it differs.
    let marked = Migration {
        dependency: "\u{1}".into(),
        new_version: "\u{1}".into(),
        update_info: "\u{1}".into(),
        old_code: "\u{1}".into(),
        ..row.clone()
    };
    marked
        .prompt()
        .chatml()
        .split('\u{1}')
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tokenizer;

    fn rows() -> Vec<Migration> {
        let json = include_str!("../../demo/migrations.jsonl");
        json.lines()
            .map(|line| serde_json::from_str(line).expect("a row"))
            .collect()
    }

    #[test]
    fn a_prompt_costs_little_more_than_its_row_and_comes_back_to_the_letter() {
        let rows = rows();
        let json = train(&rows, 640).unwrap();
        let tokenizer =
            tokenizer::Tokenizer::from_json(Path::new("tokenizer.json"), json.as_bytes(), &[])
                .unwrap();
        tokenizer.require_chatml().unwrap();
        for row in rows.iter().step_by(40) {
            let prompt = row.prompt().chatml();
            let ids = tokenizer.encode(&prompt).unwrap();
            assert_eq!(tokenizer.decode(&ids).unwrap(), prompt);
            let own = row.update_info.len() + row.old_code.len();
            assert!(
                ids.len() < 30 + own,
                "{} tokens for {own} characters",
                ids.len()
            );
            assert!(
                ids.len() * 6 < prompt.len(),
                "{} tokens for {prompt}",
                ids.len()
            );
        }
    }

    #[test]
    fn a_name_has_the_same_ids_wherever_it_stands() {
        let json = train(&rows(), 640).unwrap();
        let tokenizer =
            tokenizer::Tokenizer::from_json(Path::new("tokenizer.json"), json.as_bytes(), &[])
                .unwrap();
        let name = tokenizer.encode("trapezoid").unwrap();
        for around in [
            "np.trapezoid(x)",
            "use trapezoid now",
            "(trapezoid)",
            "\n    trapezoid = 1",
        ] {
            let ids = tokenizer.encode(around).unwrap();
            assert!(
                ids.windows(name.len()).any(|window| window == name),
                "{around:?}"
            );
        }
    }

    #[test]
    fn training_twice_gives_the_same_bytes() {
        let rows = rows();
        assert_eq!(train(&rows, 500).unwrap(), train(&rows, 500).unwrap());
    }

    #[test]
    fn a_vocabulary_the_rows_cannot_fill_is_refused() {
        let error = train(&rows()[..3], 5000).unwrap_err().to_string();
        assert!(error.contains("vocab_size = 5000"), "{error}");
    }
}
