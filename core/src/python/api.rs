//! Which names of libraries a module uses, import aliases resolved.
//!
//! | written | named |
//! |---|---|
//! | `import numpy as np`, then `np.vstack(rows)` | `numpy`, `numpy.vstack` |
//! | `from numpy import vstack as v`, then `v(rows)` | `numpy.vstack` |
//! | `np.vstack(rows)` without an import | as another module of the row imports `np`, else `np.vstack` |
//! | `table = …`, then `table.append(row)` or `f().append(row)` | `.append`: the type is not known |
//! | `np.sum(x, keepdims=True)` | `numpy.sum`, `numpy.sum(keepdims=)` |
//! | `print(x)` | `print` |
//!
//! Only code that can run counts; strings and comments do not. It follows no assignments: of `f = np.vstack` it sees `numpy.vstack`, of
//! `getattr(np, "vstack")` it does not.

use super::Module;
use super::unreachable::is_within;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Alias, Expr, ExprContext, Mod, Parameter, Stmt};
use ruff_text_size::Ranged;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

/// The names a module uses, before its aliases are resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ApiNames {
    /// What each imported name stands for.
    imports: BTreeMap<String, String>,
    used: BTreeSet<Used>,
}

/// A name in use: `np` and `.vstack`, or no root and `.append`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Used {
    /// The name it begins with; `None` where that is a value of the module's own.
    root: Option<String>,
    rest: String,
}

impl ApiNames {
    /// The names in full; an alias that is not imported here is looked for in `others`.
    pub(crate) fn resolve(&self, others: &[&ApiNames]) -> BTreeSet<String> {
        let full = |root: &String| {
            let all = std::iter::once(self).chain(others.iter().copied());
            all.filter_map(|names| names.imports.get(root))
                .next()
                .unwrap_or(root)
                .clone()
        };
        self.used
            .iter()
            .map(|Used { root, rest }| root.as_ref().map(full).unwrap_or_default() + rest)
            .chain(self.imports.values().cloned())
            .collect()
    }
}

/// The names that `module` uses outside the statements `left_out`.
pub(super) fn api_names(module: &Mod, left_out: &[Range<usize>]) -> ApiNames {
    let Mod::Module(module) = module else {
        return ApiNames::default();
    };
    let mut collector = Collector {
        left_out,
        names: ApiNames::default(),
        bound: HashSet::new(),
    };
    for stmt in &module.body {
        collector.visit_stmt(stmt);
    }
    let Collector {
        names: ApiNames { imports, used },
        bound,
        ..
    } = collector;
    let own = |root: &str| bound.contains(root) && !imports.contains_key(root);
    let used = used
        .into_iter()
        .map(|used| match used.root {
            Some(root) if own(&root) => Used { root: None, ..used },
            _ => used,
        })
        // A value of the module's own, by itself, is no library's name.
        .filter(|used| used.root.is_some() || used.rest.starts_with('.'))
        .collect();
    ApiNames { imports, used }
}

struct Collector<'r> {
    left_out: &'r [Range<usize>],
    names: ApiNames,
    /// Names the module itself gives a value to.
    bound: HashSet<String>,
}

impl Collector<'_> {
    fn add(&mut self, (root, rest): (Option<String>, String)) {
        self.names.used.insert(Used { root, rest });
    }

    fn bind(&mut self, alias: &Alias, name: &str, stands_for: String) {
        let name = alias.asname.as_ref().map_or(name, |name| name.as_str());
        self.names.imports.insert(name.to_owned(), stands_for);
    }
}

/// The longest name in bytes: a longer one is no library's, and a call of it with many keywords would repeat it for each of them.
const MAX_NAME_BYTES: usize = 256;

/// `a.b.c` as its root `a` and its rest `.b.c`; no root where it begins with something other than a name. `None` of what is no name.
fn name_of(expr: &Expr) -> Option<(Option<String>, String)> {
    path(expr)
        .filter(|(root, rest)| root.as_ref().map_or(0, String::len) + rest.len() <= MAX_NAME_BYTES)
}

fn path(expr: &Expr) -> Option<(Option<String>, String)> {
    match expr {
        Expr::Name(name) => Some((Some(name.id.to_string()), String::new())),
        Expr::Attribute(attribute) => {
            let (root, rest) = path(&attribute.value).unwrap_or_default();
            Some((root, format!("{rest}.{}", attribute.attr)))
        }
        _ => None,
    }
}

impl<'a> Visitor<'a> for Collector<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if is_within(stmt.start().to_usize(), self.left_out) {
            return;
        }
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    // `import a.b` binds `a`, and uses both; `import a.b as c` binds `c`.
                    match alias.name.split_once('.') {
                        Some((first, rest)) if alias.asname.is_none() => {
                            self.add((Some(first.to_owned()), format!(".{rest}")));
                            self.bind(alias, first, first.to_owned());
                        }
                        _ => self.bind(alias, &alias.name, alias.name.to_string()),
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                let package = ".".repeat(import.level as usize) + module;
                let dot = if module.is_empty() { "" } else { "." };
                for alias in &import.names {
                    self.bind(alias, &alias.name, format!("{package}{dot}{}", alias.name));
                }
            }
            Stmt::FunctionDef(function) => {
                self.bound.insert(function.name.to_string());
            }
            Stmt::ClassDef(class) => {
                self.bound.insert(class.name.to_string());
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bound.insert(parameter.name.to_string());
        ruff_python_ast::visitor::walk_parameter(self, parameter);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.bound.insert(name.id.to_string());
            }
            // By itself a name says something only where it was imported: then the import says it.
            Expr::Name(_) => {}
            Expr::Attribute(attribute) => {
                if let Some(name) = name_of(expr) {
                    self.add(name);
                }
                // What the path begins with, where that is more than names.
                let mut root = &*attribute.value;
                while let Expr::Attribute(inner) = root {
                    root = &inner.value;
                }
                self.visit_expr(root);
            }
            Expr::Call(call) => {
                if let Some((root, rest)) = name_of(&call.func) {
                    for keyword in call
                        .arguments
                        .keywords
                        .iter()
                        .filter_map(|keyword| keyword.arg.as_ref())
                    {
                        self.add((root.clone(), format!("{rest}({keyword}=)")));
                    }
                    self.add((root, rest));
                }
                walk_expr(self, expr);
            }
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
mod tests {
    use super::*;
    use crate::python::Grammar;

    fn names(source: &str) -> ApiNames {
        let module = Module::parse(source, Grammar::Latest).unwrap();
        module.api_names(&module.unreachable())
    }

    fn assert_names(source: &str, expected: &[&str]) {
        let got = names(source).resolve(&[]);
        assert_eq!(
            got.iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
            "{source}"
        );
    }

    #[test]
    fn aliases_are_resolved() {
        assert_names(
            "import numpy as np\nnp.vstack(rows)",
            &["numpy", "numpy.vstack"],
        );
        assert_names("from numpy import vstack as v\nv(rows)", &["numpy.vstack"]);
        assert_names(
            "from numpy import linalg\nlinalg.norm(x)",
            &["numpy.linalg", "numpy.linalg.norm"],
        );
        assert_names(
            "import scipy.misc\nscipy.misc.comb(1, 2)",
            &["scipy", "scipy.misc", "scipy.misc.comb"],
        );
        assert_names("from . import a\nfrom ..b import c", &["..b.c", ".a"]);
    }

    #[test]
    fn an_alias_may_be_imported_elsewhere() {
        let (here, there) = (names("np.vstack(rows)"), names("import numpy as np"));
        assert_eq!(here.resolve(&[]), BTreeSet::from(["np.vstack".to_owned()]));
        assert_eq!(
            here.resolve(&[&there]),
            BTreeSet::from(["numpy.vstack".to_owned()])
        );
    }

    #[test]
    fn values_of_its_own_are_known_by_their_methods() {
        assert_names("df = read()\ndf.append(x)", &[".append", "read"]);
        assert_names(
            "def f(df):\n    return df.append(x).sum(axis=0)",
            &[".append", ".sum", ".sum(axis=)"],
        );
        assert_names("f().append(x)", &[".append", "f"]);
        assert_names("rows\n'np.a()'  # np.b()", &[]);
    }

    #[test]
    fn keywords_belong_to_what_is_called() {
        assert_names(
            "np.sum(x, keepdims=True, **more)",
            &["np.sum", "np.sum(keepdims=)"],
        );
    }

    #[test]
    fn what_cannot_run_uses_nothing() {
        assert_names("raise a.E\nb.c()", &["a.E"]);
        assert_names("if 0:\n    import b\nc.d", &["c.d"]);
    }
}
