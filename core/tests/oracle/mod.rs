//! What has to hold for any bytes, whatever they are: the oracles of the fuzz targets (`core/fuzz`), run on the test cases in `tests/fuzz_oracles.rs`.
//!
//! An input is up to three texts with the byte FF between them; bytes that are no UTF-8 become U+FFFD.

use recode_core::answer::Answer;
use recode_core::explain::{Edit, Explanation, LineEdit, explain as explained};
use recode_core::python::{Grammar, check_syntax, same_syntax_tree, strip};
use recode_core::reward::{
    Breakdown, Comparison, Part, Reference, RewardMode, Rubric, Withheld, edit_gain,
};
use recode_core::similarity::{levenshtein, similarity as similarity_of};

/// The oracle's distance is quadratic, in time and in memory: longer texts are compared in their beginnings.
const MAX_CHARACTERS: usize = 130;

fn texts<const N: usize>(bytes: &[u8]) -> [String; N] {
    let mut parts = bytes.splitn(N, |&byte| byte == 0xff);
    std::array::from_fn(|_| String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned())
}

/// The distance is strsim's, and the similarity what the definition says.
pub fn similarity(bytes: &[u8]) {
    let [a, b] =
        texts(bytes).map(|text: String| text.chars().take(MAX_CHARACTERS).collect::<String>());
    let distance = levenshtein(&a, &b);
    assert_eq!(distance, strsim::levenshtein(&a, &b));
    assert_eq!(distance, levenshtein(&b, &a));
    let longest = a.chars().count().max(b.chars().count());
    let expected = if longest == 0 {
        1.0
    } else {
        1.0 - distance as f64 / longest as f64
    };
    assert_eq!(similarity_of(&a, &b), expected);
}

/// Stripping changes no program, and nothing when it is done twice.
pub fn python(bytes: &[u8]) {
    let [source] = texts(bytes);
    let _ = check_syntax(&source, Grammar::CPython311);
    let Ok(stripped) = strip(&source) else {
        assert!(check_syntax(&source, Grammar::Latest).is_err());
        return;
    };
    assert!(
        same_syntax_tree(&source, &stripped).expect("what is left is Python"),
        "{stripped:?}"
    );
    assert_eq!(strip(&stripped).as_ref(), Ok(&stripped));
    assert!(stripped.len() <= source.len());
}

fn answered(code: &str) -> String {
    format!("</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

/// One of the rubrics, by the input: all of them would take five times as long.
fn rubric(bytes: &[u8]) -> Rubric {
    let weights = "format=1,es_star=0.5,em_star=0.25,edit_gain=2,repetition=1";
    let sum: usize = bytes.iter().map(|&byte| usize::from(byte)).sum();
    match sum % 5 {
        0 => Rubric::paper(),
        1 => Rubric {
            weights: weights.parse().expect("weights"),
            ..Rubric::strict()
        },
        level => Rubric {
            comparison: Comparison::ALL[level - 2],
            ..Rubric::edit_gain()
        },
    }
}

/// Bounds, sums, and what is known of a right answer, a copy, and a comment.
pub fn score(bytes: &[u8]) {
    let [completion, target, old] = texts(bytes);
    let rubric = rubric(bytes);
    let reference = Reference::new(rubric.clone(), &target, Some(&old));
    let breakdown = reference.score(&completion, None);
    check(&breakdown, &rubric, reference.baseline());
    assert_eq!(
        reference.score(&completion, None),
        breakdown,
        "the second time"
    );
    if rubric.mode == RewardMode::Strict {
        right_answer(&reference, &target);
        copy(&reference, &old);
        commented(&reference, &completion, &breakdown);
        levels_forgive_more(&completion, &target);
    }
}

fn check(b: &Breakdown, rubric: &Rubric, baseline: Option<f64>) {
    assert!(b.format == 1.0 || b.format == -1.0);
    assert_eq!(b.baseline, baseline);
    assert_eq!(b.similarity.is_none(), b.withheld.is_some());
    match b.similarity {
        Some(s) => {
            assert!((0.0..=1.0).contains(&s));
            assert_eq!(b.es_star, s * 3.5 - 1.5);
            assert_eq!(b.em_star == 2.0, s == 1.0);
            assert_eq!(
                b.edit_gain,
                baseline.map(|baseline| edit_gain::reward(s, baseline))
            );
        }
        None => {
            let raised = matches!(b.withheld, Some(Withheld::ReferenceRaises { .. }));
            assert_eq!(
                (b.es_star, b.em_star),
                (-2.0, if raised { 2.0 } else { -2.0 })
            );
            assert_eq!(b.edit_gain, baseline.map(|_| -2.0));
        }
    }
    if let Some(api) = &b.api {
        assert!(
            api.adopted
                .iter()
                .chain(&api.missing)
                .all(|new| !api.left.contains(new) && !api.gone.contains(new))
        );
    }
    let parts: Option<f64> = rubric
        .weights
        .iter()
        .map(|(part, weight)| Some(weight * b.part(part)?))
        .sum();
    assert_eq!(b.total, parts);
    let json = serde_json::to_string(b).expect("JSON");
    assert_eq!(
        &serde_json::from_str::<Breakdown>(&json).expect("a breakdown"),
        b
    );
}

/// The target itself earns everything, where it is Python and stands in the form unharmed.
fn right_answer(reference: &Reference, target: &str) {
    let completion = answered(target);
    let parts = Answer::find(&completion);
    let whole = parts
        .code
        .is_some_and(|code| completion[code] == *target.trim());
    let b = reference.score(&completion, None);
    if whole && b.withheld.is_none() {
        assert_eq!((b.es_star, b.em_star), (2.0, 2.0), "{target:?}");
        assert!(
            b.api
                .is_none_or(|api| api.missing.is_empty() && api.left.is_empty()),
            "{target:?}"
        );
    }
}

/// The old code earns no more than a copy may.
fn copy(reference: &Reference, old: &str) {
    let completion = answered(old);
    let parts = Answer::find(&completion);
    let whole = parts
        .code
        .is_some_and(|code| completion[code] == *old.trim());
    let b = reference.score(&completion, None);
    if whole && reference.baseline().is_some() {
        assert!(
            b.em_star == 2.0 || b.edit_gain <= Some(-0.8),
            "{old:?} {b:?}"
        );
        assert!(
            b.api
                .is_none_or(|api| api.adopted.is_empty() && api.gone.is_empty()),
            "{old:?}"
        );
    }
}

/// A comment behind the code changes nothing.
fn commented(reference: &Reference, completion: &str, breakdown: &Breakdown) {
    let Some(code) = Answer::find(completion).code else {
        return;
    };
    if !breakdown.syntax_ok
        || completion[code.clone()].ends_with('\\')
        || completion.len() + 9 > 1 << 20
    {
        return;
    }
    let commented = format!(
        "{}\n# it's {}",
        &completion[..code.end],
        &completion[code.end..]
    );
    let b = reference.score(&commented, None);
    assert_eq!(
        (b.es_star, b.em_star, b.withheld),
        (
            breakdown.es_star,
            breakdown.em_star,
            breakdown.withheld.clone()
        )
    );
}

/// What is equal on one level is equal on those that forgive more.
fn levels_forgive_more(completion: &str, target: &str) {
    let exact = |&comparison: &Comparison| {
        let rubric = Rubric {
            comparison,
            ..Rubric::strict()
        };
        Reference::new(rubric, target, None)
            .score(completion, None)
            .em_star
            == 2.0
    };
    let exact: Vec<bool> = Comparison::ALL.iter().map(exact).collect();
    assert!(exact.is_sorted(), "{exact:?}");
}

/// An explanation agrees with the score, points into the text, and its script turns one text into the other.
pub fn explain(bytes: &[u8]) {
    let [completion, target, old] = texts(bytes);
    let units: Vec<u16> = completion.encode_utf16().collect();
    let rubric = rubric(bytes);
    let explanation = explained(&rubric, &completion, &target, Some(&old), None);
    let b = Reference::new(rubric.clone(), &target, Some(&old)).score(&completion, None);
    assert_eq!(explanation.breakdown, b);
    assert_eq!(explanation.edits.is_some(), b.similarity.is_some());
    for component in &explanation.components {
        assert_eq!(component.value, b.part(component.part));
        assert_eq!(
            component.why.is_none(),
            component.value == Some(component.best)
        );
        assert!(
            component.why.as_ref().is_none_or(|why| !why.is_empty()),
            "{component:?}"
        );
    }
    let left_out = explanation.left_out.iter().map(|omission| &omission.span);
    let parts = [&explanation.think, &explanation.answer, &explanation.code];
    for span in parts.into_iter().flatten().chain(left_out) {
        let text = &completion[span.bytes.clone()];
        assert_eq!(String::from_utf16_lossy(&units[span.utf16.clone()]), text);
    }
    if let Some(edits) = &explanation.edits {
        let keeps = edits.lines.iter().all(LineEdit::keeps);
        let exact = b.part(Part::EmStar) == Some(2.0);
        // Lines know no character from the same one in a string, and end in more ways than one.
        assert!(
            keeps || !exact || rubric.comparison != Comparison::Characters,
            "{edits:?}"
        );
        let whole = |line: &LineEdit| match (line.answer_line, line.target_line) {
            (Some(_), Some(_)) => true,
            (Some(_), None) => line.pieces.iter().all(|piece| piece.edit == Edit::Delete),
            (None, Some(_)) => line.pieces.iter().all(|piece| piece.edit == Edit::Insert),
            (None, None) => false,
        };
        assert!(edits.lines.iter().all(whole), "{edits:?}");
    }
    let json = serde_json::to_string(&explanation).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Explanation>(&json).expect("an explanation"),
        explanation
    );
    assert!(explanation.to_string().contains("format"));
}
