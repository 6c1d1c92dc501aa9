//! Which statements can never run, from the syntax tree alone.
//!
//! - What follows `return`, `raise`, `break` or `continue` in its block, or an `if` all of whose branches end so.
//! - What stands under a test that is a constant of no truth (`if False:`, `while 0:`), and the branches behind one that is always true.
//!
//! It knows no values: `if 1 > 2:` may run, and so may a function that nobody calls and what follows `sys.exit()`.

use ruff_python_ast::visitor::{Visitor, walk_body, walk_stmt};
use ruff_python_ast::{ElifElseClause, Expr, Mod, Number, Stmt};
use ruff_text_size::Ranged;
use std::ops::Range;

/// The byte ranges of the statements in `module` that can never run, in order, none within another.
pub(super) fn find(module: &Mod) -> Vec<Range<usize>> {
    let mut finder = Finder { found: Vec::new() };
    if let Mod::Module(module) = module {
        finder.visit_body(&module.body);
    }
    finder.found
}

/// Whether `at` lies in one of `ranges`, which are in order.
pub(super) fn is_within(at: usize, ranges: &[Range<usize>]) -> bool {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).is_some_and(|range| range.start <= at)
}

struct Finder {
    found: Vec<Range<usize>>,
}

impl Finder {
    fn add(&mut self, first: &impl Ranged, last: &impl Ranged) {
        self.found
            .push(first.start().to_usize()..last.end().to_usize());
    }

    fn add_body(&mut self, body: &[Stmt]) {
        if let [first, ..] = body {
            self.add(first, &body[body.len() - 1]);
        }
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        let live = body
            .iter()
            .position(ends_block)
            .map_or(body.len(), |last| last + 1);
        walk_body(self, &body[..live]);
        self.add_body(&body[live..]);
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::If(branch) => {
                let clauses = &branch.elif_else_clauses;
                match truth(&branch.test) {
                    Some(false) if clauses.is_empty() => self.add(stmt, stmt),
                    Some(false) => self.add_body(&branch.body),
                    _ => self.visit_body(&branch.body),
                }
                let mut decided = truth(&branch.test) == Some(true);
                for clause in clauses {
                    let test = clause.test.as_ref().and_then(truth);
                    if decided {
                        self.add(clause, clause);
                    } else if test == Some(false) {
                        self.add_body(&clause.body);
                    } else {
                        self.visit_body(&clause.body);
                    }
                    decided |= test == Some(true);
                }
            }
            Stmt::While(looped) if truth(&looped.test) == Some(false) => {
                if looped.orelse.is_empty() {
                    self.add(stmt, stmt);
                } else {
                    self.add_body(&looped.body);
                    self.visit_body(&looped.orelse);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Whether what follows in the same block never runs.
fn ends_block(stmt: &Stmt) -> bool {
    let ends = |body: &[Stmt]| body.iter().any(ends_block);
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::If(branch) => {
            let has_else = |clause: &ElifElseClause| clause.test.is_none();
            ends(&branch.body)
                && branch.elif_else_clauses.last().is_some_and(has_else)
                && branch
                    .elif_else_clauses
                    .iter()
                    .all(|clause| ends(&clause.body))
        }
        _ => false,
    }
}

/// What a constant is worth as a test; `None` of anything else.
fn truth(test: &Expr) -> Option<bool> {
    match test {
        Expr::BooleanLiteral(literal) => Some(literal.value),
        Expr::NoneLiteral(_) => Some(false),
        Expr::StringLiteral(literal) => Some(!literal.value.is_empty()),
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(int) => int.as_u64().map(|int| int != 0),
            Number::Float(float) => Some(*float != 0.0),
            Number::Complex { .. } => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::python::{Grammar, Module};

    fn unreachable(source: &str) -> Vec<&str> {
        let module = Module::parse(source, Grammar::Latest).unwrap();
        module
            .unreachable()
            .into_iter()
            .map(|range| &source[range])
            .collect()
    }

    #[test]
    fn what_follows_the_end_of_a_block_never_runs() {
        assert_eq!(
            unreachable("def f():\n    return a\n    b()\n    c()\nd()"),
            ["b()\n    c()"]
        );
        assert_eq!(
            unreachable("for x in y:\n    if x:\n        break\n        a()\n    b()"),
            ["a()"]
        );
        assert_eq!(unreachable("raise E; a()"), ["a()"]);
        assert_eq!(
            unreachable(
                "def f():\n    if x:\n        return 1\n    elif y:\n        raise E\n    else:\n        return 2\n    a()"
            ),
            ["a()"]
        );
        assert_eq!(
            unreachable(
                "def f():\n    if x:\n        return 1\n    elif y:\n        return 2\n    a()"
            ),
            [""; 0]
        );
    }

    #[test]
    fn what_stands_under_a_false_constant_never_runs() {
        for test in ["False", "0", "0.0", "None", "''"] {
            let source = format!("if {test}:\n    a()\nb()");
            assert_eq!(unreachable(&source), [format!("if {test}:\n    a()")]);
        }
        assert_eq!(unreachable("if False:\n    a()\nelse:\n    b()"), ["a()"]);
        assert_eq!(
            unreachable("if 1:\n    a()\nelif x:\n    b()\nelse:\n    c()"),
            ["elif x:\n    b()", "else:\n    c()"]
        );
        assert_eq!(
            unreachable("while 0:\n    a()\nelse:\n    b()\n    if False: c()"),
            ["a()", "if False: c()"]
        );
        assert_eq!(
            unreachable("if x:\n    a()\nelif 0:\n    b()\nelse:\n    c()"),
            ["b()"]
        );
    }

    #[test]
    fn what_may_run_is_left_alone() {
        for source in [
            "if x:\n    a()\nb()",
            "def f():\n    return 1\nf()",
            "while True:\n    a()",
            "try:\n    return a()\nexcept E:\n    b()",
            "x = lambda: 1",
        ] {
            assert_eq!(unreachable(source), [""; 0], "{source}");
        }
    }
}
