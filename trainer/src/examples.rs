//! The rows of a run: which are trained on and which held out, their prompts in tokens, and the order they come in.
//!
//! Everything follows from the data and the seed. Held-out rows are drawn by the seed; a training row whose code, old and new, is that
//! of a held-out row would give its answer away and is left out (the count is reported). Every epoch has an order of its own, drawn by
//! (seed, epoch), so that the n-th prompt of a run is a function of n.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, bail};
use recode_core::migration::Migration;
use recode_kernels::random::Stream;

use crate::config::{Config, DataConfig};
use crate::data::{Row, read_migrations};
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
    /// Training rows left out because a held-out row has the same code.
    pub left_out: usize,
}

impl Examples {
    /// Reads and splits the data of `config` and makes the prompts.
    ///
    /// # Errors
    /// A file that cannot be used, fewer rows than are to be held out, a prompt that is longer than `data.max_prompt_length` or leaves no
    /// room for the longest completion within `positions`, the model's.
    pub fn read(config: &Config, tokenizer: &Tokenizer, positions: usize) -> anyhow::Result<Self> {
        tokenizer.require_chatml()?;
        let DataConfig {
            train: path,
            eval: eval_path,
            eval_rows,
            ..
        } = &config.data;
        let (rows, eval) = if eval_path.as_os_str().is_empty() {
            hold_out(read_migrations(path)?, *eval_rows, config.seed)
                .with_context(|| format!("cannot hold rows out of {}", path.display()))?
        } else {
            let mut eval = read_migrations(eval_path)?;
            eval.truncate(*eval_rows);
            (read_migrations(path)?, eval)
        };
        let all = rows.len();
        let held: HashSet<_> = eval.iter().map(|row| code(&row.migration)).collect();
        let train: Vec<Row> = rows
            .iter()
            .filter(|row| !held.contains(&code(&row.migration)))
            .cloned()
            .collect();
        if train.is_empty() {
            bail!(
                "no row of {} is left to train on: all {all} have the code of a held-out row; lower data.eval_rows",
                path.display()
            );
        }
        let left_out = all - train.len();
        let eval_path = match eval_path.as_os_str().is_empty() {
            true => path,
            false => eval_path,
        };
        let lengths = Lengths {
            max_prompt_length: config.data.max_prompt_length,
            max_completion_length: config.rollout.max_completion_length,
            positions,
        };
        let eval_lengths = Lengths {
            max_completion_length: config.run.eval_max_completion_length,
            ..lengths
        };
        Ok(Self {
            train: encode(train, path, tokenizer, lengths)?,
            eval: encode(eval, eval_path, tokenizer, eval_lengths)?,
            left_out,
        })
    }

    /// The training row that is the run's `n`-th prompt, counted from 0 over all epochs.
    pub fn nth_prompt(&self, seed: u64, n: u64) -> usize {
        let rows = self.train.len() as u64;
        order(self.train.len(), seed, &[EPOCH, n / rows])[(n % rows) as usize]
    }

    /// A number for the rows' content (FNV-1a over all fields), in hexadecimal: a resumed run must have the same.
    pub fn fingerprint(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            // A field ends with a byte that is not in UTF-8, so that fields cannot run into each other.
            for byte in bytes.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (mark, examples) in [(b"train", &self.train), (b"evals", &self.eval)] {
            add(mark);
            for Example { migration, .. } in examples {
                let Migration {
                    dependency,
                    new_version,
                    description,
                    update_info,
                    old_code,
                    new_code,
                } = migration;
                for field in [
                    dependency,
                    new_version,
                    description,
                    update_info,
                    old_code,
                    new_code,
                ] {
                    add(field.as_bytes());
                }
            }
        }
        format!("{hash:016x}")
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
        } else if length + max_completion_length > positions {
            bail!(
                "{}:{line}: a prompt of {length} tokens and a completion of {max_completion_length} do not fit the model's {positions} positions: \
                 lower data.max_prompt_length or rollout.max_completion_length",
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
mod tests {
    use super::*;

    fn row(line: usize, code: &str) -> Row {
        Row {
            line,
            migration: Migration {
                dependency: "numpy".into(),
                new_version: "==2.0".into(),
                description: "d".into(),
                update_info: format!("note {line}"),
                old_code: code.into(),
                new_code: "b".into(),
            },
        }
    }

    fn lines(rows: &[Row]) -> Vec<usize> {
        rows.iter().map(|row| row.line).collect()
    }

    /// Rows `1..=n`, all with code of their own, written to a file with the config that reads them.
    fn file(rows: &[Row], set: &[&str]) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        let text: Vec<String> = rows
            .iter()
            .map(|row| serde_json::to_string(&row.migration).unwrap() + "\n")
            .collect();
        std::fs::write(&path, text.concat()).unwrap();
        let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
        let text = "name = \"a\"\n[model]\npath = \"m\"\n[data]\ntrain = \"t\"\n";
        let mut config = Config::from_toml(text, "run.toml", &set).unwrap();
        config.data.train = path;
        (dir, config)
    }

    fn read(rows: &[Row], set: &[&str], positions: usize) -> anyhow::Result<Examples> {
        let (_dir, config) = file(rows, set);
        let model = crate::tiny::model_dir(0);
        let tokenizer = Tokenizer::from_dir(model.path()).unwrap();
        Examples::read(&config, &tokenizer, positions)
    }

    fn complaint(rows: &[Row], set: &[&str], positions: usize) -> String {
        let error = format!("{:#}", read(rows, set, positions).unwrap_err());
        let from = error.find("rows.jsonl").unwrap_or(0);
        error[from..].to_owned()
    }

    fn rows(n: usize) -> Vec<Row> {
        (1..=n).map(|line| row(line, &format!("x{line}"))).collect()
    }

    #[test]
    fn rows_are_held_out_by_the_seed() {
        let split = |seed| hold_out(rows(20), 5, seed).unwrap();
        let (train, eval) = split(1);
        assert_eq!((train.len(), eval.len()), (15, 5));
        let mut all = [lines(&train), lines(&eval)].concat();
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        assert!(lines(&eval).is_sorted());
        assert_eq!(split(1), (train, eval.clone()));
        assert_ne!(split(2).1, eval);
    }

    #[test]
    fn a_copy_of_a_held_out_row_is_not_trained_on() {
        let mut rows = rows(6);
        rows.extend([row(7, "x1"), row(8, "x2"), row(9, "x3")]);
        let examples = read(&rows, &["data.eval_rows=4"], 4096).unwrap();
        let held: HashSet<_> = examples
            .eval
            .iter()
            .map(|e| &e.migration.old_code)
            .collect();
        assert_eq!(held.len(), 4, "no two are alike");
        assert!(
            examples
                .train
                .iter()
                .all(|e| !held.contains(&e.migration.old_code))
        );
        assert_eq!(examples.train.len() + 4 + examples.left_out, 9);
        assert!(
            complaint(&rows, &["data.eval_rows=9"], 4096).contains("9 rows, 6 of them different")
        );
        assert!(complaint(&rows[..2], &["data.eval_rows=2"], 4096).contains("data.eval_rows is 2"));
    }

    #[test]
    fn every_epoch_takes_every_row_once_in_its_own_order() {
        let examples = read(&rows(11), &["data.eval_rows=0"], 4096).unwrap();
        let epoch = |epoch: u64| -> Vec<usize> {
            (epoch * 11..(epoch + 1) * 11)
                .map(|n| examples.nth_prompt(3, n))
                .collect()
        };
        let mut sorted = epoch(0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..11).collect::<Vec<_>>());
        assert_ne!(epoch(0), epoch(1));
        assert_eq!(epoch(1), epoch(1));
    }

    #[test]
    fn a_prompt_over_the_budget_names_its_row() {
        let length = read(&rows(1), &["data.eval_rows=0"], 4096).unwrap().train[0]
            .prompt_ids
            .len();
        let mut rows = rows(5);
        for line in [3, 5] {
            rows[line - 1] = row(line, &"y ".repeat(40));
        }
        let set = format!("data.max_prompt_length={}", length + 5);
        let text = complaint(&rows, &["data.eval_rows=0", &set], 4096);
        assert!(text.starts_with("rows.jsonl:3: the prompt has "), "{text}");
        assert!(text.contains("(and 1 more row has a longer one)"), "{text}");
        let text = complaint(
            &rows,
            &["data.eval_rows=0", "rollout.max_completion_length=64"],
            length + 63,
        );
        assert!(
            text.contains("rows.jsonl:1: a prompt of") && text.contains("positions"),
            "{text}"
        );
    }

    #[test]
    fn the_fingerprint_sees_every_field_and_the_split() {
        let of = |rows: &[Row], set: &[&str]| read(rows, set, 4096).unwrap().fingerprint();
        let base = of(&rows(5), &["data.eval_rows=2"]);
        assert_eq!(base, of(&rows(5), &["data.eval_rows=2"]));
        assert_ne!(base, of(&rows(5), &["data.eval_rows=1"]));
        let mut moved = rows(5);
        moved[4].migration.update_info += "!";
        assert_ne!(base, of(&moved, &["data.eval_rows=2"]));
    }
}
