//! The names to which a function gives values of its own.

use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_expr, walk_pattern, walk_stmt};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprContext, Pattern, Stmt, StmtFunctionDef,
};
use std::collections::{BTreeMap, HashSet};

/// Parameters, and what is assigned to; what the function imports, where it calls an import by another name, and what is `global` are not.
pub(super) fn own_names(
    function: &StmtFunctionDef,
    imports: &BTreeMap<String, Vec<String>>,
) -> HashSet<String> {
    let parameters = function.parameters.iter();
    let mut found = Found {
        own: parameters
            .map(|parameter| parameter.name().to_string())
            .collect(),
        others: HashSet::new(),
        imports,
    };
    found.visit_body(&function.body);
    &found.own - &found.others
}

struct Found<'i> {
    own: HashSet<String>,
    others: HashSet<String>,
    imports: &'i BTreeMap<String, Vec<String>>,
}

impl<'a> Visitor<'a> for Found<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(inner) => {
                self.own.insert(inner.name.to_string());
            }
            Stmt::ClassDef(inner) => {
                self.own.insert(inner.name.to_string());
            }
            Stmt::Global(outer) => self
                .others
                .extend(outer.names.iter().map(ToString::to_string)),
            Stmt::Assign(assign) if matches!(&*assign.value, Expr::Name(name) if self.imports.contains_key(name.id.as_str())) =>
                {}
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let first = || alias.name.split('.').next().unwrap_or_default().to_owned();
        let name = alias.asname.as_ref().map(ToString::to_string);
        self.others.insert(name.unwrap_or_else(first));
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(caught) = handler;
        self.own.extend(caught.name.iter().map(ToString::to_string));
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.own.extend(captured(pattern).map(str::to_owned));
        walk_pattern(self, pattern);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ExprContext::Store => {
                self.own.insert(name.id.to_string());
            }
            // Their variables are theirs.
            Expr::Lambda(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
            | Expr::Generator(_) => {}
            _ => walk_expr(self, expr),
        }
    }
}

/// The variables of a comprehension.
pub(super) fn own_variables(comprehension: &Expr) -> HashSet<String> {
    let generators: &[Comprehension] = match comprehension {
        Expr::ListComp(made) => &made.generators,
        Expr::SetComp(made) => &made.generators,
        Expr::DictComp(made) => &made.generators,
        Expr::Generator(made) => &made.generators,
        _ => &[],
    };
    let mut found = Found {
        own: HashSet::new(),
        others: HashSet::new(),
        imports: &BTreeMap::new(),
    };
    generators
        .iter()
        .for_each(|generator| found.visit_expr(&generator.target));
    found.own
}

/// The name that a pattern gives to what it matches.
pub(super) fn captured(pattern: &Pattern) -> Option<&str> {
    let name = match pattern {
        Pattern::MatchAs(capture) => &capture.name,
        Pattern::MatchStar(capture) => &capture.name,
        Pattern::MatchMapping(capture) => &capture.rest,
        _ => &None,
    };
    name.as_ref().map(|name| name.as_str())
}
