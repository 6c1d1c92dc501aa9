//! Two codes compared on the level that the rubric names.
//!
//! # Characters
//! The Levenshtein distance of the two texts without comments, blank lines and statements that cannot run, as a share of the longer one.
//! A character within a string literal is another one than the same character outside: a target pasted as a string is not near to the target.
//!
//! # Tokens
//! The same distance over tokens ([`crate::python`] says what makes two of them equal).
//!
//! # Tree
//! Equal where the syntax trees are; otherwise as alike as the tokens.
//!
//! # Differences
//! The reference compares characters, unreachable statements included, and does not tell strings from code.

use super::rubric::Comparison;
use crate::python::{Module, Stripped, same_syntax_tree};
use crate::similarity::distance;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// A code, ready to be compared with others.
#[derive(Debug)]
pub(super) struct Side {
    text: String,
    symbols: Symbols,
}

/// The code that others are compared with.
#[derive(Debug)]
pub(super) struct TargetSide {
    side: Side,
    comparison: Comparison,
    /// Its tokens, numbered; empty where characters are compared.
    numbers: HashMap<String, u32>,
}

/// The number of every token that the target does not have: it equals none of the target's.
const UNKNOWN: u32 = u32::MAX;

impl TargetSide {
    /// `module` without the statements `unreachable`.
    pub(super) fn new(
        module: &Module<'_>,
        unreachable: &[Range<usize>],
        comparison: Comparison,
    ) -> Self {
        let mut numbers = HashMap::new();
        let mut number = |lexeme: Cow<'_, str>| {
            let next = numbers.len() as u32;
            *numbers.entry(lexeme.into_owned()).or_insert(next)
        };
        let side = Side::new(module, unreachable, comparison, &mut number);
        TargetSide {
            side,
            comparison,
            numbers,
        }
    }

    /// Another code, to be compared with this one.
    pub(super) fn side(&self, module: &Module<'_>, unreachable: &[Range<usize>]) -> Side {
        let mut number =
            |lexeme: Cow<'_, str>| self.numbers.get(&*lexeme).copied().unwrap_or(UNKNOWN);
        Side::new(module, unreachable, self.comparison, &mut number)
    }

    /// Whether `other` equals this, and how alike they are, in [0, 1].
    pub(super) fn compare(&self, other: &Side) -> (bool, f64) {
        if self.comparison != Comparison::Tree {
            let similarity = self.side.symbols.similarity(&other.symbols);
            return (similarity == 1.0, similarity);
        }
        match self.same_tree(other) {
            true => (true, 1.0),
            false => (false, self.side.symbols.similarity(&other.symbols)),
        }
    }

    fn same_tree(&self, other: &Side) -> bool {
        // What is left of a block that cannot run need not be Python: then its tokens tell.
        same_syntax_tree(&self.side.text, &other.text)
            .unwrap_or_else(|_| self.side.symbols.similarity(&other.symbols) == 1.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.side.is_empty()
    }
}

impl Side {
    fn new(
        module: &Module<'_>,
        unreachable: &[Range<usize>],
        comparison: Comparison,
        number: &mut dyn FnMut(Cow<'_, str>) -> u32,
    ) -> Self {
        let stripped = module.strip(unreachable);
        let symbols = match comparison {
            Comparison::Characters => characters(&stripped),
            Comparison::Tokens | Comparison::Tree => Symbols::Wide(
                module
                    .lexemes(unreachable)
                    .into_iter()
                    .map(number)
                    .collect(),
            ),
        };
        Side {
            text: stripped.text,
            symbols,
        }
    }

    /// Whether there is no code, comments aside.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// What is counted as equal or not: characters or numbered tokens.
#[derive(Debug)]
enum Symbols {
    Bytes(Vec<u8>),
    Wide(Vec<u32>),
}

impl Symbols {
    /// `1 - distance / length of the longer`; 1 of nothing.
    fn similarity(&self, other: &Symbols) -> f64 {
        let widened = |bytes: &[u8]| -> Vec<u32> { bytes.iter().map(|&byte| wide(byte)).collect() };
        let (distance, longest) = match (self, other) {
            (Symbols::Bytes(a), Symbols::Bytes(b)) => (distance(a, b), a.len().max(b.len())),
            (Symbols::Wide(a), Symbols::Wide(b)) => (distance(a, b), a.len().max(b.len())),
            (Symbols::Bytes(bytes), Symbols::Wide(wide))
            | (Symbols::Wide(wide), Symbols::Bytes(bytes)) => {
                (distance(&widened(bytes), wide), bytes.len().max(wide.len()))
            }
        };
        match longest {
            0 => 1.0,
            _ => 1.0 - distance as f64 / longest as f64,
        }
    }
}

/// Marks a byte and a character in a string: no ASCII character has the one, no character the other.
const IN_STRING_BYTE: u8 = 1 << 7;
const IN_STRING: u32 = 1 << 31;

fn wide(byte: u8) -> u32 {
    let character = u32::from(byte & !IN_STRING_BYTE);
    if byte & IN_STRING_BYTE == 0 {
        character
    } else {
        character | IN_STRING
    }
}

/// The characters of a code, those in strings told apart.
fn characters(stripped: &Stripped) -> Symbols {
    let Stripped { text, strings } = stripped;
    if text.is_ascii() {
        let mut bytes = text.clone().into_bytes();
        for string in strings {
            for byte in &mut bytes[string.clone()] {
                *byte |= IN_STRING_BYTE;
            }
        }
        return Symbols::Bytes(bytes);
    }
    let mut strings = strings.iter().peekable();
    let marked = text.char_indices().map(|(at, c)| {
        while strings.next_if(|string| string.end <= at).is_some() {}
        let in_string = strings.peek().is_some_and(|string| string.start <= at);
        u32::from(c) | if in_string { IN_STRING } else { 0 }
    });
    Symbols::Wide(marked.collect())
}
