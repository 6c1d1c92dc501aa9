//! `recode-trainer score`: what completions are worth, line by line.
//!
//! Lines are scored in parallel and written in their order. A chunk of lines is what the pipe holds at the moment, a mebibyte at most: a
//! slow writer (`tail -f`) gets its answer at once, a fast one keeps every core busy, and memory does not grow with the file.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rayon::prelude::*;
use recode_core::audit::Field;
use recode_core::reward::{Breakdown, RewardMode, score, score_migration};

use crate::data::{Line, Lines, Object, Source};
use crate::report::Table;

/// Lines are read, scored and written in chunks of about this size.
const CHUNK_BYTES: usize = 1 << 20;

/// Score completions against the code they should have written
///
/// Reads JSON Lines {"completion": …, "target": …} and writes each line again with format, es_star, em_star, total, syntax_ok, similarity
/// and withheld (why there was no code reward) behind its own fields, which stay as they are; one of the same name is kept as input_NAME.
/// A line with old_code gets edit_gain as well: a reward from -2 to 2 that is -0.8 for copying it.
/// A line that cannot be scored is reported on standard error and left out; the others are scored, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON Lines with completion and target (new_code stands in where there is no target); - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Rules of scoring: the reference's, faults included, or the mended ones
    #[arg(long, default_value = "strict", value_parser = reward_mode())]
    reward: RewardMode,
    /// JSON Lines, or a table with the means at its end
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Table,
}

/// Parses `paper` or `strict`, with clap's list of choices and its suggestion.
pub fn reward_mode() -> impl TypedValueParser<Value = RewardMode> {
    PossibleValuesParser::new(["paper", "strict"]).try_map(|name| name.parse::<RewardMode>())
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let source = Source::new(args.file);
    let chunks = read_chunks(source.lines(CHUNK_BYTES)?)?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut means, mut faults) = (Means::default(), 0);
    if args.format == Format::Table {
        writeln!(out, "{HEADER}")?;
    }
    for chunk in chunks {
        let scored: Vec<_> = chunk?
            .into_par_iter()
            .map(|line| score_line(args.reward, line))
            .collect();
        for (number, outcome) in scored {
            match outcome {
                Ok(Scored { object, breakdown }) => {
                    means.add(&breakdown);
                    match args.format {
                        Format::Json => write_json(&mut out, object, &breakdown)?,
                        Format::Table => write_row(&mut out, number, &breakdown)?,
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
    if args.format == Format::Table && means.lines > 0 {
        write!(out, "\n{}", means.table(args.reward))?;
        out.flush()?;
    }
    match (means.lines, faults) {
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
    breakdown: Breakdown,
}

fn score_line(mode: RewardMode, line: Line) -> (usize, Result<Scored, String>) {
    let outcome = line.text.and_then(|text| {
        let object = Object::parse(&text)?;
        let completion = object.text("completion")?;
        let target = match (object.get("target"), object.get("new_code")) {
            (Some(_), _) => object.text("target")?,
            (None, Some(_)) => object.text("new_code")?,
            (None, None) => {
                return Err(
                    "target is missing (and new_code, which may stand in for it)".to_owned(),
                );
            }
        };
        let breakdown = match object.field("old_code") {
            Field::Missing | Field::Null => score(mode, &completion, &target),
            _ => score_migration(mode, &completion, &object.text("old_code")?, &target),
        };
        Ok(Scored { object, breakdown })
    });
    (line.number, outcome)
}

/// Writes the line's own fields as they were, then the rewards.
fn write_json(out: &mut impl Write, object: Object, breakdown: &Breakdown) -> anyhow::Result<()> {
    let rewards = serde_json::to_string(breakdown)?;
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
    let Breakdown {
        format,
        es_star,
        em_star,
        edit_gain,
        total,
        syntax_ok,
        similarity,
        withheld,
    } = breakdown;
    let or_dash = |number: &Option<f64>| number.map_or("-".to_owned(), |s| format!("{s:.3}"));
    let (edit_gain, similarity) = (or_dash(edit_gain), or_dash(similarity));
    let syntax = if *syntax_ok { "ok" } else { "-" };
    let withheld = withheld.as_ref().map_or(String::new(), ToString::to_string);
    let line = format!(
        "{number:>8} {total:>8.3} {format:>8.3} {es_star:>8.3} {em_star:>8.3} {edit_gain:>10} {similarity:>11} {syntax:>7}  {withheld}"
    );
    writeln!(out, "{}", line.trim_end())
}

/// Sums in the order of the lines, so that the same file gives the same table.
#[derive(Debug, Default)]
struct Means {
    lines: usize,
    total: f64,
    format: f64,
    es_star: f64,
    em_star: f64,
    edit_gain: f64,
    /// Lines with old code.
    migrations: usize,
    similarity: f64,
    compared: usize,
    formatted: usize,
    exact: usize,
    syntax_ok: usize,
}

impl Means {
    fn add(&mut self, breakdown: &Breakdown) {
        self.lines += 1;
        self.total += breakdown.total;
        self.format += breakdown.format;
        self.es_star += breakdown.es_star;
        self.em_star += breakdown.em_star;
        self.edit_gain += breakdown.edit_gain.unwrap_or(0.0);
        self.migrations += usize::from(breakdown.edit_gain.is_some());
        self.similarity += breakdown.similarity.unwrap_or(0.0);
        self.compared += usize::from(breakdown.similarity.is_some());
        self.formatted += usize::from(breakdown.format > 0.0);
        self.exact += usize::from(breakdown.em_star > 0.0);
        self.syntax_ok += usize::from(breakdown.syntax_ok);
    }

    fn table(&self, mode: RewardMode) -> Table {
        let mean = |sum: f64| format!("{:.4}", sum / self.lines as f64);
        let share = |count: usize| {
            format!(
                "{count} ({:.1} %)",
                100.0 * count as f64 / self.lines as f64
            )
        };
        let mut table = Table::new([format!("{mode}, {} lines", self.lines), "mean".to_owned()]);
        table.row(["total", &mean(self.total)]);
        table.row(["format", &mean(self.format)]);
        table.row(["es_star", &mean(self.es_star)]);
        table.row(["em_star", &mean(self.em_star)]);
        for (name, sum, count, of) in [
            (
                "edit_gain",
                self.edit_gain,
                self.migrations,
                "with old code",
            ),
            ("similarity", self.similarity, self.compared, "compared"),
        ] {
            if count > 0 {
                let mean = format!("{:.4}", sum / count as f64);
                table.row([format!("{name} ({count} {of})"), mean]);
            }
        }
        table.row(["valid format", &share(self.formatted)]);
        table.row(["syntax ok", &share(self.syntax_ok)]);
        table.row(["exact match", &share(self.exact)]);
        table
    }
}
