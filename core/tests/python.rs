//! Syntax check and stripping by tokens, held against what CPython 3.11 says and against each other.

use proptest::prelude::*;
use recode_core::python::{Grammar, MAX_SOURCE_BYTES, check_syntax, same_syntax_tree, strip};

const BOTH: [Grammar; 2] = [Grammar::CPython311, Grammar::Latest];

#[test]
fn python_is_accepted() {
    for source in [
        "",
        "\n\n",
        "# only a comment",
        "x = 1",
        "x = 1\r\ny = 2\r\n",
        "if x:\n\ty = 1\n\tz = 2",
        "if x:\n    y = 1\n\nelse:\n    z = 2\n",
        "async def f():\n    async with a as b, c:\n        return [x async for x in y if await x]",
        "match x:\n    case [1, *_] | {'a': A(b=2)}:\n        pass",
        "try:\n    pass\nexcept* ValueError:\n    pass",
        "f'{x!r:>{width}} {y=}'",
        "def f(a, /, b, *, c: int = 1, **d) -> None: ...",
        "f(a=1, a=2)", // an error of the compiler, not of the grammar
        "return 1",    // the same
        "print(café, '漢字')",
        "x = \\\n  1",
    ] {
        for grammar in BOTH {
            assert_eq!(
                check_syntax(source, grammar),
                Ok(()),
                "{source:?} {grammar:?}"
            );
        }
    }
}

#[test]
fn what_is_not_python_is_refused() {
    for source in [
        "print 'hello'",
        "x = ",
        "f(",
        "f)",
        "if x:\npass",
        "  x = 1",
        "'open",
        "'''open",
        "x = 0777",
        "def f(a, a=1, b): pass",
        "x = f'{y'",
        "// C++",
        "#include <torch/torch.h>\nauto model = torch::nn::Transformer()",
        "exec 'x'",
        "x = 1\0",
        "# a null byte in a comment \0",
        "'and \0 in a string'",
        "x = “quoted”",
        "f(a=1, 2)",
        "1 = x",
    ] {
        for grammar in BOTH {
            assert!(
                check_syntax(source, grammar).is_err(),
                "{source:?} {grammar:?}"
            );
        }
    }
}

#[test]
fn newer_grammar_is_told_apart() {
    for source in [
        "type X = int",
        "def f[T](x: T) -> T: ...",
        "class A[T]: ...",
        "f'{x['a']}' f\"{y[\"b\"]}\"",
        "t'{x}'",
        "try:\n    pass\nexcept A, B:\n    pass",
        "\u{feff}x = 1",
    ] {
        assert!(
            check_syntax(source, Grammar::CPython311).is_err(),
            "{source:?}"
        );
        assert_eq!(check_syntax(source, Grammar::Latest), Ok(()), "{source:?}");
    }
}

/// Each verdict is CPython 3.11's.
#[test]
fn inconsistent_tabs_are_an_error() {
    for (source, ok) in [
        ("if x:\n\ty\n\tz", true),
        ("if x:\n    y\nif z:\n\ty", true),
        ("if x:\n        y\n\tz", false), // 8 blanks are as wide as a tab, but only then
        ("if x:\n\ty\n        z", false),
        ("if x:\n\tif y:\n\t    z", true),
        ("if x:\n    if y:\n\tz", false),
        ("if x:\n\tif y:\n        z", false),
        ("if x:\n  \ty\n  \tz", true),
        ("x = [\n\t1,\n        2]", true), // brackets know no indentation
        ("if x:\n\ty = '''\n        z'''\n\tw", true),
        ("if x:\n\ty\n        # comment\n\tz", true),
        ("if x:\n\ty\n        \n\tz", true),
        ("x = 1; y = '\t'", true),
        ("if x:\n\ty; z\n\tw = 1 + \\\n        2", true),
        (
            "if x:\n        if y:\n                \tz\n        \tw",
            false,
        ),
    ] {
        for grammar in BOTH {
            assert_eq!(check_syntax(source, grammar).is_ok(), ok, "{source:?}");
        }
    }
}

#[test]
fn an_error_names_its_place() {
    let error = check_syntax("é = 1\r\né = $", Grammar::Latest).unwrap_err();
    assert_eq!((error.line, error.column), (2, 5));
    let error = check_syntax("x = 1\ny = 'a\0'", Grammar::Latest).unwrap_err();
    assert_eq!(
        (error.line, error.column, error.message.as_str()),
        (2, 7, "source code cannot contain null bytes")
    );
}

/// Texts that nest `n` deep, by the construct that nests.
fn nests(n: usize) -> Vec<(&'static str, String)> {
    let around = |open: &str, close: &str| format!("{}1{}", open.repeat(n), close.repeat(n));
    let blocks = |head: &str| {
        // One blank more a line, so a few thousand lines are megabytes.
        let n = n.min(1000);
        (0..n)
            .map(|i| format!("{}{head}\n", " ".repeat(i)))
            .collect::<String>()
            + &" ".repeat(n)
            + "pass"
    };
    vec![
        ("parentheses", around("(", ")")),
        ("lists", around("[", "]")),
        ("dicts", around("{1:", "}")),
        ("calls", around("f(x, y=", ")")),
        ("comprehensions", around("[x for x in ", "]")),
        ("format strings", around("f'{", "}'")),
        (
            "format specifications",
            format!("f'{}{}'", "{x:".repeat(n), "}".repeat(n)),
        ),
        ("unclosed", "(".repeat(n)),
        ("mismatched", "(]".repeat(n)),
        ("mismatched over lines", "(]\n".repeat(n)),
        ("mismatched, with commas", "[(),)".repeat(n)),
        ("minus", around("-", "")),
        (
            "minus behind an operator",
            format!("1{}", " * -1 ** ~1".repeat(n)),
        ),
        ("not", around("not ", "")),
        ("not in not", around("1 not in not ", "")),
        ("await", around("await ", "")),
        ("yield", around("yield ", "")),
        ("star", around("*", "")),
        ("lambda", around("lambda:", "")),
        ("lambda with parameters", around("lambda a, b=1, *c:", "")),
        (
            "lambda in a default",
            around("lambda a=lambda b, c: 1, d=(", "):1"),
        ),
        ("conditional", around("1 if x else ", "")),
        ("conditional to the left", around("1 if ", " else 1")),
        ("power", around("1 ** ", "")),
        ("assignment", around("a = ", "")),
        ("walrus", around("a := ", "")),
        ("sum", around("1 + ", "")),
        ("attributes", format!("x{}", ".a".repeat(n))),
        ("call chain", format!("x{}", "()".repeat(n))),
        ("subscripts", format!("x{}", "[0]".repeat(n))),
        ("comparisons", around("1 < ", "")),
        ("and or", around("a and b or ", "")),
        ("strings", "'a' ".repeat(n)),
        (
            "patterns",
            format!("match x:\n case {}1{}: pass", "[".repeat(n), "]".repeat(n)),
        ),
        (
            "class patterns",
            format!("match x:\n case {}1{}: pass", "A(".repeat(n), ")".repeat(n)),
        ),
        (
            "alternatives",
            format!("match x:\n case 1{}: pass", "|1".repeat(n)),
        ),
        (
            "as",
            format!("match x:\n case 1{}: pass", " as x".repeat(n)),
        ),
        (
            "elif",
            format!("if a: pass\n{}", "elif a: pass\n".repeat(n)),
        ),
        ("decorators", format!("{}def f(): pass", "@a\n".repeat(n))),
        (
            "with",
            format!("with {}a{}: pass", "(".repeat(n), ")".repeat(n)),
        ),
        ("if", blocks("if x:")),
        ("def", blocks("def f(a):")),
        ("try", blocks("try:")),
        ("class", blocks("class A:")),
        (
            "type parameters",
            format!("def f[T: {}1{}](): pass", "[".repeat(n), "]".repeat(n)),
        ),
        ("annotations", around("x: ", "")),
        (
            "precedence",
            around("(a or b and c < d | e ^ f & g << h + i * ", ")"),
        ),
        (
            "precedence, negated",
            around("[not a < -b, not c | ~d + -e ** -", "]"),
        ),
        (
            "polynomial",
            format!("x = 1{}", " + a ** 2 * -b ** 3".repeat(n / 10)),
        ),
        (
            "misplaced not",
            around("not a < b | c ^ d & e << f + g * -", ""),
        ),
        ("misplaced lambda", around("a or b + -lambda: ", "")),
        ("misplaced yield", around("yield a ** b < ", "")),
        ("misplaced star", around("*a or b * ", "")),
        ("async", around("async ", "")),
        ("match", around("match ", "")),
        ("type", around("type ", "")),
        ("for", around("for ", "")),
        ("mixed", around("not -(lambda: [f'{1 if x else {", "}}'])")),
    ]
}

/// A quarter of what a thread gets by default.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn deep_nesting_is_a_syntax_error_and_never_a_crash() {
    on_a_small_stack(|| {
        for n in [10, 99, 199, 201, 499, 501, 999, 2_001, 10_000, 100_000] {
            for (construct, source) in nests(n) {
                let start = std::time::Instant::now();
                let verdict = check_syntax(&source, Grammar::Latest);
                if n == 100_000 {
                    // These are long, not deep.
                    let is_flat = ["strings", "decorators"].contains(&construct);
                    assert_eq!(verdict.is_ok(), is_flat, "{construct}");
                }
                if verdict.is_ok() {
                    assert_eq!(
                        same_syntax_tree(&source, &source),
                        Ok(true),
                        "{construct} {n}"
                    );
                }
                assert!(
                    start.elapsed().as_secs() < 20,
                    "{construct} {n} took {:?}",
                    start.elapsed()
                );
            }
        }
    });
}

#[test]
fn nesting_of_real_code_is_no_error() {
    let close = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    for grammar in BOTH {
        assert_eq!(check_syntax(&close(200), grammar), Ok(()));
        assert!(check_syntax(&close(201), grammar).is_err());
        // Long, not deep.
        for source in [
            format!(
                "x = 1{}",
                " + a.b ** 2 * -b ** 3 - c[-1] * (-d)".repeat(300)
            ),
            "x = [\n".to_owned() + &"    -1, (2), not 3,\n".repeat(5_000) + "]",
            "f(-1)\n".repeat(20_000),
            "f(a.b  # c\n    -d\n    *e, not g)\n".repeat(5_000),
            "for x in not y:\n    z.a = lambda: not x is not y.b\n    w[0]: T.a = {a.b: not c, **d}\n".repeat(2_000),
            "[x.a if y.b else not z for x, y in a.b if not d.e if x not in y]\nfor x in *a.b, *c: pass\n".repeat(2_000),
            "async def f(a=b.c, *d, **e) -> g.h:\n    x.y += await z; assert x.y, not z; return lambda a=b.c: not a\n".repeat(2_000),
            "a = lambda x, y: -x\n".repeat(5_000),
        ] {
            assert_eq!(check_syntax(&source, grammar), Ok(()));
        }
        assert_eq!(
            check_syntax(
                &(0..99)
                    .map(|i| format!("{}if x:\n", " ".repeat(i)))
                    .chain([" ".repeat(99) + "pass"])
                    .collect::<String>(),
                grammar
            ),
            Ok(())
        );
    }
}

#[test]
fn a_megabyte_is_parsed_and_more_is_an_error() {
    let line = "x = f(1, 'two', [3.0])\n";
    let fits = line.repeat(MAX_SOURCE_BYTES / line.len());
    assert_eq!(check_syntax(&fits, Grammar::Latest), Ok(()));
    assert!(check_syntax(&(fits + line), Grammar::Latest).is_err());
}

#[test]
fn integers_beyond_cpythons_digits_are_an_error() {
    for (source, ok) in [
        ("1".repeat(4300), true),
        ("1".repeat(4301), false),
        (format!("0x{}", "1".repeat(5000)), true),
        (format!("{}.0", "1".repeat(5000)), true),
    ] {
        assert_eq!(check_syntax(&source, Grammar::CPython311).is_ok(), ok);
    }
}

#[test]
fn stripping_leaves_code_alone() {
    for (source, stripped) in [
        ("", ""),
        ("\n # a\n\n", ""),
        ("x = 1", "x = 1"),
        (
            "x = 1  # it's\ny = '# no comment'  \n",
            "x = 1\ny = '# no comment'",
        ),
        ("x = 1\n\n  \n\t\n#\ny = 2\n\n", "x = 1\ny = 2"),
        ("s = '''a  \n\n# b\n'''  # c", "s = '''a  \n\n# b\n'''"),
        ("f(  # a\n\n    1,\n    # b\n)", "f(\n    1,\n)"),
        (
            "if x:\n    # a\n    y\n\n\nelse:  # b\n    z",
            "if x:\n    y\nelse:\n    z",
        ),
        ("x = 1 \\\n\ny = 2", "x = 1\ny = 2"),
        ("x = 1 + \\\n    2  # a", "x = 1 + \\\n    2"),
        ("x = 1\r\n\r\ny = '''a\r\n'''\r", "x = 1\ny = '''a\n'''"),
        (
            "f'''{x = }\n\n{ # no comment in 3.11\n  y}'''  # a",
            "f'''{x = }\n\n{ # no comment in 3.11\n  y}'''",
        ),
        ("x;  # a\n", "x;"),
        ("'''docstring # a'''", "'''docstring # a'''"),
    ] {
        assert_eq!(strip(source).as_deref(), Ok(stripped), "{source:?}");
    }
    assert!(strip("x = (").is_err());
}

#[test]
fn syntax_trees_ignore_layout_and_nothing_else() {
    for (a, b, same) in [
        ("x=1", "x = 1  # a", true),
        ("f(a,)", "f(a)", true),
        ("(x)", "x", true),
        ("'a' 'b'", "'ab'", true),
        ("\"a\"", "'a'", true),
        ("0x10", "16", true),
        ("if x: y", "if x:\n    y", true),
        (
            "if a: b\nelif c: d\nelif e: f\nelse: g",
            "if a: b\nelse:\n    if c: d\n    else:\n        if e: f\n        else: g",
            true,
        ),
        (
            "if a: b\nelif c: d\ne",
            "if a: b\nelse:\n    if c: d\n    e",
            false,
        ),
        (
            "for x in y:\n    if a: b\n    elif c: d",
            "for x in y:\n    if a: b\n    else:\n        if c: d",
            true,
        ),
        ("x = 1", "x = 2", false),
        ("x = 1", "x: int = 1", false),
        ("f(a, b)", "f(b, a)", false),
        ("'a'", "b'a'", false),
        ("(x,)", "(x)", false),
        ("1", "1.0", false),
    ] {
        assert_eq!(same_syntax_tree(a, b), Ok(same), "{a} / {b}");
    }
    assert!(same_syntax_tree("x", "x = ").is_err());
}

/// A module of pieces that strain stripping, with noise between its lines.
fn noisy_module() -> impl Strategy<Value = String> {
    let noise = prop::sample::select(vec![
        "",
        "\n",
        "  \n",
        "# it's a \"comment\n",
        "    # '''\n",
        "\t\n",
        "\x0c\n",
    ]);
    let statement = prop::sample::select(vec![
        "x = 1",
        "y = 'a # b'",
        "s = \"it's\"",
        "t = '''a\n\n  # b\n'''",
        "f(1,\n\n  # c\n  2)",
        "if x:\n    # d\n\n    y = 1\n\n    if y:\n\n        pass\nelse:\n    pass",
        "g = f'{x} # {y!r:>{w}}'",
        "h = f'''{x\n\n}\n\n# e\n'''",
        "d = {\n    'a': 1,  # f\n\n    'b': [\n        2]}",
        "z = 1 + \\\n    2",
        "w = 1 \\\n\n",
        "class A:\n    '''doc\n\n    # g\n    '''\n\n    def f(self): return 1; # h",
        "@d\n\n# i\ndef f(): ...",
        "u = 'é漢🦀' # é漢🦀",
    ]);
    let tail = prop::sample::select(vec!["\n", "  # trailing\n", "\t \n", ";\n", "\r\n"]);
    prop::collection::vec((noise, statement, tail), 0..12).prop_map(|lines| {
        lines
            .into_iter()
            .map(|(noise, statement, tail)| format!("{noise}{statement}{tail}"))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn stripping_keeps_the_syntax_tree(source in noisy_module()) {
        // Some mixtures are not Python, such as a semicolon behind a block.
        let Ok(stripped) = strip(&source) else { return Ok(()) };
        prop_assert_eq!(same_syntax_tree(&source, &stripped), Ok(true), "{}", stripped);
        prop_assert_eq!(strip(&stripped), Ok(stripped.clone()));
        prop_assert!(stripped.len() <= source.len());
    }

    #[test]
    fn no_text_ends_the_process(source in "[\\PC\n\t\\\\#'\"{}()\\[\\]=,:;.lambdifnotf0-9 ]{0,300}") {
        for grammar in BOTH {
            let _ = check_syntax(&source, grammar);
        }
        if let Ok(stripped) = strip(&source) {
            prop_assert_eq!(same_syntax_tree(&source, &stripped), Ok(true));
        }
    }
}
