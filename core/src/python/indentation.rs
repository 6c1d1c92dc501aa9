//! Inconsistent use of tabs and spaces: CPython's `TabError`.
//!
//! Source: the rule of CPython's `tokenizer.c`. Every line's indentation is measured twice, with tabs to the next multiple of eight and with
//! tabs one wide; lines whose two measures disagree about which is deeper are an error. The parser compares in its own, more lenient way.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;

const TAB_ERROR: &str = "inconsistent use of tabs and spaces in indentation";
const DEDENT_ERROR: &str = "unindent does not match any outer indentation level";

/// The byte at which the indentation is inconsistent, and the message.
pub(super) fn check(text: &str, tokens: &Tokens) -> Result<(), (usize, &'static str)> {
    if !text.contains('\t') {
        return Ok(());
    }
    let mut open = vec![Indentation { wide: 0, narrow: 0 }];
    let mut statement_begins = true;
    for token in tokens.iter() {
        match token.kind() {
            TokenKind::Newline => statement_begins = true,
            TokenKind::NonLogicalNewline
            | TokenKind::Comment
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::EndOfFile => {}
            _ if statement_begins => {
                statement_begins = false;
                let start = token.start().to_usize();
                let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
                // Other text before a statement's first token: it was continued by a backslash, or follows a semicolon's line.
                if let Some(indentation) = Indentation::measure(&text[line_start..start]) {
                    enter(&mut open, indentation).map_err(|message| (start, message))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Indentation {
    wide: usize,
    narrow: usize,
}

impl Indentation {
    fn measure(blanks: &str) -> Option<Self> {
        let mut it = Indentation { wide: 0, narrow: 0 };
        for blank in blanks.chars() {
            match blank {
                ' ' => {
                    it = Indentation {
                        wide: it.wide + 1,
                        narrow: it.narrow + 1,
                    }
                }
                '\t' => {
                    it = Indentation {
                        wide: (it.wide / 8 + 1) * 8,
                        narrow: it.narrow + 1,
                    }
                }
                '\x0c' => it = Indentation { wide: 0, narrow: 0 },
                _ => return None,
            }
        }
        Some(it)
    }
}

/// A line of this indentation follows those that are `open`.
fn enter(open: &mut Vec<Indentation>, line: Indentation) -> Result<(), &'static str> {
    let mut top = open[open.len() - 1];
    if line.wide > top.wide {
        if line.narrow <= top.narrow {
            return Err(TAB_ERROR);
        }
        open.push(line);
        return Ok(());
    }
    while open.len() > 1 && line.wide < top.wide {
        open.pop();
        top = open[open.len() - 1];
    }
    if line.wide != top.wide {
        Err(DEDENT_ERROR)
    } else if line.narrow != top.narrow {
        Err(TAB_ERROR)
    } else {
        Ok(())
    }
}
