use super::*;
use crate::python::Grammar;

fn names(source: &str) -> ApiNames {
    let module = Module::parse(source, Grammar::Latest).unwrap();
    module.api_names(&module.unreachable())
}

fn assert_names(source: &str, expected: &[&str]) {
    let got = names(source).resolve(&[]).used;
    assert_eq!(
        got.iter().map(String::as_str).collect::<Vec<_>>(),
        expected,
        "{source}"
    );
}

#[test]
fn aliases_are_resolved() {
    assert_names("import numpy as np\nnp.vstack(rows)", &["numpy.vstack"]);
    assert_names("from numpy import vstack as v\nv(rows)", &["numpy.vstack"]);
    assert_names(
        "from numpy import linalg\nlinalg.norm(x)",
        &["numpy.linalg.norm"],
    );
    assert_names(
        "import scipy.misc\nscipy.misc.comb(1, 2)",
        &["scipy.misc", "scipy.misc.comb"],
    );
    assert_names("from ..b import c\nc()", &["..b.c"]);
    assert_names(
        "from numpy import *\nvstack(rows)",
        &["numpy.vstack", "vstack"],
    );
    assert_names(
        "import numpy as np\nn = np\nn.vstack(rows)",
        &["numpy.vstack"],
    );
}

#[test]
fn an_alias_means_what_it_may_have_been_given_before() {
    let fallback = "try:\n    from numpy import vstack as v\nexcept ImportError:\n    from numpy import row_stack as v\nv(rows)";
    assert_names(fallback, &["numpy.row_stack", "numpy.vstack"]);
    let renamed = fallback.replace("v(rows)", "w = v\nw(rows)");
    assert_names(&renamed, &["numpy.row_stack", "numpy.vstack"]);
    assert_names(
        "import numpy as np\nnp.row_stack(rows)\nimport os as np",
        &["numpy.row_stack"],
    );
    assert_names(
        "def f():\n    return np.vstack(rows)\nimport numpy as np",
        &["numpy.vstack"],
    );
}

#[test]
fn methods_of_values_of_pythons_own_are_no_librarys() {
    for bound in [
        "x = []",
        "x = y = list()",
        "x: dict = {}",
        "x = []\nx += [1]",
        "x = [y for y in z]",
        "x = []\nx = [1]",
        "y, x = 1, []",
        "y, *x = z",
        "x = sorted(y)",
        "x = [] + [1]",
        "x = [0] * 3",
        "x = [1, 2][:]",
        "x = 'a b'.split()",
        "x = ('%s' % y).split()",
        "x = [] if y else [1]",
        "x = None\nx = [].copy()",
        "print(x := [])",
    ] {
        assert_names(&format!("{bound}\nx.append(1)"), &[]);
    }
    assert_names(
        "', '.join(names)\n[].append(1)\nlist().append(1)\n(y := []).append(1)",
        &[],
    );
    // What may be something else, may.
    for bound in [
        "x = []\nx = df",
        "x, y = df, []",
        "x, *y = [], df",
        "x = [] if y else df",
        "x = y or []",
        "x = [0] * y",
        "x = y[:]",
        "x = []\nfor x in y: pass",
        "x = []\ndef f(x): pass",
        "x = []\nwith y as x: pass",
        "x = []\n[x := y]",
        "x = []\nx += y",
        "x = []\nmatch y:\n    case [*x]: pass",
        "x = []\ntry: pass\nexcept E as x: pass",
        "x = [].pop()",
        "def f():\n    x = []",
        "class A:\n    x = []",
        "x = []\nz: (x := df) = 1",
        "from a import *\nx = list(1)",
        "list = df\nx = list(1)",
    ] {
        let got = names(&format!("{bound}\nx.append(1)")).resolve(&[]).used;
        let is_seen = got.iter().any(|name| name.ends_with(".append"));
        assert!(is_seen, "{bound}: {got:?}");
    }
    assert_names("import a as x\nx.append(1)\nx = []", &["a.append"]);
    // The methods of other types are not hidden by a value that has none such, nor any by what cannot run.
    assert_names("np = []\nnp.row_stack(rows)", &[".row_stack"]);
    assert_names("if False:\n    df = []\ndf.append(row)", &["df.append"]);
    assert_names("def list(x): return x\nlist(df).append(1)", &[".append"]);
    // A method's name is not the function's of that name.
    assert_names(
        "class A:\n    def filter(self): pass\nx = []\nx.append(1)",
        &[],
    );
}

#[test]
fn what_stands_around_a_yield_that_cannot_run_cannot_run() {
    assert_names(
        "import numpy as np\ndef f():\n    return 1\n    np.vstack((yield), axis=0)\n    (yield).append(1)",
        &[],
    );
}

#[test]
fn of_a_choice_the_branch_that_can_run_counts() {
    for condition in ["0", "None", "1 - 1"] {
        let source = format!(
            "import numpy as np\nx = 0 if {condition} else np.vstack(rows)\ny = np.hstack(rows) if {condition} else 1 + np.dstack(rows)"
        );
        assert_names(&source, &["numpy.dstack", "numpy.vstack"]);
    }
    assert_names(
        "import numpy as np\nx = np.vstack(rows) if 1 else np.hstack(rows)",
        &["numpy.vstack"],
    );
}

#[test]
fn what_the_module_gives_another_meaning_is_its_own() {
    assert_names(
        "import numpy as np\nnp = fake\nnp.vstack(rows)",
        &[".vstack"],
    );
    assert_names(
        "from numpy import vstack\ndef vstack(x):\n    return x\nvstack(rows)",
        &[],
    );
    assert_names(
        "import numpy as np\ndef f(np):\n    return np.vstack(rows)\nnp.hstack(rows)",
        &[".vstack", "numpy.hstack"],
    );
    assert_names(
        "import numpy as np\ndef f():\n    np = g()\n    return np.vstack(rows)",
        &[".vstack", "g"],
    );
    assert_names(
        "import numpy as np\ndef f():\n    np = fake\n    return np.vstack(rows)",
        &[".vstack"],
    );
    assert_names(
        "import numpy as np\ndef f():\n    n = np\n    return n.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "import numpy as np\ndef f(x):\n    match x:\n        case np:\n            return np.vstack(rows)",
        &[".vstack"],
    );
    assert_names(
        "import numpy as np\nf = lambda np: np.vstack(rows)",
        &[".vstack"],
    );
    assert_names(
        "import numpy as np\ndef f(np=np.row_stack(rows)):\n    pass",
        &["numpy.row_stack"],
    );
    assert_names(
        "def f(rows):\n    try:\n        import numpy as np\n    except ImportError:\n        np = None\n    return np.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "import numpy as np\n[0 for np in ()]\nnp.vstack([np.a() for np in x])",
        &[".a", "numpy.vstack"],
    );
    assert_names(
        "import numpy as np\nnp: np.hstack\nnp.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "import numpy as np\nn = m = np\nm.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "def f(new):\n    pass\nh(lambda new: 1)\nnew.f()",
        &["h", "new.f"],
    );
    // It may be either.
    assert_names(
        "import numpy as np\n[0 for np in x]\nnp.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "import numpy as np\nif x:\n    np = fake\nnp.vstack(rows)",
        &["numpy.vstack"],
    );
    assert_names(
        "import numpy as np\nnp = np\nnp.vstack(rows)",
        &["numpy.vstack"],
    );
}

#[test]
fn a_name_that_is_said_and_not_used_is_none() {
    assert_names("import numpy as np\nnp.vstack", &[]);
    for said in [
        "getattr(np, 'vstack')",
        "np.vstack,",
        "[np.vstack]",
        "not np.vstack",
        "np.vstack is None",
        "np.vstack = 0",
        "del np.vstack",
        "x: np.vstack",
    ] {
        assert_names(&format!("import numpy as np\n{said}"), &[]);
    }
    assert_names("import numpy.vstack", &[]);
    assert_names(
        "import numpy as np\nclass C:\n    x: np.ndarray",
        &["numpy.ndarray"],
    );
    assert_names("import numpy as np\nf(np).x = 1", &[".x", "f", "numpy"]);
    assert_names(
        "import numpy as np\nnp.vstack(rows).T",
        &[".T", "numpy.vstack"],
    );
    assert_names("import numpy as np\nf(np.vstack)", &["f", "numpy.vstack"]);
    assert_names(
        "import numpy as np\ngetattr(np, 'vstack')(rows)",
        &["numpy", "numpy.vstack"],
    );
}

#[test]
fn an_import_alone_is_no_use() {
    let found = names("from numpy import vstack\nimport os").resolve(&[]);
    assert_eq!(found.used, BTreeSet::new());
    assert_eq!(
        found.unused,
        BTreeSet::from(["numpy.vstack".to_owned(), "os".to_owned()])
    );
}

#[test]
fn an_alias_may_be_imported_elsewhere() {
    let (here, there) = (names("np.vstack(rows)"), names("import numpy as np"));
    assert_eq!(
        here.resolve(&[]).used,
        BTreeSet::from(["np.vstack".to_owned()])
    );
    assert_eq!(
        here.resolve(&[&there]).used,
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
    assert_names(
        "try:\n    a.b()\nexcept a.E as e:\n    print(e.args)",
        &[".args", "a.E", "a.b"],
    );
    assert_names(
        "match x:\n    case [y, *z]:\n        y.a(z.b)",
        &[".a", ".b"],
    );
    assert_names("rows\n'np.a()'  # np.b()\nprint(len(x))", &[]);
}

#[test]
fn names_without_measure_are_left_out() {
    let long = "a".repeat(300);
    assert_names(&format!("np.{long}(x=1)"), &[]);
    let many: String = (0..5000).map(|i| format!("np.f{i}()\n")).collect();
    assert_eq!(names(&many).resolve(&[]).used.len(), MAX_NAMES);
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
    assert_names("if 0:\n    import b\nc.d()", &["c.d"]);
}
