//! Where a block ends, so that what comes behind never runs, and which jumps leave the loop around it.

use super::effects::catches_nothing;
use crate::python::constant::{Constant, has_rounds, matches, truth};
use ruff_python_ast::{ExceptHandler, MatchCase, Stmt};

/// What becomes of whoever runs a statement or a block. Each is found once from those within it: asking twice, at every level, would take for
/// ever.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flow {
    /// Nobody comes to what follows in the same block.
    pub(super) ends: bool,
    /// A `break` of the loop around it may run.
    pub(super) breaks: bool,
    /// A `continue` of it may.
    pub(super) continues: bool,
}

impl Flow {
    /// Of a block.
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut flow = Flow::default();
        for stmt in body {
            let here = Flow::of_stmt(stmt);
            flow.jump_as(here);
            if here.ends {
                flow.ends = true;
                break;
            }
        }
        flow
    }

    pub(super) fn of_stmt(stmt: &Stmt) -> Self {
        let ending = Flow {
            ends: true,
            ..Flow::default()
        };
        match stmt {
            Stmt::Return(_) | Stmt::Raise(_) => ending,
            Stmt::Break(_) => Flow {
                breaks: true,
                ..ending
            },
            Stmt::Continue(_) => Flow {
                continues: true,
                ..ending
            },
            Stmt::Assert(assert) if truth(&assert.test) == Some(false) => ending,
            Stmt::If(branch) => {
                let clauses = branch.elif_else_clauses.iter().map(|clause| {
                    let taken = clause.test.as_ref().map_or(Some(true), truth);
                    (taken, &*clause.body)
                });
                let first = (truth(&branch.test), &*branch.body);
                Flow::of_ways(std::iter::once(first).chain(clauses))
            }
            Stmt::Match(choice) => {
                let subject = Constant::of(&choice.subject);
                let taken = |case| is_taken(case, subject.as_ref());
                Flow::of_ways(choice.cases.iter().map(|case| (taken(case), &*case.body)))
            }
            Stmt::While(looped) => {
                let (body, orelse) = (Flow::of(&looped.body), Flow::of(&looped.orelse));
                match truth(&looped.test) {
                    Some(true) => Flow {
                        ends: !body.breaks,
                        ..Flow::default()
                    },
                    Some(false) => orelse,
                    None => orelse.unless(body.breaks),
                }
            }
            Stmt::For(looped) => {
                let (body, orelse) = (Flow::of(&looped.body), Flow::of(&looped.orelse));
                match has_rounds(&looped.iter) {
                    // The first round is the last, and leaves more than the loop.
                    Some(true) if body.ends && !body.breaks && !body.continues => ending,
                    Some(false) => orelse,
                    _ => orelse.unless(body.breaks),
                }
            }
            Stmt::Try(tried) => {
                let (body, orelse) = (Flow::of(&tried.body), Flow::of(&tried.orelse));
                let last = Flow::of(&tried.finalbody);
                let mut flow = Flow {
                    ends: body.ends || orelse.ends,
                    ..Flow::default()
                };
                for handler in tried
                    .handlers
                    .iter()
                    .filter(|caught| !catches_nothing(caught))
                {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    let handled = Flow::of(&handler.body);
                    flow.ends &= handled.ends;
                    flow.jump_as(handled);
                }
                flow.ends |= last.ends;
                for part in [body, orelse, last] {
                    flow.jump_as(part);
                }
                flow
            }
            // What is entered may swallow what is raised.
            Stmt::With(with) => Flow {
                ends: false,
                ..Flow::of(&with.body)
            },
            _ => Flow::default(),
        }
    }

    /// Of ways each of which is taken for sure, for sure not, or perhaps; those behind a sure one are not come to.
    fn of_ways<'a>(ways: impl Iterator<Item = (Option<bool>, &'a [Stmt])>) -> Self {
        let mut flow = Flow::default();
        let mut all_end = true;
        for (taken, body) in ways.filter(|(taken, _)| *taken != Some(false)) {
            let way = Flow::of(body);
            all_end &= way.ends;
            flow.jump_as(way);
            if taken == Some(true) {
                flow.ends = all_end;
                break;
            }
        }
        flow
    }

    fn jump_as(&mut self, other: Flow) {
        self.breaks |= other.breaks;
        self.continues |= other.continues;
    }

    /// The `else` of a loop, which a `break` passes over.
    fn unless(self, breaks: bool) -> Self {
        Flow {
            ends: self.ends && !breaks,
            ..self
        }
    }
}

/// How many statements of `body` may run.
pub(super) fn live(body: &[Stmt]) -> usize {
    let last = body.iter().position(|stmt| Flow::of_stmt(stmt).ends);
    last.map_or(body.len(), |last| last + 1)
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
