//! The names to which a function gives values of its own.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprContext, Stmt, StmtFunctionDef};
use std::collections::{BTreeMap, HashSet};

/// Parameters, and what is assigned to; what the function imports, or where it calls an import by another name, is not its own.
pub(super) fn own_names(
    function: &StmtFunctionDef,
    imports: &BTreeMap<String, Vec<String>>,
) -> HashSet<String> {
    struct Own<'i> {
        names: HashSet<String>,
        imports: &'i BTreeMap<String, Vec<String>>,
    }
    impl<'a> Visitor<'a> for Own<'_> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::FunctionDef(inner) => {
                    self.names.insert(inner.name.to_string());
                }
                Stmt::ClassDef(inner) => {
                    self.names.insert(inner.name.to_string());
                }
                Stmt::Assign(assign) if matches!(&*assign.value, Expr::Name(name) if self.imports.contains_key(name.id.as_str())) =>
                    {}
                _ => walk_stmt(self, stmt),
            }
        }

        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Name(name) if name.ctx == ExprContext::Store => {
                    self.names.insert(name.id.to_string());
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
    let parameters = function
        .parameters
        .iter()
        .map(|parameter| parameter.name().to_string());
    let mut own = Own {
        names: parameters.collect(),
        imports,
    };
    own.visit_body(&function.body);
    own.names
}
