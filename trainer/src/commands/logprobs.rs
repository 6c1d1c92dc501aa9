//! `recode-trainer logprobs`: how likely a model finds given completions, token by token.
//!
//! Prompt and completion are tokenized each by itself and then joined, as in training, where the completion's tokens are those that were
//! drawn: no token spans the boundary, even where the joined text would be tokenized otherwise. Who has token ids gives them instead of text.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::Merged;
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};
use serde::{Deserialize, Serialize};

use super::model_args::ModelArgs;
use super::write_line;
use crate::cli::Usage;
use crate::data::{Line, Object, Source};
use crate::model_dir::Model;

/// Log-probabilities of completions, token by token
///
/// Reads JSON Lines {"prompt": …, "completion": …}, each a text or a list of token ids, and writes a line for each in order: line (its
/// number), prompt_ids, completion_ids, logprobs (natural, one for each completion id) and total, their sum. Prompt and completion are
/// tokenized each by itself, special tokens in them read as such and nothing added: no token spans the boundary, and the end token counts
/// only where the completion writes it (<|im_end|>). A bad line is reported with its number; the rest is done, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON Lines; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Divides the logits, as when sampling
    #[arg(
        long,
        value_name = "T",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    temperature: f32,
    #[command(flatten)]
    model: ModelArgs,
}

/// A text or its tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    Text(String),
    Ids(Vec<u32>),
}

#[derive(Serialize)]
struct Scored {
    line: usize,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
    logprobs: Vec<f32>,
    total: f64,
}

pub fn run(args: Args) -> Result<()> {
    // Subnormal temperatures have no reciprocal.
    if !(args.temperature.is_normal() && args.temperature > 0.0) {
        return Err(Usage::error(format!(
            "--temperature is {}, but must be above 0 and finite, and not so small that it has no reciprocal",
            args.temperature
        )));
    }
    let source = Source::new(&args.file);
    let lines = source.lines(1 << 16)?;
    let mut out = std::io::stdout();
    let (mut all, mut bad) = (0, 0);
    args.model.with_model(|model, adapter| {
        for line in lines {
            let Line { number, text } = line?;
            all += 1;
            let scored = match text.and_then(|text| Ok((number, tokens(&text, model)?))) {
                Ok((line, (prompt_ids, completion_ids))) => score(
                    model,
                    adapter,
                    line,
                    prompt_ids,
                    completion_ids,
                    args.temperature,
                )?,
                Err(fault) => {
                    bad += 1;
                    let _ = writeln!(std::io::stderr(), "{source}:{number}: {fault}");
                    continue;
                }
            };
            write_line(&mut out, &scored)?;
        }
        Ok(())
    })?;
    if bad > 0 {
        bail!("{bad} of {all} lines of {source} were left out");
    }
    if all == 0 {
        bail!(
            "{source} has no lines: expected {{\"prompt\": …, \"completion\": …}} a line (JSON Lines)"
        );
    }
    Ok(())
}

/// The prompt's and the completion's ids, checked against the model.
fn tokens(text: &str, model: &Model) -> Result<(Vec<u32>, Vec<u32>), String> {
    let object = Object::parse(text)?;
    let [prompt_ids, completion_ids] = ["prompt", "completion"].map(|name| {
        let value = object
            .get(name)
            .ok_or_else(|| format!("{name} is missing"))?;
        let ids = match serde_json::from_str(value.get()) {
            Ok(Tokens::Text(text)) => model
                .tokenizer
                .encode(&text)
                .map_err(|error| format!("{name}: {error:#}"))?,
            Ok(Tokens::Ids(ids)) => ids,
            Err(_) => return Err(format!("{name} is neither a text nor a list of token ids")),
        };
        let vocab_size = model.decoder.config().vocab_size;
        match ids.iter().find(|id| **id as usize >= vocab_size) {
            Some(id) => Err(format!(
                "{name} has the token id {id}, but the model's vocab_size is {vocab_size}"
            )),
            None => Ok(ids),
        }
    });
    let (prompt_ids, completion_ids) = (prompt_ids?, completion_ids?);
    if prompt_ids.is_empty() {
        return Err(
            "prompt has no tokens: the first completion token needs one before it".to_owned(),
        );
    }
    let (length, positions) = (
        prompt_ids.len() + completion_ids.len(),
        model.decoder.config().max_position_embeddings,
    );
    if length > positions {
        return Err(format!(
            "prompt and completion have {length} tokens, more than the model's {positions} positions (max_position_embeddings)"
        ));
    }
    Ok((prompt_ids, completion_ids))
}

fn score(
    model: &Model,
    adapter: Option<&Merged>,
    line: usize,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
    temperature: f32,
) -> Result<Scored> {
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
        let hidden = model
            .decoder
            .forward_hidden(&TokenBatch::causal(&ids), adapter)?; // [N, C]
        let sampling = Sampling {
            temperature,
            kept: None,
        };
        let found = model.decoder.logprobs(&hidden, &requests, &sampling);
        logprobs = pollster::block_on(found)?.logprobs;
    }
    if let Some(token) = logprobs.iter().position(|logprob| !logprob.is_finite()) {
        bail!(
            "line {line}: the log-probability of completion token {token} is {}: the weights or the adapter have run away",
            logprobs[token]
        );
    }
    let total = logprobs.iter().copied().map(f64::from).sum();
    Ok(Scored {
        line,
        prompt_ids,
        completion_ids,
        logprobs,
        total,
    })
}
