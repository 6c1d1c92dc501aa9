use crate::python::{Grammar, Module};
use std::time::{Duration, Instant};

fn unreachable(source: &str) -> Vec<&str> {
    let module = Module::parse(source, Grammar::Latest).unwrap();
    module
        .unreachable()
        .into_iter()
        .map(|range| &source[range])
        .collect()
}

fn unreachable_of(source: &str) -> Vec<String> {
    unreachable(source).into_iter().map(str::to_owned).collect()
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
fn a_statement_all_of_whose_ways_end_ends_its_block() {
    for ending in [
        "if 1:\n        return 1",
        "while True:\n        if x:\n            return 1",
        "try:\n        return 1\n    finally:\n        pass",
        "try:\n        return 1\n    except E:\n        raise",
        "match x:\n        case 1:\n            return 1\n        case _:\n            return 2",
        "if 0:\n        pass\n    else:\n        return 1",
        "assert 0",
    ] {
        let found = unreachable_of(&format!("def f():\n    {ending}\n    dead()"));
        assert_eq!(found.last().map(String::as_str), Some("dead()"), "{ending}");
    }
}

#[test]
fn what_a_constant_decides_against_never_runs() {
    for (source, expected) in [
        ("x = 0 and a() or b()", "a()"),
        ("x = b() if 1 else a()", "a()"),
        ("x = a() if not 1 else b()", "a()"),
        ("if ():\n    a()", "if ():\n    a()"),
        ("if not [1]:\n    a()\nelse:\n    b()", "a()"),
        ("if 1 > 2:\n    a()\nelse:\n    b()", "a()"),
        ("while (x := 0):\n    a()\nelse:\n    b()", "a()"),
        ("if f() and 0:\n    a()", "a()"),
        ("assert 1, a()", "a()"),
        ("lambda: a()", "lambda: a()"),
        ("def f():\n    x: a()", "a()"),
        ("if 1-1:\n    a()", "if 1-1:\n    a()"),
        ("if 1/0 and 0:\n    a()", "a()"),
        ("while-0:\n    a()", "while-0:\n    a()"),
        ("if f'{0 and b()}'[:0]:\n    c()", "b()"),
    ] {
        assert_eq!(unreachable_of(source), [expected], "{source}");
    }
}

#[test]
fn nothing_is_made_of_nothing() {
    for (source, expected) in [
        ("for _ in ():\n    a()", &["for _ in ():\n    a()"][..]),
        ("for _ in []:\n    a()\nelse:\n    b()", &["a()"]),
        ("for _ in [x for x in ()]:\n    a()", &["x", "a()"]),
        ("y = [a() for _ in []]", &["a()"]),
        ("for _ in None:\n    a()", &["a()"]),
        ("(a() for _ in b())", &["a()"]),
        (
            "(a() for _ in b() if c() for d in e())",
            &["a()", "c()", "for d in e()"],
        ),
        ("lambda x=a(): b()", &["b()"]),
        ("lambda x=1: b()", &["lambda x=1: b()"]),
        ("while f() and 0 and g():\n    a()", &["g()", "a()"]),
        (
            "y = {a(): b() for _ in x if 0 if c()}",
            &["a()", "b()", "c()"],
        ),
        (
            "y = {a() for _ in x if 0 for d in e()}",
            &["a()", "for d in e()"],
        ),
        ("f(a() for x in y for _ in '')", &["a()"]),
        (
            "try:\n    pass\nexcept E:\n    a()\nfinally:\n    b()",
            &["except E:\n    a()"],
        ),
    ] {
        assert_eq!(unreachable_of(source), expected, "{source}");
    }
}

#[test]
fn what_nobody_asks_for_is_not_computed() {
    for (source, expected) in [
        ("x = 0 > 1 > a()", &["a()"][..]),
        ("x = b < 1 > 2 > a()", &["a()"]),
        ("y = [0 for _[a()] in ()]", &["0", "_[a()]"]),
        (
            "for _[a()] in ():\n    b()\nelse:\n    c()",
            &["_[a()]", "b()"],
        ),
        ("match 0:\n    case 1 if a():\n        b()", &["a()", "b()"]),
        (
            "match 0:\n    case _ if 0 and a():\n        b()",
            &["a()", "b()"],
        ),
        ("type T = a()", &["a()"]),
        ("def f[T: a()](): 0", &["a()"]),
        ("class C[T = a()]: 0", &["a()"]),
        ("def f():\n    x: a() = 0", &["a()"]),
        ("x = (lambda: a()) and b()", &["a()"]),
        ("if (a() for _ in b()):\n    c()", &["a()"]),
        ("(lambda: a()),", &["a()"]),
        ("x = b() if (lambda: a()) else c()", &["a()", "c()"]),
        ("x = [b() for y in z if not (lambda: a())]", &["b()", "a()"]),
    ] {
        assert_eq!(unreachable_of(source), expected, "{source}");
    }
}

#[test]
fn a_loop_that_is_left_has_no_else_and_nothing_behind_it() {
    for loops in [
        "while 1:\n        return b()\n        break",
        "while 1:\n        if 0: break\n        return b()",
        "for _ in '1':\n        return b()",
        "while 0: pass\n    else:\n        return b()",
        "for _ in x: pass\n    else:\n        return b()",
        "while 1:\n        return b()\n    else:\n        dead()",
        "try:\n        return b()\n    except ():\n        dead()",
        "try:\n        return b()\n    except E:\n        raise\n    else:\n        dead()",
        "try:\n        0\n    except E:\n        dead()\n    return b()",
        "for _ in [1]:\n        break\n    else:\n        dead()\n    return b()",
    ] {
        let found = unreachable_of(&format!("def f():\n    {loops}\n    dead()"));
        let last = found.last().map(String::as_str);
        assert_eq!(last, Some("dead()"), "{loops}: {found:?}");
        assert!(
            !found.iter().any(|gone| gone.contains("b()")),
            "{loops}: {found:?}"
        );
    }
}

#[test]
fn a_constant_subject_decides_among_cases() {
    for (source, expected) in [
        (
            "match 1:\n    case 1:\n        a()\n    case _:\n        b()",
            &["case _:\n        b()"][..],
        ),
        (
            "match 1:\n    case 2 | None:\n        a()\n    case _:\n        b()",
            &["a()"],
        ),
        (
            "match 'x':\n    case [y]:\n        a()\n    case z:\n        b()",
            &["a()"],
        ),
        (
            "match x:\n    case 1 if 0:\n        a()\n    case y if y:\n        b()",
            &["a()"],
        ),
        (
            "match True:\n    case 1:\n        a()\n    case _:\n        b()",
            &["case _:\n        b()"],
        ),
        (
            "match 1:\n    case True:\n        a()\n    case _:\n        b()",
            &["a()"],
        ),
    ] {
        assert_eq!(unreachable_of(source), expected, "{source}");
    }
}

#[test]
fn a_yield_keeps_its_function_a_generator() {
    assert_eq!(unreachable_of("def f():\n    return\n    yield"), [""; 0]);
    assert_eq!(
        unreachable_of("def f():\n    return\n    x = yield a()"),
        ["x = ", " a()"]
    );
    assert_eq!(
        unreachable_of("def f():\n    return\n    def g(x=(yield)):\n        pass"),
        ["def g(x=(", ")):\n        pass"]
    );
    assert_eq!(
        unreachable_of("def f():\n    return\n    def g():\n        yield"),
        ["def g():\n        yield"]
    );
}

#[test]
fn nested_blocks_are_looked_through_in_no_time() {
    let begin = Instant::now();
    for lines in [
        &["for x in y:"][..],
        &["while 1:", "try:"],
        &["while 1:", "if x:"],
        &["for x in '1':", "with y:"],
    ] {
        let mut source = String::new();
        let mut closing = Vec::new();
        for depth in 0..98 {
            let line = lines[depth % lines.len()];
            source += &format!("{}{line}\n", " ".repeat(depth));
            closing.push(match line {
                "try:" => format!("{}finally: pass\n", " ".repeat(depth)),
                "if x:" => format!("{}else: raise\n", " ".repeat(depth)),
                _ => String::new(),
            });
        }
        source += &format!("{}a()\n", " ".repeat(98));
        source.extend(closing.into_iter().rev());
        assert!(!unreachable(&source).contains(&"a()"), "{lines:?}");
    }
    // What doubles at every level takes longer than the universe has.
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_may_run_is_left_alone() {
    for source in [
        "if x:\n    a()\nb()",
        "def f():\n    return 1\nf()",
        "while True:\n    break\na()",
        "while True:\n    for x in y:\n        pass\n    else:\n        break\na()",
        "if x:\n    raise E\na()",
        "x = a() and b() or c()",
        "class C:\n    x: a()",
        "with x:\n    raise E\na()",
        "try:\n    return a()\nexcept E:\n    b()",
        "x = lambda: 1",
        "for _ in x:\n    a()",
        "def f():\n    for _ in x:\n        return 1\n    a()",
        "def f():\n    for _ in '12':\n        if x: continue\n        return 1\n    a()",
        "def f():\n    while x:\n        break\n    else:\n        return 1\n    a()",
        "for _ in [1]:\n    continue\nelse:\n    a()",
        "try:\n    x\nexcept E:\n    a()",
        "try:\n    'a' * 10**30\nexcept E:\n    a()",
        "try:\n    f' {1:q}'\nexcept E:\n    a()",
        "try:\n    [] in {}\nexcept E:\n    a()",
        "print(f'{0 and b() = }')",
        "x = b() or (lambda: a())",
        "x: a() = 0",
        "for _ in (x and ()):\n    a()",
        "y = [a() for _ in (x and ())]",
        "if ((x := []), [x.append(1)])[0]:\n    a()",
        "if '\\ud800' == '\\ud801':\n    a()\nelse:\n    b()",
        "y = [a() for _ in [0]]",
        "match x:\n    case 1:\n        a()\n    case _:\n        b()",
        "match [1]:\n    case [x]:\n        a()\n    case _:\n        b()",
        "try:\n    a()\nexcept E:\n    b()",
    ] {
        assert_eq!(unreachable(source), [""; 0], "{source}");
    }
}
