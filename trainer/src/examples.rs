//! The rows of a run: which are trained on and which held out, their prompts in tokens, and the order they come in.
//!
//! Everything follows from the data and the seed. Held-out rows are drawn by the seed; a training row whose code, old and new, is that
//! of a held-out row would give its answer away and is left out (the count is reported), of `data.eval` whether or not `data.eval_rows`
//! reaches so far. Every epoch has an order of its own, drawn by (seed, epoch), so that the n-th prompt of a run is a function of n.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, bail};
use recode_core::audit::{Finding, audit};
use recode_core::migration::Migration;
use recode_core::reward::{Part, Reference, Rubric};
use recode_kernels::random::Stream;

use crate::cli::quoted;
use crate::config::{Config, DataConfig};
use crate::data::{Row, read_migrations};
use crate::fingerprint;
use crate::tokenizer::Tokenizer;

/// First labels of the random streams drawn from here.
const HOLD_OUT: u64 = u64::from_be_bytes(*b"held out");
const EPOCH: u64 = u64::from_be_bytes(*b"an epoch");

/// A row with its prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The line of its file, counted from 1.
    pub line: usize,
    pub migration: Migration,
    pub prompt_ids: Vec<u32>,
}

/// The rows of a run.
#[derive(Debug, Clone)]
pub struct Examples {
    pub train: Vec<Example>,
    pub eval: Vec<Example>,
    /// Rows that are held out, whether they are evaluated on or not; `None` where they are taken out of the training file.
    pub eval_file_rows: Option<usize>,
    /// Training rows left out because a held-out row has the same code.
    pub left_out: usize,
}

impl Examples {
    /// Reads and splits the data of `config` and makes the prompts.
    ///
    /// # Errors
    /// A file that cannot be used; everything [`Examples::new`] refuses.
    pub fn read(config: &Config, tokenizer: &Tokenizer, positions: usize) -> anyhow::Result<Self> {
        let DataConfig { train, eval, .. } = &config.data;
        let held_out = match eval.as_os_str().is_empty() {
            true => None,
            false => Some(read_migrations(eval)?),
        };
        Self::new(
            config,
            read_migrations(train)?,
            held_out,
            tokenizer,
            positions,
        )
    }

    /// The same of rows that have been read: those of `data.train`, and those of `data.eval` where there is such a file.
    ///
    /// # Errors
    /// A row with a defect ([`recode_core::audit`]) or without what `reward.code` needs, fewer rows than are to be held out or evaluated on,
    /// a prompt that is longer than `data.max_prompt_length` or leaves no room for the longest completion within `positions`, the model's.
    pub fn new(
        config: &Config,
        rows: Vec<Row>,
        held_out: Option<Vec<Row>>,
        tokenizer: &Tokenizer,
        positions: usize,
    ) -> anyhow::Result<Self> {
        tokenizer.require_chatml()?;
        let DataConfig {
            train: path,
            eval: eval_path,
            eval_rows,
            ..
        } = &config.data;
        let files = std::iter::once((&rows, path)).chain(held_out.iter().map(|h| (h, eval_path)));
        for (rows, path) in files {
            check_sound(rows, path)?;
            check_references(rows, path, &config.rubric())?;
        }
        let eval_file_rows = held_out.as_ref().map(Vec::len);
        let (rows, mut eval, eval_path) = match held_out {
            Some(held_out) => (rows, held_out, eval_path),
            None => {
                let (rows, eval) = hold_out(rows, *eval_rows, config.seed)
                    .with_context(|| format!("cannot hold rows out of {}", path.display()))?;
                (rows, eval, path)
            }
        };
        if *eval_rows > eval.len() {
            bail!(
                "data.eval_rows is {eval_rows}, but {} has {} rows: lower it",
                eval_path.display(),
                eval.len()
            );
        }
        let all = rows.len();
        // All that is held out, also what is not evaluated on.
        let held: HashSet<_> = eval.iter().map(|row| code(&row.migration)).collect();
        let train: Vec<Row> = rows
            .iter()
            .filter(|row| !held.contains(&code(&row.migration)))
            .cloned()
            .collect();
        if train.is_empty() {
            let way_out = match eval_file_rows {
                Some(_) => "name another file in data.eval",
                None => "lower data.eval_rows",
            };
            bail!(
                "no row of {} is left to train on: all {all} have the code of a held-out row; {way_out}",
                path.display()
            );
        }
        eval.truncate(*eval_rows);
        let left_out = all - train.len();
        let lengths = Lengths {
            max_prompt_length: config.data.max_prompt_length,
            completion_key: "rollout.max_completion_length",
            max_completion_length: config.rollout.max_completion_length,
            positions,
        };
        let mut eval_lengths = lengths;
        // Where it is not given it stands for the other.
        if config.run.eval_max_completion_length != lengths.max_completion_length {
            eval_lengths.completion_key = "run.eval_max_completion_length";
            eval_lengths.max_completion_length = config.run.eval_max_completion_length;
        }
        Ok(Self {
            train: encode(train, path, tokenizer, lengths)?,
            eval: encode(eval, eval_path, tokenizer, eval_lengths)?,
            eval_file_rows,
            left_out,
        })
    }

    /// The training row that is the run's `n`-th prompt, counted from 0 over all epochs.
    pub fn nth_prompt(&self, seed: u64, n: u64) -> usize {
        let rows = self.train.len() as u64;
        order(self.train.len(), seed, &[EPOCH, n / rows])[(n % rows) as usize]
    }

    /// A number for the rows' content and the split, in hexadecimal: a resumed run must have the same.
    pub fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for (mark, examples) in [("train", &self.train), ("eval", &self.eval)] {
            let rows = examples.iter().flat_map(|Example { migration, .. }| {
                let Migration {
                    dependency,
                    new_version,
                    description,
                    update_info,
                    old_code,
                    new_code,
                } = migration;
                [
                    dependency,
                    new_version,
                    description,
                    update_info,
                    old_code,
                    new_code,
                ]
            });
            for field in std::iter::once(mark).chain(rows.map(String::as_str)) {
                bytes.extend(field.as_bytes());
                // A byte that is not in UTF-8, so that fields cannot run into each other.
                bytes.push(0xff);
            }
        }
        fingerprint::text([bytes.as_slice()])
    }
}

/// A row that changes nothing, or whose target is not Python, would take its turn and teach nothing.
fn check_sound(rows: &[Row], path: &Path) -> anyhow::Result<()> {
    let report = audit(rows.iter().map(|row| row.migration.clone().into()), None);
    let mut defects = rows
        .iter()
        .zip(&report.rows)
        .filter(|(_, found)| !found.is_sound());
    let Some((row, found)) = defects.next() else {
        return Ok(());
    };
    let place = path.display();
    let defect = found
        .findings
        .iter()
        .find(|finding| finding.kind().is_defect());
    let defect = match defect {
        Some(Finding::Duplicate { of }) => format!("the same as line {}", rows[*of].line),
        other => other.map(ToString::to_string).unwrap_or_default(),
    };
    let others = match defects.count() {
        0 => String::new(),
        1 => " (and 1 more row has a defect)".to_owned(),
        others => format!(" (and {others} more rows have defects)"),
    };
    bail!(
        "{place}:{}: {defect}{others}; `recode-trainer audit {} --write-clean OUT` keeps the sound rows",
        row.line,
        quoted(&place.to_string())
    )
}

/// Some parts of the reward count from the old code: a row for which they cannot be had would stop the run when its turn comes.
fn check_references(rows: &[Row], path: &Path, rubric: &Rubric) -> anyhow::Result<()> {
    let lacks = |row: &Row| {
        let Migration {
            old_code, new_code, ..
        } = &row.migration;
        let reference = Reference::new(rubric.clone(), new_code, Some(old_code));
        let mut weighed = rubric.weights.iter().map(|(part, _)| part);
        weighed.find(|part| match part {
            Part::EditGain => reference.baseline().is_none(),
            Part::ApiAdopted | Part::ApiLeft => !reference.has_api(),
            _ => false,
        })
    };
    match rows.iter().find_map(|row| Some((row.line, lacks(row)?))) {
        None => Ok(()),
        Some((line, part)) => bail!(
            "{}:{line}: {part} of reward.weights has nothing to count from, as old or new code is not Python by the rules of reward.mode = \"{}\": leave the row out, or take another part or mode",
            path.display(),
            rubric.mode
        ),
    }
}

fn code(migration: &Migration) -> (String, String) {
    (migration.old_code.clone(), migration.new_code.clone())
}

/// Splits `rows` into those that stay and `count` held out, each side in the file's order; of held-out rows no two have the same code.
fn hold_out(rows: Vec<Row>, count: usize, seed: u64) -> anyhow::Result<(Vec<Row>, Vec<Row>)> {
    let mut seen = HashSet::new();
    let mut held: Vec<usize> = order(rows.len(), seed, &[HOLD_OUT])
        .into_iter()
        .filter(|&index| seen.insert(code(&rows[index].migration)))
        .take(count)
        .collect();
    held.sort_unstable();
    if held.len() < count || held.len() == rows.len() {
        bail!(
            "data.eval_rows is {count}, but there are {} rows, {} of them different: lower it, or name a file of its own in data.eval",
            rows.len(),
            seen.len()
        );
    }
    let (mut stay, mut eval) = (Vec::new(), Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        match held.binary_search(&index) {
            Ok(_) => eval.push(row),
            Err(_) => stay.push(row),
        }
    }
    Ok((stay, eval))
}

/// `0..n` shuffled by Fisher and Yates, from the stream of `seed` and `labels`.
fn order(n: usize, seed: u64, labels: &[u64]) -> Vec<usize> {
    let mut stream = Stream::new(seed, labels);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, stream.below(last as u32 + 1) as usize);
    }
    order
}

#[derive(Clone, Copy)]
struct Lengths {
    max_prompt_length: usize,
    /// The key that `max_completion_length` comes from.
    completion_key: &'static str,
    max_completion_length: usize,
    positions: usize,
}

fn encode(
    rows: Vec<Row>,
    path: &Path,
    tokenizer: &Tokenizer,
    lengths: Lengths,
) -> anyhow::Result<Vec<Example>> {
    let Lengths {
        max_prompt_length,
        completion_key,
        max_completion_length,
        positions,
    } = lengths;
    let mut examples = Vec::with_capacity(rows.len());
    let (mut first, mut too_long) = (None, 0);
    for Row { line, migration } in rows {
        let prompt_ids = tokenizer
            .encode(&migration.prompt().chatml())
            .with_context(|| format!("{}:{line}", path.display()))?;
        let length = prompt_ids.len();
        if length > max_prompt_length {
            too_long += 1;
            first.get_or_insert((line, length));
        } else if length.saturating_add(max_completion_length) > positions {
            bail!(
                "{}:{line}: a prompt of {length} tokens and a completion of {max_completion_length} do not fit the model's {positions} positions: \
                 lower data.max_prompt_length or {completion_key}",
                path.display()
            );
        }
        examples.push(Example {
            line,
            migration,
            prompt_ids,
        });
    }
    if let Some((line, length)) = first {
        let more = match too_long - 1 {
            0 => String::new(),
            1 => " (and 1 more row has a longer one)".to_owned(),
            more => format!(" (and {more} more rows have longer ones)"),
        };
        bail!(
            "{}:{line}: the prompt has {length} tokens, more than data.max_prompt_length {max_prompt_length}{more}; raise it or take the rows out",
            path.display()
        );
    }
    Ok(examples)
}

#[cfg(test)]
mod tests;
