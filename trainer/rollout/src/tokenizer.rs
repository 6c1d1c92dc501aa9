//! Text to token ids and back, and which ids end an answer. Knows no prompt format but the names of ChatML's two tokens.
//!
//! Source: a Hugging Face `tokenizer.json`, run by the crate `tokenizers`; the end tokens stand in `generation_config.json`, `config.json`
//! and `tokenizer_config.json` beside it.
//!
//! # Differences from transformers
//! - Encoding adds nothing (no BOS, no EOS, no padding, no truncation, whatever the file asks for) and reads special tokens in the text as
//!   the special tokens they name, since the prompt is ChatML written out.
//! - Decoding keeps special tokens: the text is what the policy wrote. The token that ends a completion is cut off by position (`rollout`).
//! - The end tokens are the union of what the three files name and `<|im_end|>` where the vocabulary has it; transformers takes the
//!   first file that names any.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

/// Opens a ChatML message.
pub const IM_START: &str = "<|im_start|>";
/// Ends a ChatML message, and with it an answer.
pub const IM_END: &str = "<|im_end|>";

/// A tokenizer and the ids that end an answer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Where it came from, for messages.
    source: PathBuf,
    /// One more than the highest id.
    id_limit: usize,
    eos_ids: Vec<u32>,
}

/// What the three settings files say about the end of an answer.
#[derive(Debug, Default, Deserialize)]
struct EndSettings {
    eos_token_id: Option<OneOrMany>,
    eos_token: Option<TokenName>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a token id or a list of them")]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a token's text or an object with its content"
)]
enum TokenName {
    Plain(String),
    Object { content: String },
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a model directory, and the end tokens from the settings files beside it.
    ///
    /// # Errors
    /// A file that is absent (only `tokenizer.json` must be there), cannot be read or parsed, an end token the vocabulary does not know,
    /// or no end token at all: a policy that cannot stop would always be cut off.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer.json");
        let json = std::fs::read(&path).with_context(|| match path.try_exists() {
            Ok(false) => format!(
                "{} is missing: a model directory needs the file tokenizer.json (models that only have tokenizer.model or vocab.json must be saved again with a fast tokenizer)",
                path.display()
            ),
            _ => format!("cannot read {}", path.display()),
        })?;
        let mut settings = Vec::new();
        for name in [
            "generation_config.json",
            "config.json",
            "tokenizer_config.json",
        ] {
            let file = dir.join(name);
            match std::fs::read(&file) {
                Ok(bytes) => settings.push((file, bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", file.display()));
                }
            }
        }
        let settings: Vec<(&Path, &[u8])> = settings
            .iter()
            .map(|(file, bytes)| (file.as_path(), bytes.as_slice()))
            .collect();
        Self::from_json(&path, &json, &settings)
    }

    /// The same from bytes: `source` and the paths of `settings` only name them in messages.
    ///
    /// # Errors
    /// As [`Tokenizer::from_dir`].
    pub fn from_json(
        source: &Path,
        tokenizer_json: &[u8],
        settings: &[(&Path, &[u8])],
    ) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(tokenizer_json)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("{} is not a tokenizer.json of Hugging Face's format (cut short, or another kind of file?)", source.display()))?;
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| anyhow!("{error}"))?;
        let id_limit = inner
            .get_vocab(true)
            .into_values()
            .max()
            .map_or(0, |id| id as usize + 1);

        let mut eos_ids = BTreeSet::new();
        for (file, bytes) in settings {
            let named: EndSettings = serde_json::from_slice(bytes).with_context(|| {
                format!(
                    "cannot read the end tokens (eos_token_id, eos_token) in {}",
                    file.display()
                )
            })?;
            match named.eos_token_id {
                Some(OneOrMany::One(id)) => _ = eos_ids.insert(id),
                Some(OneOrMany::Many(ids)) => eos_ids.extend(ids),
                None => {}
            }
            if let Some(TokenName::Plain(name) | TokenName::Object { content: name }) =
                named.eos_token
            {
                let id = inner.token_to_id(&name).with_context(|| {
                    format!(
                        "{} names the end token {name:?}, which {} does not have",
                        file.display(),
                        source.display()
                    )
                })?;
                eos_ids.insert(id);
            }
        }
        eos_ids.extend(inner.token_to_id(IM_END));
        if eos_ids.is_empty() {
            bail!(
                "no end token for {}: neither generation_config.json, config.json nor tokenizer_config.json names one; add \"eos_token_id\" to generation_config.json",
                source.display()
            );
        }
        let tokenizer = Self {
            inner,
            source: source.to_path_buf(),
            id_limit,
            eos_ids: eos_ids.into_iter().collect(),
        };
        Ok(tokenizer)
    }

    /// Token ids of a text; special tokens in it are parsed, nothing is added.
    ///
    /// # Errors
    /// What the tokenizer itself refuses (for example a character outside a vocabulary without an unknown token).
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(|error| {
            anyhow!("{} cannot encode the text: {error}", self.source.display())
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of token ids, special tokens included. Ids beyond the vocabulary (rows a model has for padding) have no text. Bytes that
    /// are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// What the tokenizer's decoder refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, false).map_err(|error| {
            anyhow!(
                "{} cannot decode {} token ids: {error}",
                self.source.display(),
                ids.len()
            )
        })
    }

    /// Decodes token by token, for a terminal.
    pub fn stream(&self) -> TextStream<'_> {
        TextStream {
            tokenizer: self,
            ids: Vec::new(),
            prefix: 0,
            read: 0,
        }
    }

    /// Ids that end an answer, ascending, at least one.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// Whether this id ends an answer.
    pub fn is_eos(&self, id: u32) -> bool {
        self.eos_ids.binary_search(&id).is_ok()
    }

    /// One more than the highest id, added tokens included. A model needs at least as many vocabulary rows.
    pub fn id_limit(&self) -> usize {
        self.id_limit
    }

    /// Checks that ChatML's tokens are single tokens here: only the migration prompt and `--chat` need them.
    ///
    /// # Errors
    /// Names the token that is missing and the way out.
    pub fn require_chatml(&self) -> Result<()> {
        for token in [IM_START, IM_END] {
            if self.inner.token_to_id(token).is_none() {
                bail!(
                    "{} has no token {token}: the migration prompt is ChatML, which this model does not speak; take a model trained on ChatML (Qwen2.5-Coder-Instruct, SmolLM2-Instruct); `generate` asks it with plain text as well",
                    self.source.display()
                );
            }
        }
        Ok(())
    }

    /// Checks that a model of `vocab_size` rows has a row for every id, and not more than a tenth without one: padding is less
    /// (Qwen2.5: 0.2 %, DeepSeek-Coder: 0.7 %).
    ///
    /// # Errors
    /// Both numbers, and the file.
    pub fn check_vocab_size(&self, vocab_size: usize) -> Result<()> {
        if self.id_limit > vocab_size {
            bail!(
                "{} has token ids up to {} but the model's vocab_size is {vocab_size}: tokenizer and model are not of the same vocabulary; take both from one model",
                self.source.display(),
                self.id_limit - 1
            );
        }
        if self.id_limit < vocab_size - vocab_size / 10 {
            bail!(
                "{} has {} token ids but the model's vocab_size is {vocab_size}: tokenizer and model are not of the same vocabulary; take both from one model",
                self.source.display(),
                self.id_limit
            );
        }
        if let Some(id) = self.eos_ids.iter().find(|id| **id as usize >= vocab_size) {
            bail!(
                "the settings beside {} name the end token id {id}, but the model's vocab_size is {vocab_size}: correct eos_token_id in generation_config.json or config.json",
                self.source.display()
            );
        }
        Ok(())
    }
}

/// Text of tokens as they come: a piece is held back until it is whole UTF-8, so the pieces together are the decoded text.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// Tokens before `read` are printed; those from `prefix` on are decoded again as context, since some decoders treat the first token
    /// of a text differently (a leading space).
    prefix: usize,
    read: usize,
}

impl TextStream<'_> {
    /// Takes the next token; returns the text that is now certain, which may be empty.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        self.advance(false)
    }

    /// The text that was held back: bytes that never became whole UTF-8 are U+FFFD here.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn finish(mut self) -> Result<String> {
        self.advance(true)
    }

    fn advance(&mut self, last: bool) -> Result<String> {
        let known = self.tokenizer.decode(&self.ids[self.prefix..self.read])?;
        let text = self.tokenizer.decode(&self.ids[self.prefix..])?;
        // A replacement character at the end may be the first bytes of a longer one.
        if !last && text.ends_with('\u{fffd}') {
            return Ok(String::new());
        }
        let new = text.strip_prefix(&known).unwrap_or_default().to_owned();
        if new.is_empty() {
            return Ok(new); // an id without text is no use as context
        }
        self.prefix = self.read;
        self.read = self.ids.len();
        Ok(new)
    }
}

#[cfg(test)]
mod tests;
