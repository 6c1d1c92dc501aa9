//! What a constant expression is worth, as far as its syntax tree tells.
//!
//! It knows literals and what operators make of them: arithmetic, comparisons, `and`, `or`, `not`, `if else`, `:=`, subscripts, format strings,
//! and comprehensions over constants. Names and calls have no constant value, as anybody may give them another meaning, nor has a number
//! beyond 128 bits. Some expressions have a value here where Python raises (`(1, 1 / 0)` is true): of two branches then neither runs, but a
//! handler may.

mod operations;
mod pattern;

use operations::{binary, compare, subscript, unary};
use ruff_python_ast::{
    BoolOp, CmpOp, Comprehension, ConversionFlag, Expr, ExprBoolOp, ExprCompare, ExprDict,
    ExprFString, ExprIf, FStringPart, InterpolatedElement, InterpolatedStringElement, Number,
};

pub(super) use pattern::matches;

/// The longest text that is looked at, in bytes; of a longer one only the truth is known.
const MAX_TEXT: usize = 1024;

/// The most items of a tuple, a list or a set that are looked at, those of items counted in.
const MAX_ITEMS: usize = 64;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    None,
    Ellipsis,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    Items(Kind, Vec<Constant>),
    /// Something of which only the truth is known.
    Opaque {
        truth: bool,
    },
}

/// What items are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tuple,
    List,
    Set,
    /// Known where it is empty.
    Dict,
}

impl Constant {
    /// The value of `expr`, whatever the program does before; `None` where that depends on something, or is not known.
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        // What takes more than a line is a function of its own: a browser's stack is small, and so are this recursion's frames.
        match expr {
            Expr::NoneLiteral(_) => Some(Constant::None),
            Expr::EllipsisLiteral(_) => Some(Constant::Ellipsis),
            Expr::BooleanLiteral(literal) => Some(Constant::Bool(literal.value)),
            Expr::NumberLiteral(literal) => Some(number(&literal.value)),
            Expr::StringLiteral(literal) => Some(text(literal.value.to_str().to_owned())),
            Expr::BytesLiteral(literal) => Some(bytes(literal.value.bytes().collect())),
            Expr::FString(string) => format_string(string),
            // A lambda is something, whatever it would give.
            Expr::Lambda(_) | Expr::Generator(_) => Some(Constant::Opaque { truth: true }),
            Expr::Tuple(tuple) => display(Kind::Tuple, &tuple.elts),
            Expr::List(list) => display(Kind::List, &list.elts),
            Expr::Set(set) => display(Kind::Set, &set.elts),
            Expr::Dict(dict) => dict_display(dict),
            Expr::ListComp(list) => comprehension(Kind::List, &list.generators),
            Expr::SetComp(set) => comprehension(Kind::Set, &set.generators),
            Expr::DictComp(dict) => comprehension(Kind::Dict, &dict.generators),
            Expr::Named(named) => named_value(&named.value),
            Expr::UnaryOp(operation) => unary(operation.op, Constant::of(&operation.operand)?),
            Expr::BinOp(operation) => {
                let left = Constant::of(&operation.left)?;
                binary(&left, operation.op, &Constant::of(&operation.right)?)
            }
            Expr::BoolOp(operation) => bool_operation(operation),
            Expr::Compare(comparison) => comparisons(comparison),
            Expr::If(choice) => choice_of(choice),
            Expr::Subscript(taken) => {
                subscript(&Constant::of(&taken.value)?, &Constant::of(&taken.slice)?)
            }
            _ => None,
        }
    }

    /// One, and its items.
    fn size(&self) -> usize {
        match self {
            Constant::Items(_, items) => 1 + items.iter().map(Constant::size).sum::<usize>(),
            _ => 1,
        }
    }

    /// Whether it is true as a test.
    pub(super) fn truth(&self) -> bool {
        match self {
            Constant::None => false,
            Constant::Ellipsis => true,
            Constant::Bool(value) => *value,
            Constant::Int(int) => *int != 0,
            Constant::Float(float) => *float != 0.0,
            Constant::Str(text) => !text.is_empty(),
            Constant::Bytes(bytes) => !bytes.is_empty(),
            Constant::Items(_, items) => !items.is_empty(),
            Constant::Opaque { truth } => *truth,
        }
    }
}

/// How many comparators of `a < b < c` may be looked at: behind a link that does not hold no more are.
pub(super) fn live_comparators(comparison: &ExprCompare) -> usize {
    let operands: Vec<Option<Constant>> = std::iter::once(&*comparison.left)
        .chain(&comparison.comparators)
        .map(Constant::of)
        .collect();
    let fails = |(pair, op): (&[Option<Constant>], &CmpOp)| {
        compare(pair[0].as_ref(), *op, pair[1].as_ref()) == Some(false)
    };
    let first = operands.windows(2).zip(&comparison.ops).position(fails);
    first.map_or(comparison.comparators.len(), |link| link + 1)
}

/// Whether a loop over `iterable` has a round; what cannot be iterated gives none, and raises.
pub(super) fn has_rounds(iterable: &Expr) -> Option<bool> {
    match Constant::of(iterable)? {
        // True and false say nothing of it: a generator is true, and `x and ()` may be any `x` that is false.
        Constant::Opaque { .. } => None,
        value @ (Constant::Str(_) | Constant::Bytes(_) | Constant::Items(..)) => {
            Some(value.truth())
        }
        _ => Some(false),
    }
}

/// Whether `test` is true, whatever the program does before; `None` where that depends on something.
pub(super) fn truth(test: &Expr) -> Option<bool> {
    Constant::of(test).map(|value| value.truth())
}

fn number(number: &Number) -> Constant {
    match number {
        Number::Int(int) => match int.as_u64() {
            Some(int) => Constant::Int(int.into()),
            None => Constant::Opaque { truth: true },
        },
        Number::Float(float) => Constant::Float(*float),
        Number::Complex { real, imag } => Constant::Opaque {
            truth: *real != 0.0 || *imag != 0.0,
        },
    }
}

/// Half a surrogate pair is read as U+FFFD: which one it was is not known.
fn text(text: String) -> Constant {
    match text.len() <= MAX_TEXT && !text.contains('\u{fffd}') {
        true => Constant::Str(text),
        false => Constant::Opaque { truth: true },
    }
}

fn bytes(bytes: Vec<u8>) -> Constant {
    match bytes.len() <= MAX_TEXT {
        true => Constant::Bytes(bytes),
        false => Constant::Opaque { truth: true },
    }
}

fn items(kind: Kind, items: Vec<Constant>) -> Constant {
    match items.iter().map(Constant::size).sum::<usize>() <= MAX_ITEMS {
        true => Constant::Items(kind, items),
        false => Constant::Opaque { truth: true },
    }
}

/// What is written in brackets; where all of it is unpacked, it may hold any number of things.
fn display(kind: Kind, elements: &[Expr]) -> Option<Constant> {
    let known = |element: &Expr| match element {
        Expr::Starred(unpacked) => match Constant::of(&unpacked.value)? {
            Constant::Items(_, items) => Some(items),
            _ => None,
        },
        _ => Some(vec![Constant::of(element)?]),
    };
    if elements.len() <= MAX_ITEMS
        && let Some(known) = elements.iter().map(known).collect::<Option<Vec<_>>>()
    {
        return Some(items(kind, known.concat()));
    }
    let mut single = elements.iter().filter(|element| !element.is_starred_expr());
    single.next().map(|_| Constant::Opaque { truth: true })
}

fn dict_display(dict: &ExprDict) -> Option<Constant> {
    // What is unpacked may be nothing.
    match dict.items.iter().any(|item| item.key.is_some()) {
        true => Some(Constant::Opaque { truth: true }),
        false if dict.items.is_empty() => Some(Constant::Items(Kind::Dict, Vec::new())),
        false => None,
    }
}

/// What a comprehension makes of nothing, or of what is there for sure.
fn comprehension(kind: Kind, generators: &[Comprehension]) -> Option<Constant> {
    let mut something = true;
    // Each part is looked at once: looking twice, at every level, would take for ever.
    for generator in generators {
        let mut rounds = vec![has_rounds(&generator.iter)];
        rounds.extend(generator.ifs.iter().map(truth));
        if rounds.contains(&Some(false)) {
            return Some(Constant::Items(kind, Vec::new()));
        }
        something &= !rounds.contains(&None);
    }
    something.then_some(Constant::Opaque { truth: true })
}

/// `(name := value)`, which may be changed by its name before it is looked at again.
fn named_value(value: &Expr) -> Option<Constant> {
    match Constant::of(value)? {
        Constant::Items(Kind::Tuple, items) => Some(Constant::Opaque {
            truth: !items.is_empty(),
        }),
        Constant::Items(..) => None,
        value => Some(value),
    }
}

fn choice_of(choice: &ExprIf) -> Option<Constant> {
    match truth(&choice.test) {
        Some(true) => Constant::of(&choice.body),
        Some(false) => Constant::of(&choice.orelse),
        None => {
            let body = truth(&choice.body)?;
            (truth(&choice.orelse)? == body).then_some(Constant::Opaque { truth: body })
        }
    }
}

/// The operand that decides, or the last.
fn bool_operation(operation: &ExprBoolOp) -> Option<Constant> {
    let decides = operation.op == BoolOp::Or;
    let mut all_known = true;
    let mut last = None;
    // Each operand is looked at once: looking twice, at every level, would take for ever.
    for operand in &operation.values {
        match Constant::of(operand) {
            Some(value) if value.truth() == decides => {
                // One before it may be what decides, of the same truth.
                return Some(match all_known {
                    true => value,
                    false => Constant::Opaque { truth: decides },
                });
            }
            Some(value) => last = Some(value),
            None => all_known = false,
        }
    }
    last.filter(|_| all_known)
}

/// `a < b < c`: all of it holds, or some link does not.
fn comparisons(comparison: &ExprCompare) -> Option<Constant> {
    let mut left = Constant::of(&comparison.left);
    let mut all_known = true;
    for (op, right) in comparison.ops.iter().zip(&comparison.comparators) {
        let right = Constant::of(right);
        match compare(left.as_ref(), *op, right.as_ref()) {
            Some(true) => {}
            Some(false) if all_known => return Some(Constant::Bool(false)),
            Some(false) => return Some(Constant::Opaque { truth: false }),
            None => all_known = false,
        }
        left = right;
    }
    all_known.then_some(Constant::Bool(true))
}

fn format_string(string: &ExprFString) -> Option<Constant> {
    let mut whole = String::new();
    let mut all_known = true;
    for part in &string.value {
        match part {
            FStringPart::Literal(literal) => whole.push_str(&literal.value),
            FStringPart::FString(string) => {
                for element in &string.elements {
                    match element {
                        InterpolatedStringElement::Literal(literal) => {
                            whole.push_str(&literal.value)
                        }
                        InterpolatedStringElement::Interpolation(element) => match shown(element) {
                            Some(shown) => whole.push_str(&shown),
                            None => all_known = false,
                        },
                    }
                }
            }
        }
    }
    match (all_known, whole.is_empty()) {
        (true, _) => Some(text(whole)),
        (false, true) => None,
        (false, false) => Some(Constant::Opaque { truth: true }),
    }
}

/// What a format string shows of a value, where it is plain.
fn shown(element: &InterpolatedElement) -> Option<String> {
    let is_plain = element.debug_text.is_none()
        && element.format_spec.is_none()
        && element.conversion == ConversionFlag::None;
    match Constant::of(&element.expression).filter(|_| is_plain)? {
        Constant::Str(text) => Some(text),
        Constant::Int(int) => Some(int.to_string()),
        Constant::Bool(true) => Some("True".to_owned()),
        Constant::Bool(false) => Some("False".to_owned()),
        Constant::None => Some("None".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
