//! Text from files as it may be shown, in fragments: hidden characters, as `core` counts them, become escapes. Line ends and tabs stay, as they
//! are laid out by the page.

use recode_core::visible::is_hidden;

/// A run of text, or one character that is shown by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment<'a> {
    /// As it is.
    Plain(&'a str),
    /// Written as `\u{202e}`.
    Escaped(String),
}

/// The fragments of a text, in order.
pub fn fragments(text: &str) -> Vec<Fragment<'_>> {
    let mut fragments = Vec::new();
    let mut from = 0;
    for (at, c) in text.char_indices().filter(|&(_, c)| is_hidden(c)) {
        if from < at {
            fragments.push(Fragment::Plain(&text[from..at]));
        }
        fragments.push(Fragment::Escaped(c.escape_default().to_string()));
        from = at + c.len_utf8();
    }
    if from < text.len() {
        fragments.push(Fragment::Plain(&text[from..]));
    }
    fragments
}

/// The same as one text, for places that take nothing else.
pub fn escaped(text: &str) -> String {
    let text_of = |fragment: &Fragment<'_>| match fragment {
        Fragment::Plain(text) => (*text).to_owned(),
        Fragment::Escaped(text) => text.clone(),
    };
    fragments(text).iter().map(text_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_turns_text_around_is_written_out() {
        assert_eq!(
            fragments("a\u{202e}b\n"),
            [
                Fragment::Plain("a"),
                Fragment::Escaped("\\u{202e}".into()),
                Fragment::Plain("b\n")
            ]
        );
        assert_eq!(
            escaped("\0x\u{200b}\u{feff}\r\n\u{85}"),
            "\\u{0}x\\u{200b}\\u{feff}\\r\n\\u{85}"
        );
        assert_eq!(escaped("漢é🦀\tpass"), "漢é🦀\tpass");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_nothing_else_changes(text in any::<String>()) {
            let shown = escaped(&text);
            prop_assert!(!shown.contains(is_hidden));
            let plain: String = text.chars().filter(|&c| !is_hidden(c)).collect();
            let kept: String = fragments(&text).iter().filter_map(|f| match f { Fragment::Plain(t) => Some(*t), _ => None }).collect();
            prop_assert_eq!(kept, plain);
        }
    }
}
