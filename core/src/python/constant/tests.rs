use super::*;
use crate::python::{Grammar, Module};
use ruff_python_ast::{Mod, Stmt};
use std::time::{Duration, Instant};

fn truth_of(expression: &str) -> Option<bool> {
    let module = Module::parse(expression, Grammar::Latest).unwrap();
    let Mod::Module(module) = module.parsed.syntax() else {
        panic!("{expression} is no module");
    };
    let [Stmt::Expr(alone)] = &*module.body else {
        panic!("{expression} is no expression alone");
    };
    truth(&alone.value)
}

#[test]
fn false_is_what_python_computes_to_be_false() {
    for expression in [
        "0",
        "-0",
        "0.0",
        "0j",
        "None",
        "''",
        "b''",
        "f''",
        "()",
        "[]",
        "{}",
        "False",
        "1-1",
        "2*3-6",
        "7//-2+4",
        "-7%3-2",
        "7%-3+2",
        "2**3-8",
        "~-1",
        "1>>1",
        "6&1",
        "True-1",
        "0.5-0.5",
        "1-1.0",
        "not -1",
        "0if 1else 0",
        "1 is None",
        "None is not None",
        "True is 1",
        "1 is 'a'",
        "'a' in 'b'",
        "1 not in (1, 2)",
        "1 in ()",
        "(0,)==0",
        "(0,)==(1,)",
        "'a'>'b'",
        "1>2",
        "1<2>3",
        "1==1.5",
        "''*2",
        "'ab'*0",
        "(1,)*-1",
        "''+''",
        "f'{\"\"}'",
        "(0,)[0]",
        "'abc'[0]=='b'",
        "[0][-1]",
        "[x for _ in []]",
        "{x for _ in ()}",
        "{a: b for _ in ''}",
        "[x for _ in y if 0]",
        "[x for y in z for _ in ()]",
        "(x := 0)",
        "[x for _ in 0]",
        "{a: b for _ in {}}",
        "x and 0",
        "0 if x else None",
        "x < 1 > 1",
        "x in ()",
        "[*()]",
        "b'a' in b'b'",
        "''.__class__ and 0",
    ] {
        assert_eq!(truth_of(expression), Some(false), "{expression}");
    }
}

#[test]
fn true_is_what_python_computes_to_be_true() {
    for expression in [
        "1",
        "-1",
        "0.1",
        "...",
        "'0'",
        "b'0'",
        "f' {x}'",
        "f'{0}'",
        "f'{None}'",
        "(0,)",
        "[x]",
        "{x: y}",
        "[*a, b]",
        "lambda: 0",
        "(x for x in ())",
        "not 0",
        "[x for x in 'a' if 1]",
        "1 is not None",
        "None is None",
        "True is True",
        "1 is not True",
        "'a' in 'ab'",
        "1 in (0, True)",
        "(0, 'a')==(False, 'a')",
        "()!=[]",
        "0<1<2",
        "1==1.0",
        "'a'<'b'",
        "'a'*2",
        "(0,)*65",
        "'x'+''",
        "-7//2==-4",
        "7//-2==-4",
        "x or 1",
        "1 if x else 2",
        "x not in []",
        "99999999999999999999999999999999999999999999999",
    ] {
        assert_eq!(truth_of(expression), Some(true), "{expression}");
    }
}

#[test]
fn what_python_would_have_to_run_is_not_known() {
    for expression in [
        "x",
        "x()",
        "-x",
        "len(())",
        "x and 1",
        "x or 0",
        "1 if x else 0",
        "[*x]",
        "{**x}",
        "f'{x}'",
        "[y for y in x]",
        "[y for y in (z for z in ())]",
        "[y for y in (x and ())]",
        "((x := []), [x.append(1)])[0]",
        "'\\ud800' == '\\ud801'",
        "{} + {}",
        "x == x",
        "1/0",
        "1%0",
        "1<<-1",
        "1<<200",
        "'a'+1",
        "'%s' % ''",
        "()[0]",
        "1 is 1",
        "'' is ''",
        "{1} == {1, 1}",
        "1e999 - 1e999",
        "2**999",
        "(1).bit_length",
        "'a' < 1",
    ] {
        assert_eq!(truth_of(expression), None, "{expression}");
    }
}

#[test]
fn nested_operations_are_decided_in_no_time() {
    let begin = Instant::now();
    for (open, close) in [
        ("(1 and ", ")"),
        ("(0 or ", ")"),
        ("(not ", ")"),
        ("(a and (b or ", "))"),
        ("(64 * (", ",))"),
        ("[x for x in ", "]"),
        ("[x for x in 'a' if ", "]"),
        ("{x: x for x in ", "}"),
    ] {
        let depth = 190 / open.matches(['(', '[', '{']).count();
        let source = format!(
            "if {}x{}:\n    a()",
            open.repeat(depth),
            close.repeat(depth)
        );
        let module = Module::parse(&source, Grammar::Latest).unwrap();
        assert_eq!(module.unreachable(), [0..0; 0], "{open}");
    }
    let nested = format!("{}0{}", "(64 * (".repeat(90), ",))".repeat(90));
    assert_eq!(truth_of(&nested), Some(true));
    // What doubles at every level takes longer than the universe has.
    assert!(begin.elapsed() < Duration::from_secs(10));
}
