//! Values of Python's own types: `frames = []`, then `frames.append(row)` is no use of a library.
//!
//! A value is known where it stands, or where every statement that binds its name, wherever it stands, gives it such a one. What a function, a
//! loop or a dict gives is not known, nor what a parameter is. Of a known value only the methods that Python's types have are no library's:
//! who writes `np = []` to hide `np.row_stack(rows)` hides nothing.

use super::super::unreachable::covers;
use super::captured;
use ruff_python_ast::visitor::{
    Visitor, walk_except_handler, walk_expr, walk_parameter, walk_pattern, walk_stmt,
    walk_type_param,
};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, ModModule, Operator, Parameter, Pattern, Stmt,
    TypeParam,
};
use ruff_text_size::Ranged;
use std::collections::HashSet;
use std::ops::Range;

/// Functions whose results are of Python's own types, unless the module gives their names another meaning.
const MAKERS: [&str; 18] = [
    "bytearray",
    "bytes",
    "dict",
    "enumerate",
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

/// The methods of lists, dicts, sets, tuples and texts, in order (Python 3.14).
const METHODS: [&str; 76] = [
    "add",
    "append",
    "capitalize",
    "casefold",
    "center",
    "clear",
    "copy",
    "count",
    "decode",
    "difference",
    "difference_update",
    "discard",
    "encode",
    "endswith",
    "expandtabs",
    "extend",
    "find",
    "format",
    "format_map",
    "fromkeys",
    "get",
    "hex",
    "index",
    "insert",
    "intersection",
    "intersection_update",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isdisjoint",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "issubset",
    "issuperset",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "pop",
    "popitem",
    "remove",
    "removeprefix",
    "removesuffix",
    "replace",
    "reverse",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "setdefault",
    "sort",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "symmetric_difference",
    "symmetric_difference_update",
    "title",
    "translate",
    "union",
    "update",
    "upper",
];

/// How deep an expression is looked at: beyond, nothing is known.
const MAX_DEPTH: u32 = 4;
/// The most values of an `and` or `or` that are looked at.
const MAX_CHOICES: usize = 8;

/// What is known of a module's values.
#[derive(Debug, Default)]
pub(super) struct PythonValues {
    /// Names that functions bind, or the module, to nothing but such values.
    names: HashSet<String>,
    /// Those of them that the module binds outside of functions and classes.
    of_module: HashSet<String>,
    /// [`MAKERS`] that are something else here.
    shadowed: HashSet<String>,
}

impl PythonValues {
    /// Of what can run: the ranges `left_out` cannot.
    pub fn of(module: &ModModule, left_out: &[Range<usize>]) -> Self {
        let mut bound = Bound {
            left_out,
            ..Bound::default()
        };
        bound.visit_body(&module.body);
        let is_bound = |name: &&&str| {
            bound.others.contains(**name) || bound.known.iter().any(|(known, ..)| known == *name)
        };
        let shadowed = MAKERS
            .iter()
            .filter(|name| bound.star || is_bound(name))
            .map(|name| (*name).to_owned())
            .collect();
        let mut values = PythonValues {
            shadowed,
            ..PythonValues::default()
        };
        let mut others = bound.others;
        for &(name, value, _) in &bound.known {
            if value.is_some_and(|value| !values.is_value(value, MAX_DEPTH)) {
                others.insert(name);
            }
        }
        for (name, _, of_module) in bound.known {
            if others.contains(name) {
                continue;
            }
            values.names.insert(name.to_owned());
            if of_module {
                values.of_module.insert(name.to_owned());
            }
        }
        values
    }

    /// Whether `of.method` is a method of Python's own; `rest` begins with the dot. A name is a function's own, or it is not.
    pub fn has_method(&self, of: &Expr, rest: &str, is_local: bool) -> bool {
        let method = rest.strip_prefix('.').unwrap_or_default();
        let method = method.split_once('(').map_or(method, |(method, _)| method);
        METHODS.binary_search(&method).is_ok()
            && match of {
                Expr::Name(name) => match is_local {
                    true => &self.names,
                    false => &self.of_module,
                }
                .contains(name.id.as_str()),
                _ => self.is_value(of, MAX_DEPTH),
            }
    }

    /// Whether `expr` is of one of Python's own types.
    fn is_value(&self, expr: &Expr, depth: u32) -> bool {
        let Some(depth) = depth.checked_sub(1) else {
            return false;
        };
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
            Expr::Named(named) => self.is_value(&named.value, depth),
            Expr::If(choice) => {
                self.is_value(&choice.body, depth) && self.is_value(&choice.orelse, depth)
            }
            Expr::BoolOp(choice) => {
                let values = &choice.values;
                values.len() <= MAX_CHOICES
                    && values.iter().all(|value| self.is_value(value, depth))
            }
            Expr::Subscript(part) => {
                part.slice.is_slice_expr() && self.is_value(&part.value, depth)
            }
            Expr::BinOp(both) => {
                is_text(expr)
                    || self.is_value(&both.left, depth) && self.is_value(&both.right, depth)
            }
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) => {
                    let name = name.id.as_str();
                    MAKERS.binary_search(&name).is_ok() && !self.shadowed.contains(name)
                }
                Expr::Attribute(method) if method.attr.as_str() == "copy" => {
                    self.is_value(&method.value, depth)
                }
                Expr::Attribute(method) => is_text(&method.value),
                _ => false,
            },
            _ => is_text(expr),
        }
    }
}

/// Whether it is a text as it stands, or `'%s' % rows`: what its methods give is Python's own too.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(_) | Expr::FString(_) => true,
        Expr::BinOp(both) => {
            both.op == Operator::Mod
                && matches!(&*both.left, Expr::StringLiteral(_) | Expr::FString(_))
        }
        _ => false,
    }
}

#[derive(Default)]
struct Bound<'a, 'r> {
    left_out: &'r [Range<usize>],
    /// A name, what it is given (`None` is a list, by unpacking), and whether outside of functions and classes.
    known: Vec<(&'a str, Option<&'a Expr>, bool)>,
    /// Names that are given what nobody knows.
    others: HashSet<&'a str>,
    /// Whether a module's names are all imported.
    star: bool,
    /// Functions and classes around the statement at hand.
    scopes: usize,
}

impl<'a> Bound<'a, '_> {
    /// A target is given a value.
    fn bind(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Name(name) => {
                let of_module = self.scopes == 0;
                self.known.push((name.id.as_str(), Some(value), of_module));
            }
            // `a, b = 1, []` is two bindings.
            Expr::List(_) | Expr::Tuple(_) => {
                let (targets, values) = (elements(target), elements(value));
                let in_pairs = targets.len() == values.len()
                    && !targets.iter().chain(values).any(Expr::is_starred_expr);
                for (index, target) in targets.iter().enumerate() {
                    match (in_pairs, target) {
                        (true, _) => self.bind(target, &values[index]),
                        // The rest of what is unpacked is a list, whatever it was.
                        (false, Expr::Starred(rest)) if rest.value.is_name_expr() => {
                            let name = rest.value.as_name_expr();
                            let of_module = self.scopes == 0;
                            let rest = name.map(|name| (name.id.as_str(), None, of_module));
                            self.known.extend(rest);
                        }
                        (false, _) => self.visit_expr(target),
                    }
                }
            }
            _ => self.visit_expr(target),
        }
    }

    fn in_scope(&mut self, look: impl FnOnce(&mut Self)) {
        self.scopes += 1;
        look(self);
        self.scopes -= 1;
    }
}

fn elements(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        _ => &[],
    }
}

impl<'a> Visitor<'a> for Bound<'a, '_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if covers(self.left_out, stmt.range()) {
            return;
        }
        match stmt {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.bind(target, &assign.value);
                }
                self.visit_expr(&assign.value);
            }
            Stmt::AnnAssign(assign) => {
                self.visit_expr(&assign.annotation);
                if let Some(value) = &assign.value {
                    self.bind(&assign.target, value);
                    self.visit_expr(value);
                }
            }
            // `frames += [row]` leaves a list a list.
            Stmt::AugAssign(assign) => {
                self.bind(&assign.target, &assign.value);
                self.visit_expr(&assign.value);
            }
            Stmt::FunctionDef(function) => {
                self.others.insert(&function.name);
                self.in_scope(|within| walk_stmt(within, stmt));
            }
            Stmt::ClassDef(class) => {
                self.others.insert(&class.name);
                self.in_scope(|within| walk_stmt(within, stmt));
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => {
                self.bind(&named.target, &named.value);
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
        self.star |= name == "*";
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
