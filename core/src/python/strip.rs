//! Comments and blank lines removed, by tokens.
//!
//! The reference does this with regular expressions (`remove_comments_and_blank_lines`), which take an apostrophe in a comment for a string
//! and mix up the strings of texts that have more than ten.
//!
//! # Differences
//! Blanks at the end of a line are removed with the comment or line end that follows them; the reference leaves those before a comment.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;

/// `text`, whose tokens are `tokens`, without comments, blank lines and blanks at line ends.
pub(super) fn strip(text: &str, tokens: &Tokens) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut line_start = 0; // of the line being written, in `stripped`
    let mut done = 0; // bytes of `text` that have been dealt with
    let mut format_strings = 0_usize; // within each other
    for token in tokens.iter() {
        match token.kind() {
            TokenKind::FStringStart | TokenKind::TStringStart => format_strings += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => format_strings -= 1,
            _ => {}
        }
        let line_ends = token.kind().is_any_newline();
        // What stands in a format string is text: `f"{x = }"` shows even its blanks.
        if format_strings > 0 || !(line_ends || token.kind() == TokenKind::Comment) {
            continue;
        }
        stripped.push_str(&text[done..token.start().to_usize()]);
        done = token.end().to_usize();
        if line_ends {
            stripped.truncate(trim_line_end(&stripped, line_start));
            // The line end of a statement stays, that of a line which holds nothing goes with it.
            if stripped.len() > line_start || token.kind() == TokenKind::Newline {
                stripped.push('\n');
                line_start = stripped.len();
            }
        }
    }
    stripped.truncate(stripped.trim_end().len());
    stripped
}

/// Where the line that begins at `line_start` ends without trailing blanks, and without a backslash that continues it into nothing.
fn trim_line_end(text: &str, line_start: usize) -> usize {
    let mut line = &text[line_start..];
    loop {
        line = line.trim_end_matches([' ', '\t', '\x0c']);
        match line.strip_suffix("\\\n") {
            Some(before) => line = before,
            None => return line_start + line.len(),
        }
    }
}
