//! `recode-trainer logprobs`: how likely a model finds given completions, token by token.
//!
//! Prompt and completion are tokenized each by itself and then joined, as in training, where the completion's tokens are those that were
//! drawn: no token spans the boundary, even where the joined text would be tokenized otherwise. Who has token ids gives them instead of text.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pollster::block_on;
use serde::Serialize;

use super::model_args::ModelArgs;
use super::write_line;
use crate::cli::Usage;
use crate::data::{Line, Object, Source};
use crate::logprobs::{Scored, Tokens, check, completion_logprobs};
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

/// A line that is written.
#[derive(Serialize)]
struct Answer {
    line: usize,
    #[serde(flatten)]
    scored: Scored,
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
            let [prompt_ids, completion_ids] = match text.and_then(|text| tokens(&text, model)) {
                Ok(ids) => ids,
                Err(fault) => {
                    bad += 1;
                    let _ = writeln!(std::io::stderr(), "{source}:{number}: {fault}");
                    continue;
                }
            };
            let scored = block_on(completion_logprobs(
                &model.decoder,
                adapter,
                prompt_ids,
                completion_ids,
                args.temperature,
            ))
            .with_context(|| format!("line {number}"))?;
            let line = number;
            write_line(&mut out, &Answer { line, scored })?;
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
fn tokens(text: &str, model: &Model) -> Result<[Vec<u32>; 2], String> {
    let object = Object::parse(text)?;
    let ids = |name: &str| {
        let value = object
            .get(name)
            .ok_or_else(|| format!("{name} is missing"))?;
        let tokens: Tokens = serde_json::from_str(value.get())
            .map_err(|_| format!("{name} is neither a text nor a list of token ids"))?;
        let ids = tokens.ids(&model.tokenizer);
        ids.map_err(|error| format!("{name}: {error:#}"))
    };
    let (prompt_ids, completion_ids) = (ids("prompt")?, ids("completion")?);
    check(&model.decoder, &prompt_ids, &completion_ids).map_err(|error| error.to_string())?;
    Ok([prompt_ids, completion_ids])
}
