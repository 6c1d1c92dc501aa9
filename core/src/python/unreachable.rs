//! What can never run, or does nothing where it runs, from the syntax tree alone.
//!
//! - What follows `return`, `raise`, `break`, `continue` or `assert 0` in its block, or a statement all of whose ways end so.
//! - What stands under a test that is a constant of no truth (`if False:`, `while 1 - 1:`), the branches behind one that is always true, and
//!   the operands of `and`, `or` and `if else` that a constant decides against.
//! - The body of a loop over nothing (`for _ in ():`), what a comprehension would make of nothing, the cases of `match` that a constant subject
//!   rules out, and the handlers of a `try` around `pass`.
//! - Statements that are a lambda or a generator alone, which nobody calls; annotations of a function's names that give no value; the message
//!   of an assertion that holds.
//!
//! A `yield` makes a generator of its function wherever it stands: the word stays. (`global` and `nonlocal` work from where they never run, too;
//! these go.)
//!
//! It knows no values but constants ([`super::constant`]): `if len(()):` may run, and so may a function that nobody calls and what follows
//! `sys.exit()` or `1 / 0`.

use super::constant::{Constant, has_rounds, matches, truth};
use ruff_python_ast::helpers::any_over_expr;
use ruff_python_ast::visitor::{Visitor, walk_body, walk_expr, walk_stmt};
use ruff_python_ast::{
    BoolOp, Comprehension, ElifElseClause, ExceptHandler, Expr, ExprGenerator, ExprLambda,
    MatchCase, Mod, Stmt, StmtMatch,
};
use ruff_text_size::{Ranged, TextRange};
use std::ops::Range;

/// The byte ranges of `module` that can never run, in order, none within another.
pub(super) fn find(module: &Mod) -> Vec<Range<usize>> {
    let mut finder = Finder {
        found: Vec::new(),
        in_function: false,
    };
    if let Mod::Module(module) = module {
        finder.visit_body(&module.body);
    }
    // Visited as Python evaluates, which is not always as it is written.
    finder.found.sort_by_key(|range| range.start);
    finder.found
}

/// Whether `at` lies in one of `ranges`, which are in order.
pub(super) fn is_within(at: usize, ranges: &[Range<usize>]) -> bool {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).is_some_and(|range| range.start <= at)
}

struct Finder {
    found: Vec<Range<usize>>,
    in_function: bool,
}

impl Finder {
    /// From the start of one to the end of another, without the words `yield` in `within`.
    fn add(&mut self, range: TextRange, within: impl FnOnce(&mut Yields)) {
        let mut yields = Yields { starts: Vec::new() };
        within(&mut yields);
        let (mut start, end) = (range.start().to_usize(), range.end().to_usize());
        // The first is enough.
        if let Some(&at) = yields.starts.iter().min() {
            if start < at {
                self.found.push(start..at);
            }
            start = at + "yield".len();
        }
        if start < end {
            self.found.push(start..end);
        }
    }

    fn add_stmt(&mut self, stmt: &Stmt) {
        self.add(stmt.range(), |yields| yields.visit_stmt(stmt));
    }

    fn add_expr(&mut self, expr: &Expr) {
        self.add(expr.range(), |yields| yields.visit_expr(expr));
    }

    fn add_body(&mut self, body: &[Stmt]) {
        if let [first, ..] = body {
            let range = first.range().cover(body[body.len() - 1].range());
            self.add(range, |yields| yields.visit_body(body));
        }
    }

    fn visit_branches(&mut self, test: &Expr, body: &[Stmt], clauses: &[ElifElseClause]) {
        self.visit_expr(test);
        match truth(test) {
            Some(false) => self.add_body(body),
            _ => self.visit_body(body),
        }
        let mut decided = truth(test) == Some(true);
        for clause in clauses {
            let truth = clause.test.as_ref().and_then(truth);
            if decided {
                self.add(clause.range(), |yields| {
                    yields.visit_elif_else_clause(clause)
                });
                continue;
            }
            clause.test.iter().for_each(|test| self.visit_expr(test));
            match truth {
                Some(false) => self.add_body(&clause.body),
                _ => self.visit_body(&clause.body),
            }
            decided = truth == Some(true);
        }
    }

    fn visit_cases(&mut self, matched: &StmtMatch) {
        self.visit_expr(&matched.subject);
        let subject = Constant::of(&matched.subject);
        let mut decided = false;
        for case in &matched.cases {
            if decided {
                self.add(case.range(), |yields| yields.visit_match_case(case));
                continue;
            }
            match is_taken(case, subject.as_ref()) {
                Some(false) => self.add_body(&case.body),
                taken => {
                    self.visit_match_case(case);
                    decided = taken == Some(true);
                }
            }
        }
    }

    /// A lambda that nobody calls: its defaults are all that is computed.
    fn visit_lambda_alone(&mut self, stmt: &Stmt, lambda: &ExprLambda) {
        let parameters = lambda.parameters.iter().flat_map(|all| all.iter());
        let defaults: Vec<&Expr> = parameters.filter_map(|each| each.default()).collect();
        if !defaults.iter().any(|default| acts(default)) {
            return self.add_stmt(stmt);
        }
        defaults.iter().for_each(|default| self.visit_expr(default));
        self.add_expr(&lambda.body);
    }

    /// A generator that nobody asks for an element: what it would go through first is all that is computed.
    fn visit_generator_alone(&mut self, stmt: &Stmt, made: &ExprGenerator) {
        let [first, more @ ..] = &*made.generators else {
            return;
        };
        if is_empty(&first.iter) {
            return self.add_stmt(stmt);
        }
        self.add_expr(&made.elt);
        self.visit_expr(&first.iter);
        first.ifs.iter().for_each(|test| self.add_expr(test));
        for generator in more {
            self.add(generator.range(), |yields| {
                yields.visit_comprehension(generator)
            });
        }
    }

    /// What is made of each element that `generators` give.
    fn visit_comprehension_of(&mut self, elements: &[&Expr], generators: &[Comprehension]) {
        let is_false = |expr: &Expr| truth(expr) == Some(false);
        let mut nothing = false;
        for generator in generators {
            if nothing {
                self.add(generator.range(), |yields| {
                    yields.visit_comprehension(generator)
                });
                continue;
            }
            self.visit_expr(&generator.iter);
            nothing = has_rounds(&generator.iter) == Some(false);
            for condition in &generator.ifs {
                match nothing {
                    true => self.add_expr(condition),
                    false => self.visit_expr(condition),
                }
                nothing |= is_false(condition);
            }
        }
        for element in elements {
            match nothing {
                true => self.add_expr(element),
                false => self.visit_expr(element),
            }
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
            Stmt::If(branch) => match truth(&branch.test) {
                Some(false) if branch.elif_else_clauses.is_empty() && !acts(&branch.test) => {
                    self.add_stmt(stmt)
                }
                _ => self.visit_branches(&branch.test, &branch.body, &branch.elif_else_clauses),
            },
            Stmt::While(looped) if truth(&looped.test) == Some(false) => {
                if looped.orelse.is_empty() && !acts(&looped.test) {
                    self.add_stmt(stmt);
                } else {
                    self.visit_expr(&looped.test);
                    self.add_body(&looped.body);
                    self.visit_body(&looped.orelse);
                }
            }
            Stmt::For(looped) if has_rounds(&looped.iter) == Some(false) => {
                if looped.orelse.is_empty() && is_empty(&looped.iter) {
                    self.add_stmt(stmt);
                } else {
                    self.visit_expr(&looped.iter);
                    self.add_body(&looped.body);
                    self.visit_body(&looped.orelse);
                }
            }
            Stmt::Match(matched) => self.visit_cases(matched),
            Stmt::Try(tried) if tried.body.iter().all(Stmt::is_pass_stmt) => {
                for handler in &tried.handlers {
                    self.add(handler.range(), |yields| {
                        yields.visit_except_handler(handler)
                    });
                }
                self.visit_body(&tried.orelse);
                self.visit_body(&tried.finalbody);
            }
            Stmt::Expr(alone) => match &*alone.value {
                Expr::Lambda(lambda) => self.visit_lambda_alone(stmt, lambda),
                Expr::Generator(generator) => self.visit_generator_alone(stmt, generator),
                _ => walk_stmt(self, stmt),
            },
            Stmt::AnnAssign(assign) if self.in_function && assign.value.is_none() => {
                self.visit_expr(&assign.target);
                self.add_expr(&assign.annotation);
            }
            Stmt::Assert(assert) => {
                self.visit_expr(&assert.test);
                match &assert.msg {
                    Some(message) if truth(&assert.test) == Some(true) => self.add_expr(message),
                    Some(message) => self.visit_expr(message),
                    None => {}
                }
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                let outer = std::mem::replace(&mut self.in_function, stmt.is_function_def_stmt());
                walk_stmt(self, stmt);
                self.in_function = outer;
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::BoolOp(operation) => {
                let decides = Some(operation.op == BoolOp::Or);
                let decided = operation
                    .values
                    .iter()
                    .position(|value| truth(value) == decides);
                let live = decided.map_or(operation.values.len(), |last| last + 1);
                operation.values[..live]
                    .iter()
                    .for_each(|value| self.visit_expr(value));
                operation.values[live..]
                    .iter()
                    .for_each(|value| self.add_expr(value));
            }
            Expr::If(choice) => {
                let truth = truth(&choice.test);
                // In the order in which they are written.
                match truth {
                    Some(false) => self.add_expr(&choice.body),
                    _ => self.visit_expr(&choice.body),
                }
                self.visit_expr(&choice.test);
                match truth {
                    Some(true) => self.add_expr(&choice.orelse),
                    _ => self.visit_expr(&choice.orelse),
                }
            }
            Expr::ListComp(made) => self.visit_comprehension_of(&[&made.elt], &made.generators),
            Expr::SetComp(made) => self.visit_comprehension_of(&[&made.elt], &made.generators),
            Expr::Generator(made) => self.visit_comprehension_of(&[&made.elt], &made.generators),
            Expr::DictComp(made) => {
                let elements: Vec<&Expr> =
                    made.key.iter().chain([&made.value]).map(|e| &**e).collect();
                self.visit_comprehension_of(&elements, &made.generators)
            }
            _ => walk_expr(self, expr),
        }
    }
}

/// Finds the `yield`s of a function, those of functions within it aside.
struct Yields {
    starts: Vec<usize>,
}

impl<'a> Visitor<'a> for Yields {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            walk_stmt(self, stmt);
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.starts.push(expr.start().to_usize()),
            Expr::Lambda(_) => {}
            _ => walk_expr(self, expr),
        }
    }
}

/// Whether computing `expr` may do something, or raise.
fn acts(expr: &Expr) -> bool {
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

/// Whether `iterable` holds nothing, and computing it does nothing.
fn is_empty(iterable: &Expr) -> bool {
    let holds_nothing = |value: Constant| {
        let container = matches!(
            value,
            Constant::Str(_) | Constant::Bytes(_) | Constant::Items(..)
        );
        container && !value.truth()
    };
    Constant::of(iterable).is_some_and(holds_nothing) && !acts(iterable)
}

/// Whether what follows in the same block never runs.
fn ends_block(stmt: &Stmt) -> bool {
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
        Stmt::While(looped) => truth(&looped.test) == Some(true) && !breaks(&looped.body),
        Stmt::Try(tried) => {
            let handled = |handler: &ExceptHandler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                ends(&handler.body)
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

/// Whether `case` is taken where it is come to; `subject` is what is matched, where that is known.
fn is_taken(case: &MatchCase, subject: Option<&Constant>) -> Option<bool> {
    let matched = match case.pattern.is_irrefutable() {
        true => Some(true),
        false => subject.and_then(|subject| matches(&case.pattern, subject)),
    };
    let guarded = case.guard.as_ref().map_or(Some(true), |guard| truth(guard));
    match (matched, guarded) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Whether a `break` in `body` belongs to the loop around it.
fn breaks(body: &[Stmt]) -> bool {
    struct Breaks(bool);
    impl<'a> Visitor<'a> for Breaks {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::Break(_) => self.0 = true,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                // A loop's `else` belongs to the loop around it.
                Stmt::For(looped) => self.visit_body(&looped.orelse),
                Stmt::While(looped) => self.visit_body(&looped.orelse),
                _ => walk_stmt(self, stmt),
            }
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut breaks = Breaks(false);
    breaks.visit_body(body);
    breaks.0
}

#[cfg(test)]
mod tests;
