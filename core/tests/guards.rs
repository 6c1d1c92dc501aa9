//! Answers that would earn without being a migration, each made the way a policy would find it.

use recode_core::reward::{
    Breakdown, Comparison, Overlong, Part, Reference, Rubric, Weights, Withheld, score_migration,
};

const OLD: &str = "import numpy as np\n\ndef stack(rows):\n    return np.row_stack(rows)";
const NEW: &str = "import numpy as np\n\ndef stack(rows):\n    return np.vstack(rows, dtype=float, casting='unsafe')";

/// What copying earns: the bound for everything that is no migration.
const COPY: f64 = -0.8;

fn in_block(code: &str) -> String {
    format!("\n```python\n{code}\n```\n")
}

fn answered(code: &str) -> String {
    format!(
        "row_stack is gone.</think>\n<answer>{}</answer>",
        in_block(code)
    )
}

fn scored(completion: &str) -> Breakdown {
    score_migration(&Rubric::edit_gain(), completion, OLD, NEW)
}

fn gain(completion: &str) -> f64 {
    scored(completion).edit_gain.unwrap()
}

#[test]
fn without_an_attack_the_scale_is_whole() {
    assert_eq!(gain(&answered(NEW)), 2.0);
    assert_eq!(gain(&answered(OLD)), COPY);
}

#[test]
fn code_in_the_thinking_earns_nothing() {
    assert_eq!(
        gain(&format!("{}</think>\n<answer></answer>", in_block(NEW))),
        -2.0
    );
    let completion = format!(
        "{}</think>\n<answer>{}</answer>",
        in_block(NEW),
        in_block(OLD)
    );
    assert_eq!(gain(&completion), COPY);
}

#[test]
fn an_answer_without_code_earns_nothing() {
    for code in ["", "\n\n", "# np.vstack(rows)"] {
        let breakdown = scored(&answered(code));
        assert_eq!(
            (breakdown.withheld, breakdown.edit_gain),
            (Some(Withheld::EmptyCode), Some(-2.0)),
            "{code}"
        );
    }
}

#[test]
fn several_answers_earn_nothing() {
    let second = format!("\n<answer>{}</answer>", in_block(NEW));
    for completion in [answered(OLD) + &second, answered(NEW) + &second] {
        let breakdown = scored(&completion);
        assert_eq!(
            breakdown.withheld,
            Some(Withheld::SeveralAnswers { answers: 2 })
        );
        assert_eq!((breakdown.format, breakdown.edit_gain), (-1.0, Some(-2.0)));
    }
    // Code and prose that name the tags are one answer; the latter loses the format.
    let code = "print('<answer>')";
    assert_eq!(
        score_migration(&Rubric::strict(), &answered(code), OLD, code).es_star,
        2.0
    );
    for completion in [
        format!(
            "I put it into <answer> tags.\n<answer>{}</answer>",
            in_block(NEW)
        ),
        answered(NEW).replace("</answer>", "I wrote one <answer>.</answer>"),
        answered(NEW) + "<answer></answer>",
    ] {
        let breakdown = scored(&completion);
        assert_eq!(
            (breakdown.format, breakdown.edit_gain),
            (-1.0, Some(2.0)),
            "{completion}"
        );
    }
}

#[test]
fn of_several_blocks_the_last_is_the_code() {
    let blocks = |first, second| {
        format!(
            "t</think><answer>{}{}</answer>",
            in_block(first),
            in_block(second)
        )
    };
    assert_eq!(gain(&blocks(NEW, OLD)), COPY);
    assert_eq!(gain(&blocks(OLD, NEW)), 2.0);
}

#[test]
fn the_target_as_a_comment_is_not_there() {
    let comment = NEW.replace('\n', "\n# ");
    assert_eq!(gain(&answered(&format!("{OLD}\n# {comment}"))), COPY);
    assert_eq!(
        scored(&answered(&format!("# {comment}"))).withheld,
        Some(Withheld::EmptyCode)
    );
}

#[test]
fn the_target_as_a_string_is_no_code() {
    for (open, close) in [
        ("'''", "'''"),
        ("r\"\"\"", "\"\"\""),
        ("f'''", "'''"),
        ("x = '''", "'''"),
        ("print('''", "''')"),
        ("exec('''", "''')"),
    ] {
        let pasted = format!("{open}{}{close}", NEW.replace('\'', "\""));
        for code in [
            pasted.clone(),
            format!("{OLD}\n{pasted}"),
            format!("{pasted}\n{OLD}"),
        ] {
            for comparison in Comparison::ALL {
                let rubric = Rubric {
                    comparison: *comparison,
                    ..Rubric::edit_gain()
                };
                let breakdown = score_migration(&rubric, &answered(&code), OLD, NEW);
                assert!(
                    breakdown.edit_gain.unwrap() < COPY,
                    "{comparison}: {code}\n{breakdown:?}"
                );
            }
        }
    }
}

#[test]
fn code_that_cannot_run_is_not_there() {
    let body = "return np.vstack(rows, dtype=float, casting='unsafe')";
    let copied = scored(&answered(OLD));
    for code in [
        format!("{OLD}\n    {body}"),
        format!("{OLD}; {body}"),
        format!("{OLD}\nif False:\n    {body}"),
        format!("{OLD}\nwhile 0:\n    {body}"),
    ] {
        assert_eq!(scored(&answered(&code)), copied, "{code}");
    }
    let ended = format!("{OLD}\nraise SystemExit");
    assert_eq!(
        scored(&answered(&format!("{ended}\n{NEW}"))),
        scored(&answered(&ended))
    );
    let passed = format!("{OLD}\nif True:\n    pass");
    assert_eq!(
        scored(&answered(&format!("{passed}\nelse:\n    {body}"))),
        scored(&answered(&passed))
    );
    // Without the guard a short line that stays would be the smaller edit: every way found of keeping both is worth the copy alone.
    let target = "def f(x):\n    return numpy.vstack(x, dtype=float, casting='unsafe')";
    let new = &target["def f(x):\n    return ".len()..];
    for (old, both) in [
        (
            "return a(x)",
            format!("if 1:\n        return a(x)\n    return {new}"),
        ),
        (
            "return a(x)",
            format!("while 1:\n        return a(x)\n    return {new}"),
        ),
        (
            "return a(x)",
            format!("try:\n        return a(x)\n    finally:\n        pass\n    return {new}"),
        ),
        ("return a(x)", format!("return a(x) if 1 else {new}")),
        ("return a(x)", format!("return 0 and {new} or a(x)")),
        (
            "return a(x)",
            format!("if ():\n        return {new}\n    return a(x)"),
        ),
        (
            "return a(x)",
            format!("if not 1:\n        return {new}\n    return a(x)"),
        ),
        (
            "return a(x)",
            format!("while-0:\n        return {new}\n    return a(x)"),
        ),
        (
            "return a(x)",
            format!("for _ in '' * 2:\n        return {new}\n    return a(x)"),
        ),
        (
            "return a(x)",
            format!(
                "match 1 - 1:\n        case 1:\n            return {new}\n        case _:\n            return a(x)"
            ),
        ),
        (
            "return a(x)",
            format!("try:\n        pass\n    except E:\n        return {new}\n    return a(x)"),
        ),
        ("return a(x)", format!("return [{new} for _ in []] or a(x)")),
        ("return a(x)", format!("_: {new}\n    return a(x)")),
        ("return a(x)", format!("lambda: {new}\n    return a(x)")),
        ("return a(x)", format!("assert 1, {new}\n    return a(x)")),
    ] {
        let old = format!("def f(x):\n    {old}");
        let answer = answered(&format!("def f(x):\n    {both}"));
        let earned = score_migration(&Rubric::edit_gain(), &answer, &old, target);
        let api = earned.api.unwrap();
        assert_eq!(api.adopted, [""; 0], "{both}");
        assert!(
            earned.edit_gain.unwrap() < -0.4,
            "{both}: {:?}",
            earned.edit_gain
        );
    }
    let (old, new) = (
        "def f():\n    return a",
        "def f():\n    return numpy.vstack(rows, dtype=float)",
    );
    let code = format!("{old}\n    return numpy.vstack(rows, dtype=float)");
    for comparison in Comparison::ALL {
        let rubric = Rubric {
            comparison: *comparison,
            ..Rubric::edit_gain()
        };
        assert_eq!(
            score_migration(&rubric, &answered(&code), old, new).edit_gain,
            Some(COPY),
            "{comparison}"
        );
    }
}

#[test]
fn what_cannot_run_counts_where_nothing_else_tells_the_target_from_the_old_code() {
    let (old, new) = (
        "raise SystemExit\nnp.row_stack(x)",
        "raise SystemExit\nnp.vstack(x)",
    );
    let earned = |code| score_migration(&Rubric::edit_gain(), &answered(code), old, new).edit_gain;
    assert_eq!((earned(old), earned(new)), (Some(COPY), Some(2.0)));
}

#[test]
fn a_generator_stays_one() {
    let (generator, function) = ("def f():\n    return\n    yield", "def f():\n    return");
    for &comparison in Comparison::ALL {
        let rubric = Rubric {
            comparison,
            ..Rubric::strict()
        };
        assert_eq!(
            score_migration(&rubric, &answered(function), function, generator).em_star,
            -1.5
        );
        assert_eq!(
            score_migration(&rubric, &answered(generator), function, generator).em_star,
            2.0
        );
    }
}

#[test]
fn saying_it_again_and_again_never_earns_more() {
    let mut before = 2.0;
    for times in [2, 3, 10, 1000] {
        let earned = gain(&answered(&format!("{NEW}\n").repeat(times)));
        assert!(earned < before, "{times}: {earned}");
        before = earned;
    }
    // A loop in the thinking leaves the code alone; the part `repetition` sees it, whatever the length.
    let weights = Weights::new([
        (Part::Format, 1.0),
        (Part::EditGain, 1.0),
        (Part::Repetition, 2.0),
    ])
    .unwrap();
    let rubric = Rubric {
        weights,
        ..Rubric::edit_gain()
    };
    let looped = "I have to call vstack. ".repeat(1000) + &answered(NEW);
    let breakdown = score_migration(&rubric, &looped, OLD, NEW);
    assert!(breakdown.repetition.unwrap() < -0.99);
    assert!(breakdown.total.unwrap() < 3.0 - 1.98);
    assert!(
        score_migration(&rubric, &answered(NEW), OLD, NEW)
            .total
            .unwrap()
            > 2.8
    );
}

#[test]
fn over_long_answers_pay_for_their_length() {
    let weights = Weights::new([(Part::EditGain, 1.0), (Part::Overlong, 1.0)]).unwrap();
    let overlong = Some(Overlong {
        max_length: 100,
        buffer: 50,
    });
    let reference = Reference::new(
        Rubric {
            weights,
            overlong,
            ..Rubric::strict()
        },
        NEW,
        Some(OLD),
    );
    let total = |length| reference.score(&answered(NEW), length).total;
    assert_eq!(
        [50, 75, 100, 101].map(|length| total(Some(length))),
        [2.0, 1.5, 1.0, 1.0].map(Some)
    );
    assert_eq!(
        total(None),
        None,
        "a length that is not known is not taken for a short one"
    );
}

#[test]
fn letters_that_only_look_alike_are_no_name() {
    for code in [
        NEW.replace("vstack", "v\u{455}tack"),
        NEW.replace("np.", "n\u{440}."),
        NEW.replace("vstack", "\u{ff56}stack"),
    ] {
        let breakdown = scored(&answered(&code));
        assert!(
            matches!(breakdown.withheld, Some(Withheld::ForeignName { .. })),
            "{code} {breakdown:?}"
        );
        assert_eq!(breakdown.edit_gain, Some(-2.0));
    }
    let breakdown = scored(&answered(&NEW.replace("vstack", "v\u{455}tack")));
    let reason =
        "the name v\u{455}tack has the letter U+0455, and nothing in the row has such a name";
    assert_eq!(breakdown.withheld.unwrap().to_string(), reason);
    // A row may have such names of its own.
    let new = "größe = np.vstack(rows)";
    let breakdown = score_migration(
        &Rubric::strict(),
        &answered(new),
        "größe = np.row_stack(rows)",
        new,
    );
    assert_eq!(breakdown.total, Some(3.0));
}

#[test]
fn letters_of_no_width_are_not_python() {
    for letter in ['\u{200b}', '\u{200c}', '\u{2060}', '\u{feff}', '\u{ad}'] {
        for code in [
            NEW.replace("vstack", &format!("v{letter}stack")),
            NEW.replace("np.", &format!("np{letter}.")),
        ] {
            let breakdown = scored(&answered(&code));
            assert_eq!(breakdown.edit_gain, Some(-2.0), "{letter:?} {breakdown:?}");
        }
    }
}

#[test]
fn line_ends_of_any_kind_make_no_difference() {
    let mixed = |text: &str| {
        let ends = ["\r\n", "\n", "\r\n"].into_iter().cycle();
        text.lines()
            .zip(ends)
            .map(|(line, end)| format!("{line}{end}"))
            .collect::<String>()
    };
    for completion in [answered(NEW).replace('\n', "\r\n"), mixed(&answered(NEW))] {
        assert_eq!(gain(&completion), 2.0, "{completion:?}");
    }
    assert_eq!(gain(&answered(&NEW.replace('\n', "\r"))), 2.0);
    // A comment ends where Python ends it, and only there.
    assert_eq!(gain(&answered(&format!("# old\r{NEW}"))), 2.0);
    for not_an_end in ['\u{b}', '\u{c}', '\u{85}', '\u{2028}'] {
        assert_eq!(
            gain(&answered(&format!("{OLD}\n# {not_an_end}np.vstack(rows)"))),
            COPY,
            "{not_an_end:?}"
        );
    }
}
