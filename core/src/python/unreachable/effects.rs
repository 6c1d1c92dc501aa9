//! Whether computing something does more than give its value.

use crate::python::constant::Constant;
use ruff_python_ast::helpers::any_over_expr;
use ruff_python_ast::{ExceptHandler, Expr, ExprLambda, Stmt};

/// Whether computing `expr` may do something, or raise.
pub(super) fn acts(expr: &Expr) -> bool {
    any_over_expr(expr, |part| match part {
        Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_)
        | Expr::EllipsisLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::Tuple(_)
        | Expr::List(_)
        | Expr::BoolOp(_)
        | Expr::If(_) => false,
        Expr::Dict(dict) => !dict.items.is_empty(),
        // Those that raise have no value.
        Expr::FString(_)
        | Expr::UnaryOp(_)
        | Expr::BinOp(_)
        | Expr::Compare(_)
        | Expr::Subscript(_) => Constant::of(part).is_none(),
        _ => true,
    })
}

pub(super) fn defaults(lambda: &ExprLambda) -> impl Iterator<Item = &Expr> {
    let parameters = lambda.parameters.iter().flat_map(|all| all.iter());
    parameters.filter_map(|parameter| parameter.default())
}

/// Whether it neither does something nor raises.
pub(super) fn does_nothing(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Pass(_) => true,
        Stmt::Expr(alone) => !acts(&alone.value),
        _ => false,
    }
}

/// `except ():`
pub(super) fn catches_nothing(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(handler) = handler;
    handler.type_.as_deref().is_some_and(is_empty)
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
    Constant::of(iterable).is_some_and(holds_nothing) && !acts(iterable)
}
