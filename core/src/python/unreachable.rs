//! What can never run, or does nothing where it runs, from the syntax tree alone.
//!
//! - What follows `return`, `raise`, `break`, `continue` or `assert 0` in its block, or a statement all of whose ways end so.
//! - What stands under a test that is a constant of no truth (`if False:`, `while 1 - 1:`), the branches behind one that is always true, and
//!   the operands of `and`, `or` and `if else` that a constant decides against.
//! - The body of a loop over nothing (`for _ in ():`), what a comprehension would make of nothing, the comparators behind a link that does not
//!   hold (`0 > 1 > f()`), the cases of `match` that a constant subject rules out, the handlers of a `try` around `pass` and those of nothing
//!   (`except ():`), the `else` of a loop that is always left and of a `try` whose body is.
//! - What a lambda or a generator would compute whose value is only tested, or not even that; the message of an assertion that holds.
//! - What Python computes when somebody asks for it: annotations in functions, the values of `type`, bounds and defaults of type parameters.
//!
//! A `yield` makes a generator of its function wherever it stands: the word stays. (`global` and `nonlocal` work from where they never run, too;
//! these go.)
//!
//! It knows no values but constants ([`super::constant`]): `if len(()):` may run, and so may a function that nobody calls and what follows
//! `sys.exit()` or `1 / 0`. Python is taken to be started without `-O`, by which no assertion is looked at.

mod effects;
mod flow;

use super::constant::{Constant, has_rounds, live_comparators, truth};
use effects::{acts, catches_nothing, defaults, does_nothing, is_empty};
use flow::{Flow, is_taken, live, matched};
use ruff_python_ast::visitor::{
    Visitor, walk_body, walk_expr, walk_interpolated_string_element, walk_stmt,
};
use ruff_python_ast::{
    BoolOp, Comprehension, ElifElseClause, Expr, InterpolatedStringElement, Mod, Stmt, StmtMatch,
    TypeParam, UnaryOp,
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

/// Whether all of `part` lies in one of `ranges`, which are in order.
pub(super) fn covers(ranges: &[Range<usize>], part: TextRange) -> bool {
    let part = part.start().to_usize()..part.end().to_usize();
    let next = ranges.partition_point(|range| range.end < part.end);
    ranges
        .get(next)
        .is_some_and(|range| range.start <= part.start)
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

    /// What is computed to store something, where nothing is stored; a name stays.
    fn add_target(&mut self, target: &Expr) {
        if !target.is_name_expr() {
            self.add_expr(target);
        }
    }

    fn add_body(&mut self, body: &[Stmt]) {
        if let [first, ..] = body {
            let range = first.range().cover(body[body.len() - 1].range());
            self.add(range, |yields| yields.visit_body(body));
        }
    }

    fn visit_branches(&mut self, test: &Expr, body: &[Stmt], clauses: &[ElifElseClause]) {
        self.visit_unused(test);
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
            clause.test.iter().for_each(|test| self.visit_unused(test));
            match truth {
                Some(false) => self.add_body(&clause.body),
                _ => self.visit_body(&clause.body),
            }
            decided = truth == Some(true);
        }
    }

    fn visit_cases(&mut self, choice: &StmtMatch) {
        self.visit_expr(&choice.subject);
        let subject = Constant::of(&choice.subject);
        let mut decided = false;
        for case in &choice.cases {
            if decided {
                self.add(case.range(), |yields| yields.visit_match_case(case));
                continue;
            }
            match (
                matched(case, subject.as_ref()),
                is_taken(case, subject.as_ref()),
            ) {
                (Some(false), _) => {
                    case.guard.iter().for_each(|guard| self.add_expr(guard));
                    self.add_body(&case.body);
                }
                (_, Some(false)) => {
                    case.guard.iter().for_each(|guard| self.visit_unused(guard));
                    self.add_body(&case.body);
                }
                (_, taken) => {
                    self.visit_match_case(case);
                    decided = taken == Some(true);
                }
            }
        }
    }

    /// What is computed for its truth, or for nothing: no lambda is called for that, and no generator asked for an element.
    fn visit_unused(&mut self, expr: &Expr) {
        match expr {
            Expr::Lambda(lambda) => {
                defaults(lambda).for_each(|default| self.visit_expr(default));
                self.add_expr(&lambda.body);
            }
            Expr::Generator(made) => {
                let [first, more @ ..] = &*made.generators else {
                    return;
                };
                self.add_expr(&made.elt);
                self.visit_expr(&first.iter);
                first.ifs.iter().for_each(|test| self.add_expr(test));
                for generator in more {
                    self.add(generator.range(), |yields| {
                        yields.visit_comprehension(generator)
                    });
                }
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|each| self.visit_unused(each)),
            Expr::List(list) => list.elts.iter().for_each(|each| self.visit_unused(each)),
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => {
                self.visit_unused(&operation.operand)
            }
            _ => self.visit_expr(expr),
        }
    }

    /// What is made of each element that `generators` give.
    fn visit_comprehension_of(&mut self, elements: &[&Expr], generators: &[Comprehension]) {
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
            match nothing {
                true => self.add_target(&generator.target),
                false => self.visit_expr(&generator.target),
            }
            for condition in &generator.ifs {
                match nothing {
                    true => self.add_expr(condition),
                    false => self.visit_unused(condition),
                }
                nothing |= truth(condition) == Some(false);
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
        let live = live(body);
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
            Stmt::While(looped) => {
                let truth = truth(&looped.test);
                if truth == Some(false) && looped.orelse.is_empty() && !acts(&looped.test) {
                    return self.add_stmt(stmt);
                }
                self.visit_unused(&looped.test);
                match truth {
                    Some(false) => self.add_body(&looped.body),
                    _ => self.visit_body(&looped.body),
                }
                match truth {
                    Some(true) => self.add_body(&looped.orelse),
                    _ => self.visit_body(&looped.orelse),
                }
            }
            Stmt::For(looped) => {
                let has_rounds = has_rounds(&looped.iter);
                if looped.orelse.is_empty() && is_empty(&looped.iter) {
                    return self.add_stmt(stmt);
                }
                self.visit_expr(&looped.iter);
                if has_rounds == Some(false) {
                    self.add_target(&looped.target);
                    self.add_body(&looped.body);
                    return self.visit_body(&looped.orelse);
                }
                self.visit_expr(&looped.target);
                self.visit_body(&looped.body);
                let body = Flow::of(&looped.body);
                match has_rounds == Some(true) && body.ends && !body.continues {
                    true => self.add_body(&looped.orelse),
                    false => self.visit_body(&looped.orelse),
                }
            }
            Stmt::Match(matched) => self.visit_cases(matched),
            Stmt::Try(tried) => {
                self.visit_body(&tried.body);
                let is_harmless = tried.body.iter().all(does_nothing);
                for handler in &tried.handlers {
                    match is_harmless || catches_nothing(handler) {
                        true => self.add(handler.range(), |yields| {
                            yields.visit_except_handler(handler)
                        }),
                        false => self.visit_except_handler(handler),
                    }
                }
                match Flow::of(&tried.body).ends {
                    true => self.add_body(&tried.orelse),
                    false => self.visit_body(&tried.orelse),
                }
                self.visit_body(&tried.finalbody);
            }
            Stmt::Expr(alone) => match &*alone.value {
                Expr::Lambda(lambda) if !defaults(lambda).any(acts) => self.add_stmt(stmt),
                Expr::Generator(made)
                    if made
                        .generators
                        .first()
                        .is_some_and(|first| is_empty(&first.iter)) =>
                {
                    self.add_stmt(stmt)
                }
                _ => self.visit_unused(&alone.value),
            },
            Stmt::TypeAlias(alias) => {
                alias
                    .type_params
                    .iter()
                    .for_each(|params| self.visit_type_params(params));
                self.add_expr(&alias.value);
            }
            Stmt::AnnAssign(assign) if self.in_function => {
                self.visit_expr(&assign.target);
                self.add_expr(&assign.annotation);
                assign.value.iter().for_each(|value| self.visit_expr(value));
            }
            Stmt::Assert(assert) => {
                self.visit_unused(&assert.test);
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
                for (place, value) in operation.values[..live].iter().enumerate() {
                    // What is true goes on to the next operand of `and`, and nobody has it.
                    match operation.op == BoolOp::And && place + 1 < operation.values.len() {
                        true => self.visit_unused(value),
                        false => self.visit_expr(value),
                    }
                }
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
                self.visit_unused(&choice.test);
                match truth {
                    Some(true) => self.add_expr(&choice.orelse),
                    _ => self.visit_expr(&choice.orelse),
                }
            }
            Expr::Compare(comparison) => {
                let live = live_comparators(comparison);
                self.visit_expr(&comparison.left);
                for (place, comparator) in comparison.comparators.iter().enumerate() {
                    match place < live {
                        true => self.visit_expr(comparator),
                        false => self.add_expr(comparator),
                    }
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

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        // `f"{x = }"` shows its text.
        let shows_text = matches!(element, InterpolatedStringElement::Interpolation(shown) if shown.debug_text.is_some());
        if !shows_text {
            walk_interpolated_string_element(self, element);
        }
    }

    fn visit_type_param(&mut self, parameter: &'a TypeParam) {
        let (bound, default) = match parameter {
            TypeParam::TypeVar(variable) => (&variable.bound, &variable.default),
            TypeParam::ParamSpec(variable) => (&None, &variable.default),
            TypeParam::TypeVarTuple(variable) => (&None, &variable.default),
        };
        bound
            .iter()
            .chain(default)
            .for_each(|asked| self.add_expr(asked));
    }
}

/// Finds the `yield`s of a function, those of functions within it aside.
struct Yields {
    starts: Vec<usize>,
}

impl<'a> Visitor<'a> for Yields {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // What is computed where these are made is the outer function's.
            Stmt::FunctionDef(function) => {
                function
                    .decorator_list
                    .iter()
                    .for_each(|decorator| self.visit_decorator(decorator));
                self.visit_parameters(&function.parameters);
            }
            Stmt::ClassDef(class) => {
                class
                    .decorator_list
                    .iter()
                    .for_each(|decorator| self.visit_decorator(decorator));
                class
                    .arguments
                    .iter()
                    .for_each(|arguments| self.visit_arguments(arguments));
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.starts.push(expr.start().to_usize()),
            Expr::Lambda(lambda) => defaults(lambda).for_each(|default| self.visit_expr(default)),
            _ => walk_expr(self, expr),
        }
    }
}

#[cfg(test)]
mod tests;
