//! JSON Lines, read so that every complaint has a file and a line; and the migrations a run learns from.
//!
//! A line ends with `\n`; a `\r` before it is white space of JSON and accepted. Lines are numbered from 1. What is not as it should be is an
//! error with its line, never a skipped row: a line cut short, an empty line, text that is not UTF-8, a byte order mark, a field that is
//! missing, null or given twice. Files that are loaded whole say so; [`Lines`] itself keeps one line in memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use recode_core::audit::Field;
use recode_core::migration::Migration;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::cli::quoted;
use crate::json_text::JsonText;

/// The longest line that is read, in bytes: beyond it, a file is hardly JSON Lines.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// Where lines come from: a file, or standard input for `-`.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
}

impl Source {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Whether `path` leads to this very file, under whatever name.
    ///
    /// # Errors
    /// One of the two cannot be looked at.
    pub fn is_file(&self, path: &Path) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let (a, b) = (std::fs::metadata(&self.path)?, std::fs::metadata(path)?);
            Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
        }
        #[cfg(not(unix))]
        Ok(self.path.canonicalize()? == path.canonicalize()?)
    }

    /// The lines of the source, read ahead by up to `buffer_bytes`.
    ///
    /// # Errors
    /// A file that cannot be opened, or is a folder.
    pub fn lines(&self, buffer_bytes: usize) -> anyhow::Result<Lines> {
        let input: Box<dyn Read + Send> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            let open = || -> io::Result<File> {
                let file = File::open(&self.path)?;
                match file.metadata()?.is_dir() {
                    true => Err(io::ErrorKind::IsADirectory.into()),
                    false => Ok(file),
                }
            };
            Box::new(open().with_context(|| format!("cannot read {self}"))?)
        };
        Ok(Lines::new(self.to_string(), input, buffer_bytes))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_stdin() {
            true => f.write_str("standard input"),
            false => self.path.display().fmt(f),
        }
    }
}

/// One line of a source, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// The text, or what is wrong with it.
    pub text: Result<String, String>,
}

/// An iterator over lines; ends with the file, or with the error that reading met.
pub struct Lines {
    origin: String,
    input: BufReader<Box<dyn Read + Send>>,
    number: usize,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({}:{})", self.origin, self.number)
    }
}

impl Lines {
    fn new(origin: String, input: Box<dyn Read + Send>, buffer_bytes: usize) -> Self {
        Self {
            origin,
            input: BufReader::with_capacity(buffer_bytes, input),
            number: 0,
        }
    }

    /// Whether another whole line is here already, so that reading it will not wait for whoever writes to the pipe.
    pub fn next_is_buffered(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let limit = MAX_LINE_BYTES as u64 + 1;
        if (&mut self.input)
            .take(limit)
            .read_until(b'\n', &mut bytes)?
            == 0
        {
            return Ok(None);
        }
        self.number += 1;
        let text = match bytes.pop_if(|last| *last == b'\n') {
            None if bytes.len() > MAX_LINE_BYTES => {
                self.input.skip_until(b'\n')?;
                Err(format!(
                    "the line is longer than {} MiB",
                    MAX_LINE_BYTES >> 20
                ))
            }
            _ => self.check(bytes),
        };
        Ok(Some(Line {
            number: self.number,
            text,
        }))
    }

    fn check(&self, bytes: Vec<u8>) -> Result<String, String> {
        let text = String::from_utf8(bytes).map_err(|error| {
            format!(
                "not UTF-8 from byte {} of the line on",
                error.utf8_error().valid_up_to() + 1
            )
        })?;
        if self.number == 1 && text.starts_with('\u{feff}') {
            return Err(
                "the file begins with a byte order mark: save it as UTF-8 without one".to_owned(),
            );
        }
        if text.trim_ascii().is_empty() {
            return Err("the line is empty".to_owned());
        }
        Ok(text)
    }
}

impl Iterator for Lines {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read()
            .with_context(|| format!("cannot read {} after line {}", self.origin, self.number))
            .transpose()
    }
}

/// A JSON object as it was written: fields in their order, values to the byte.
#[derive(Debug)]
pub struct Object {
    pub fields: Vec<(String, Box<RawValue>)>,
}

impl Object {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with the line, in words, without its number: it is cut short, not JSON, no object, or names a field twice.
    pub fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| {
            // The position is the reader's to give, and the line is always the first.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            match error.classify() {
                serde_json::error::Category::Eof => {
                    format!("the line is cut short at byte {}: {reason}", error.column())
                }
                serde_json::error::Category::Syntax => {
                    format!("not JSON at byte {}: {reason}", error.column())
                }
                _ => reason.to_owned(),
            }
        })
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let (_, value) = self.fields.iter().find(|(field, _)| field == name)?;
        Some(value)
    }

    /// A field as it was found.
    pub fn field(&self, name: &str) -> Field {
        let Some(value) = self.get(name) else {
            return Field::Missing;
        };
        match value.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(value.get()).map_or_else(
                |_| Field::NotText("string with half a surrogate pair".to_owned()),
                Field::Text,
            ),
            Some(b'n') => Field::Null,
            Some(b'{') => Field::NotText("object".to_owned()),
            Some(b'[') => Field::NotText("list".to_owned()),
            Some(b't' | b'f') => Field::NotText("truth value".to_owned()),
            _ => Field::NotText("number".to_owned()),
        }
    }

    /// A completion, in which half a surrogate pair is U+FFFD.
    ///
    /// # Errors
    /// As [`Object::text`] otherwise.
    pub fn completion(&self, name: &str) -> Result<String, String> {
        match self
            .get(name)
            .map(|value| serde_json::from_str(value.get()))
        {
            Some(Ok(text)) => Ok(JsonText::lossy(text)),
            _ => self.text(name),
        }
    }

    /// The text of a field.
    ///
    /// # Errors
    /// The field is missing, null, or something other than a text.
    pub fn text(&self, name: &str) -> Result<String, String> {
        match self.field(name) {
            Field::Text(text) => Ok(text),
            Field::Missing => Err(format!("{name} is missing")),
            Field::Null => Err(format!("{name} is null, expected a text")),
            Field::NotText(found) => Err(format!("{name}: expected a text, found {found}")),
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if fields.iter().any(|(field, _)| *field == name) {
                        return Err(de::Error::custom(format!("{name:?} is given twice")));
                    }
                    fields.push((name, map.next_value()?));
                }
                Ok(Object { fields })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A migration and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line of the file, counted from 1.
    pub line: usize,
    pub migration: Migration,
}

/// Reads one migration from an object; fields beside the six are allowed.
///
/// # Errors
/// The first of the six fields that is missing, null or no string.
pub fn migration(object: &Object) -> Result<Migration, String> {
    Ok(Migration {
        dependency: object.text("dependency")?,
        new_version: object.text("new_version")?,
        description: object.text("description")?,
        update_info: object.text("update_info")?,
        old_code: object.text("old_code")?,
        new_code: object.text("new_code")?,
    })
}

/// Reads a data set to train or evaluate on: every line has to be a whole migration.
///
/// # Errors
/// A file that cannot be read or has no rows; the first line that is wrong, how many more are, and how to list them.
pub fn read_migrations(path: &Path) -> anyhow::Result<Vec<Row>> {
    migrations(Source::new(path).lines(1 << 16)?)
}

/// The same of bytes in memory; `origin` names them in messages.
///
/// # Errors
/// As [`read_migrations`].
pub fn parse_migrations(origin: &str, bytes: &'static [u8]) -> anyhow::Result<Vec<Row>> {
    migrations(Lines::new(origin.to_owned(), Box::new(bytes), 1 << 16))
}

fn migrations(mut lines: Lines) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut first_fault = None;
    let mut faults = 0;
    for line in &mut lines {
        let Line { number, text } = line?;
        match text.and_then(|text| migration(&Object::parse(&text)?)) {
            Ok(migration) => rows.push(Row {
                line: number,
                migration,
            }),
            Err(fault) => {
                faults += 1;
                first_fault.get_or_insert((number, fault));
            }
        }
    }
    let origin = lines.origin;
    if let Some((number, fault)) = first_fault {
        let more = match faults - 1 {
            0 => String::new(),
            1 => " (and 1 more line is wrong)".to_owned(),
            more => format!(" (and {more} more lines are wrong)"),
        };
        bail!(
            "{origin}:{number}: {fault}{more}; `recode-trainer audit {}` lists what is wrong, its --write-clean keeps the sound rows",
            quoted(&origin)
        );
    }
    if rows.is_empty() {
        bail!("{origin} has no rows: expected a migration a line (JSON Lines)");
    }
    Ok(rows)
}
