//! A module as the sequence of its tokens, in which layout and quoting make no difference.
//!
//! Left out are comments, blank lines, line ends within brackets, the width of an indentation and the last comma before a closing bracket where
//! there is another one. `;` is a line end. A string is what stands between its quotes, whatever they are.
//!
//! Equal sequences are equal syntax trees; the tree makes more things equal (redundant brackets, `"a" "b"`, `1_000`).

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;
use std::borrow::Cow;
use std::ops::Range;

/// The tokens of `text` outside the statements `left_out`, each as a text of its own.
pub(super) fn lexemes<'a>(
    text: &'a str,
    tokens: &Tokens,
    left_out: &[Range<usize>],
) -> Vec<Cow<'a, str>> {
    use TokenKind as T;
    let mut lexemes: Vec<Cow<'a, str>> = Vec::new();
    let mut commas = Vec::new(); // of each open bracket
    let mut left_out = left_out.iter().peekable();
    let mut indents_left_out = 0_usize; // and not yet ended
    for token in tokens.iter() {
        let range = token.start().to_usize()..token.end().to_usize();
        let kind = token.kind();
        while left_out.next_if(|gone| gone.end <= range.start).is_some() {}
        let gone = left_out
            .peek()
            .is_some_and(|gone| gone.start <= range.start);
        match kind {
            T::Indent if gone => indents_left_out += 1,
            // Where a block ends is told behind it.
            T::Dedent if indents_left_out > 0 => {
                indents_left_out -= 1;
                continue;
            }
            _ => {}
        }
        if gone && kind != T::Dedent {
            continue;
        }
        match kind {
            T::Lpar | T::Lsqb | T::Lbrace => commas.push(0),
            T::Comma => commas
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|commas| *commas += 1),
            T::Rpar | T::Rsqb | T::Rbrace => {
                let several = commas.pop().is_some_and(|commas| commas > 1);
                lexemes.pop_if(|last| several && *last == ",");
            }
            _ => {}
        }
        let lexeme = match kind {
            T::Comment | T::NonLogicalNewline | T::EndOfFile => continue,
            T::Newline | T::Semi => {
                // Nothing stands between `;` and the line end behind it.
                if lexemes.last().is_none_or(|last| LAYOUT.contains(&&**last)) {
                    continue;
                }
                Cow::Borrowed(NEWLINE)
            }
            T::Indent => Cow::Borrowed(INDENT),
            T::Dedent => Cow::Borrowed(DEDENT),
            T::String => string(&text[range]),
            T::FStringStart | T::TStringStart => prefix(&text[range]),
            T::FStringEnd | T::TStringEnd => Cow::Borrowed(FORMAT_STRING_END),
            _ => Cow::Borrowed(&text[range]),
        };
        lexemes.push(lexeme);
    }
    lexemes.pop_if(|last| *last == NEWLINE);
    lexemes
}

/// What no token is spelled like.
const NEWLINE: &str = "\n";
const INDENT: &str = "\n>";
const DEDENT: &str = "\n<";
const FORMAT_STRING_END: &str = "\n\"";
const LAYOUT: [&str; 3] = [NEWLINE, INDENT, DEDENT];

/// A string literal as its prefix, a line end, and what stands between the quotes, with quotes in it as they are in the string.
fn string(literal: &str) -> Cow<'_, str> {
    let Some(quote) = literal.find(['\'', '"']) else {
        return Cow::Borrowed(literal);
    };
    let quotes = &literal[quote..];
    let width = if quotes.len() >= 6 && (quotes.starts_with("\"\"\"") || quotes.starts_with("'''"))
    {
        3
    } else {
        1
    };
    let content = quotes.get(width..quotes.len() - width).unwrap_or_default();
    let prefix = prefix(&literal[..quote]);
    let raw = prefix.contains('r');
    let content = match raw {
        true => content.to_owned(),
        false => unescape_quotes(content),
    };
    Cow::Owned(format!("{prefix}\n{content}"))
}

/// The letters before the quotes, in lower case; `u` says nothing.
fn prefix(start: &str) -> Cow<'_, str> {
    let letters = start.trim_end_matches(['\'', '"']).to_ascii_lowercase();
    Cow::Owned(format!("\n{}", letters.replace('u', "")))
}

/// `\'` and `\"` as the quotes they are; every other escape stays.
fn unescape_quotes(content: &str) -> String {
    let mut plain = String::with_capacity(content.len());
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some(quote @ ('\'' | '"')) => plain.push(quote),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use crate::python::{Grammar, Module, same_syntax_tree};
    use proptest::prelude::*;

    fn same(a: &str, b: &str) -> bool {
        let lexemes = |source| -> Vec<String> {
            let module = Module::parse(source, Grammar::Latest).unwrap();
            module
                .lexemes(&[])
                .into_iter()
                .map(|lexeme| lexeme.into_owned())
                .collect()
        };
        lexemes(a) == lexemes(b)
    }

    #[test]
    fn layout_and_quoting_make_no_difference() {
        for (a, b) in [
            ("f(a,b)", "f(\n    a,  # first\n    b,\n)\n"),
            ("x = 'a'", "x = \"a\""),
            ("x = 'it\\'s'", "x = \"it's\""),
            ("x = u'a'", "x = '''a'''"),
            ("x = R'\\d'", "x = r\"\\d\""),
            (
                "x = f'{a} b'",
                "x = F\"{ a } b\"".replace("{ a }", "{a}").as_str(),
            ),
            ("a; b;", "a\n\nb"),
            ("if x:\n  y", "if x:\n\ty\n"),
            ("x = ''", "x = \"\"\"\"\"\""),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_means_something_else_is_different() {
        for (a, b) in [
            ("x = 'a'", "x = b'a'"),
            ("x = 'a'", "x = a"),
            ("x = '\\n'", "x = r'\\n'"),
            ("(a,)", "(a)"),
            ("if x:\n  y\nz", "if x:\n  y\n  z"),
            ("x = f'{a}'", "x = '{a}'"),
            ("a\nb", "a (b)"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn equal_tokens_are_equal_trees(
            a in prop::collection::vec(prop::sample::select(vec!["x", "'a'", "\"a\"", "\"it's\"", "'it\\'s'", "(", ")", ",", " ", "\n", "=", "f'{x}'", "1", ";", "r'a'", "[", "]"]), 0..9),
            b in prop::collection::vec(prop::sample::select(vec!["x", "'a'", "\"a\"", "\"it's\"", "'it\\'s'", "(", ")", ",", " ", "\n", "=", "f'{x}'", "1", ";", "r'a'", "[", "]"]), 0..9),
        ) {
            let (a, b) = (a.concat(), b.concat());
            if let Ok(trees) = same_syntax_tree(&a, &b) {
                prop_assert!(!same(&a, &b) || trees, "{:?} {:?}", a, b);
            }
        }
    }
}
