//! Is it Python, and what remains of it without comments and blank lines?
//!
//! The grammar is `ruff_python_parser`'s; there is no parser of ours. CPython rejects a few things that are not grammar and that ruff lets
//! pass; they are checked around it: null bytes, inconsistent tabs (`indentation`), integers of more than 4,300 digits. Texts that could
//! exhaust the stack are refused before they are parsed (`nesting`), so no input ends the process.
//!
//! # Differences
//! Known where CPython 3.11.7 judges otherwise, found on randomly damaged texts; none of the shared data's texts is among them. Too lenient:
//! `yield` followed by an operator, `case [0 1]`, a keyword right behind a number (`1async`), and in format strings a starred expression,
//! blanks behind a conversion (`{x!r }`) and a third level of braces. Too strict: `raise ;`, and chains of more than 1,000
//! links, where CPython goes to 3,000 before it raises.

mod api;
mod builtins;
mod constant;
mod elif;
mod indentation;
mod lexemes;
mod nesting;
mod strip;
mod unreachable;

pub(crate) use api::{ApiNames, ResolvedNames};
pub use strip::LeftOut;
pub(crate) use strip::Stripped;

use elif::join_elifs;
use ruff_python_ast::comparable::ComparableMod;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Mod, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// The longest text that is parsed; anything longer is refused as a syntax error.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// Which Python a text is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// What `ast.parse` of CPython 3.11 takes when it is given a string.
    CPython311,
    /// The newest Python the parser knows.
    Latest,
}

/// Where and why a text is not Python.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line, counted from 1; 1 also where the text as a whole is refused.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
}

/// Whether `source` is a Python module.
///
/// ```
/// use recode_core::python::{check_syntax, Grammar};
///
/// assert!(check_syntax("print('hello')\n", Grammar::CPython311).is_ok());
/// assert!(check_syntax("", Grammar::CPython311).is_ok());
///
/// let error = check_syntax("x = 1\nprint 'hello'", Grammar::Latest).unwrap_err();
/// assert_eq!(error.line, 2);
///
/// // Newer grammar is told apart.
/// assert!(check_syntax("type X = int", Grammar::CPython311).is_err());
/// assert!(check_syntax("type X = int", Grammar::Latest).is_ok());
/// ```
///
/// # Errors
/// The first syntax error. Null bytes, more than [`MAX_SOURCE_BYTES`] and nesting beyond what a parser's stack holds are syntax errors too.
pub fn check_syntax(source: &str, grammar: Grammar) -> Result<(), SyntaxError> {
    Module::parse(source, grammar).map(drop)
}

/// `source` without comments, blank lines and blanks at line ends, its lines ending in `\n`, with no line end at the end.
///
/// Works by tokens: a `#` or a blank line inside a string is left alone, so the syntax tree stays the same.
///
/// ```
/// use recode_core::python::strip;
///
/// let source = "# set up\nx = 'it # stays'  # it's gone\n\n\ny = '''a\n\n b'''\r\n";
/// assert_eq!(strip(source).unwrap(), "x = 'it # stays'\ny = '''a\n\n b'''");
/// ```
///
/// # Errors
/// `source` is not Python ([`Grammar::Latest`]).
pub fn strip(source: &str) -> Result<String, SyntaxError> {
    Ok(Module::parse(source, Grammar::Latest)?.strip(&[]).text)
}

/// Whether two sources are the same program: equal syntax trees, whatever their layout, comments, quotes and brackets.
///
/// ```
/// use recode_core::python::same_syntax_tree;
///
/// assert!(same_syntax_tree("f( 1, 'a' )  # call", "f(1, \"a\")").unwrap());
/// assert!(!same_syntax_tree("f(a, b)", "f(b, a)").unwrap());
/// assert!(same_syntax_tree("if a: b\nelif c: d", "if a: b\nelse:\n    if c: d").unwrap());
/// ```
///
/// # Errors
/// One of them is not Python ([`Grammar::Latest`]).
pub fn same_syntax_tree(a: &str, b: &str) -> Result<bool, SyntaxError> {
    let a = Module::parse(a, Grammar::Latest)?;
    let b = Module::parse(b, Grammar::Latest)?;
    Ok(a.same_syntax_tree(b))
}

/// A text that is Python: its tree and all its tokens.
pub(crate) struct Module<'a> {
    /// The text with `\n` at every line's end, as CPython reads it.
    text: Cow<'a, str>,
    parsed: Parsed<Mod>,
}

impl<'a> Module<'a> {
    /// Parses `source`, or says what is wrong with it.
    pub(crate) fn parse(source: &'a str, grammar: Grammar) -> Result<Self, SyntaxError> {
        if source.len() > MAX_SOURCE_BYTES {
            let message = format!(
                "{} bytes are more than the {MAX_SOURCE_BYTES} that are parsed",
                source.len()
            );
            return Err(SyntaxError {
                message,
                line: 1,
                column: 1,
            });
        }
        if let Some(null) = source.find('\0') {
            return Err(error_at(
                source,
                null,
                "source code cannot contain null bytes",
            ));
        }
        if grammar == Grammar::CPython311 && source.starts_with('\u{feff}') {
            return Err(error_at(
                source,
                0,
                "invalid non-printable character U+FEFF",
            ));
        }
        let text = universal_newlines(source);
        nesting::check(&text).map_err(|message| SyntaxError {
            message,
            line: 1,
            column: 1,
        })?;

        let version = match grammar {
            Grammar::CPython311 => PythonVersion::PY311,
            Grammar::Latest => PythonVersion::latest_preview(),
        };
        let parsed = parse_unchecked(
            &text,
            ParseOptions::from(Mode::Module).with_target_version(version),
        );
        if let Some(first) = parsed.errors().first() {
            return Err(error_at(
                &text,
                first.location.start().to_usize(),
                &first.error.to_string(),
            ));
        }
        if let Some(first) = parsed.unsupported_syntax_errors().first() {
            return Err(error_at(
                &text,
                first.range.start().to_usize(),
                &first.to_string(),
            ));
        }
        if let Err((offset, message)) = indentation::check(&text, parsed.tokens()) {
            return Err(error_at(&text, offset, message));
        }
        if let Some(offset) = oversized_integer(&text, &parsed) {
            return Err(error_at(
                &text,
                offset,
                "integer literals have at most 4300 digits",
            ));
        }
        Ok(Module { text, parsed })
    }

    /// See [`same_syntax_tree`].
    pub(crate) fn same_syntax_tree(self, other: Module<'_>) -> bool {
        let [a, b] = [self, other].map(|module| {
            let mut tree = module.parsed.into_syntax();
            if let Mod::Module(module) = &mut tree {
                join_elifs(&mut module.body);
            }
            tree
        });
        ComparableMod::from(&a) == ComparableMod::from(&b)
    }

    /// See [`strip`]; the statements in the byte ranges `left_out` go too.
    pub(crate) fn strip(&self, left_out: &[Range<usize>]) -> Stripped {
        strip::strip(&self.text, self.parsed.tokens(), left_out)
    }

    /// What [`Module::strip`] leaves out, as byte ranges of the source.
    pub(crate) fn left_out(
        &self,
        source: &str,
        unreachable: &[Range<usize>],
    ) -> Vec<(LeftOut, Range<usize>)> {
        // Of `\r\n` the text has one character.
        let pairs: Vec<usize> = source
            .match_indices("\r\n")
            .enumerate()
            .map(|(before, (at, _))| at - before)
            .collect();
        let in_source = |at: usize| at + pairs.partition_point(|&pair| pair < at);
        let mut found = strip::left_out(&self.text, self.parsed.tokens(), unreachable);
        for (_, range) in &mut found {
            *range = in_source(range.start)..in_source(range.end);
        }
        found
    }

    /// See [`unreachable::find`].
    pub(crate) fn unreachable(&self) -> Vec<Range<usize>> {
        unreachable::find(self.parsed.syntax())
    }

    /// See [`lexemes::lexemes`].
    pub(crate) fn lexemes(&self, left_out: &[Range<usize>]) -> Vec<Cow<'_, str>> {
        lexemes::lexemes(&self.text, self.parsed.tokens(), left_out)
    }

    /// Its names that are not all ASCII.
    pub(crate) fn foreign_names(&self) -> impl Iterator<Item = &str> {
        let names = self.parsed.tokens().iter();
        let names = names.filter(|token| token.kind() == TokenKind::Name);
        names
            .map(|token| &self.text[token.range()])
            .filter(|name| !name.is_ascii())
    }
}

/// `\r\n` and `\r` read as `\n`, as CPython reads source, inside strings too.
fn universal_newlines(source: &str) -> Cow<'_, str> {
    if source.contains('\r') {
        Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(source)
    }
}

/// CPython since 3.11 converts no decimal integer of more than 4,300 digits (CVE-2020-10735).
fn oversized_integer(text: &str, parsed: &Parsed<Mod>) -> Option<usize> {
    const MAX_DIGITS: usize = 4300;
    if text.len() <= MAX_DIGITS {
        return None;
    }
    let is_oversized = |digits: &str| {
        let decimal = !matches!(
            digits.as_bytes(),
            [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]
        );
        decimal && digits.bytes().filter(u8::is_ascii_digit).count() > MAX_DIGITS
    };
    let token = parsed
        .tokens()
        .iter()
        .find(|token| token.kind() == TokenKind::Int && is_oversized(&text[token.range()]))?;
    Some(token.start().to_usize())
}

fn error_at(text: &str, offset: usize, message: &str) -> SyntaxError {
    // The parser may point behind the end, or into a character it could not read.
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    SyntaxError {
        message: message.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
