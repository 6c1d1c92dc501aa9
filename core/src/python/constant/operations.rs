//! What operators make of constants; `None` where the result is not known, or Python raises.

use super::{Constant, Kind, MAX_ITEMS, bytes, items, text};
use ruff_python_ast::{CmpOp, Operator, UnaryOp};
use std::cmp::Ordering;

/// Up to here whole numbers and floats are the same numbers.
const EXACT_IN_FLOAT: u128 = 1 << 53;

impl Constant {
    /// As a whole number, which `True` and `False` are too.
    fn int(&self) -> Option<i128> {
        match self {
            Constant::Bool(value) => Some(i128::from(*value)),
            Constant::Int(int) => Some(*int),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Constant::Float(float) => Some(*float),
            _ => self
                .int()
                .filter(|int| int.unsigned_abs() <= EXACT_IN_FLOAT)
                .map(|int| int as f64),
        }
    }

    /// Whether there is only one such object.
    fn is_singleton(&self) -> bool {
        matches!(
            self,
            Constant::None | Constant::Ellipsis | Constant::Bool(_)
        )
    }
}

/// A number that is one.
fn float(float: f64) -> Option<Constant> {
    (!float.is_nan()).then_some(Constant::Float(float))
}

pub(super) fn unary(op: UnaryOp, operand: Constant) -> Option<Constant> {
    match (op, &operand) {
        (UnaryOp::Not, _) => Some(Constant::Bool(!operand.truth())),
        (UnaryOp::USub, Constant::Float(value)) => float(-value),
        (UnaryOp::UAdd, Constant::Float(value)) => float(*value),
        (UnaryOp::USub, _) => operand.int()?.checked_neg().map(Constant::Int),
        (UnaryOp::UAdd, _) => operand.int().map(Constant::Int),
        (UnaryOp::Invert, _) => operand.int().map(|int| Constant::Int(!int)),
    }
}

pub(super) fn binary(left: &Constant, op: Operator, right: &Constant) -> Option<Constant> {
    match (left, op, right) {
        (Constant::Str(left), Operator::Add, Constant::Str(right)) => {
            Some(text(format!("{left}{right}")))
        }
        (Constant::Bytes(left), Operator::Add, Constant::Bytes(right)) => {
            Some(bytes([left.as_slice(), right].concat()))
        }
        (Constant::Items(kind, left), Operator::Add, Constant::Items(other, right))
            if kind == other && matches!(kind, Kind::Tuple | Kind::List) =>
        {
            Some(items(*kind, [left.as_slice(), right].concat()))
        }
        (_, Operator::Mult, _) => match (left.int(), right.int()) {
            (Some(_), Some(_)) | (None, None) => arithmetic(left, op, right),
            (None, Some(times)) => repeated(left, times).or_else(|| arithmetic(left, op, right)),
            (Some(times), None) => repeated(right, times).or_else(|| arithmetic(left, op, right)),
        },
        _ => arithmetic(left, op, right),
    }
}

/// `'ab' * 3`.
fn repeated(what: &Constant, times: i128) -> Option<Constant> {
    let sequence = match what {
        Constant::Str(_) | Constant::Bytes(_) => true,
        Constant::Items(kind, _) => matches!(kind, Kind::Tuple | Kind::List),
        _ => false,
    };
    if !sequence {
        return None;
    }
    let truth = what.truth() && times > 0;
    let times = match usize::try_from(times) {
        _ if !truth => 0,
        Ok(times) if times <= MAX_ITEMS / what.size() => times,
        _ => return Some(Constant::Opaque { truth }),
    };
    Some(match what {
        Constant::Str(string) => text(string.repeat(times)),
        Constant::Bytes(string) => bytes(string.repeat(times)),
        Constant::Items(kind, list) => {
            let repeated = std::iter::repeat_n(list, times).flatten().cloned();
            items(*kind, repeated.collect())
        }
        _ => return None,
    })
}

fn arithmetic(left: &Constant, op: Operator, right: &Constant) -> Option<Constant> {
    let (Some(a), Some(b)) = (left.int(), right.int()) else {
        return floats(left.float()?, op, right.float()?);
    };
    let int = match op {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mult => a.checked_mul(b),
        Operator::Div => return floats(left.float()?, op, right.float()?),
        // Python rounds down; Euclid's quotient is one more where the divisor is negative and something is left.
        Operator::FloorDiv => {
            let is_more = b < 0 && a.checked_rem_euclid(b)? > 0;
            a.checked_div_euclid(b)
                .map(|quotient| quotient - i128::from(is_more))
        }
        Operator::Mod => {
            let rest = a.checked_rem_euclid(b)?;
            Some(if b < 0 && rest > 0 { rest + b } else { rest })
        }
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Operator::LShift => a.checked_mul(1_i128.checked_shl(shift(b)?)?),
        Operator::RShift => Some(a >> shift(b)?),
        Operator::BitAnd => Some(a & b),
        Operator::BitOr => Some(a | b),
        Operator::BitXor => Some(a ^ b),
        Operator::MatMult => None,
    }?;
    let both_bool = matches!((left, right), (Constant::Bool(_), Constant::Bool(_)));
    Some(match op {
        Operator::BitAnd | Operator::BitOr | Operator::BitXor if both_bool => {
            Constant::Bool(int != 0)
        }
        _ => Constant::Int(int),
    })
}

/// By how many bits, fewer than a number here has.
fn shift(by: i128) -> Option<u32> {
    u32::try_from(by).ok().filter(|by| *by < 127)
}

fn floats(a: f64, op: Operator, b: f64) -> Option<Constant> {
    match op {
        Operator::Add => float(a + b),
        Operator::Sub => float(a - b),
        Operator::Mult => float(a * b),
        Operator::Div if b != 0.0 => float(a / b),
        _ => None,
    }
}

/// `left op right`, of which one may be unknown.
pub(super) fn compare(
    left: Option<&Constant>,
    op: CmpOp,
    right: Option<&Constant>,
) -> Option<bool> {
    match (left, op, right) {
        // Nothing is in what is empty.
        (None, CmpOp::In | CmpOp::NotIn, Some(Constant::Items(_, items))) if items.is_empty() => {
            Some(op == CmpOp::NotIn)
        }
        (Some(left), CmpOp::In, Some(right)) => contains(right, left),
        (Some(left), CmpOp::NotIn, Some(right)) => contains(right, left).map(|is_in| !is_in),
        (Some(left), CmpOp::Is, Some(right)) => is_the_same(left, right),
        (Some(left), CmpOp::IsNot, Some(right)) => is_the_same(left, right).map(|same| !same),
        (Some(left), CmpOp::Eq, Some(right)) => equal(left, right),
        (Some(left), CmpOp::NotEq, Some(right)) => equal(left, right).map(|equal| !equal),
        (Some(left), _, Some(right)) => {
            let order = order(left, right)?;
            Some(match op {
                CmpOp::Lt => order.is_lt(),
                CmpOp::LtE => order.is_le(),
                CmpOp::Gt => order.is_gt(),
                CmpOp::GtE => order.is_ge(),
                _ => return None,
            })
        }
        _ => None,
    }
}

/// Which comes first, of two numbers, two texts, two lists or two tuples.
fn order(left: &Constant, right: &Constant) -> Option<Ordering> {
    match (left, right) {
        (Constant::Str(left), Constant::Str(right)) => Some(left.cmp(right)),
        (Constant::Bytes(left), Constant::Bytes(right)) => Some(left.cmp(right)),
        (Constant::Items(kind, left), Constant::Items(other, right))
            if kind == other && matches!(kind, Kind::Tuple | Kind::List) =>
        {
            // The first two that differ decide.
            for (left, right) in left.iter().zip(right) {
                if !equal(left, right)? {
                    return order(left, right);
                }
            }
            Some(left.len().cmp(&right.len()))
        }
        _ => match (left.int(), right.int()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.float()?.partial_cmp(&right.float()?),
        },
    }
}

/// `left == right`.
pub(super) fn equal(left: &Constant, right: &Constant) -> Option<bool> {
    let is_number = |value: &Constant| value.int().is_some() || matches!(value, Constant::Float(_));
    match (left, right) {
        (Constant::Opaque { .. }, _) | (_, Constant::Opaque { .. }) => None,
        (Constant::None, Constant::None) | (Constant::Ellipsis, Constant::Ellipsis) => Some(true),
        (Constant::Items(kind, left), Constant::Items(other, right)) => {
            if kind != other || (*kind != Kind::Set && left.len() != right.len()) {
                return Some(false);
            }
            match kind {
                // One may be there twice.
                Kind::Set => None,
                Kind::Tuple | Kind::List | Kind::Dict => {
                    all(left.iter().zip(right).map(|(a, b)| equal(a, b)))
                }
            }
        }
        (Constant::Str(_), Constant::Str(_)) | (Constant::Bytes(_), Constant::Bytes(_)) => {
            order(left, right).map(Ordering::is_eq)
        }
        _ if is_number(left) && is_number(right) => order(left, right).map(Ordering::is_eq),
        // Of two kinds.
        _ => Some(false),
    }
}

/// Whether all hold; one that does not decides, whatever is known of the others.
fn all(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for holds in each {
        match holds {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

/// `left is right`: objects there is only one of are the same if they are equal; others may be, or not.
pub(super) fn is_the_same(left: &Constant, right: &Constant) -> Option<bool> {
    match (left, right) {
        (Constant::Opaque { .. }, _) | (_, Constant::Opaque { .. }) => None,
        // `True == 1`, but they are two.
        _ if left.is_singleton() != right.is_singleton() => Some(false),
        _ if left.is_singleton() => equal(left, right),
        _ => equal(left, right).filter(|equal| !equal),
    }
}

/// `item in container`.
fn contains(container: &Constant, item: &Constant) -> Option<bool> {
    match (container, item) {
        (Constant::Str(text), Constant::Str(part)) => Some(text.contains(part.as_str())),
        (Constant::Bytes(_), Constant::Bytes(part)) if part.is_empty() => Some(true),
        (Constant::Bytes(text), Constant::Bytes(part)) => {
            Some(text.windows(part.len()).any(|window| window == part))
        }
        (Constant::Items(_, items), _) => all(items
            .iter()
            .map(|other| equal(other, item).map(|equal| !equal)))
        .map(|none| !none),
        _ => None,
    }
}

/// `of[at]`.
pub(super) fn subscript(of: &Constant, at: &Constant) -> Option<Constant> {
    let place = |length: usize| {
        let at = at.int()?;
        let at = if at < 0 { at + length as i128 } else { at };
        usize::try_from(at).ok().filter(|at| *at < length)
    };
    match of {
        Constant::Str(text) => {
            let at = place(text.chars().count())?;
            let character = text.chars().nth(at)?;
            Some(Constant::Str(character.to_string()))
        }
        Constant::Bytes(bytes) => Some(Constant::Int(bytes[place(bytes.len())?].into())),
        Constant::Items(Kind::Tuple | Kind::List, items) => {
            Some(items[place(items.len())?].clone())
        }
        _ => None,
    }
}
