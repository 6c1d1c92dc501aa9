//! `else:` with nothing but an `if` within is an `elif`, as in CPython's trees.

use ruff_python_ast::{ExceptHandler, Stmt, StmtIf};

/// Writes every such `else` of these statements, and of those within them, as the `elif` that it is.
pub(super) fn join_elifs(body: &mut [Stmt]) {
    for stmt in body {
        match stmt {
            Stmt::FunctionDef(function) => join_elifs(&mut function.body),
            Stmt::ClassDef(class) => join_elifs(&mut class.body),
            Stmt::With(with) => join_elifs(&mut with.body),
            Stmt::For(rounds) => {
                join_elifs(&mut rounds.body);
                join_elifs(&mut rounds.orelse);
            }
            Stmt::While(rounds) => {
                join_elifs(&mut rounds.body);
                join_elifs(&mut rounds.orelse);
            }
            Stmt::Match(cases) => cases
                .cases
                .iter_mut()
                .for_each(|case| join_elifs(&mut case.body)),
            Stmt::Try(tried) => {
                for ExceptHandler::ExceptHandler(caught) in &mut tried.handlers {
                    join_elifs(&mut caught.body);
                }
                for body in [&mut tried.body, &mut tried.orelse, &mut tried.finalbody] {
                    join_elifs(body);
                }
            }
            Stmt::If(choice) => {
                while let Some(inner) = only_if(choice) {
                    let StmtIf {
                        test,
                        body,
                        elif_else_clauses,
                        ..
                    } = inner;
                    if let Some(last) = choice.elif_else_clauses.last_mut() {
                        (last.test, last.body) = (Some(*test), body);
                    }
                    choice.elif_else_clauses.extend(elif_else_clauses);
                }
                join_elifs(&mut choice.body);
                for clause in &mut choice.elif_else_clauses {
                    join_elifs(&mut clause.body);
                }
            }
            _ => {}
        }
    }
}

/// The `if` that is all that stands in the last `else`.
fn only_if(choice: &mut StmtIf) -> Option<StmtIf> {
    let last = choice.elif_else_clauses.last_mut()?;
    match (&last.test, last.body.as_slice()) {
        (None, [Stmt::If(_)]) => last.body.pop()?.if_stmt(),
        _ => None,
    }
}
