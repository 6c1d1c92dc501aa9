//! The command line: which subcommands there are, and what an outcome means to the shell.
//!
//! A subcommand is a file under `commands/` with `pub struct Args` and `pub fn run(Args) -> anyhow::Result<()>`; here it takes a variant
//! and a match arm. Exit codes: 0 done, 1 the run failed, 2 wrong usage (an argument, a config key). A reader that went away
//! (`recode-trainer … | head`) is no failure: the program ends quietly, as ripgrep does.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{commands, interrupt};

/// Teach a code model new API versions by reinforcement learning (ReCode, arXiv 2506.20495).
#[derive(Debug, Parser)]
#[command(name = "recode-trainer", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Train(commands::train::Args),
    Plan(commands::plan::Args),
    Profile(commands::profile::Args),
    Merge(commands::merge::Args),
    Generate(commands::generate::Args),
    Logprobs(commands::logprobs::Args),
    Migrate(commands::migrate::Args),
    Score(commands::score::Args),
    Playground(commands::playground::Args),
    Audit(commands::audit::Args),
    #[cfg(feature = "gpu")]
    Devices(commands::devices::Args),
    WarmUp(commands::warm_up::Args),
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(args) => commands::demo::run(args),
        Command::Train(args) => commands::train::run(args),
        Command::Plan(args) => commands::plan::run(args),
        Command::Profile(args) => commands::profile::run(args),
        Command::Merge(args) => commands::merge::run(args),
        Command::Generate(args) => commands::generate::run(args),
        Command::Logprobs(args) => commands::logprobs::run(args),
        Command::Migrate(args) => commands::migrate::run(args),
        Command::Score(args) => commands::score::run(args),
        Command::Playground(args) => commands::playground::run(args),
        Command::Audit(args) => commands::audit::run(args),
        #[cfg(feature = "gpu")]
        Command::Devices(args) => commands::devices::run(args),
        Command::WarmUp(args) => commands::warm_up::run(args),
    }
}

/// A mistake in how the program was called: exit code 2 instead of 1.
///
/// Wrap what the person at the keyboard can mend by typing something else: `return Err(Usage::error("…"))` or `result.map_err(Usage::wrap)`.
#[derive(Debug)]
pub struct Usage(anyhow::Error);

impl Usage {
    pub fn error(message: impl std::fmt::Display) -> anyhow::Error {
        Self::wrap(anyhow::anyhow!("{message}"))
    }

    pub fn wrap(cause: anyhow::Error) -> anyhow::Error {
        anyhow::Error::new(Self(cause))
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Usage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Parses the process's arguments, runs the subcommand and turns its outcome into an exit code.
pub fn main() -> ExitCode {
    // So that `--seed -1` is said to be out of range rather than to be an unknown argument.
    let negative = |arg: Arg| match arg.get_action().takes_values() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    let matches = Cli::command()
        .mut_subcommands(|command| command.mut_args(negative))
        .get_matches();
    let command = Cli::from_arg_matches(&matches)
        .unwrap_or_else(|error| error.exit())
        .command;
    match interrupt::survive_size_limit().and_then(|()| dispatch(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit_code(&error),
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    // Whoever reads or writes a file says which; what has no name is the results.
    let results = match error.chain().len() {
        1 => error.downcast_ref::<std::io::Error>(),
        _ => None,
    };
    let place = match results.map(std::io::Error::kind) {
        Some(ErrorKind::BrokenPipe) => return ExitCode::SUCCESS,
        Some(_) => "cannot write to standard output: ",
        None => "",
    };
    // Standard error may be gone as well; there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "recode-trainer: {place}{error:#}");
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// A path as a shell takes it, for commands that people are told to run.
pub fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
