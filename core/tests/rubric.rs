//! Weights, levels of comparison and API names as a rubric combines them.

use recode_core::reward::{
    Comparison, Part, Reference, Rubric, RubricError, Weights, score, score_migration,
};

fn answered(code: &str) -> String {
    format!("t</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

fn by(comparison: Comparison) -> Rubric {
    Rubric {
        comparison,
        ..Rubric::strict()
    }
}

#[test]
fn each_level_forgives_more() {
    // (answer, characters equal, tokens equal, trees equal)
    let target = "f(a, b='c')\ng(1000)";
    for (code, expected) in [
        (target, [true, true, true]),
        ("f(a, b='c')  # new\n\ng(1000)", [true, true, true]),
        ("f(\n    a,\n    b=\"c\",\n)\ng(1000)", [false, true, true]),
        ("f(a, b='c'); g(1000)", [false, true, true]),
        ("(f)(a, b=('c'))\ng(1_000)", [false, false, true]),
        ("f(a, b='d')\ng(1000)", [false, false, false]),
    ] {
        let exact = |comparison: &Comparison| {
            score(&by(*comparison), &answered(code), target).em_star == 2.0
        };
        let found: Vec<bool> = Comparison::ALL.iter().map(exact).collect();
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn tokens_that_differ_are_counted() {
    // f ( a , b ) against f ( a , c , d ): one of 8 tokens replaced, two put in.
    let breakdown = score(&by(Comparison::Tokens), &answered("f(a, b)"), "f(a, c, d)");
    assert_eq!(breakdown.similarity, Some(1.0 - 3.0 / 8.0));
    assert_eq!(
        score(&by(Comparison::Tree), &answered("f(a, b)"), "f(a, c, d)").similarity,
        Some(1.0 - 3.0 / 8.0)
    );
}

#[test]
fn copying_earns_as_little_on_every_level() {
    for &comparison in Comparison::ALL {
        let rubric = Rubric {
            comparison,
            ..Rubric::edit_gain()
        };
        let earned = |code| {
            score_migration(
                &rubric,
                &answered(code),
                "np.row_stack( rows )",
                "np.vstack(rows)",
            )
            .total
        };
        assert_eq!(
            (earned("np.row_stack( rows )"), earned("np.vstack(rows)")),
            (Some(1.0 - 0.8), Some(3.0)),
            "{comparison}"
        );
    }
}

#[test]
fn a_total_is_the_weighted_sum_of_its_parts() {
    let weights: Weights = "format=0.5, em_star=2, api_adopted=1, api_left=3"
        .parse()
        .unwrap();
    let reference = Reference::new(
        Rubric {
            weights,
            ..Rubric::strict()
        },
        "np.vstack(rows)",
        Some("np.row_stack(rows)"),
    );
    let total = |code| reference.score(&answered(code), None).total;
    assert_eq!(total("np.vstack(rows)"), Some(0.5 + 2.0 * 2.0 + 1.0));
    assert_eq!(total("np.row_stack(rows)"), Some(0.5 - 2.0 * 1.5 - 3.0));
    assert_eq!(total("np.hstack(rows)"), Some(0.5 - 2.0 * 1.5));
    assert_eq!(total("np.vstack("), Some(0.5 - 2.0 * 2.0 - 3.0));
}

#[test]
fn a_part_that_cannot_be_had_leaves_no_total() {
    assert_eq!(score(&Rubric::edit_gain(), &answered("x"), "x").total, None);
    assert_eq!(
        score_migration(&Rubric::edit_gain(), &answered("x"), "print x", "x").total,
        None
    );
}

#[test]
fn api_names_are_compared_with_aliases_resolved() {
    let (old, new) = (
        "import numpy as np\nnp.sum(np.row_stack(rows), keepdims=1)",
        "import numpy as np\nnp.sum(np.vstack(rows), axis=1)",
    );
    let used = |code: &str| {
        score_migration(&Rubric::strict(), &answered(code), old, new)
            .api
            .unwrap()
    };
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
    for code in [
        "import numpy\nnumpy.sum(numpy.vstack(rows), keepdims=1)",
        "from numpy import sum as s, vstack\ns(vstack(rows), keepdims=1)",
        "np.sum(np.vstack(rows), keepdims=1)",
    ] {
        let api = used(code);
        assert_eq!(api.adopted, names(&["numpy.vstack"]), "{code}");
        assert_eq!(api.missing, names(&["numpy.sum(axis=)"]), "{code}");
        assert_eq!(api.left, names(&["numpy.sum(keepdims=)"]), "{code}");
        assert_eq!(api.gone, names(&["numpy.row_stack"]), "{code}");
        assert_eq!((api.api_adopted(), api.api_left()), (0.5, -0.5));
    }
    assert_eq!(
        used("# np.vstack\ns = 'np.vstack(rows)'").adopted,
        names(&[])
    );
}

#[test]
fn what_does_not_go_together_is_said() {
    assert_eq!(Rubric::paper().check(), Ok(()));
    let paper = |comparison, weights: &str| {
        Rubric {
            comparison,
            weights: weights.parse().unwrap(),
            ..Rubric::paper()
        }
        .check()
    };
    assert_eq!(
        paper(Comparison::Tree, "format=1"),
        Err(RubricError::PaperComparison(Comparison::Tree))
    );
    assert_eq!(
        paper(Comparison::Characters, "api_left=1"),
        Err(RubricError::PaperPart(Part::ApiLeft))
    );
    assert_eq!(
        paper(Comparison::Characters, "overlong=1"),
        Err(RubricError::NoOverlong)
    );
    for (weights, complaint) in [
        ("", "`` is no weight: write NAME=NUMBER, as in format=1"),
        (
            "format",
            "`format` is no weight: write NAME=NUMBER, as in format=1",
        ),
        (
            "format=x",
            "`format=x` is no weight: write NAME=NUMBER, as in format=1",
        ),
        (
            "format=0",
            "the weight of format is 0: use a number from -1e6 to 1e6 other than 0, or leave the part out",
        ),
        (
            "format=nan",
            "the weight of format is NaN: use a number from -1e6 to 1e6 other than 0, or leave the part out",
        ),
        ("format=1,format=1", "format has two weights: leave one out"),
        (
            "es=1",
            "unknown part of the reward `es`: use `format`, `es_star`, `em_star`, `edit_gain`, `api_adopted`, `api_left`, `repetition` or `overlong`",
        ),
    ] {
        assert_eq!(
            weights.parse::<Weights>().unwrap_err().to_string(),
            complaint
        );
    }
    let json = |text| {
        serde_json::from_str::<Rubric>(text)
            .unwrap_err()
            .to_string()
    };
    assert!(json(r#"{"weights": {}}"#).starts_with("no part has a weight"));
    assert!(json(r#"{"weights": {"es": 1}}"#).starts_with("unknown part of the reward `es`"));
    assert!(json(r#"{"wieghts": {}}"#).contains("unknown field `wieghts`"));
}
