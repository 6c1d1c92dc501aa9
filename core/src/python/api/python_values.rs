//! Names that stand for values of Python's own types and for nothing else: `frames = []`, then `frames.append(row)` is no use of a library.
//!
//! What a function, a loop or a dict gives is not known, nor what a parameter is.

use super::captured;
use ruff_python_ast::visitor::{
    Visitor, walk_except_handler, walk_expr, walk_parameter, walk_pattern, walk_stmt,
    walk_type_param,
};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, ModModule, Operator, Parameter, Pattern, Stmt,
    TypeParam,
};
use std::collections::HashSet;

/// Functions whose results are of Python's own types, unless the module gives their names another meaning.
const MAKERS: [&str; 20] = [
    "bool",
    "bytearray",
    "bytes",
    "dict",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "int",
    "len",
    "list",
    "map",
    "range",
    "repr",
    "reversed",
    "set",
    "sorted",
    "str",
    "tuple",
    "zip",
];

/// The names which every statement of the module that binds them, wherever it stands, binds to such a value.
pub(super) fn python_values(module: &ModModule) -> HashSet<String> {
    let mut bound = Bound::default();
    bound.visit_body(&module.body);
    let Bound { values, others } = bound;
    if MAKERS
        .iter()
        .any(|name| values.contains(name) || others.contains(name))
    {
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
        | Expr::Generator(_)
        | Expr::BytesLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NoneLiteral(_) => true,
        Expr::Named(named) => is_python_value(&named.value),
        Expr::If(choice) => is_python_value(&choice.body) && is_python_value(&choice.orelse),
        Expr::BoolOp(chain) => chain.values.iter().all(is_python_value),
        Expr::Subscript(part) => part.slice.is_slice_expr() && is_python_value(&part.value),
        Expr::BinOp(both) => {
            is_python_value(&both.left) && is_python_value(&both.right) || is_text(expr)
        }
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) => MAKERS.contains(&name.id.as_str()),
            Expr::Attribute(method) if method.attr.as_str() == "copy" => {
                is_python_value(&method.value)
            }
            Expr::Attribute(method) => is_text(&method.value),
            _ => false,
        },
        _ => is_text(expr),
    }
}

/// Whether it is a text: what its methods give is Python's own too.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(_) | Expr::FString(_) => true,
        // `'%s' % rows`.
        Expr::BinOp(both) => both.op == Operator::Mod && is_text(&both.left),
        _ => false,
    }
}

#[derive(Default)]
struct Bound<'a> {
    values: HashSet<&'a str>,
    others: HashSet<&'a str>,
}

impl<'a> Bound<'a> {
    /// A target is given a value, which may be unknown.
    fn bind(&mut self, target: &'a Expr, value: Option<&'a Expr>) {
        match target {
            Expr::Name(name) => {
                let known = value.is_some_and(is_python_value);
                let bound = if known {
                    &mut self.values
                } else {
                    &mut self.others
                };
                bound.insert(name.id.as_str());
            }
            Expr::List(_) | Expr::Tuple(_) => self.unpack(target, value),
            // The rest of what is unpacked is a list, whatever it was.
            Expr::Starred(rest) if rest.value.is_name_expr() => {
                self.values
                    .extend(rest.value.as_name_expr().map(|name| name.id.as_str()));
            }
            _ => self.visit_expr(target),
        }
    }

    /// `a, b = 1, []` is two bindings.
    fn unpack(&mut self, target: &'a Expr, value: Option<&'a Expr>) {
        let targets = elements(target);
        let values = value.map_or(&[][..], elements);
        let in_pairs = targets.len() == values.len()
            && !targets.iter().chain(values).any(Expr::is_starred_expr);
        for (index, target) in targets.iter().enumerate() {
            self.bind(target, values.get(index).filter(|_| in_pairs));
        }
    }
}

fn elements(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        _ => &[],
    }
}

impl<'a> Visitor<'a> for Bound<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.bind(target, Some(&assign.value));
                }
                return self.visit_expr(&assign.value);
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.bind(&assign.target, Some(value));
                    self.visit_expr(value);
                }
                return;
            }
            // `frames += [row]` leaves a list a list.
            Stmt::AugAssign(assign) if is_python_value(&assign.value) => {
                return self.visit_expr(&assign.value);
            }
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
        match expr {
            Expr::Named(named) => {
                self.bind(&named.target, Some(&named.value));
                self.visit_expr(&named.value);
            }
            Expr::Name(name) if name.ctx == ExprContext::Store => {
                self.others.insert(name.id.as_str());
            }
            _ => walk_expr(self, expr),
        }
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
