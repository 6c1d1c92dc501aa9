//! Text of others as it may be shown: characters that cannot be seen, that move others about, or that a terminal obeys, become escapes. Spaces but
//! ASCII's are among them: they look like the one that code is written with, and are an error in its place.
//!
//! "Trojan Source" (Boucher and Anderson, 2021) is the attack: text that reads otherwise than it runs.

use std::fmt::{self, Write};

/// Whether a character cannot be seen, moves others about, or commands a terminal; line ends and tabs are layout.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            true
        }
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => true,
        c => c.is_control(),
    }
}

/// A text whose hidden characters are written as `\u{202e}`.
pub(crate) struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match is_hidden(c) {
                true => write!(f, "{}", c.escape_default())?,
                false => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_that_is_none_of_codes_is_written_out() {
        let shown = Visible("x\u{a0}=\u{3000}1 + 2\u{2009}").to_string();
        assert_eq!(shown, "x\\u{a0}=\\u{3000}1 + 2\\u{2009}");
        // All of Unicode's, but those of layout.
        let spaces = (0..=0x3000).filter_map(char::from_u32);
        let seen: Vec<char> = spaces
            .filter(|c| c.is_whitespace() && !is_hidden(*c))
            .collect();
        assert_eq!(seen, ['\t', '\n', ' ']);
    }

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_written_out() {
        let shown = Visible("x = \u{1b}[31mred\u{7}\u{202e}\t漢é🦀\n").to_string();
        assert_eq!(shown, "x = \\u{1b}[31mred\\u{7}\\u{202e}\t漢é🦀\n");
    }
}
