//! How deep a text nests, bounded from its tokens before it is parsed.
//!
//! The parser descends by recursion, and so do dropping and comparing its tree. On a native thread the parser grows its stack, but the drop
//! does not, and in a browser nothing does: there wasm has about 1 MiB for everything. Measured there (wasm32, V8, default stack), the
//! parser survives 1,000 brackets, 1,500 prefix operators, 500 f-strings within each other, and a tree 10,000 deep; the limits below
//! leave a factor of two at least. Real code nests less than 20 deep, and CPython itself stops at 200 brackets and 100 indentations.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::Mode;
use ruff_python_parser::lexer::lex;

/// Brackets within each other: CPython's limit.
const MAX_BRACKETS: usize = 200;
/// Blocks within each other: CPython's limit.
const MAX_INDENTATIONS: usize = 99;
/// Recursions of the parser: brackets, blocks, f-strings, prefix operators, lambdas and conditional expressions within each other.
const MAX_RECURSION: usize = 500;
/// Links of a chain such as `a.b.c()` or `1 + 2 + 3`, parsed in a loop into a tree as deep as it is long.
const MAX_CHAIN: usize = 2000;

/// Up to here no text can pass a limit, as brackets come in pairs: nothing needs to be counted.
const ALWAYS_SHALLOW_BYTES: usize = 2 * MAX_BRACKETS;

/// Refuses a text that nests deeper than the stack allows, with a message.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() <= ALWAYS_SHALLOW_BYTES {
        return Ok(());
    }
    let mut depth = Depth::default();
    let mut lexer = lex(text, Mode::Module);
    loop {
        let kind = lexer.next_token();
        if kind == TokenKind::EndOfFile {
            return Ok(());
        }
        depth.add(kind);
        if depth.brackets > MAX_BRACKETS {
            return Err(format!(
                "more than {MAX_BRACKETS} brackets within each other"
            ));
        }
        if depth.indentations > MAX_INDENTATIONS {
            return Err(format!(
                "more than {MAX_INDENTATIONS} indentations within each other"
            ));
        }
        if depth.recursion + depth.indentations > MAX_RECURSION {
            return Err(format!(
                "more than {MAX_RECURSION} expressions within each other"
            ));
        }
        if depth.chain > MAX_CHAIN {
            return Err(format!("an expression of more than {MAX_CHAIN} links"));
        }
    }
}

/// An upper bound for the depth at the current token.
#[derive(Default)]
struct Depth {
    open: Vec<Level>,
    /// What stands outside all brackets.
    outermost: Level,
    brackets: usize,
    indentations: usize,
    /// Sums over all levels.
    recursion: usize,
    chain: usize,
    /// The last token can end an operand, so an operator that follows it is binary.
    after_operand: bool,
    /// Brackets do not match, so the text is not Python. How the parser recovers is its own affair: from here on nothing is taken back.
    broken: bool,
}

/// What has been counted since an expression began, inside one pair of brackets.
#[derive(Default)]
struct Level {
    closed_by: Option<TokenKind>,
    recursion: usize,
    chain: usize,
    /// Lambdas whose parameters are being listed: a comma there ends no expression.
    lambdas: usize,
}

impl Depth {
    fn add(&mut self, kind: TokenKind) {
        use TokenKind as T;
        match kind {
            T::Lpar => self.open(T::Rpar),
            T::Lsqb => self.open(T::Rsqb),
            T::Lbrace => self.open(T::Rbrace),
            T::FStringStart => self.open(T::FStringEnd),
            T::TStringStart => self.open(T::TStringEnd),
            T::Rpar | T::Rsqb | T::Rbrace | T::FStringEnd | T::TStringEnd => self.close(kind),
            T::Indent => self.indentations += 1,
            T::Dedent => self.indentations = self.indentations.saturating_sub(1),
            T::Comma if self.level().lambdas == 0 => self.expression_ends(),
            T::Newline | T::Semi => {
                self.broken |= !self.open.is_empty();
                self.expression_ends();
            }
            T::Unknown => self.broken = true,
            T::Lambda => {
                self.recurse();
                self.level().lambdas += 1;
            }
            T::Colon => {
                let level = self.level();
                level.lambdas = level.lambdas.saturating_sub(1);
            }
            // `**` binds to the right, by recursion.
            T::If | T::Else | T::Await | T::Yield | T::DoubleStar | T::ColonEqual => self.recurse(),
            T::Not | T::Minus | T::Plus | T::Tilde | T::Star if !self.after_operand => {
                self.recurse()
            }
            T::Dot => self.link(),
            _ if kind.is_operator() || kind.is_keyword() => self.link(),
            _ => {}
        }
        self.after_operand = matches!(
            kind,
            T::Name
                | T::Int
                | T::Float
                | T::Complex
                | T::String
                | T::FStringEnd
                | T::TStringEnd
                | T::Rpar
                | T::Rsqb
                | T::Rbrace
        ) || matches!(kind, T::Ellipsis | T::True | T::False | T::None)
            || kind.is_soft_keyword();
    }

    fn level(&mut self) -> &mut Level {
        self.open.last_mut().unwrap_or(&mut self.outermost)
    }

    fn recurse(&mut self) {
        self.recursion += 1;
        self.level().recursion += 1;
    }

    fn link(&mut self) {
        self.chain += 1;
        self.level().chain += 1;
    }

    fn open(&mut self, closed_by: TokenKind) {
        // The bracket belongs to the expression around it, and stays counted there as a link once it is closed: `f()()()`.
        self.link();
        self.recursion += 1;
        self.brackets += usize::from(is_bracket(closed_by));
        self.open.push(Level {
            closed_by: Some(closed_by),
            ..Level::default()
        });
    }

    fn close(&mut self, kind: TokenKind) {
        self.broken |= self
            .open
            .last()
            .is_none_or(|level| level.closed_by != Some(kind));
        if self.broken {
            return;
        }
        if let Some(level) = self.open.pop() {
            self.recursion -= 1 + level.recursion;
            self.chain -= level.chain;
            self.brackets -= usize::from(is_bracket(kind));
        }
    }

    fn expression_ends(&mut self) {
        if self.broken {
            return;
        }
        let level = self.level();
        let (recursion, chain) = (
            std::mem::take(&mut level.recursion),
            std::mem::take(&mut level.chain),
        );
        level.lambdas = 0;
        self.recursion -= recursion;
        self.chain -= chain;
    }
}

fn is_bracket(closed_by: TokenKind) -> bool {
    matches!(
        closed_by,
        TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace
    )
}
