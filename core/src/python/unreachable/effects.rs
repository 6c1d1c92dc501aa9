//! Whether computing something does more than give its value. What is not known to be harmless is not: it may do something, or raise.

use crate::python::constant::Constant;
use ruff_python_ast::{CmpOp, ExceptHandler, Expr, ExprLambda, Number, Operator, Stmt, UnaryOp};

/// Whether computing `expr` may do something, or raise.
pub(super) fn acts(expr: &Expr) -> bool {
    !is_harmless(expr)
}

fn is_harmless(expr: &Expr) -> bool {
    match expr {
        Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::EllipsisLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_) => true,
        Expr::FString(string) => string.value.elements().all(|part| part.is_literal()),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_harmless),
        Expr::List(list) => list.elts.iter().all(is_harmless),
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::BoolOp(operation) => operation.values.iter().all(is_harmless),
        Expr::If(choice) => [&choice.test, &choice.body, &choice.orelse]
            .into_iter()
            .all(|part| is_harmless(part)),
        Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => is_harmless(&operation.operand),
        Expr::Compare(comparison) => {
            let is_equality =
                |op: &CmpOp| matches!(op, CmpOp::Eq | CmpOp::NotEq | CmpOp::Is | CmpOp::IsNot);
            let operand = match comparison.ops.iter().all(is_equality) {
                true => is_harmless,
                false => is_number,
            };
            // A text in something raises where that is no text.
            !comparison
                .ops
                .iter()
                .any(|op| matches!(op, CmpOp::In | CmpOp::NotIn))
                && operand(&comparison.left)
                && comparison.comparators.iter().all(operand)
        }
        Expr::UnaryOp(_) | Expr::BinOp(_) => is_number(expr),
        _ => false,
    }
}

/// A number, of numbers that are written out.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::BooleanLiteral(_) => true,
        Expr::NumberLiteral(literal) => !matches!(literal.value, Number::Complex { .. }),
        Expr::UnaryOp(operation) => {
            matches!(operation.op, UnaryOp::USub | UnaryOp::UAdd) && is_number(&operation.operand)
        }
        Expr::BinOp(operation) => {
            matches!(operation.op, Operator::Add | Operator::Sub | Operator::Mult)
                && is_number(&operation.left)
                && is_number(&operation.right)
        }
        _ => false,
    }
}

pub(super) fn defaults(lambda: &ExprLambda) -> impl Iterator<Item = &Expr> {
    let parameters = lambda.parameters.iter().flat_map(|all| all.iter());
    parameters.filter_map(|parameter| parameter.default())
}

/// Whether it neither does something nor raises.
pub(super) fn does_nothing(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Pass(_) => true,
        Stmt::Expr(alone) => is_harmless(&alone.value),
        _ => false,
    }
}

/// `except ():`
pub(super) fn catches_nothing(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    matches!(handler.type_.as_deref(), Some(Expr::Tuple(tuple)) if tuple.elts.is_empty())
}

/// Whether `iterable` holds nothing, and computing it does nothing.
pub(super) fn is_empty(iterable: &Expr) -> bool {
    let holds_nothing = |value: Constant| {
        let container = matches!(
            value,
            Constant::Str(_) | Constant::Bytes(_) | Constant::Items(..)
        );
        container && !value.truth()
    };
    is_harmless(iterable) && Constant::of(iterable).is_some_and(holds_nothing)
}
