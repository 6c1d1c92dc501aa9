//! `strict` mode: the faults of the reference mended, one claim each.

use proptest::prelude::*;
use recode_core::reward::{
    Breakdown, Part, RewardMode, Rubric, Searched, Weights, Withheld, score,
};

const TARGET: &str = "import numpy as np\n\nrows = np.vstack([a, b])";

fn strict(completion: &str, target: &str) -> Breakdown {
    score(&Rubric::strict(), completion, target)
}

fn paper(completion: &str, target: &str) -> Breakdown {
    score(&Rubric::paper(), completion, target)
}

/// A completion in the asked-for form.
fn answered(code: &str) -> String {
    format!("row_stack is gone.</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

fn assert_perfect(completion: &str, target: &str) {
    let breakdown = strict(completion, target);
    assert_eq!(
        (breakdown.total, breakdown.em_star, &breakdown.withheld),
        (Some(3.0), 2.0, &None),
        "{completion}"
    );
}

#[test]
fn a_right_answer_earns_everything() {
    assert_perfect(&answered(TARGET), TARGET);
    let exact = Rubric {
        weights: Weights::new([(Part::Format, 1.0), (Part::EmStar, 0.5)]).unwrap(),
        ..Rubric::strict()
    };
    assert_eq!(score(&exact, &answered(TARGET), TARGET).total, Some(2.0));
}

#[test]
fn comments_cost_nothing() {
    // The reference takes the apostrophes for a string.
    let commented = "# don't\nimport numpy as np\n\n\nrows = np.vstack([a, b])  # it's new";
    assert_perfect(&answered(commented), TARGET);
    assert!(paper(&answered(commented), TARGET).total < Some(3.0));
}

#[test]
fn the_eleventh_string_costs_nothing() {
    let strings: String = (0..11).map(|i| format!("s{i} = 'v{i}'\n")).collect();
    assert_perfect(&answered(&strings), &strings);
    assert_eq!(paper(&answered(&strings), &strings).total, Some(-1.0));
}

#[test]
fn fences_and_line_ends_are_read_as_people_write_them() {
    for fence in ["```py", "```Python", "```python  "] {
        assert_perfect(&answered(TARGET).replace("```python", fence), TARGET);
    }
    assert_perfect(&answered(TARGET).replace('\n', "\r\n"), TARGET);
    assert_perfect(&answered(TARGET), &TARGET.replace('\n', "\r\n"));
}

#[test]
fn code_in_the_thinking_earns_nothing() {
    let completion = format!("```python\n{TARGET}\n```</think><answer></answer>");
    assert_eq!(paper(&completion, TARGET).total, Some(3.0));
    let breakdown = strict(&completion, TARGET);
    assert_eq!(breakdown.total, Some(1.0 - 2.0));
    assert_eq!(
        breakdown.withheld,
        Some(Withheld::NoCode {
            searched: Searched::Answer
        })
    );
}

#[test]
fn an_answer_without_tags_has_something_to_climb() {
    // Without the tags the format is lost, not the code.
    for completion in [
        format!("```python\n{TARGET}\n```"),
        format!("So it is vstack.</think>\n```python\n{TARGET}\n```"),
        format!("So it is vstack.</think>\n<answer>\n```python\n{TARGET}\n```\n"),
        format!("<answer>\n```python\n{TARGET}\n```\n</answer>"),
    ] {
        let breakdown = strict(&completion, TARGET);
        assert_eq!(
            (breakdown.format, breakdown.es_star, breakdown.total),
            (-1.0, 2.0, Some(1.0)),
            "{completion}"
        );
    }
}

#[test]
fn two_sides_without_code_are_equal() {
    for (code, target) in [("", ""), ("# a", "# b"), ("", "\n\n"), ("# a", "")] {
        assert_perfect(&answered(code), target);
    }
}

#[test]
fn reasons_are_told_in_words() {
    for (completion, target, reason) in [
        (
            "I think it is vstack.",
            TARGET,
            "no closed ```python block in the completion",
        ),
        (
            "t</think> vstack",
            TARGET,
            "no closed ```python block after </think>",
        ),
        (
            "t</think><answer>vstack</answer>",
            TARGET,
            "no closed ```python block between the answer tags",
        ),
        (
            &answered("x = 1\nprint 'a'"),
            TARGET,
            "the answer's code is not Python: ",
        ),
        (
            &answered("x = 1"),
            "x = = 1",
            "the target is not Python, so nothing can be compared with it: ",
        ),
        (
            &answered("x = 1\0"),
            TARGET,
            "the answer's code is not Python: source code cannot contain null bytes (line 1, column 6)",
        ),
    ] {
        let breakdown = strict(completion, target);
        let withheld = breakdown.withheld.expect(completion).to_string();
        assert!(withheld.starts_with(reason), "{withheld}");
        assert_eq!(
            (breakdown.es_star, breakdown.em_star, breakdown.similarity),
            (-2.0, -2.0, None)
        );
    }
    assert!(strict(&answered("x = 1"), "x = = 1").syntax_ok);
}

#[test]
fn deep_nesting_is_a_syntax_error() {
    for depth in [201, 100_000] {
        let breakdown = strict(&answered(&("(".repeat(depth) + &")".repeat(depth))), TARGET);
        assert!(
            matches!(breakdown.withheld, Some(Withheld::AnswerNotPython { .. })),
            "{:?}",
            breakdown.withheld
        );
    }
}

#[test]
fn newer_grammar_is_python() {
    assert_perfect(&answered("type X = int"), "type X = int");
    assert_eq!(
        paper(&answered("type X = int"), "type X = int").total,
        Some(-1.0)
    );
}

#[test]
fn strings_that_double_each_other_do_not_end_the_process() {
    // String i names placeholder i + 1 twice: 2^200 characters if they were put back.
    let code: String = (0..200)
        .map(|i| format!("'STRING_PLACEHOLDER_{0} STRING_PLACEHOLDER_{0}'\n", i + 1))
        .collect();
    assert_eq!(paper(&answered(&code), TARGET).es_star, -2.0);
    assert_eq!(paper(&answered(TARGET), &code).es_star, -2.0);
    assert!(strict(&answered(&code), TARGET).syntax_ok);
}

#[test]
fn strings_that_name_each_other_one_after_the_other_do_not_take_minutes() {
    // Each round puts the next of 40,000 strings in place of all before it: 40,000 searches through a mebibyte.
    let code: String = (0..40_000)
        .map(|i| format!("'STRING_PLACEHOLDER_{}'\n", i + 1))
        .collect();
    let begin = std::time::Instant::now();
    assert_eq!(paper(&answered(&code), &code).es_star, -2.0);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

#[test]
fn a_breakdown_reads_back_from_json() {
    for completion in [answered(TARGET), answered("x ="), "no code".to_owned()] {
        let breakdown = strict(&completion, TARGET);
        let json = serde_json::to_string(&breakdown).unwrap();
        assert_eq!(
            serde_json::from_str::<Breakdown>(&json).unwrap(),
            breakdown,
            "{json}"
        );
    }
    assert_eq!(
        serde_json::to_string(&RewardMode::Strict).unwrap(),
        "\"strict\""
    );
    assert_eq!("paper".parse(), Ok(RewardMode::Paper));
    assert_eq!(
        "Strict".parse::<RewardMode>().unwrap_err().to_string(),
        "unknown reward mode `Strict`: use `paper` or `strict`"
    );
}

/// Markup, code and text in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "```python\n",
        "```py\r\n",
        "\n```",
        "```",
        "\n",
        "x = 1",
        "# it's",
        "'a'",
        "\"\"\"",
        "(",
        ")",
        "é",
        "\0",
        "    ",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rewards_keep_their_bounds_and_add_up(completion in soup(), target in soup()) {
        for rubric in [Rubric::paper(), Rubric::strict()] {
            let b = score(&rubric, &completion, &target);
            prop_assert!(b.format == 1.0 || b.format == -1.0);
            prop_assert!((-2.0..=2.0).contains(&b.es_star));
            prop_assert!([2.0, -1.5, -2.0].contains(&b.em_star));
            prop_assert_eq!(b.total, Some(b.format + b.es_star));
            prop_assert_eq!(b.similarity.is_none(), b.withheld.is_some());
            prop_assert!(b.syntax_ok || b.withheld.is_some());
            if let Some(similarity) = b.similarity {
                prop_assert_eq!(b.es_star, similarity * 3.5 - 1.5);
                prop_assert_eq!(b.em_star == 2.0, similarity == 1.0);
            }
        }
    }

    #[test]
    fn comments_and_blank_lines_change_no_strict_reward(
        lines in prop::collection::vec(prop::sample::select(vec!["x = 1", "f('a # b')", "if x:\n    y = \"it's\"", "s = '''\n\n#'''"]), 1..6),
        noise in prop::collection::vec(prop::sample::select(vec!["", "  # it's", "\n\n", "\n# \"a\n", " \t"]), 6),
    ) {
        let plain = lines.join("\n");
        let noisy: String = lines.iter().zip(&noise).map(|(line, noise)| format!("{line}{noise}\n")).collect();
        prop_assert_eq!(strict(&answered(&noisy), TARGET), strict(&answered(&plain), TARGET));
        prop_assert_eq!(strict(&answered(&noisy), &plain).total, Some(3.0));
        prop_assert_eq!(strict(&answered(&plain), &noisy).total, Some(3.0));
    }
}
