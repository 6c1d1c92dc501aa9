//! How likely a model finds a given completion, token by token.

use anyhow::{Result, bail};
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Decoder, Merged};
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};
use serde::{Deserialize, Serialize};

use crate::tokenizer::Tokenizer;

/// A text or its tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "neither a text nor a list of token ids")]
pub enum Tokens {
    /// To be tokenized by itself, special tokens in it read as such and nothing added.
    Text(String),
    /// Taken as they are.
    Ids(Vec<u32>),
}

/// A completion with its log-probabilities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    pub prompt_ids: Vec<u32>,
    pub completion_ids: Vec<u32>,
    /// Natural, one for each completion id.
    pub logprobs: Vec<f32>,
    /// Their sum.
    pub total: f64,
}

impl Tokens {
    /// The ids.
    ///
    /// # Errors
    /// Those of [`Tokenizer::encode`].
    pub fn ids(self, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        match self {
            Tokens::Text(text) => tokenizer.encode(&text),
            Tokens::Ids(ids) => Ok(ids),
        }
    }
}

/// Checks that a model can be asked: ids within its vocabulary, a prompt of one token at least, and no more tokens than it has positions.
///
/// # Errors
/// Names the part and both numbers.
pub fn check(decoder: &Decoder, prompt_ids: &[u32], completion_ids: &[u32]) -> Result<()> {
    let config = decoder.config();
    for (name, ids) in [("prompt", prompt_ids), ("completion", completion_ids)] {
        if let Some(id) = ids.iter().find(|id| **id as usize >= config.vocab_size) {
            bail!(
                "{name} has the token id {id}, but the model's vocab_size is {}",
                config.vocab_size
            );
        }
    }
    if prompt_ids.is_empty() {
        bail!("prompt has no tokens: the first completion token needs one before it");
    }
    let length = prompt_ids.len() + completion_ids.len();
    if length > config.max_position_embeddings {
        bail!(
            "prompt and completion have {length} tokens, more than the model's {} positions (max_position_embeddings)",
            config.max_position_embeddings
        );
    }
    Ok(())
}

/// `log p(completion[t] | prompt, completion[..t])` of every t, the logits divided by `temperature`.
///
/// # Errors
/// Those of [`check`]; a temperature that is not above zero and finite; a log-probability that is not finite (names the token).
pub async fn completion_logprobs(
    decoder: &Decoder,
    adapter: Option<&Merged>,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
    temperature: f32,
) -> Result<Scored> {
    check(decoder, &prompt_ids, &completion_ids)?;
    // The last token predicts nothing that is asked for.
    let mut ids = [prompt_ids.as_slice(), &completion_ids].concat();
    ids.pop();
    let first = prompt_ids.len() as u32 - 1;
    let requests: Vec<LogprobRequest> = (first..)
        .zip(&completion_ids)
        .map(|(row, token)| LogprobRequest { row, token: *token })
        .collect();
    let mut logprobs = Vec::new();
    if !requests.is_empty() {
        let hidden = decoder.forward_hidden(&TokenBatch::causal(&ids), adapter)?; // [N, C]
        let sampling = Sampling {
            temperature,
            kept: None,
        };
        let found = decoder.logprobs(&hidden, &requests, &sampling).await?;
        logprobs = found.logprobs;
    }
    if let Some(token) = logprobs.iter().position(|logprob| !logprob.is_finite()) {
        bail!(
            "the log-probability of completion token {token} is {}: the weights or the adapter have run away",
            logprobs[token]
        );
    }
    Ok(Scored {
        prompt_ids,
        completion_ids,
        total: logprobs.iter().copied().map(f64::from).sum(),
        logprobs,
    })
}
