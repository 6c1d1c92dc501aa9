//! Comments and blank lines removed, by tokens.
//!
//! The reference does this with regular expressions (`remove_comments_and_blank_lines`), which take an apostrophe in a comment for a string
//! and mix up the strings of texts that have more than ten.
//!
//! # Differences
//! Blanks at the end of a line are removed with the comment or line end that follows them; the reference leaves those before a comment.

use super::unreachable::is_within;
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is left of a text, and where in it string literals stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stripped {
    pub(crate) text: String,
    /// Byte ranges of string literals with their quotes, of format strings without what is computed in them; in order.
    pub(crate) strings: Vec<Range<usize>>,
}

/// `text`, whose tokens are `tokens`, without comments, blank lines, blanks at line ends and the statements `left_out`.
pub(super) fn strip(text: &str, tokens: &Tokens, left_out: &[Range<usize>]) -> Stripped {
    let mut stripped = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut line_start = 0; // of the line being written, in `stripped`
    // Bytes of `text` that have been dealt with. A byte order mark is no character of the code.
    let mut done = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut format_strings = 0_usize; // within each other
    let mut left_out = left_out.iter().peekable();
    let mut cut = false; // something of this line was left out
    for token in tokens.iter() {
        let range = token.start().to_usize()..token.end().to_usize();
        while left_out.next_if(|gone| gone.end <= range.start).is_some() {}
        if let Some(gone) = left_out.peek()
            && gone.start <= range.start
            && !range.is_empty()
        {
            if done < gone.end {
                stripped.push_str(&text[done..gone.start]);
                done = gone.end;
                cut = true;
            }
            continue;
        }
        match token.kind() {
            TokenKind::FStringStart | TokenKind::TStringStart => format_strings += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => format_strings -= 1,
            _ => {}
        }
        if is_string_text(token.kind()) {
            let start = stripped.len() + (range.start - done);
            strings.push(start..start + range.len());
        }
        let line_ends = token.kind().is_any_newline();
        // What stands in a format string is text: `f"{x = }"` shows even its blanks.
        if format_strings > 0 || !(line_ends || token.kind() == TokenKind::Comment) {
            continue;
        }
        stripped.push_str(&text[done..range.start]);
        done = range.end;
        if line_ends {
            stripped.truncate(trim_line_end(&stripped, line_start, cut));
            // The line end of a statement stays, that of a line which holds nothing goes with it.
            if stripped.len() > line_start || (token.kind() == TokenKind::Newline && !cut) {
                stripped.push('\n');
                line_start = stripped.len();
            }
            cut = false;
        }
    }
    // A comment without a line end behind it may leave a backslash that continues into nothing.
    stripped.truncate(trim_line_end(&stripped, line_start, cut));
    stripped.truncate(stripped.trim_end().len());
    Stripped {
        text: stripped,
        strings,
    }
}

fn is_string_text(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::String
            | T::FStringStart
            | T::FStringMiddle
            | T::FStringEnd
            | T::TStringStart
            | T::TStringMiddle
            | T::TStringEnd
    )
}

/// Where the line that begins at `line_start` ends without trailing blanks, and without a backslash that continues it into nothing;
/// without the `;` before what was cut off, too.
fn trim_line_end(text: &str, line_start: usize, cut: bool) -> usize {
    let mut line = &text[line_start..];
    loop {
        line = line.trim_end_matches([' ', '\t', '\x0c']);
        let shorter = line
            .strip_suffix("\\\n")
            .or_else(|| line.strip_suffix(';').filter(|_| cut));
        match shorter {
            Some(before) => line = before,
            None => return line_start + line.len(),
        }
    }
}

/// What is left out of a code before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// A comment.
    Comment,
    /// Lines without anything.
    BlankLines,
    /// Statements that cannot run.
    Unreachable,
}

/// What [`strip`] leaves out of `text`, in order; blanks at line ends are not told.
pub(super) fn left_out(
    text: &str,
    tokens: &Tokens,
    unreachable: &[Range<usize>],
) -> Vec<(LeftOut, Range<usize>)> {
    let mut found: Vec<(LeftOut, Range<usize>)> = unreachable
        .iter()
        .map(|range| (LeftOut::Unreachable, range.clone()))
        .collect();
    let mut format_strings = 0_usize; // within each other
    for token in tokens.iter() {
        let range = token.start().to_usize()..token.end().to_usize();
        match token.kind() {
            TokenKind::FStringStart | TokenKind::TStringStart => format_strings += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => format_strings -= 1,
            _ => {}
        }
        if format_strings > 0 || is_within(range.start, unreachable) {
            continue;
        }
        match token.kind() {
            TokenKind::Comment => found.push((LeftOut::Comment, range)),
            TokenKind::NonLogicalNewline => {
                let start = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
                if !text[start..range.start].trim().is_empty() {
                    continue;
                }
                match found.last_mut() {
                    Some((LeftOut::BlankLines, lines)) if lines.end == start => {
                        lines.end = range.end
                    }
                    _ => found.push((LeftOut::BlankLines, start..range.end)),
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|(_, range)| range.start);
    found
}
