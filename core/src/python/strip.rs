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
    let mut format_strings = 0_usize; // within each other; what stands in them is text: `f"{x = }"` shows even its blanks
    for token in tokens.iter() {
        let (start, end) = (token.start().to_usize(), token.end().to_usize());
        match token.kind() {
            TokenKind::FStringStart | TokenKind::TStringStart => format_strings += 1,
            TokenKind::FStringEnd | TokenKind::TStringEnd => format_strings -= 1,
            _ if format_strings > 0 => {}
            TokenKind::Comment => {
                stripped.push_str(&text[done..start]);
                done = end;
            }
            // A line end inside brackets, or of a line that holds nothing: such a line can go.
            TokenKind::NonLogicalNewline => {
                stripped.push_str(&text[done..start]);
                done = end;
                stripped.truncate(trim_line_end(&stripped, line_start));
                if stripped.len() > line_start {
                    stripped.push('\n');
                    line_start = stripped.len();
                }
            }
            // The end of a statement. Its line is never dropped: behind a backslash it may look blank, and still it is what ends the statement.
            TokenKind::Newline => {
                stripped.push_str(&text[done..start]);
                done = end;
                stripped.truncate(trim_line_end(&stripped, line_start));
                stripped.push('\n');
                line_start = stripped.len();
            }
            _ => {}
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
