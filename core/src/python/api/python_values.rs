//! Names that stand for values of Python's own types and for nothing else: `frames = []`, then `frames.append(row)` is no use of a library.

use super::captured;
use ruff_python_ast::visitor::{
    Visitor, walk_except_handler, walk_expr, walk_parameter, walk_pattern, walk_stmt,
    walk_type_param,
};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, ModModule, Parameter, Pattern, Stmt, TypeParam,
};
use std::collections::HashSet;

/// What makes a value of Python's own, unless the module gives its name another meaning.
const CONSTRUCTORS: [&str; 6] = ["dict", "frozenset", "list", "set", "str", "tuple"];

/// The names which every statement of the module that binds them, wherever it stands, binds to such a value.
pub(super) fn python_values(module: &ModModule) -> HashSet<String> {
    let mut bound = Bound::default();
    bound.visit_body(&module.body);
    let Bound { values, others } = bound;
    let is_own = |name: &&str| values.contains(*name) || others.contains(*name);
    if CONSTRUCTORS.iter().any(|name| is_own(&name)) {
        return HashSet::new();
    }
    let values = values.difference(&others);
    values.map(|name| (*name).to_owned()).collect()
}

/// Whether `expr` is of one of Python's own types.
pub(super) fn is_python_value(expr: &Expr) -> bool {
    match expr {
        Expr::List(_)
        | Expr::Dict(_)
        | Expr::Set(_)
        | Expr::Tuple(_)
        | Expr::ListComp(_)
        | Expr::DictComp(_)
        | Expr::SetComp(_)
        | Expr::StringLiteral(_)
        | Expr::BytesLiteral(_)
        | Expr::FString(_)
        | Expr::NumberLiteral(_) => true,
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Name(name) if CONSTRUCTORS.contains(&name.id.as_str()))
        }
        _ => false,
    }
}

#[derive(Default)]
struct Bound<'a> {
    values: HashSet<&'a str>,
    others: HashSet<&'a str>,
}

impl<'a> Visitor<'a> for Bound<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let (targets, value) = match stmt {
            Stmt::Assign(assign) => (&assign.targets[..], Some(&*assign.value)),
            Stmt::AnnAssign(assign) => (
                std::slice::from_ref(&*assign.target),
                assign.value.as_deref(),
            ),
            // `frames += [row]` leaves a list a list.
            Stmt::AugAssign(assign) => {
                (std::slice::from_ref(&*assign.target), Some(&*assign.value))
            }
            _ => (&[][..], None),
        };
        if let Some(value) = value.filter(|value| is_python_value(value))
            && targets.iter().all(Expr::is_name_expr)
        {
            let names = targets.iter().filter_map(Expr::as_name_expr);
            self.values.extend(names.map(|name| name.id.as_str()));
            return self.visit_expr(value);
        }
        match stmt {
            Stmt::FunctionDef(function) => {
                self.others.insert(&function.name);
            }
            Stmt::ClassDef(class) => {
                self.others.insert(&class.name);
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx == ExprContext::Store
        {
            self.others.insert(name.id.as_str());
        }
        walk_expr(self, expr);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
        self.others.insert(name.split('.').next().unwrap_or(name));
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.others.insert(&parameter.name);
        walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(caught) = handler;
        self.others
            .extend(caught.name.iter().map(|name| name.as_str()));
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.others.extend(captured(pattern));
        walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, parameter: &'a TypeParam) {
        self.others.insert(parameter.name());
        walk_type_param(self, parameter);
    }
}
