//! Where a block ends: what comes behind a statement never runs.

use super::effects::catches_nothing;
use crate::python::constant::{Constant, has_rounds, matches, truth};
use ruff_python_ast::visitor::{Visitor, walk_body, walk_stmt};
use ruff_python_ast::{ExceptHandler, Expr, MatchCase, Stmt};

/// Whether what follows in the same block never runs.
pub(super) fn ends_block(stmt: &Stmt) -> bool {
    let ends = |body: &[Stmt]| body.iter().any(ends_block);
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::Assert(assert) => truth(&assert.test) == Some(false),
        Stmt::If(branch) => {
            let mut ways = vec![(truth(&branch.test), &*branch.body)];
            ways.extend(branch.elif_else_clauses.iter().map(|clause| {
                let truth = clause.test.as_ref().map_or(Some(true), truth);
                (truth, &*clause.body)
            }));
            all_end(&ways)
        }
        Stmt::While(looped) => match truth(&looped.test) {
            Some(true) => !jumps(&looped.body).breaks,
            Some(false) => ends(&looped.orelse),
            None => ends(&looped.orelse) && !jumps(&looped.body).breaks,
        },
        Stmt::For(looped) => {
            let jumps = jumps(&looped.body);
            let returns = ends(&looped.body) && !jumps.breaks && !jumps.continues;
            match has_rounds(&looped.iter) {
                Some(true) if returns => true,
                Some(false) => ends(&looped.orelse),
                _ => ends(&looped.orelse) && !jumps.breaks,
            }
        }
        Stmt::Try(tried) => {
            let handled = |handler: &ExceptHandler| {
                let ExceptHandler::ExceptHandler(caught) = handler;
                ends(&caught.body) || catches_nothing(handler)
            };
            ends(&tried.finalbody)
                || ((ends(&tried.body) || ends(&tried.orelse))
                    && tried.handlers.iter().all(handled))
        }
        Stmt::Match(matched) => {
            let subject = Constant::of(&matched.subject);
            let ways: Vec<_> = matched
                .cases
                .iter()
                .map(|case| (is_taken(case, subject.as_ref()), &*case.body))
                .collect();
            all_end(&ways)
        }
        _ => false,
    }
}

/// Whether each way that may be taken ends, up to one that is sure to be.
fn all_end(ways: &[(Option<bool>, &[Stmt])]) -> bool {
    let sure = ways.iter().position(|(taken, _)| *taken == Some(true));
    sure.is_some_and(|sure| {
        let mut possible = ways[..=sure]
            .iter()
            .filter(|(taken, _)| *taken != Some(false));
        possible.all(|(_, body)| body.iter().any(ends_block))
    })
}

/// Whether the pattern of `case` matches; `subject` is what is matched, where that is known.
pub(super) fn matched(case: &MatchCase, subject: Option<&Constant>) -> Option<bool> {
    match case.pattern.is_irrefutable() {
        true => Some(true),
        false => subject.and_then(|subject| matches(&case.pattern, subject)),
    }
}

/// Whether `case` is taken where it is come to.
pub(super) fn is_taken(case: &MatchCase, subject: Option<&Constant>) -> Option<bool> {
    let guarded = case.guard.as_ref().map_or(Some(true), |guard| truth(guard));
    match (matched(case, subject), guarded) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Which jumps in a loop's body belong to that loop.
#[derive(Default)]
pub(super) struct Jumps {
    pub(super) breaks: bool,
    pub(super) continues: bool,
}

pub(super) fn jumps(body: &[Stmt]) -> Jumps {
    let mut jumps = Jumps::default();
    jumps.visit_body(body);
    jumps
}

impl<'a> Visitor<'a> for Jumps {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        let live = body
            .iter()
            .position(ends_block)
            .map_or(body.len(), |last| last + 1);
        walk_body(self, &body[..live]);
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Break(_) => self.breaks = true,
            Stmt::Continue(_) => self.continues = true,
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            // A loop's `else` belongs to the loop around it.
            Stmt::For(looped) => self.visit_body(&looped.orelse),
            Stmt::While(looped) => self.visit_body(&looped.orelse),
            Stmt::If(branch) if truth(&branch.test) == Some(false) => {
                for clause in &branch.elif_else_clauses {
                    self.visit_body(&clause.body);
                }
            }
            Stmt::If(branch) if truth(&branch.test) == Some(true) => self.visit_body(&branch.body),
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}
