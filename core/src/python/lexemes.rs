//! A module as the sequence of its tokens, in which layout and quoting make no difference.
//!
//! Left out are comments, blank lines, line ends within brackets, the width of an indentation and the last comma before a closing bracket where
//! there is another one. `;` is a line end, and a block on its header's line a block like any other. A string is what stands between its
//! quotes, whatever they are; a field of a format string that shows its own text (`{x = }`) is that text.
//!
//! Equal sequences are equal syntax trees; the tree makes more things equal (redundant brackets, `"a" "b"`, `1_000`).

use ruff_python_ast::token::{Token, TokenKind, Tokens};
use ruff_text_size::Ranged;
use std::borrow::Cow;
use std::ops::Range;

/// The tokens of `text` outside the ranges `left_out`, each as a text of its own.
pub(super) fn lexemes<'a>(
    text: &'a str,
    tokens: &Tokens,
    left_out: &[Range<usize>],
) -> Vec<Cow<'a, str>> {
    let mut reader = Reader::default();
    let mut left_out = left_out.iter().peekable();
    let mut indents_left_out = 0_usize; // and not yet ended
    let mut tokens = tokens
        .iter()
        .filter(|token| !is_layout(token.kind()))
        .peekable();
    while let Some(token) = tokens.next() {
        let at = token.start().to_usize();
        while left_out.next_if(|gone| gone.end <= at).is_some() {}
        let gone = left_out.peek().is_some_and(|gone| gone.start <= at);
        match token.kind() {
            TokenKind::Indent if gone => indents_left_out += 1,
            // Where a block ends is told behind it.
            TokenKind::Dedent if indents_left_out > 0 => {
                indents_left_out -= 1;
                continue;
            }
            _ => {}
        }
        if !gone || token.kind() == TokenKind::Dedent {
            reader.read(text, token, tokens.peek().map(|next| next.kind()));
        }
    }
    reader.lexemes.pop_if(|last| *last == NEWLINE);
    reader.lexemes
}

fn is_layout(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Comment | TokenKind::NonLogicalNewline | TokenKind::EndOfFile
    )
}

/// What no token is spelled like.
const NEWLINE: &str = "\n";
const INDENT: &str = "\n>";
const DEDENT: &str = "\n<";
const FORMAT_STRING_END: &str = "\n\"";

#[derive(Default)]
struct Reader<'a> {
    lexemes: Vec<Cow<'a, str>>,
    /// The open brackets, fields of format strings among them.
    brackets: Vec<Bracket>,
    /// The format strings within each other: whether each is raw.
    format_strings: Vec<bool>,
    /// The statement began with a word that has a block, whose colon has not come.
    awaits_block: bool,
    /// The colon has come, and what follows on its line is the block.
    in_line_block: bool,
    /// Lambdas outside all brackets whose colons have not come.
    lambdas: usize,
}

struct Bracket {
    commas: usize,
    /// Lambdas whose colons have not come: a comma of theirs parts parameters.
    lambdas: usize,
    /// Where a format string's field begins, in lexemes and in bytes.
    field: Option<(usize, usize)>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, text: &'a str, token: &Token, next: Option<TokenKind>) {
        use TokenKind as T;
        let range = token.start().to_usize()..token.end().to_usize();
        let kind = token.kind();
        if self.begins_statement() {
            self.awaits_block = has_block(kind);
        }
        match kind {
            T::Lpar | T::Lsqb | T::Lbrace => {
                let in_format_string = !self.format_strings.is_empty() && self.field_depth() == 0;
                let field = (kind == T::Lbrace && in_format_string)
                    .then_some((self.lexemes.len() + 1, range.end));
                self.brackets.push(Bracket {
                    commas: 0,
                    lambdas: 0,
                    field,
                });
            }
            T::Rpar | T::Rsqb | T::Rbrace => {
                let several = self
                    .brackets
                    .pop()
                    .is_some_and(|bracket| bracket.commas > 1);
                self.lexemes.pop_if(|last| several && *last == ",");
            }
            T::Comma => {
                let bracket = self
                    .brackets
                    .last_mut()
                    .filter(|bracket| bracket.lambdas == 0);
                bracket.into_iter().for_each(|bracket| bracket.commas += 1);
            }
            T::Lambda => *self.open_lambdas() += 1,
            T::Colon if *self.open_lambdas() > 0 => *self.open_lambdas() -= 1,
            T::Colon if self.awaits_block && self.brackets.is_empty() => {
                self.awaits_block = false;
                self.lexemes.push(Cow::Borrowed(":"));
                if next != Some(T::Newline) {
                    self.in_line_block = true;
                    self.lexemes.extend([NEWLINE, INDENT].map(Cow::Borrowed));
                }
                return;
            }
            T::Equal => {
                let shows_itself = matches!(next, Some(T::Rbrace | T::Exclamation | T::Colon));
                let field = self.brackets.last().and_then(|bracket| bracket.field);
                if let Some((lexeme, start)) = field.filter(|_| shows_itself) {
                    self.lexemes.truncate(lexeme);
                    self.lexemes.push(Cow::Borrowed(&text[start..range.end]));
                    return;
                }
            }
            _ => {}
        }
        let lexeme = match kind {
            T::Newline | T::Semi => {
                self.end_line(kind);
                return;
            }
            T::Indent => Cow::Borrowed(INDENT),
            T::Dedent => Cow::Borrowed(DEDENT),
            T::String => string(&text[range]),
            T::FStringStart | T::TStringStart => {
                let prefix = prefix(&text[range]);
                self.format_strings.push(prefix.contains('r'));
                prefix
            }
            T::FStringMiddle | T::TStringMiddle if self.format_strings.last() == Some(&false) => {
                Cow::Owned(unescape_quotes(&text[range]))
            }
            T::FStringEnd | T::TStringEnd => {
                self.format_strings.pop();
                Cow::Borrowed(FORMAT_STRING_END)
            }
            _ => Cow::Borrowed(&text[range]),
        };
        self.lexemes.push(lexeme);
    }

    fn begins_statement(&self) -> bool {
        let last = self.lexemes.last().map(|last| &**last);
        self.brackets.is_empty() && matches!(last, None | Some(NEWLINE | INDENT | DEDENT))
    }

    /// Brackets that are open within the innermost format string.
    fn field_depth(&self) -> usize {
        let fields = self
            .brackets
            .iter()
            .filter(|bracket| bracket.field.is_some())
            .count();
        match fields >= self.format_strings.len() {
            true => 1,
            false => 0,
        }
    }

    fn open_lambdas(&mut self) -> &mut usize {
        match self.brackets.last_mut() {
            Some(bracket) => &mut bracket.lambdas,
            None => &mut self.lambdas,
        }
    }

    /// A line end, unless nothing stands on the line; a block on its header's line ends with it.
    fn end_line(&mut self, kind: TokenKind) {
        if !self.begins_statement() {
            self.lexemes.push(Cow::Borrowed(NEWLINE));
        }
        self.awaits_block = false;
        if kind == TokenKind::Newline && std::mem::take(&mut self.in_line_block) {
            self.lexemes.push(Cow::Borrowed(DEDENT));
        }
    }
}

/// Whether a statement that begins like this has a block behind a colon.
fn has_block(kind: TokenKind) -> bool {
    use TokenKind as T;
    matches!(
        kind,
        T::If
            | T::Elif
            | T::Else
            | T::For
            | T::While
            | T::Try
            | T::Except
            | T::Finally
            | T::With
            | T::Def
            | T::Class
            | T::Async
            | T::Match
            | T::Case
    )
}

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
            ("if x: a; b\nc", "if x:\n    a\n    b\nc"),
            ("x = f'it\\'s {d[\"a\"]}'", "x = f\"it's {d['a']}\""),
            ("class C: x: int = 1", "class C:\n  x: int = 1"),
            (
                "match x:\n  case [1, _]: a",
                "match x:\n  case [1, _]:\n    a",
            ),
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
            ("if x: a; b", "if x: a\nb"),
            ("for x in y: f(x); g()", "for x in y: f(x)\ng()"),
            ("x = (lambda a, b: 0)", "x = (lambda a, b: 0,)"),
            ("x = f'{ x = }'", "x = f'{x=}'"),
            ("x = f\"{d['a']=}\"", "x = f'{d[\"a\"]=}'"),
            ("x = f'{x=!r}'", "x = f'{x = !r}'"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    /// Pieces of code in any order.
    fn soup() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "x",
            "'a'",
            "\"a\"",
            "\"it's\"",
            "'it\\'s'",
            "(",
            ")",
            ",",
            " ",
            "\n",
            "=",
            "f'{x}'",
            "1",
            ";",
            "r'a'",
            "[",
            "]",
            ":",
            "if x",
            "lambda a, b",
            "f'{x=}'",
            "f'{ x = }'",
            "f\"{x:{1}}\"",
            "\n    ",
            "else",
            "{",
            "}",
            "case",
            "match x",
        ]);
        prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn equal_tokens_are_equal_trees(a in soup(), b in soup()) {
            if let Ok(trees) = same_syntax_tree(&a, &b) {
                prop_assert!(!same(&a, &b) || trees, "{:?} {:?}", a, b);
            }
        }
    }
}
