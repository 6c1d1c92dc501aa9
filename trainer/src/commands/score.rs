//! `recode-trainer score`: what completions are worth, line by line.
//!
//! Lines are scored in parallel and written in their order. A chunk of lines is what the pipe holds at the moment, a mebibyte at most: a
//! slow writer (`tail -f`) gets its answer at once, a fast one keeps every core busy, and memory does not grow with the file.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use rayon::prelude::*;
use recode_core::audit::Field;
use recode_core::explain::{Explanation, explain};
use recode_core::metrics::Summary;
use recode_core::reward::{Breakdown, Missing, Part, Reference, Rubric};
use serde::Serialize;

use super::rubric_args::RubricArgs;
use crate::cli::Usage;
use crate::data::{Line, Lines, Object, Source};
use crate::report::Table;
use crate::serve::{self, Settings};

/// Lines are read, scored and written in chunks of about this size.
const CHUNK_BYTES: usize = 1 << 20;

/// Score completions against the code they should have written
///
/// Reads JSON Lines {"completion": …, "target": …} and writes each line again with the rewards behind its own fields, which stay as they are;
/// one of the same name is kept as input_NAME. The rewards are format, es_star, em_star and total, with syntax_ok, similarity and withheld (why
/// there was no code reward). A line with old_code gets edit_gain as well (a reward from -2 to 2 that is -0.8 for copying it), api_adopted and
/// api_left (the API names that the migration brings and takes: which the answer uses). A line's tokens is its length for overlong.
/// A line that cannot be scored is reported on standard error and left out; the others are scored, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON Lines with completion and target (new_code stands in where there is no target); - reads standard input
    #[arg(value_name = "FILE|-", required_unless_present = "serve")]
    file: Option<PathBuf>,
    #[command(flatten)]
    rubric: RubricArgs,
    /// JSON Lines, or a table with the means at its end
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Say why each completion is worth what it is: where its parts stand, what was left out, what each part gave and why not more, and what
    /// turns the answer into the target; in JSON behind the rewards, else as a text
    #[arg(long)]
    explain: bool,
    /// Serve the reward over HTTP instead (POST /score, GET /health, GET /openapi.json), on 127.0.0.1:8917 unless a port or an address says
    /// otherwise
    #[arg(long, value_name = "PORT|HOST:PORT", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["file", "format", "explain"])]
    serve: Option<String>,
    /// The longest body of a request in MiB; up to 256 bodies are in memory at a time [default: 8]
    #[arg(long, value_name = "MIB", requires = "serve", value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_body_mib: Option<u16>,
    /// The longest time of a request in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", requires = "serve", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Table,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let rubric = args.rubric.rubric()?;
    // clap lets a `requires` go where the required one conflicts with what was given.
    if args.serve.is_none() && (args.max_body_mib.is_some() || args.timeout.is_some()) {
        return Err(Usage::error(
            "--max-body-mib and --timeout are limits of --serve, which is missing",
        ));
    }
    if let Some(address) = &args.serve {
        let settings = Settings {
            rubric,
            max_body_bytes: usize::from(args.max_body_mib.unwrap_or(8)) << 20,
            timeout: Duration::from_secs(args.timeout.unwrap_or(10).into()),
        };
        return serve::serve(serve::address(address)?, settings);
    }
    let source = Source::new(args.file.unwrap_or_default());
    let chunks = read_chunks(source.lines(CHUNK_BYTES)?)?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut summary, mut faults) = (Summary::default(), 0);
    if args.format == Format::Table && !args.explain {
        writeln!(out, "{HEADER}")?;
    }
    for chunk in chunks {
        let scored: Vec<_> = chunk?
            .into_par_iter()
            .map(|line| score_line(&rubric, args.explain, line))
            .collect();
        for (number, outcome) in scored {
            match outcome {
                Ok(Scored { object, verdict }) => {
                    summary.add(verdict.breakdown());
                    match (args.format, verdict) {
                        (Format::Json, Verdict::Breakdown(breakdown)) => {
                            write_json(&mut out, object, &breakdown)?
                        }
                        (Format::Json, Verdict::Explanation(explanation)) => {
                            write_json(&mut out, object, &explanation)?
                        }
                        (Format::Table, Verdict::Breakdown(breakdown)) => {
                            write_row(&mut out, number, &breakdown)?
                        }
                        (Format::Table, Verdict::Explanation(explanation)) => {
                            writeln!(out, "line {number}: {explanation}")?
                        }
                    }
                }
                Err(reason) => {
                    faults += 1;
                    // Whoever watches both streams sees the complaint in its place.
                    out.flush()?;
                    let _ = writeln!(io::stderr(), "{source}:{number}: {reason}");
                }
            }
        }
        out.flush()?;
    }
    if args.format == Format::Table && summary.completions > 0 {
        write!(out, "\n{}", means(&summary, &rubric))?;
        out.flush()?;
    }
    match (summary.completions, faults) {
        (0, 0) => bail!(
            "{source} has no lines: expected {{\"completion\": …, \"target\": …}} a line (JSON Lines)"
        ),
        (_, 0) => Ok(()),
        (scored, faults) => bail!(
            "{faults} of {} lines of {source} could not be scored",
            scored + faults
        ),
    }
}

/// Lines that arrived together, or the error that ended reading.
type Chunk = anyhow::Result<Vec<Line>>;

/// Reads in a thread of its own, a few chunks ahead. The thread ends with the input, or when nobody wants its chunks any more.
fn read_chunks(mut lines: Lines) -> anyhow::Result<mpsc::Receiver<Chunk>> {
    let (sender, receiver) = mpsc::sync_channel(2);
    let read = move || {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while let Some(line) = lines.next() {
            match line {
                Ok(line) => {
                    bytes += line.text.as_ref().map_or(0, String::len);
                    chunk.push(line);
                }
                Err(error) => {
                    sender.send(Ok(chunk))?;
                    return sender.send(Err(error));
                }
            }
            if bytes >= CHUNK_BYTES || !lines.next_is_buffered() {
                sender.send(Ok(std::mem::take(&mut chunk)))?;
                bytes = 0;
            }
        }
        sender.send(Ok(chunk))
    };
    std::thread::Builder::new()
        .name("read".into())
        .spawn(read)
        .context("cannot start the thread that reads")?;
    Ok(receiver)
}

struct Scored {
    object: Object,
    verdict: Verdict,
}

enum Verdict {
    Breakdown(Box<Breakdown>),
    Explanation(Box<Explanation>),
}

impl Verdict {
    fn breakdown(&self) -> &Breakdown {
        match self {
            Verdict::Breakdown(breakdown) => breakdown,
            Verdict::Explanation(explanation) => &explanation.breakdown,
        }
    }
}

fn score_line(rubric: &Rubric, explained: bool, line: Line) -> (usize, Result<Scored, String>) {
    let outcome = line.text.and_then(|text| {
        let object = Object::parse(&text)?;
        let completion = object.completion("completion")?;
        let target = match (object.get("target"), object.get("new_code")) {
            (Some(_), _) => object.text("target")?,
            (None, Some(_)) => object.text("new_code")?,
            (None, None) => {
                return Err(
                    "target is missing (and new_code, which may stand in for it)".to_owned(),
                );
            }
        };
        let old_code = match object.field("old_code") {
            Field::Missing | Field::Null => None,
            _ => Some(object.text("old_code")?),
        };
        let tokens = match rubric.overlong.and_then(|_| object.get("tokens")) {
            Some(value) => Some(length(value.get())?),
            None => None,
        };
        let reference = Reference::new(rubric.clone(), &target, old_code.as_deref());
        reference.check(tokens.is_some()).map_err(|missing| {
            let fields = match missing {
                Missing::NotPython { .. } => "old_code and target of the line",
                _ => "old_code and tokens of the line",
            };
            format!("{missing} ({fields})")
        })?;
        let verdict = match explained {
            true => {
                let explanation =
                    explain(rubric, &completion, &target, old_code.as_deref(), tokens);
                Verdict::Explanation(Box::new(explanation))
            }
            false => Verdict::Breakdown(Box::new(reference.score(&completion, tokens))),
        };
        Ok(Scored { object, verdict })
    });
    (line.number, outcome)
}

fn length(tokens: &str) -> Result<usize, String> {
    tokens
        .parse()
        .map_err(|_| format!("tokens is {tokens}, but must be a whole number"))
}

/// Writes the line's own fields as they were, then the rewards.
fn write_json(
    out: &mut impl Write,
    object: Object,
    rewards: &impl Serialize,
) -> anyhow::Result<()> {
    let rewards = serde_json::to_string(rewards)?;
    let rewards = Object::parse(&rewards).map_err(anyhow::Error::msg)?.fields;
    let mut fields = object.fields;
    let taken = |name: &str, fields: &[(String, _)]| {
        rewards.iter().chain(fields).any(|(other, _)| other == name)
    };
    for i in 0..fields.len() {
        if rewards.iter().any(|(name, _)| *name == fields[i].0) {
            let mut name = format!("input_{}", fields[i].0);
            while taken(&name, &fields) {
                name.insert_str(0, "input_");
            }
            fields[i].0 = name;
        }
    }
    let mut before = '{';
    for (name, value) in fields.iter().chain(&rewards) {
        write!(
            out,
            "{before}{}:{}",
            serde_json::to_string(name)?,
            value.get()
        )?;
        before = ',';
    }
    writeln!(out, "}}")?;
    Ok(())
}

const HEADER: &str =
    "    line    total   format  es_star  em_star  edit_gain  similarity  syntax  withheld";

fn write_row(out: &mut impl Write, number: usize, breakdown: &Breakdown) -> io::Result<()> {
    let or_dash = |number: Option<f64>| number.map_or("-".to_owned(), |s| format!("{s:.3}"));
    let [total, format, es_star, em_star, edit_gain, similarity] = [
        breakdown.total,
        Some(breakdown.format),
        Some(breakdown.es_star),
        Some(breakdown.em_star),
        breakdown.edit_gain,
        breakdown.similarity,
    ]
    .map(or_dash);
    let syntax = if breakdown.syntax_ok { "ok" } else { "-" };
    let withheld = breakdown
        .withheld
        .as_ref()
        .map_or(String::new(), ToString::to_string);
    let line = format!(
        "{number:>8} {total:>8} {format:>8} {es_star:>8} {em_star:>8} {edit_gain:>10} {similarity:>11} {syntax:>7}  {withheld}"
    );
    writeln!(out, "{}", line.trim_end())
}

/// The means, each with the number of lines that have it where not all do.
fn means(summary: &Summary, rubric: &Rubric) -> Table {
    let lines = summary.completions;
    let mut table = Table::new([
        format!(
            "{}, {lines} line{}",
            rubric.mode,
            if lines == 1 { "" } else { "s" }
        ),
        "mean".to_owned(),
    ]);
    let parts = Part::ALL
        .iter()
        .map(|part| (part.name(), summary.part(*part)));
    let total = [("total", summary.total)];
    for (name, mean) in total
        .into_iter()
        .chain(parts)
        .chain([("similarity", summary.similarity)])
    {
        let Some(value) = mean.value() else { continue };
        let name = match mean.count() {
            count if count == lines => name.to_owned(),
            count => format!("{name} ({count} of {lines} lines)"),
        };
        table.row([name, format!("{value:.4}")]);
    }
    for (name, share) in [
        ("valid format", summary.valid_format),
        ("syntax ok", summary.valid_syntax),
        ("exact match", summary.exact),
    ] {
        let share = share.value().unwrap_or_default();
        table.row([
            name.to_owned(),
            format!("{:.0} ({:.1} %)", share * lines as f64, 100.0 * share),
        ]);
    }
    table
}
