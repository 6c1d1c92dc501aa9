//! `recode-trainer audit`: what is wrong with a data set, row by row and summed; and the rows that are sound.
//!
//! What is found and what makes a row unfit is `recode-core`'s to say. This file adds what only a file can have wrong: lines that are no
//! JSON object. The prompt's length is counted in tokens where a model directory names the tokenizer, and otherwise in characters; it is
//! the whole prompt as the policy gets it, prefill included.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use recode_core::audit::{
    AuditReport, AuditRow, Finding, FindingKind, PromptBudget, RowAudit, audit,
};
use recode_core::migration::Migration;
use serde_json::{Value, json};

use crate::atomic;
use crate::cli::Usage;
use crate::config::Config;
use crate::data::{Line, Object, Source};
use crate::report::Table;
use crate::tokenizer::Tokenizer;

/// Say what is wrong with a data set of migrations, row by row and summed
///
/// A row with a defect cannot be trained on and is left out by --write-clean: a line that is no JSON object, a missing, null or blank
/// field, code that is not Python, no change, a duplicate of an earlier row, a prompt over the budget. A version without its operator and a
/// library under an unusual name are told and kept. What is found is no failure: the exit code is 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON Lines of migrations; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
    /// Write the sound rows, as they are, to OUT (whole or not at all)
    #[arg(long, value_name = "OUT")]
    write_clean: Option<PathBuf>,
    /// Longest prompt: in tokens with --model (2048 where nothing is given), otherwise in characters (no limit where nothing is given)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_prompt_length: Option<u64>,
    /// Model directory whose tokenizer counts the prompt's tokens
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let source = Source::new(args.file);
    if let Some(out) = &args.write_clean {
        refuse_same_file(&source, out)?;
    }
    let budget = Budget::new(args.max_prompt_length, args.model.as_deref())?;
    let rows = Rows::read(&source)?;
    let audit = rows.audit(&budget)?;

    // Before anything is printed: a reader that has seen enough (`| head`) does not stop the writing.
    if let Some(path) = &args.write_clean
        && audit.report.sound > 0
    {
        rows.write_sound(&audit, path)?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match args.json {
        true => writeln!(out, "{}", audit.json(&source, &budget))?,
        false => audit.write_text(&mut out, &source, &budget)?,
    }
    out.flush()?;
    // The report says why.
    if let Some(path) = &args.write_clean
        && audit.report.sound == 0
    {
        bail!(
            "{source} has no sound row: {} is not written",
            path.display()
        );
    }
    Ok(())
}

/// What counts as too long.
struct Budget {
    limit: Option<usize>,
    tokenizer: Option<Tokenizer>,
}

impl Budget {
    fn new(limit: Option<u64>, model: Option<&Path>) -> anyhow::Result<Self> {
        let tokenizer = model.map(Tokenizer::from_dir).transpose()?;
        if let Some(tokenizer) = &tokenizer {
            tokenizer.require_chatml()?;
        }
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let default = tokenizer
            .is_some()
            .then(|| Config::default().data.max_prompt_length);
        Ok(Self {
            limit: limit.or(default),
            tokenizer,
        })
    }

    fn unit(&self) -> &'static str {
        if self.tokenizer.is_some() {
            "tokens"
        } else {
            "characters"
        }
    }

    fn length(&self, row: &Migration) -> anyhow::Result<usize> {
        let prompt = row.prompt().chatml();
        match &self.tokenizer {
            Some(tokenizer) => Ok(tokenizer.encode(&prompt)?.len()),
            None => Ok(prompt.chars().count()),
        }
    }
}

/// Every line of a data set: rows, and lines that are none.
struct Rows {
    /// Line number and text of each row.
    lines: Vec<(usize, String)>,
    rows: Vec<AuditRow>,
    /// Line number and cause of each line that is no row.
    unreadable: Vec<(usize, String)>,
}

impl Rows {
    fn read(source: &Source) -> anyhow::Result<Self> {
        let mut read = Self {
            lines: Vec::new(),
            rows: Vec::new(),
            unreadable: Vec::new(),
        };
        for line in source.lines(1 << 16)? {
            let Line { number, text } = line?;
            match text.and_then(|text| Ok((audit_row(&Object::parse(&text)?), text))) {
                Ok((row, text)) => {
                    read.rows.push(row);
                    read.lines.push((number, text));
                }
                Err(cause) => read.unreadable.push((number, cause)),
            }
        }
        if read.rows.is_empty() && read.unreadable.is_empty() {
            bail!("{source} has no rows: expected a migration a line (JSON Lines)");
        }
        Ok(read)
    }

    fn audit(&self, budget: &Budget) -> anyhow::Result<Audit> {
        let refused = RefCell::new(None);
        let length = |row: &Migration| {
            budget.length(row).unwrap_or_else(|error| {
                refused.borrow_mut().get_or_insert(error);
                0
            })
        };
        let prompt_budget = budget.limit.map(|max_prompt_length| PromptBudget {
            max_prompt_length,
            length: &length,
        });
        let report = audit(self.rows.iter().cloned(), prompt_budget.as_ref());
        if let Some(error) = refused.into_inner() {
            return Err(error.context("cannot count a prompt's tokens"));
        }
        let lines = self.lines.iter().map(|(number, _)| *number).collect();
        Ok(Audit {
            report,
            lines,
            unreadable: self.unreadable.clone(),
        })
    }

    fn write_sound(&self, audit: &Audit, path: &Path) -> anyhow::Result<()> {
        let mut text = String::new();
        for ((_, line), _) in self
            .lines
            .iter()
            .zip(&audit.report.rows)
            .filter(|(_, row)| row.is_sound())
        {
            text += line;
            text.push('\n');
        }
        atomic::write_file(path, text.as_bytes())?;
        let _ = writeln!(
            io::stderr(),
            "{} sound rows written to {}",
            audit.report.sound,
            path.display()
        );
        Ok(())
    }
}

fn audit_row(object: &Object) -> AuditRow {
    AuditRow {
        dependency: object.field("dependency"),
        new_version: object.field("new_version"),
        description: object.field("description"),
        update_info: object.field("update_info"),
        old_code: object.field("old_code"),
        new_code: object.field("new_code"),
    }
}

/// What was found, in terms of the file's lines.
struct Audit {
    report: AuditReport,
    /// The line of each row of the report.
    lines: Vec<usize>,
    unreadable: Vec<(usize, String)>,
}

impl Audit {
    fn total(&self) -> usize {
        self.lines.len() + self.unreadable.len()
    }

    /// A complaint a line, in the order of the file, then the sums.
    fn write_text(&self, out: &mut impl Write, source: &Source, budget: &Budget) -> io::Result<()> {
        let rows = self.lines.iter().zip(&self.report.rows);
        let findings = rows.flat_map(|(&line, row)| {
            row.findings
                .iter()
                .map(move |finding| (line, self.words(finding, budget)))
        });
        let unreadable = self.unreadable.iter().cloned();
        let mut complaints: Vec<(usize, String)> = findings.chain(unreadable).collect();
        // Stable: the findings of a row stay in their order.
        complaints.sort_by_key(|(line, _)| *line);
        for (line, words) in &complaints {
            writeln!(out, "{source}:{line}: {}", printable(words))?;
        }
        if !complaints.is_empty() {
            writeln!(out)?;
        }
        write!(out, "{}", self.table(budget))
    }

    fn words(&self, finding: &Finding, budget: &Budget) -> String {
        match finding {
            Finding::Duplicate { of } => format!("the same as line {}", self.lines[*of]),
            Finding::TooLong {
                length,
                max_prompt_length,
            } => {
                format!(
                    "the prompt of {length} {} is over the budget of {max_prompt_length}",
                    budget.unit()
                )
            }
            other => other.to_string(),
        }
    }

    fn table(&self, budget: &Budget) -> Table {
        let mut table = Table::new(["finding", "rows", "row is"]);
        let mut add = |name: String, count: usize, left_out: bool| {
            table.row([
                name,
                count.to_string(),
                if left_out { "left out" } else { "kept" }.to_owned(),
            ]);
        };
        if !self.unreadable.is_empty() {
            add("no JSON object".to_owned(), self.unreadable.len(), true);
        }
        for (kind, count) in &self.report.counts {
            let name = match (kind, budget.limit) {
                (FindingKind::TooLong, Some(limit)) => {
                    format!("{kind} of {limit} {}", budget.unit())
                }
                _ => kind.to_string(),
            };
            add(name, *count, kind.is_defect());
        }
        for spellings in &self.report.spellings {
            let names: Vec<_> = spellings
                .names
                .iter()
                .map(|(name, count)| format!("{} {count}", printable(name)))
                .collect();
            table.row([format!("  one library: {}", names.join(", "))]);
        }
        table.row([
            "sound".to_owned(),
            self.report.sound.to_string(),
            format!("of {}", self.total()),
        ]);
        table
    }

    fn json(&self, source: &Source, budget: &Budget) -> Value {
        let row = |(&line, row): (&usize, &RowAudit)| {
            let findings: Vec<Value> = row
                .findings
                .iter()
                .map(|finding| self.finding_json(finding))
                .collect();
            json!({"line": line, "sound": row.is_sound(), "findings": findings})
        };
        let rows: Vec<Value> = self
            .lines
            .iter()
            .zip(&self.report.rows)
            .filter(|(_, row)| !row.findings.is_empty())
            .map(row)
            .collect();
        let unreadable: Vec<Value> = self
            .unreadable
            .iter()
            .map(|(line, cause)| json!({"line": line, "cause": cause}))
            .collect();
        json!({
            "file": source.to_string(),
            "lines": self.total(),
            "sound": self.report.sound,
            "max_prompt_length": budget.limit,
            "prompt_length_unit": budget.limit.map(|_| budget.unit()),
            "counts": self.report.counts,
            "spellings": self.report.spellings,
            "unreadable": unreadable,
            "rows": rows,
        })
    }

    /// A finding with a line of the file where core counts rows.
    fn finding_json(&self, finding: &Finding) -> Value {
        match finding {
            Finding::Duplicate { of } => {
                json!({"kind": finding.kind(), "of_line": self.lines[*of]})
            }
            other => json!(other),
        }
    }
}

/// Data as a terminal may have it: a control character in it would be a command.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect()
}

/// The clean rows may not replace what they were chosen from: whoever mistypes a name loses nothing.
fn refuse_same_file(source: &Source, out: &Path) -> anyhow::Result<()> {
    let same = !source.is_stdin()
        && out.exists()
        && source
            .is_file(out)
            .with_context(|| format!("cannot read {source}"))?;
    match same {
        true => Err(Usage::error(format!(
            "--write-clean {} is the input itself: name another file",
            out.display()
        ))),
        false => Ok(()),
    }
}
