//! Which names of libraries a module uses, import aliases resolved.
//!
//! | written | named |
//! |---|---|
//! | `import numpy as np`, then `np.vstack(rows)` | `numpy.vstack` |
//! | `from numpy import vstack as v`, then `v(rows)` | `numpy.vstack` |
//! | `from numpy import *`, then `vstack(rows)` | `numpy.vstack`, `vstack` |
//! | `np.vstack(rows)` without an import | as another module of the row imports `np`, else `np.vstack` |
//! | `n = np`, then `n.vstack(rows)` | `numpy.vstack` |
//! | `getattr(np, "vstack")(rows)` | `numpy.vstack` |
//! | `np = fake`, or `def f(np): …`, then `np.vstack(rows)` | `.vstack`, as of any value of the module's own |
//! | `table = …`, then `table.append(row)`, or `f().append(row)` | `.append`: the type is not known |
//! | `frames = []`, then `frames.append(row)`, or `", ".join(names)` | nothing: methods of Python's own types (`python_values.rs`) |
//! | `np.sum(x, keepdims=True)` | `numpy.sum`, `numpy.sum(keepdims=)` |
//! | an import that nothing uses, also where it stands as a statement: `np.vstack` | the import's name, as imported |
//!
//! Only code that can run counts; strings, comments and Python's own functions do not. What an alias may have been given before a use, all
//! of it, is what the use may mean: `try: from numpy import vstack as v`, `except ImportError: from numpy import row_stack as v` means both.
//! A statement outside of branches, loops and functions gives an alias one meaning for all.
//!
//! A name need not be called to be used: it may be handed on, or be a type; a statement that calls nothing uses nothing. Of more than
//! [`MAX_NAMES`] names the rest is not seen.

mod names;
mod own_names;
mod path;
mod python_values;

pub(crate) use names::{ApiNames, ResolvedNames};

use super::unreachable::covers;
use super::{Module, builtins};
use names::Used;
use own_names::{captured, own_names, own_variables};
use path::{got_by_name, may_do_something, path};
use python_values::PythonValues;
use ruff_python_ast::visitor::{
    Visitor, walk_except_handler, walk_expr, walk_pattern, walk_stmt, walk_type_param,
};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, Mod, Pattern, Stmt, StmtAssign, TypeParam,
};
use ruff_text_size::Ranged;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

/// The most names of a module that are told apart.
const MAX_NAMES: usize = 2048;

/// The longest name in bytes: a longer one is no library's, and a call of it with many keywords would repeat it for each of them.
const MAX_NAME_BYTES: usize = 256;

/// The names that `module` uses outside the ranges `left_out`.
fn api_names(module: &Mod, left_out: &[Range<usize>]) -> ApiNames {
    let Mod::Module(module) = module else {
        return ApiNames::default();
    };
    let mut collector = Collector {
        left_out,
        python_values: PythonValues::of(module, left_out),
        ..Collector::default()
    };
    collector.visit_body(&module.body);
    let Collector {
        names,
        open,
        bound,
        stars,
        aliases_used,
        modules,
        ..
    } = collector;
    let ApiNames {
        imports, mut used, ..
    } = names;
    for (root, rest) in open {
        if bound.contains(&root) && !imports.contains_key(&root) {
            // A value of the module's own, by itself, is no library's name.
            if rest.starts_with('.') {
                used.insert(Used::Full(rest));
            }
        } else if !builtins::is_builtin(&root) || imports.contains_key(&root) {
            used.extend(
                stars
                    .iter()
                    .map(|module| Used::Full(format!("{module}.{root}{rest}"))),
            );
            used.insert(Used::Open { root, rest });
        }
    }
    let unused = imports
        .iter()
        .filter(|(alias, _)| !aliases_used.contains(*alias));
    let mut unused: BTreeSet<String> = unused
        .flat_map(|(_, paths)| paths.iter().cloned())
        .collect();
    // Whether a name begins with it, one may ask its nearest neighbour in the order of names.
    let is_used = |module: &String| {
        let within = format!("{module}.");
        let mut names = used.range(Used::Full(within.clone())..);
        matches!(names.next(), Some(Used::Full(name)) if name.starts_with(&within))
    };
    let (used_modules, others): (Vec<_>, Vec<_>) = modules.into_iter().partition(is_used);
    unused.extend(others);
    used.extend(used_modules.into_iter().map(Used::Full));
    ApiNames {
        imports,
        used,
        unused,
    }
}

#[derive(Default)]
struct Collector<'r> {
    left_out: &'r [Range<usize>],
    names: ApiNames,
    python_values: PythonValues,
    /// Names in use that no import before them explains.
    open: BTreeSet<(String, String)>,
    /// Names the module itself gives a value to.
    bound: HashSet<String>,
    /// Modules all of whose names are imported.
    stars: Vec<String>,
    aliases_used: HashSet<String>,
    /// Of `import a.b`: `a.b`.
    modules: BTreeSet<String>,
    /// Statements around the one at hand that may run any number of times, or not at all.
    branches: usize,
    /// Whether it is a class's own.
    in_class: bool,
    /// Of each function around it, the names that are values of its own.
    locals: Vec<HashSet<String>>,
}

impl Collector<'_> {
    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|names| names.contains(name))
    }

    /// Takes in a name as it is written: what it begins with, and the rest.
    fn add(&mut self, root: &Expr, rest: &str) {
        let name = root.as_name_expr().map(|name| name.id.as_str());
        let is_local = name.is_some_and(|name| self.is_local(name));
        if self.python_values.has_method(root, rest, is_local)
            || self.names.used.len() + self.open.len() >= MAX_NAMES
            || name.map_or(0, str::len) + rest.len() > MAX_NAME_BYTES
        {
            return;
        }
        let Some(root) = name.filter(|_| !is_local) else {
            // A value by itself is no library's name.
            if rest.starts_with('.') {
                self.names.used.insert(Used::Full(rest.to_owned()));
            }
            return;
        };
        match self.names.imports.get(root) {
            Some(paths) => {
                self.aliases_used.insert(root.to_owned());
                self.names
                    .used
                    .extend(paths.iter().map(|path| Used::Full(format!("{path}{rest}"))));
            }
            None => {
                self.open.insert((root.to_owned(), rest.to_owned()));
            }
        }
    }

    /// `name` stands for any of these.
    fn bind(&mut self, name: &str, stands_for: Vec<String>) {
        let longest = stands_for.iter().map(String::len).max().unwrap_or(0);
        if self.names.imports.len() >= MAX_NAMES || name.len() + longest > MAX_NAME_BYTES {
            return;
        }
        let paths = self.names.imports.entry(name.to_owned()).or_default();
        if self.branches == 0 {
            paths.clear();
        }
        for path in stands_for {
            // One that is given again and again means the first few.
            if !paths.contains(&path) && paths.len() < 4 {
                paths.push(path);
            }
        }
    }

    fn import(&mut self, alias: &Alias) {
        // `import a.b` binds `a`, and is used where a name begins with both; `import a.b as c` binds `c`.
        match (alias.name.split_once('.'), &alias.asname) {
            (Some((first, _)), None) => {
                self.bind(first, vec![first.to_owned()]);
                if self.modules.len() < MAX_NAMES && alias.name.len() <= MAX_NAME_BYTES {
                    self.modules.insert(alias.name.to_string());
                }
            }
            (_, asname) => {
                let name = asname.as_ref().unwrap_or(&alias.name);
                self.bind(name, vec![alias.name.to_string()]);
            }
        }
    }

    /// Looks at what may run any number of times, or not at all.
    fn in_branch(&mut self, look: impl FnOnce(&mut Self)) {
        self.branches += 1;
        look(self);
        self.branches -= 1;
    }

    /// The module gives a name a value of its own.
    fn bind_own(&mut self, name: &str) {
        self.bound.insert(name.to_owned());
        if self.branches == 0 {
            self.names.imports.remove(name);
        }
    }

    /// A name that is given a value perhaps, unless it is a function's own.
    fn bind_value(&mut self, name: Option<&str>) {
        let name = name.filter(|name| !self.is_local(name));
        self.bound.extend(name.map(str::to_owned));
    }

    /// `n = m = np`: other names for the same.
    fn assign(&mut self, assign: &StmtAssign) -> bool {
        let Expr::Name(value) = &*assign.value else {
            return false;
        };
        let Some(paths) = self.names.imports.get(value.id.as_str()).cloned() else {
            return false;
        };
        if !assign.targets.iter().all(Expr::is_name_expr) {
            return false;
        }
        self.aliases_used.insert(value.id.to_string());
        for target in assign.targets.iter().filter_map(Expr::as_name_expr) {
            if target.id != value.id {
                self.bind(&target.id, paths.clone());
            }
            self.aliases_used.insert(target.id.to_string());
        }
        true
    }
}

impl<'a> Visitor<'a> for Collector<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if covers(self.left_out, stmt.range()) {
            return;
        }
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                let package = ".".repeat(import.level as usize) + module;
                let dot = if module.is_empty() { "" } else { "." };
                for alias in &import.names {
                    match alias.name.as_str() {
                        "*" if self.stars.len() < 4 => self.stars.push(package.clone()),
                        "*" => {}
                        name => {
                            let binds = alias.asname.as_ref().map_or(name, |name| name.as_str());
                            self.bind(binds, vec![format!("{package}{dot}{name}")]);
                        }
                    }
                }
            }
            Stmt::FunctionDef(function) => {
                self.bind_own(&function.name);
                // These are computed where the function is made.
                let made_with = function.decorator_list.iter().map(|made| &made.expression);
                made_with
                    .chain(function.returns.as_deref())
                    .for_each(|expr| self.visit_expr(expr));
                self.visit_parameters(&function.parameters);
                self.locals.push(own_names(function, &self.names.imports));
                let outer = std::mem::replace(&mut self.in_class, false);
                self.in_branch(|within| within.visit_body(&function.body));
                self.in_class = outer;
                self.locals.pop();
                return;
            }
            Stmt::ClassDef(class) => {
                self.bind_own(&class.name);
                let outer = std::mem::replace(&mut self.in_class, true);
                self.in_branch(|within| walk_stmt(within, stmt));
                self.in_class = outer;
                return;
            }
            Stmt::Expr(alone) if !may_do_something(&alone.value) => return,
            // It gives no value; in a class it tells of a field.
            Stmt::AnnAssign(assign) if assign.value.is_none() => {
                if self.in_class {
                    self.visit_expr(&assign.annotation);
                }
                return;
            }
            Stmt::Assign(assign) if self.assign(assign) => return,
            _ => {}
        }
        match stmt {
            Stmt::If(_)
            | Stmt::For(_)
            | Stmt::While(_)
            | Stmt::Try(_)
            | Stmt::Match(_)
            | Stmt::With(_) => self.in_branch(|within| walk_stmt(within, stmt)),
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(caught) = handler;
        self.bind_value(caught.name.as_deref());
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.bind_value(captured(pattern));
        walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, parameter: &'a TypeParam) {
        self.bound.insert(parameter.name().to_string());
        walk_type_param(self, parameter);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if covers(self.left_out, expr.range()) {
            return;
        }
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                if !self.is_local(&name.id) {
                    self.bind_own(&name.id);
                }
            }
            // By itself a name says something only where it was imported.
            Expr::Name(name) if self.names.imports.contains_key(name.id.as_str()) => {
                self.add(expr, "")
            }
            Expr::Name(_) => {}
            Expr::Attribute(attribute) => {
                if let Some((root, rest)) = path(expr) {
                    // To store in a library is not to use it.
                    let name = root.as_name_expr().map(|name| name.id.as_str());
                    let of_library = name.is_some_and(|name| self.names.imports.contains_key(name));
                    // A `yield` in what cannot run is not left out, nor what stands around it.
                    let can_run = !covers(self.left_out, attribute.attr.range());
                    if can_run && (attribute.ctx == ExprContext::Load || !of_library) {
                        self.add(root, &rest);
                    }
                }
                // What the path begins with, where that is more than names.
                let mut root = &*attribute.value;
                while let Expr::Attribute(inner) = root {
                    root = &inner.value;
                }
                if !root.is_name_expr() {
                    self.visit_expr(root);
                }
            }
            Expr::Call(call) => {
                // As for an attribute.
                let can_run = !covers(self.left_out, call.func.range());
                if let Some((root, rest)) = got_by_name(call).filter(|_| can_run) {
                    self.add(root, &rest);
                } else if let Some((root, rest)) = path(&call.func).filter(|_| can_run) {
                    self.add(root, &rest);
                    // Of a name that is too long they are too.
                    let keywords = if rest.len() > MAX_NAME_BYTES {
                        &[]
                    } else {
                        &*call.arguments.keywords
                    };
                    for keyword in keywords.iter().filter_map(|keyword| keyword.arg.as_ref()) {
                        self.add(root, &format!("{rest}({keyword}=)"));
                    }
                }
                walk_expr(self, expr);
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.iter().flat_map(|all| all.iter());
                let own = parameters.map(|parameter| parameter.name().to_string());
                self.locals.push(own.collect());
                self.in_branch(|within| walk_expr(within, expr));
                self.locals.pop();
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                self.locals.push(own_variables(expr));
                self.in_branch(|within| walk_expr(within, expr));
                self.locals.pop();
            }
            Expr::BoolOp(_) | Expr::If(_) => self.in_branch(|within| walk_expr(within, expr)),
            _ => walk_expr(self, expr),
        }
    }
}

impl Module<'_> {
    /// See [`api_names`].
    pub(crate) fn api_names(&self, left_out: &[Range<usize>]) -> ApiNames {
        api_names(self.parsed.syntax(), left_out)
    }
}

#[cfg(test)]
mod tests;
