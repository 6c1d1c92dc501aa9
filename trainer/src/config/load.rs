//! From a TOML file and `--set key=value` to a checked [`Config`], and back to a file that says everything.
//!
//! Order of precedence: defaults, then the file, then `--set` from left to right. Every complaint names the key, the value and what is
//! permitted, and where the file's line is known, that too.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::keys::Fault;
use super::{Config, Key, RolloutConfig, keys};
use crate::cli::Usage;

/// The two arguments of every command that reads a configuration.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgs {
    /// The run's configuration (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Override a key, for example --set rollout.num_generations=4 (may be repeated; an empty value takes the default back)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    pub fn load(&self) -> anyhow::Result<Config> {
        Config::load(&self.config, &self.set)
    }
}

/// Completions of a step are in memory together.
const MOST_COMPLETIONS: usize = 65_536;

impl Config {
    /// Reads a file, applies `key=value` overrides and checks every value.
    ///
    /// # Errors
    /// A file that cannot be read; everything [`Config::from_toml`] refuses, as wrong usage (exit code 2).
    pub fn load(path: &Path, set: &[String]) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        Self::from_toml(&text, &path.display().to_string(), set)
    }

    /// Reads TOML text; `origin` names it in messages.
    ///
    /// # Errors
    /// Text that is not TOML, a key that does not exist (the nearest one that does is named), a value of the wrong type or outside what is
    /// permitted, a required key that is missing.
    pub fn from_toml(text: &str, origin: &str, set: &[String]) -> anyhow::Result<Self> {
        Self::merge(text, origin, &[], set).map_err(Usage::wrap)
    }

    /// The same with values that the program fills in for the file's, each with what gave it, for messages.
    ///
    /// # Errors
    /// As [`Config::from_toml`].
    pub(crate) fn filled(
        text: &str,
        origin: &str,
        fill: &[(&str, Value, &str)],
        set: &[String],
    ) -> anyhow::Result<Self> {
        Self::merge(text, origin, fill, set).map_err(Usage::wrap)
    }

    fn merge(
        text: &str,
        origin: &str,
        fill: &[(&str, Value, &str)],
        set: &[String],
    ) -> anyhow::Result<Self> {
        let known = keys();
        let mut given = read_file(text, origin, &known)?;
        for (name, value, giver) in fill {
            let key = find(name, &known)?;
            let value = accept(key, value.clone()).with_context(|| (*giver).to_owned())?;
            given.retain(|(earlier, _)| earlier.name != key.name);
            given.push((key, value));
        }
        for assignment in set {
            let (key, value) = read_assignment(assignment, &known)?;
            given.retain(|(earlier, _)| earlier.name != key.name);
            given.extend(value.map(|value| (key, value)));
        }

        let mut table = Table::new();
        for key in &known {
            let value = match given.iter().find(|(other, _)| other.name == key.name) {
                Some((_, value)) => Some(value),
                None if key.required => {
                    anyhow::bail!(
                        "{origin}: {name} is missing ({permitted}): add it to the file or give --set {name}=…",
                        name = key.name,
                        permitted = key.permitted
                    )
                }
                None => key.default.as_ref(),
            };
            if let Some(value) = value {
                insert(&mut table, key, value.clone());
            }
        }
        let mut config = Config::deserialize(table)
            .context("the configuration's defaults and its table disagree")?;
        config.resolve();
        let RolloutConfig {
            prompts_per_step,
            num_generations,
            ..
        } = config.rollout;
        let completions = prompts_per_step * num_generations;
        anyhow::ensure!(
            completions <= MOST_COMPLETIONS,
            "rollout.prompts_per_step {prompts_per_step} x rollout.num_generations {num_generations} = {completions} completions a step, more than {MOST_COMPLETIONS}: lower one of them"
        );
        config.rubric().check().context("[reward]")?;
        Ok(config)
    }

    /// The configuration as a documented TOML file: every key is there, so it repeats the run whatever the defaults become.
    ///
    /// # Errors
    /// A value that TOML cannot hold: a path that is not Unicode, a number above 9223372036854775807. What was read from TOML has none.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        let table = Table::try_from(self).context("the configuration cannot be written as TOML")?;
        let mut text = String::new();
        let mut section = "";
        for key in keys() {
            if key.section() != section {
                section = key.section();
                text += &format!("\n[{section}]\n");
            }
            let value = match key.section() {
                "" => table.get(key.leaf()),
                section => table
                    .get(section)
                    .and_then(|section| section.get(key.leaf())),
            };
            text += &format!("# {}\n", key.doc);
            match value {
                Some(value) => text += &format!("{} = {value}\n", key.leaf()),
                None => text += &format!("# {} is absent\n", key.leaf()),
            }
        }
        Ok(text)
    }
}

/// The keys a file gives, checked one by one.
fn read_file<'k>(
    text: &str,
    origin: &str,
    known: &'k [Key],
) -> anyhow::Result<Vec<(&'k Key, Value)>> {
    let syntax = |error| at_line(text, origin, "not TOML: ", &error);
    let spans = DeTable::parse(text).map_err(syntax)?.into_inner();
    let values: Table = text.parse().map_err(syntax)?;

    let mut given = Vec::new();
    for (name, value) in &spans {
        let place = format!("{origin}:{}", line_of(text, name.span().start));
        let name = name.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(section) if known.iter().any(|key| key.section() == name) => {
                for leaf in section.keys() {
                    let place = format!("{origin}:{}", line_of(text, leaf.span().start));
                    let leaf = leaf.get_ref().as_ref();
                    let key = find(&format!("{name}.{leaf}"), known).context(place.clone())?;
                    given.push((key, accept(key, values[name][leaf].clone()).context(place)?));
                }
            }
            DeValue::Table(_) if known.iter().all(|key| key.name != name) => {
                anyhow::bail!(
                    "{place}: there is no section [{name}]{}",
                    nearest_section(name, known)
                )
            }
            _ if known.iter().any(|key| key.section() == name) => {
                anyhow::bail!("{place}: {name} is a section: write [{name}] and its keys below")
            }
            _ => {
                let key = find(name, known).context(place.clone())?;
                given.push((key, accept(key, values[name].clone()).context(place)?));
            }
        }
    }
    Ok(given)
}

/// What is wrong with a TOML text and where, on one line; a key that stands there twice is named.
pub(crate) fn at_line(
    text: &str,
    origin: &str,
    kind: &str,
    error: &toml::de::Error,
) -> anyhow::Error {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().trim_end();
    // What is missing from the whole stands on no line.
    let place = match message.starts_with("missing field") && span.start == 0 {
        true => origin.to_owned(),
        false => format!("{origin}:{}", line_of(text, span.start)),
    };
    let key = match message {
        "duplicate key" => format!(" {}", text.get(span).unwrap_or_default()),
        _ => String::new(),
    };
    anyhow::anyhow!("{place}: {kind}{message}{key}")
}

/// Checks a section's values where it stands in another file than a run's, as `[optimizer]` does in a warm-up's.
///
/// # Errors
/// A key that nobody reads, a value it may not have.
pub(crate) fn check_section(section: &str, values: &Table) -> anyhow::Result<()> {
    let known = keys();
    for (leaf, value) in values {
        accept(find(&format!("{section}.{leaf}"), &known)?, value.clone())?;
    }
    Ok(())
}

/// Reads `key=value`; an empty value is none, which takes the default back.
fn read_assignment<'k>(
    assignment: &str,
    known: &'k [Key],
) -> anyhow::Result<(&'k Key, Option<Value>)> {
    let place = || format!("--set {assignment}");
    let (name, text) = assignment
        .split_once('=')
        .map(|(name, text)| (name.trim(), text.trim()))
        .filter(|(name, _)| !name.is_empty())
        .context("expected KEY=VALUE, for example rollout.top_p=0.9")
        .with_context(place)?;
    if let Some(key) = known.iter().find(|key| key.section() == name) {
        anyhow::bail!(
            "{}: {name} is a section: give one of its keys, as {}",
            place(),
            key.name
        );
    }
    let key = find(name, known).with_context(place)?;
    if text.is_empty() {
        return Ok((key, None));
    }
    // `--set name=grpo` and `--set name=2024` mean text, as the shell has eaten the quotes; what is no TOML, or the wrong kind of it, is
    // tried as text.
    let bare = Value::String(text.to_owned());
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        // TOML refuses a number that no double holds; as infinity it is out of range rather than text.
        .or_else(|| {
            let number = text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_infinite());
            number.map(Value::Float)
        });
    let value = match parsed {
        Some(parsed) if (key.check)(&parsed).is_ok() || (key.check)(&bare).is_err() => parsed,
        _ => bare,
    };
    Ok((key, Some(accept(key, value).with_context(place)?)))
}

fn accept(key: &Key, value: Value) -> anyhow::Result<Value> {
    match (key.check)(&value) {
        Ok(()) => Ok(value),
        Err(Fault::Type(reason)) => {
            anyhow::bail!(
                "{} = {value}: {} (permitted: {})",
                key.name,
                reason,
                key.permitted
            )
        }
        Err(Fault::Range) => {
            anyhow::bail!("{} = {value} is not permitted: {}", key.name, key.permitted)
        }
    }
}

fn find<'k>(name: &str, known: &'k [Key]) -> anyhow::Result<&'k Key> {
    known
        .iter()
        .find(|key| key.name == name)
        .ok_or_else(|| anyhow::anyhow!("there is no key {name}{}", nearest_key(name, known)))
}

/// A key that only stands in the wrong section is the best guess; otherwise the most similar name, if any is similar.
fn nearest_key(name: &str, known: &[Key]) -> String {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let likeness = |key: &Key| {
        let leaves = strsim::jaro_winkler(leaf, key.leaf());
        leaves.max(strsim::jaro_winkler(name, key.name))
    };
    let moved = known.iter().find(|key| key.leaf() == leaf);
    let similar = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|key| likeness(key) > 0.8);
    match moved.or(similar) {
        Some(key) => format!("; did you mean {}?", key.name),
        None => "; `recode-trainer train --help` lists all keys".to_owned(),
    }
}

fn nearest_section(name: &str, known: &[Key]) -> String {
    known
        .iter()
        .map(Key::section)
        .filter(|section| !section.is_empty())
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)))
        .map_or(String::new(), |section| {
            format!("; did you mean [{section}]?")
        })
}

fn insert(table: &mut Table, key: &Key, value: Value) {
    let target = match key.section() {
        "" => table,
        section => {
            let entry = table
                .entry(section)
                .or_insert_with(|| Value::Table(Table::new()));
            entry.as_table_mut().expect("sections hold keys only")
        }
    };
    target.insert(key.leaf().to_owned(), value);
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text[..offset.min(text.len())].matches('\n').count()
}
