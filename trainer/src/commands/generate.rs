//! `recode-trainer generate`: what the policy answers to a prompt, or to a row of a data set in the prompt it is trained with.

use std::io::{IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use pollster::block_on;
use recode_core::migration::Migration;
use recode_core::reward::{Breakdown, Reference};
use recode_kernels::decoder::Merged;
use serde::Serialize;

use super::model_args::{ModelArgs, SamplingArgs};
use super::rubric_args::RubricArgs;
use super::write_line;
use crate::cli::Usage;
use crate::data::{Object, Source, migration};
use crate::model_dir::Model;
use crate::report::remark;
use crate::rollout::{Completion, Event, FinishReason, Prompt, Rollout, RolloutConfig, rollout};
use crate::tokenizer::{IM_END, IM_START};

/// Completions that are decoded together; more than these wait for a place.
const MAX_CONCURRENT_SEQUENCES: usize = 32;

/// Let a model answer a prompt, or a row of a data set in the paper's migration prompt
///
/// One answer is written as it comes; several follow one another when all are done. What they took, and their rewards where the row
/// has a target, goes to standard error. With --json standard output gets a line an answer: sample, text, tokens, finish_reason (eos,
/// length), completion_ids, sampling_logprobs, and reward for a row.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["prompt", "data"]))]
pub struct Args {
    /// The prompt, as it is (special tokens in it are read as such, nothing is added); `-` reads standard input
    prompt: Option<String>,
    /// Put the prompt into a user's message in ChatML
    #[arg(long, conflicts_with = "data")]
    chat: bool,
    /// JSON Lines of migrations; --row says which one is asked
    #[arg(long, value_name = "FILE", requires = "row")]
    data: Option<PathBuf>,
    /// Line of --data, counted from 1
    #[arg(long, value_name = "N", requires = "data")]
    row: Option<usize>,
    /// Answers to the prompt
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    num_generations: usize,
    /// JSON Lines on standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten, next_help_heading = "Rules of the reward of a row's answers")]
    rubric: RubricArgs,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    sample: usize,
    text: &'a str,
    tokens: usize,
    finish_reason: FinishReason,
    completion_ids: &'a [u32],
    sampling_logprobs: &'a [f32],
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Breakdown>,
}

pub fn run(args: Args) -> Result<()> {
    // clap lets a `requires` go where the required one conflicts with what was given.
    if args.row.is_some() && args.data.is_none() {
        return Err(Usage::error("--row is a line of --data, which is missing"));
    }
    if args.rubric.given() && args.data.is_none() {
        return Err(Usage::error(
            "--reward, --compare, --weights and --overlong judge answers to a row of --data, which is missing",
        ));
    }
    if args.row == Some(0) {
        return Err(Usage::error("--row counts from 1"));
    }
    if !(1..=65_535).contains(&args.num_generations) {
        return Err(Usage::error(format_args!(
            "--num-generations is {}, but must be from 1 to 65535",
            args.num_generations
        )));
    }
    let config = RolloutConfig {
        num_generations: args.num_generations,
        max_completion_length: args.sampling.max_completion_length()?,
        max_concurrent_sequences: MAX_CONCURRENT_SEQUENCES,
        sampling: args.sampling.config(1.0)?,
        seed: args.sampling.seed,
        step: 0,
    };
    // Before the model is loaded: a mistake here should not cost the wait.
    let migration = match (&args.data, args.row) {
        (Some(file), Some(row)) => Some(read_row(&Source::new(file), row)?),
        _ => None,
    };
    let rubric = args.rubric.rubric()?;
    let reference = migration
        .as_ref()
        .map(|row| Reference::new(rubric, &row.new_code, Some(&row.old_code)));
    let text = match &migration {
        Some(migration) => migration.prompt().chatml(),
        None => plain_prompt(args.prompt.as_deref().unwrap_or_default(), args.chat)?,
    };
    args.model.with_model(|model, adapter| {
        if migration.is_some() || args.chat {
            model.tokenizer.require_chatml()?;
        }
        let prompt_ids = model.tokenizer.encode(&text)?;
        let prompt = Prompt {
            id: args.row.unwrap_or(0) as u64,
            prompt_ids: &prompt_ids,
        };
        answer(model, adapter, prompt, reference, &args, &config)
    })
}

fn answer(
    model: &Model,
    adapter: Option<&Merged>,
    prompt: Prompt<'_>,
    reference: Option<Reference>,
    args: &Args,
    config: &RolloutConfig,
) -> Result<()> {
    let mut out = std::io::stdout();
    let streams = config.num_generations == 1 && !args.json;
    let mut stream = model.tokenizer.stream();
    let rollout = block_on(rollout(
        &model.decoder,
        adapter,
        &model.tokenizer,
        &[prompt],
        config,
        &mut async |event: Event<'_>| {
            if let Event::Token { token, .. } = event
                && streams
                && !model.tokenizer.is_eos(token)
            {
                out.write_all(stream.push(token)?.as_bytes())?;
                out.flush()?;
            }
            Ok(ControlFlow::Continue(()))
        },
    ))?;
    if streams {
        writeln!(out, "{}", stream.finish()?)?;
    }
    for completion in &rollout.completions {
        let length = completion.completion_ids.len();
        let reward = reference
            .as_ref()
            .map(|reference| reference.score(&completion.text, Some(length)));
        if args.json {
            write_line(&mut out, &Answer::of(completion, reward))?;
            continue;
        }
        let summary = summary(completion, reward.as_ref());
        if streams {
            remark(&summary);
        } else {
            // The heading belongs to the text it stands above, so both go to one place.
            writeln!(
                out,
                "=== answer {} of {}: {summary}\n{}",
                completion.sample + 1,
                config.num_generations,
                completion.text
            )?;
        }
    }
    out.flush()?;
    remark(&speed(prompt.prompt_ids.len(), &rollout));
    Ok(())
}

impl<'a> Answer<'a> {
    fn of(completion: &'a Completion, reward: Option<Breakdown>) -> Self {
        Self {
            sample: completion.sample,
            text: &completion.text,
            tokens: completion.completion_ids.len(),
            finish_reason: completion.finish_reason,
            completion_ids: &completion.completion_ids,
            sampling_logprobs: &completion.sampling_logprobs,
            reward,
        }
    }
}

fn summary(completion: &Completion, reward: Option<&Breakdown>) -> String {
    let tokens = completion.completion_ids.len();
    let ended = match completion.finish_reason {
        FinishReason::Eos => "ended by itself",
        FinishReason::Length => "cut off at --max-completion-length",
        FinishReason::Stopped => "stopped",
    };
    let mut summary = format!("{tokens} tokens, {ended}");
    if let Some(reward) = reward {
        let total = reward
            .total
            .map_or("-".to_owned(), |total| format!("{total:.3}"));
        summary += &format!(
            ", reward {} (format {}, ES* {:.3}, EM* {})",
            total, reward.format, reward.es_star, reward.em_star
        );
        if let Some(withheld) = &reward.withheld {
            summary += &format!(": {withheld}");
        }
    }
    summary
}

fn speed(prompt_tokens: usize, rollout: &Rollout) -> String {
    format!(
        "prompt of {prompt_tokens} tokens in {:.2} s, {} tokens in {:.2} s ({:.0} a second)",
        rollout.prefill_time.as_secs_f64(),
        rollout.tokens,
        rollout.decode_time.as_secs_f64(),
        rollout.tokens_per_second()
    )
}

fn plain_prompt(prompt: &str, chat: bool) -> Result<String> {
    let text = match prompt {
        "-" => {
            let mut text = String::new();
            let mut stdin = std::io::stdin();
            if stdin.is_terminal() {
                remark("reading the prompt from the terminal; end it with Ctrl-D");
            }
            stdin
                .read_to_string(&mut text)
                .context("cannot read the prompt from standard input")?;
            text
        }
        text => text.to_owned(),
    };
    if text.is_empty() {
        return Err(Usage::error(
            "the prompt is empty: there is nothing to continue",
        ));
    }
    Ok(match chat {
        true => format!("{IM_START}user\n{text}{IM_END}\n{IM_START}assistant\n"),
        false => text,
    })
}

/// The migration in one line of a file; the other lines are not looked at.
fn read_row(source: &Source, row: usize) -> Result<Migration> {
    let mut lines = 0;
    for line in source.lines(1 << 16)? {
        let line = line?;
        lines = line.number;
        if lines == row {
            let parsed = line.text.and_then(|text| migration(&Object::parse(&text)?));
            return parsed.map_err(|fault| anyhow!("{source}:{row}: {fault}"));
        }
    }
    bail!("{source} has {lines} lines: there is no row {row} (rows are counted from 1)")
}
