//! `recode-trainer migrate`: the change the policy proposes for a file, as a diff that `patch` takes.
//!
//! It writes nothing: what a policy proposes is for a person to look at.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use pollster::block_on;
use recode_core::answer::Answer;
use recode_core::migration::Migration;
use recode_core::python::{Grammar, check_syntax};
use recode_core::reward::{Breakdown, Rubric, score};
use similar::TextDiff;

use super::model_args::{ModelArgs, SamplingArgs};
use crate::cli::Usage;
use crate::rollout::{Completion, Event, FinishReason, Prompt, RolloutConfig, rollout};

/// Propose the change that brings a Python file to a new version of a library
///
/// The policy gets the update and the code in the prompt it is trained with. The proposal goes to standard output as a unified diff (empty
/// where nothing changes), the verdict on its format and syntax to standard error. Nothing is written to the file: `patch -p0` does that.
/// A file outside of the current folder is named from its own folder on, and standard error says where the diff is to be applied.
///
/// Exit code: 0 where the proposal is Python, 1 where it is not, where the answer has no code, or the run failed; 2 for wrong usage.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Python file to migrate
    #[arg(value_name = "OLD.py")]
    old: PathBuf,
    /// The library, for example numpy
    #[arg(long, value_name = "NAME")]
    dependency: String,
    /// Its new version, with or without an operator: 2.2.0 or ==2.2.0
    #[arg(long, value_name = "VERSION")]
    new_version: String,
    /// What the release note says about the change
    #[arg(long, value_name = "TEXT")]
    update_info: String,
    /// Print the policy's whole answer to standard error
    #[arg(long)]
    show_answer: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub fn run(args: Args) -> Result<()> {
    let config = RolloutConfig {
        num_generations: 1,
        max_completion_length: args.sampling.max_completion_length()?,
        max_concurrent_sequences: 1,
        // Where one answer is asked for, the likeliest is the one to take.
        sampling: args.sampling.config(0.0)?,
        seed: args.sampling.seed,
        step: 0,
    };
    let migration = Migration {
        dependency: given("--dependency", &args.dependency)?,
        new_version: given("--new-version", &args.new_version)?,
        description: String::new(),
        update_info: given("--update-info", &args.update_info)?,
        old_code: read_python(&args.old)?,
        new_code: String::new(),
    };
    let completion = args.model.with_model(|model, adapter| {
        model.tokenizer.require_chatml()?;
        let prompt_ids = model.tokenizer.encode(&migration.prompt().chatml())?;
        let prompts = [Prompt {
            id: 0,
            prompt_ids: &prompt_ids,
        }];
        let rollout = block_on(rollout(
            &model.decoder,
            adapter,
            &model.tokenizer,
            &prompts,
            &config,
            &mut async |_: Event<'_>| Ok(ControlFlow::Continue(())),
        ))
        .with_context(|| args.old.display().to_string())?;
        Ok(rollout
            .completions
            .into_iter()
            .next()
            .expect("one completion was asked for"))
    })?;
    // The target is not known; format and syntax do not depend on it.
    let breakdown = score(&Rubric::strict(), &completion.text, &migration.old_code);
    let code = Answer::find(&completion.text)
        .code
        .map(|span| &completion.text[span]);
    let mut remarks = String::new();
    if args.show_answer {
        writeln!(remarks, "{}\n", completion.text)?;
    }
    let place = Place::of(&args.old)?;
    let proposal = code.map(|code| Proposal::new(&place.name, &migration, code));
    remarks += &verdict(&completion, &breakdown, proposal.as_ref());
    if let (Some(folder), Some(_)) = (&place.folder, &proposal) {
        writeln!(remarks, "apply: patch -p0 -d {}", folder.display())?;
    }
    let mut out = std::io::stdout();
    if let Some(proposal) = &proposal {
        out.write_all(proposal.diff.as_bytes())?;
        out.flush()?;
    }
    let _ = std::io::stderr().write_all(remarks.as_bytes());
    match (code, breakdown.syntax_ok) {
        (Some(_), true) => Ok(()),
        (Some(_), false) => bail!(
            "the proposal is not Python: try another --seed with --temperature 1, or a trained adapter"
        ),
        (None, _) => bail!(
            "the answer proposes no code: try another --seed with --temperature 1, a larger --max-completion-length, or a trained adapter; --show-answer prints what it says"
        ),
    }
}

/// How a diff names the file: `patch` refuses names that are absolute or lead upwards, as they may lead anywhere.
struct Place {
    /// The path from the folder on.
    name: String,
    /// Where the diff is to be applied; `None` for the folder the program was started in.
    folder: Option<PathBuf>,
}

impl Place {
    fn of(path: &Path) -> Result<Self> {
        let plain = |path: &Path| {
            path.components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        if plain(path) {
            return Ok(Self {
                name: path.display().to_string(),
                folder: None,
            });
        }
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        if let Ok(inside) = path.strip_prefix(&here)
            && plain(inside)
        {
            return Ok(Self {
                name: inside.display().to_string(),
                folder: None,
            });
        }
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
            bail!("{} names no file", path.display());
        };
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            folder: Some(folder.to_owned()),
        })
    }
}

/// The change as text.
struct Proposal {
    diff: String,
    added: usize,
    removed: usize,
}

impl Proposal {
    fn new(name: &str, migration: &Migration, code: &str) -> Self {
        let old = &migration.old_code;
        let mut new = code.replace("\r\n", "\n");
        if old.contains("\r\n") {
            new = new.replace('\n', "\r\n");
        }
        // The fence's last line end belongs to the fence, a file's to the file.
        if old.ends_with('\n') && !new.is_empty() && !new.ends_with('\n') {
            new += if old.ends_with("\r\n") { "\r\n" } else { "\n" };
        }
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        // What stands behind the tab is no part of the file name to `patch` and `git apply`; without one, a name ends at its first space.
        let before = match name.contains(char::is_whitespace) {
            true => format!("{name}\t"),
            false => name.to_owned(),
        };
        let after = format!("{name}\t({} {})", migration.dependency, migration.version());
        let count = |tag| {
            diff.iter_all_changes()
                .filter(|change| change.tag() == tag)
                .count()
        };
        Self {
            added: count(similar::ChangeTag::Insert),
            removed: count(similar::ChangeTag::Delete),
            diff: diff.unified_diff().header(&before, &after).to_string(),
        }
    }
}

fn verdict(completion: &Completion, breakdown: &Breakdown, proposal: Option<&Proposal>) -> String {
    let change = match proposal {
        None => "none".to_owned(),
        Some(Proposal {
            added: 0,
            removed: 0,
            ..
        }) => "no line changes".to_owned(),
        Some(proposal) => format!(
            "{} lines added, {} removed",
            proposal.added, proposal.removed
        ),
    };
    let format = if breakdown.format > 0.0 {
        "as asked for (thinking, then an answer, then nothing)"
    } else {
        "not as asked for"
    };
    let syntax = match (&breakdown.withheld, breakdown.syntax_ok) {
        (Some(withheld), false) => withheld.to_string(),
        (_, ok) => if ok { "Python" } else { "not Python" }.to_owned(),
    };
    let cut_off = match completion.finish_reason {
        FinishReason::Length => ", cut off at --max-completion-length",
        _ => "",
    };
    format!(
        "change: {change}\nformat: {format}\nsyntax: {syntax}\nanswer: {} tokens{cut_off}\n",
        completion.completion_ids.len()
    )
}

fn given(name: &str, value: &str) -> Result<String> {
    match value.trim().is_empty() {
        true => Err(Usage::error(format!("{name} is empty"))),
        false => Ok(value.to_owned()),
    }
}

/// Reads the file to migrate, which has to be Python already: what is wrong with it is not the migration's to mend.
fn read_python(path: &Path) -> Result<String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("{shown} does not exist: give the Python file to migrate"),
        ErrorKind::IsADirectory => anyhow!("{shown} is a directory: give one Python file"),
        _ => anyhow!("cannot read {shown}: {error}"),
    })?;
    let code = String::from_utf8(bytes).map_err(|error| {
        anyhow!(
            "{shown} is not UTF-8 from byte {} on: save it as UTF-8",
            error.utf8_error().valid_up_to() + 1
        )
    })?;
    if code.trim().is_empty() {
        bail!("{shown} is empty: there is nothing to migrate");
    }
    check_syntax(&code, Grammar::Latest)
        .map_err(|error| anyhow!("{shown} is not Python: {error}"))?;
    Ok(code)
}
