//! The policy on rows it is not trained on: one answer a row, scored, beside what copying the old code would have earned.
//!
//! `eval/<name>.jsonl` has a line a row, with the row's fields, so that it can be read without the data.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use pollster::block_on;
use recode_core::metrics::{self, Mean};
use recode_core::migration::Migration;
use recode_core::reward::{Breakdown, Part};
use recode_kernels::decoder::Merged;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::config::Config;
use crate::examples::Example;
use crate::grpo::Reward;
use crate::inputs::total;
use crate::interrupt::Interrupt;
use crate::model_dir::Model;
use crate::report::{Progress, Table, Unit};
use crate::rollout::{Event, FinishReason, Prompt, RolloutConfig, rollout};
use crate::sampler::SamplingConfig;

/// The step under which random numbers of an evaluation are drawn, where it draws any: no training step has it.
const EVAL_STEP: u64 = u64::MAX;

/// A line of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalLine {
    /// The row's line in its file.
    pub row: usize,
    #[serde(flatten)]
    pub migration: Migration,
    pub completion: String,
    /// Tokens, the end token included.
    pub tokens: usize,
    pub finish_reason: FinishReason,
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// Similarity of the answer less that of the old code.
    pub gain_over_copy: f64,
}

/// An evaluation in numbers: means over its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Of the rewards.
    pub scores: metrics::Summary,
    /// Share of completions that ran into the length limit.
    pub truncated: Mean,
}

impl Summary {
    /// The means; `None` of no lines.
    pub fn of(lines: &[EvalLine]) -> Option<Self> {
        let truncated = |line: &EvalLine| f64::from(line.finish_reason != FinishReason::Eos);
        (!lines.is_empty()).then(|| Self {
            scores: lines.iter().map(|line| &line.breakdown).collect(),
            truncated: lines.iter().map(truncated).collect(),
        })
    }
}

/// The table a run ends with.
pub fn table(before: &Summary, after: &Summary) -> Table {
    let mut table = Table::before_after();
    let mut measure = |name: &str, of: fn(&Summary) -> Mean, unit| {
        // A part that both evaluations have.
        if let (Some(before), Some(after)) = (of(before).value(), of(after).value()) {
            table.measure(name, before, after, unit);
        }
    };
    measure("reward", |s| s.scores.total, Unit::Number);
    measure("ES*", |s| s.scores.part(Part::EsStar), Unit::Number);
    measure("EM*", |s| s.scores.part(Part::EmStar), Unit::Number);
    measure("edit_gain", |s| s.scores.part(Part::EditGain), Unit::Number);
    measure("valid format", |s| s.scores.valid_format, Unit::Share);
    measure(
        "gain over copying",
        |s| s.scores.gain_over_copy,
        Unit::Number,
    );
    measure("truncated", |s| s.truncated, Unit::Share);
    table
}

/// Answers and scores every row; `None` where `interrupt` was raised before the last answer.
///
/// # Errors
/// Logits that are not finite.
pub fn evaluate(
    name: &str,
    model: &Model,
    merged: Option<&Merged>,
    examples: &[Example],
    config: &Config,
    reward: &Reward<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Vec<EvalLine>>> {
    let prompts: Vec<Prompt<'_>> = examples
        .iter()
        .map(|example| Prompt {
            id: example.line as u64,
            prompt_ids: &example.prompt_ids,
        })
        .collect();
    let settings = RolloutConfig {
        num_generations: 1,
        max_completion_length: config.run.eval_max_completion_length,
        max_concurrent_sequences: config.rollout.max_concurrent_sequences,
        sampling: SamplingConfig {
            temperature: config.run.eval_temperature as f32,
            ..SamplingConfig::default()
        },
        seed: config.seed,
        step: EVAL_STEP,
    };
    let mut progress = Progress::new(&format!("evaluation {name}: row"), 0, examples.len() as u64);
    let mut done = 0;
    let mut observe = async |event: Event<'_>| {
        if let Event::Finished(completion) = event {
            done += 1;
            progress.advance(
                done,
                &format_args!("{} tokens", completion.completion_ids.len()),
            );
        }
        Ok(match interrupt.raised() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    };
    let answers = block_on(rollout(
        &model.decoder,
        merged,
        &model.tokenizer,
        &prompts,
        &settings,
        &mut observe,
    ))?;
    progress.finish();
    if answers.stopped {
        return Ok(None);
    }
    let line = |(example, completion): (&Example, crate::rollout::Completion)| {
        let tokens = completion.completion_ids.len();
        let breakdown = reward(&example.migration, &completion.text, tokens);
        total(&breakdown)?;
        Ok(EvalLine {
            row: example.line,
            migration: example.migration.clone(),
            tokens,
            finish_reason: completion.finish_reason,
            gain_over_copy: breakdown.gain_over_copy(),
            completion: completion.text,
            breakdown,
        })
    };
    let lines = examples.iter().zip(answers.completions).map(line);
    lines.collect::<anyhow::Result<_>>().map(Some)
}

/// Writes an evaluation, whole or not at all.
///
/// # Errors
/// Anything the file system refuses.
pub fn write(path: &Path, lines: &[EvalLine]) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    atomic::write_file(path, &bytes)
}

/// Reads an evaluation that a run wrote earlier; `None` where there is none.
///
/// # Errors
/// A file that cannot be read or is no evaluation.
pub fn read(path: &Path) -> anyhow::Result<Option<Vec<EvalLine>>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let parse = |(index, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| {
            let path = path.display();
            format!(
                "{path}:{} is no line of an evaluation; remove {path} to evaluate again",
                index + 1
            )
        })
    };
    text.lines()
        .enumerate()
        .map(parse)
        .collect::<anyhow::Result<_>>()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recode_core::reward::{Rubric, score};

    fn line(reward: f64, format: f64, gain: f64, finish_reason: FinishReason) -> EvalLine {
        let breakdown = Breakdown {
            format,
            es_star: reward - format,
            total: Some(reward),
            similarity: Some(0.5 + gain),
            baseline: Some(0.5),
            ..score(&Rubric::strict(), "", "b")
        };
        EvalLine {
            row: 4,
            migration: Migration {
                dependency: "numpy".into(),
                new_version: "==2".into(),
                description: "d".into(),
                update_info: "u".into(),
                old_code: "a".into(),
                new_code: "b".into(),
            },
            completion: "text".into(),
            tokens: 3,
            finish_reason,
            breakdown,
            gain_over_copy: gain,
        }
    }

    #[test]
    fn an_evaluation_is_the_mean_of_its_rows() {
        let lines = [
            line(2.0, 1.0, 0.5, FinishReason::Eos),
            line(-3.0, -1.0, -0.25, FinishReason::Length),
        ];
        let summary = Summary::of(&lines).unwrap();
        // (2 - 3) / 2; ES*: (1 - 2) / 2; (0.5 - 0.25) / 2
        let Summary { scores, truncated } = &summary;
        let means = [
            scores.total,
            scores.part(Part::EsStar),
            scores.gain_over_copy,
            scores.valid_format,
            *truncated,
        ];
        assert_eq!(
            means.map(|mean| mean.value()),
            [-0.5, -0.5, 0.125, 0.5, 0.5].map(Some)
        );
        assert_eq!(scores.completions, 2);
        assert_eq!(Summary::of(&[]), None);
        let text = table(&summary, &summary).to_string();
        for name in ["reward", "ES*", "EM*", "valid format", "gain over copying"] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eval/before.jsonl");
        assert_eq!(read(&path).unwrap(), None);
        let lines = vec![
            line(2.0, 1.0, 0.0, FinishReason::Eos),
            line(0.1 + 0.2, 1.0, 0.25, FinishReason::Length),
        ];
        write(&path, &lines).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), lines);
        fs::write(&path, "{}\n").unwrap();
        let text = format!("{:#}", read(&path).unwrap_err());
        assert!(
            text.contains("before.jsonl:1 is no line of an evaluation"),
            "{text}"
        );
    }
}
