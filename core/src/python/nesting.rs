//! How deep a text nests, bounded from its tokens before it is parsed.
//!
//! The parser descends by recursion, and so do dropping and comparing its tree. On a native thread the parser grows its stack, but the drop
//! does not, and in a browser nothing does: there wasm has about 1 MiB for everything. Measured there (wasm32, V8, default stack), the
//! parser survives 1,000 brackets, 1,500 prefix operators, 500 f-strings within each other, and a tree 10,000 deep if its nodes are all alike; the limits below
//! leave a factor of two at least. Real code nests less than 20 deep, and CPython has limits of its own.
//!
//! The bound counts, for every pair of open brackets, the operators since the expression in it began. An operator ends the
//! operands of those that bind tighter: in `a * b ** c + d` the `+` takes back what `*` and `**` have added.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::Mode;
use ruff_python_parser::lexer::lex;

/// Brackets within each other: CPython's limit.
const MAX_BRACKETS: usize = 200;
/// Blocks within each other: CPython's limit.
const MAX_INDENTATIONS: usize = 99;
/// Recursions of the parser: brackets, blocks, f-strings, prefix operators, lambdas and conditional expressions within each other.
const MAX_RECURSION: usize = 500;
/// Everything together, with the links of chains such as `a.b.c()` or `1 + 2 + 3`: these are parsed in a loop, into a tree as deep as they
/// are long. CPython goes to 3,000 before it raises.
const MAX_DEPTH: usize = 1000;

/// Up to here no text can pass a limit, as brackets come in pairs: nothing needs to be counted.
const ALWAYS_SHALLOW_BYTES: usize = 2 * MAX_BRACKETS;

/// Refuses a text that nests deeper than the stack allows, with a message.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() <= ALWAYS_SHALLOW_BYTES {
        return Ok(());
    }
    let mut depth = Depth::new();
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
        let recursion = depth.recursion + depth.indentations;
        if recursion > MAX_RECURSION {
            return Err(format!(
                "more than {MAX_RECURSION} expressions within each other"
            ));
        }
        if recursion + depth.chain > MAX_DEPTH {
            return Err(format!("an expression of more than {MAX_DEPTH} parts"));
        }
    }
}

/// How tightly an operator binds; those of one class are counted together.
#[derive(Clone, Copy)]
enum Binding {
    /// `lambda`, `if else`, `yield`, `*x`, `:=`, `=` and what begins a statement.
    Loose,
    Or,
    And,
    Not,
    Comparison,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    /// `-x`, `x ** y`, `await x`.
    Prefix,
    /// `x.y`, `x()`, `x[]`.
    Postfix,
}

const BINDINGS: usize = Binding::Postfix as usize + 1;

/// An upper bound for the depth at the current token.
struct Depth {
    open: Vec<Level>,
    /// What stands outside all brackets.
    outermost: Level,
    brackets: usize,
    indentations: usize,
    /// Sums over all levels.
    recursion: usize,
    chain: usize,
    previous: TokenKind,
    /// Brackets do not match, so the text is not Python. How the parser goes on from there is its own affair: nothing is taken back any more.
    broken: bool,
}

/// What has been counted since an expression began, inside one pair of brackets.
#[derive(Default)]
struct Level {
    closed_by: Option<TokenKind>,
    recursion: [usize; BINDINGS],
    chain: [usize; BINDINGS],
    /// Lambdas whose parameters are being listed: a comma there ends no expression.
    lambdas: usize,
}

impl Depth {
    fn new() -> Self {
        Depth {
            open: Vec::new(),
            outermost: Level::default(),
            brackets: 0,
            indentations: 0,
            recursion: 0,
            chain: 0,
            previous: TokenKind::Newline,
            broken: false,
        }
    }

    fn add(&mut self, kind: TokenKind) {
        use TokenKind as T;
        if matches!(kind, T::NonLogicalNewline | T::Comment) {
            return;
        }
        let previous = std::mem::replace(&mut self.previous, kind);
        let after_operand = ends_operand(previous);
        match kind {
            T::Lpar => self.open(T::Rpar),
            T::Lsqb => self.open(T::Rsqb),
            T::Lbrace => self.open(T::Rbrace),
            T::FStringStart => self.open(T::FStringEnd),
            T::TStringStart => self.open(T::TStringEnd),
            T::Rpar | T::Rsqb | T::Rbrace | T::FStringEnd | T::TStringEnd => self.close(kind),
            T::Indent => self.indentations += 1,
            T::Dedent => self.indentations = self.indentations.saturating_sub(1),
            T::Comma if self.level().lambdas == 0 => self.take_back(Binding::Loose),
            T::Newline | T::Semi => {
                self.broken |= !self.open.is_empty();
                self.take_back(Binding::Loose);
                self.level().lambdas = 0;
            }
            T::Unknown => self.broken = true,
            T::Colon => {
                let level = self.level();
                level.lambdas = level.lambdas.saturating_sub(1);
                self.take_back(Binding::Or);
            }
            T::Lambda => {
                self.prefix(Binding::Loose);
                self.level().lambdas += 1;
            }
            T::Yield | T::Async => self.prefix(Binding::Loose),
            T::Star | T::DoubleStar if !after_operand => self.prefix(Binding::Loose),
            // The second word of `is not`, the first of `not in`.
            T::Not if previous == T::Is || after_operand => {}
            T::Not => self.prefix(Binding::Not),
            T::Await => self.prefix(Binding::Prefix),
            T::Plus | T::Minus | T::Tilde if !after_operand => self.prefix(Binding::Prefix),
            T::DoubleStar => {
                self.take_back(Binding::Postfix);
                self.recurse(Binding::Prefix);
            }
            T::If | T::Else | T::ColonEqual => {
                self.take_back(Binding::Or);
                self.recurse(Binding::Loose);
            }
            T::Dot => self.link(Binding::Postfix),
            T::Or => self.link(Binding::Or),
            T::And => self.link(Binding::And),
            T::Vbar => self.link(Binding::BitOr),
            T::CircumFlex => self.link(Binding::BitXor),
            T::Amper => self.link(Binding::BitAnd),
            T::LeftShift | T::RightShift => self.link(Binding::Shift),
            T::Plus | T::Minus => self.link(Binding::Sum),
            T::Star | T::Slash | T::DoubleSlash | T::Percent | T::At => self.link(Binding::Product),
            T::EqEqual
            | T::NotEqual
            | T::Less
            | T::LessEqual
            | T::Greater
            | T::GreaterEqual
            | T::In
            | T::Is => {
                self.link(Binding::Comparison);
            }
            _ if ends_operand(kind) => {}
            // Assignments, and keywords that have an expression behind them.
            _ if kind.is_operator() || kind.is_keyword() => self.link(Binding::Loose),
            _ => {}
        }
    }

    fn level(&mut self) -> &mut Level {
        self.open.last_mut().unwrap_or(&mut self.outermost)
    }

    /// The parser calls itself.
    fn recurse(&mut self, binding: Binding) {
        self.recursion += 1;
        self.level().recursion[binding as usize] += 1;
    }

    /// An operator before its operand.
    fn prefix(&mut self, binding: Binding) {
        let level = self.level();
        // Misplaced as in `1 + not x` it is an error, and yet the parser takes everything behind `not` for the operand of `+`: the `+` lasts as long.
        for tighter in binding as usize + 1..BINDINGS {
            level.recursion[binding as usize] += std::mem::take(&mut level.recursion[tighter]);
            level.chain[binding as usize] += std::mem::take(&mut level.chain[tighter]);
        }
        self.recurse(binding);
    }

    /// An operator behind its operand, and with it behind all that binds tighter: the tree grows by a link.
    fn link(&mut self, binding: Binding) {
        self.take_back_from(binding as usize + 1);
        self.chain += 1;
        self.level().chain[binding as usize] += 1;
    }

    /// What binds like this, or tighter, has ended.
    fn take_back(&mut self, binding: Binding) {
        self.take_back_from(binding as usize);
    }

    fn take_back_from(&mut self, first: usize) {
        if self.broken {
            return;
        }
        let level = self.level();
        let recursion: usize = level.recursion[first..]
            .iter_mut()
            .map(std::mem::take)
            .sum();
        let chain: usize = level.chain[first..].iter_mut().map(std::mem::take).sum();
        self.recursion -= recursion;
        self.chain -= chain;
    }

    fn open(&mut self, closed_by: TokenKind) {
        // The bracket belongs to the expression around it, and stays counted there as a link once it is closed: `f()()()`.
        self.link(Binding::Postfix);
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
        self.take_back(Binding::Loose);
        self.open.pop();
        self.recursion -= 1;
        self.brackets -= usize::from(is_bracket(kind));
    }
}

fn is_bracket(closed_by: TokenKind) -> bool {
    matches!(
        closed_by,
        TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace
    )
}

fn ends_operand(kind: TokenKind) -> bool {
    use TokenKind as T;
    kind.is_soft_keyword()
        || matches!(
            kind,
            T::Name | T::Int | T::Float | T::Complex | T::String | T::FStringEnd | T::TStringEnd
        )
        || matches!(
            kind,
            T::Rpar | T::Rsqb | T::Rbrace | T::Ellipsis | T::True | T::False | T::None
        )
}
