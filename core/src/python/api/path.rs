//! Dotted names, and statements that only say one.

use ruff_python_ast::helpers::any_over_expr;
use ruff_python_ast::{Expr, ExprCall};

/// `a.b.c` as its root `a`, which may be something other than a name, and its rest `.b.c`. `None` of what is neither a name nor of something.
pub(super) fn path(expr: &Expr) -> Option<(&Expr, String)> {
    let mut links = Vec::new();
    let mut root = expr;
    while let Expr::Attribute(attribute) = root {
        links.push(attribute.attr.as_str());
        root = &attribute.value;
    }
    let rest = links.iter().rev().flat_map(|link| [".", link]).collect();
    (root.is_name_expr() || !links.is_empty()).then_some((root, rest))
}

/// Whether a statement that is `expr` alone does more than say names.
pub(super) fn may_do_something(expr: &Expr) -> bool {
    any_over_expr(expr, |part| match part {
        Expr::Call(call) => got_by_name(call).is_none(),
        Expr::Await(_)
        | Expr::Yield(_)
        | Expr::YieldFrom(_)
        | Expr::Named(_)
        | Expr::Subscript(_) => true,
        _ => false,
    })
}

/// `getattr(np, "vstack")` as the path `np.vstack`.
pub(super) fn got_by_name(call: &ExprCall) -> Option<(&Expr, String)> {
    match (&*call.func, &*call.arguments.args) {
        (Expr::Name(function), [of, Expr::StringLiteral(name), ..]) if function.id == "getattr" => {
            let (root, rest) = path(of)?;
            Some((root, format!("{rest}.{}", name.value.to_str())))
        }
        _ => None,
    }
}
