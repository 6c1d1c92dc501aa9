//! What a constant expression is worth as a test.

use ruff_python_ast::{BoolOp, CmpOp, Expr, Number, UnaryOp};
use std::cmp::Ordering;

/// Whether `test` is true, whatever the program does before; `None` where that depends on something.
///
/// It knows literals, `not`, `and`, `or`, `:=`, and comparisons of two whole numbers.
pub(super) fn truth(test: &Expr) -> Option<bool> {
    match test {
        Expr::BooleanLiteral(literal) => Some(literal.value),
        Expr::NoneLiteral(_) => Some(false),
        Expr::EllipsisLiteral(_) | Expr::Lambda(_) => Some(true),
        Expr::StringLiteral(literal) => Some(!literal.value.is_empty()),
        Expr::BytesLiteral(literal) => Some(literal.value.bytes().next().is_some()),
        Expr::NumberLiteral(literal) => Some(match &literal.value {
            Number::Int(int) => *int != 0,
            Number::Float(float) => *float != 0.0,
            Number::Complex { real, imag } => *real != 0.0 || *imag != 0.0,
        }),
        Expr::Tuple(tuple) => holds_something(&tuple.elts),
        Expr::List(list) => holds_something(&list.elts),
        Expr::Set(set) => holds_something(&set.elts),
        Expr::Dict(dict) if dict.items.is_empty() => Some(false),
        Expr::Dict(dict) => dict
            .items
            .iter()
            .any(|item| item.key.is_some())
            .then_some(true),
        Expr::Named(named) => truth(&named.value),
        Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => {
            truth(&unary.operand).map(|truth| !truth)
        }
        Expr::BoolOp(operation) => {
            let decides = operation.op == BoolOp::Or;
            let mut all_known = true;
            // Each operand is looked at once: looking twice, at every level, would take for ever.
            for value in &operation.values {
                match truth(value) {
                    Some(truth) if truth == decides => return Some(decides),
                    Some(_) => {}
                    None => all_known = false,
                }
            }
            all_known.then_some(!decides)
        }
        Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
            ([op], [right]) => {
                compares(*op, whole_number(&compare.left)?.cmp(&whole_number(right)?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A display without elements is false; one whose elements are all unpacked may hold any number of things.
fn holds_something(elements: &[Expr]) -> Option<bool> {
    match elements {
        [] => Some(false),
        _ => elements
            .iter()
            .any(|element| !element.is_starred_expr())
            .then_some(true),
    }
}

fn whole_number(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::NumberLiteral(literal) => literal.value.as_int()?.as_u64(),
        _ => None,
    }
}

fn compares(op: CmpOp, order: Ordering) -> Option<bool> {
    Some(match op {
        CmpOp::Eq => order.is_eq(),
        CmpOp::NotEq => order.is_ne(),
        CmpOp::Lt => order.is_lt(),
        CmpOp::LtE => order.is_le(),
        CmpOp::Gt => order.is_gt(),
        CmpOp::GtE => order.is_ge(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::python::{Grammar, Module};

    #[test]
    fn nested_operations_are_decided_in_no_time() {
        for (open, close) in [
            ("(1 and ", ")"),
            ("(0 or ", ")"),
            ("(not ", ")"),
            ("(a and (b or ", "))"),
        ] {
            let depth = 190 / open.matches('(').count();
            let source = format!(
                "if {}x{}:\n    a()",
                open.repeat(depth),
                close.repeat(depth)
            );
            let module = Module::parse(&source, Grammar::Latest).unwrap();
            assert_eq!(module.unreachable(), [0..0; 0], "{open}");
        }
    }
}
