//! Explanations: what they say is what was scored, and where they point is where it stands.

use proptest::prelude::*;
use recode_core::explain::{Edit, Explanation, explain};
use recode_core::python::LeftOut;
use recode_core::reward::{Comparison, Overlong, Part, RewardMode, Rubric, score_migration};

const OLD: &str = "import numpy as np\n\nstacked = np.row_stack(rows)\nprint(stacked)";
const NEW: &str = "import numpy as np\n\nstacked = np.vstack(rows)\nprint(stacked)";

fn answered(code: &str) -> String {
    format!("Größe 🦀.</think>\n<answer>\n```python\n{code}\n```\n</answer>")
}

#[test]
fn a_copy_is_explained_in_words() {
    let code = OLD.replace("print", "\n# show it\nprint") + "\nraise SystemExit\nprint(1)";
    let explanation = explain(&Rubric::edit_gain(), &answered(&code), NEW, Some(OLD), None);
    // The target has 59 characters, the old code 62, the answer 79: 4 letters become 1, 17 more for the line that goes.
    let expected = "\
total 0.049 = 1 x format 1.000 + 1 x edit_gain -0.951

format        1.000 of 1
es_star       1.070 of 2   similarity 0.734 to the target, not 1
em_star      -1.500 of 2   2 lines differ from the target
edit_gain    -0.951 of 2   similarity 0.734 to the target; the old code has 0.935
api_adopted   0.000 of 1   not used: numpy.vstack
api_left     -1.000 of 0   still used: numpy.row_stack

thinking    bytes 0 to 13 (UTF-16 0 to 9)
answer      bytes 30 to 146 (UTF-16 26 to 142)
code        bytes 41 to 141 (UTF-16 37 to 137)
left out    bytes 60 to 61: blank lines
left out    bytes 90 to 91: blank lines
left out    bytes 91 to 100: a comment
left out    bytes 133 to 141: statements that cannot run

from the answer to the target:
  import numpy as np
~ stacked = np.[-row_-]{+v+}stack(rows)
  print(stacked)
- raise SystemExit

similarity  0.734
beside it   Jaro-Winkler 0.919
            Damerau-Levenshtein 0.734
";
    assert_eq!(explanation.to_string(), expected);
}

#[test]
fn where_it_points_is_where_it_stands() {
    let code = "x = 1  # it's\r\n\r\n\r\ndef f():\r\n    return 'é#'\r\n    g()  # gone\r\n# end";
    let completion = answered(code);
    let explanation = explain(&Rubric::strict(), &completion, "x = 2", None, None);
    let units: Vec<u16> = completion.encode_utf16().collect();
    let mut found = Vec::new();
    for omission in &explanation.left_out {
        let text = &completion[omission.span.bytes.clone()];
        assert_eq!(
            String::from_utf16(&units[omission.span.utf16.clone()]).unwrap(),
            text
        );
        found.push((omission.what, text));
    }
    assert_eq!(
        found,
        [
            (LeftOut::Comment, "# it's"),
            (LeftOut::BlankLines, "\r\n\r\n"),
            (LeftOut::Unreachable, "g()"),
            (LeftOut::Comment, "# gone"),
            (LeftOut::Comment, "# end"),
        ]
    );
    assert_eq!(&completion[explanation.code.unwrap().bytes], code);
    assert_eq!(&completion[explanation.think.unwrap().bytes], "Größe 🦀.");
}

#[test]
fn every_part_says_why_it_did_not_give_more() {
    let rubric = Rubric {
        weights: "format=1,edit_gain=1,repetition=1,overlong=2"
            .parse()
            .unwrap(),
        overlong: Some(Overlong {
            max_length: 100,
            buffer: 50,
        }),
        ..Rubric::strict()
    };
    let why = |completion: &str, part: Part| {
        let explanation = explain(&rubric, completion, NEW, Some(OLD), Some(75));
        let component = explanation
            .components
            .into_iter()
            .find(|component| component.part == part)
            .unwrap();
        component.why.unwrap_or_default()
    };
    for (completion, fault) in [
        ("no tags", "no </think> closes the thinking"),
        ("t</think> none", "no <answer> behind the thinking"),
        (
            "t</think> so: <answer></answer>",
            "text between </think> and <answer>",
        ),
        ("t</think><answer>", "no </answer> closes the answer"),
        ("t</think><answer></answer>.", "text behind </answer>"),
        (
            "<think>t</think><answer></answer>",
            "<think> stands where it may not stand again",
        ),
    ] {
        assert_eq!(why(completion, Part::Format), fault);
    }
    assert_eq!(why(&answered(NEW), Part::Format), "");
    assert_eq!(
        why(&answered("x ="), Part::EsStar),
        "the answer's code is not Python: Expected an expression (line 1, column 4)"
    );
    assert!(
        why(&answered(OLD), Part::EditGain)
            .starts_with("no nearer to the target than the old code: both have similarity 0.9")
    );
    assert_eq!(
        why(&answered(NEW), Part::Overlong),
        "length 75, more than 50 of at most 100"
    );
    assert_eq!(
        why(&"I call it. ".repeat(9), Part::Repetition),
        "runs of four words stand in the completion more than once"
    );
}

#[test]
fn what_could_not_be_had_is_said() {
    let explanation = explain(&Rubric::edit_gain(), &answered(NEW), NEW, None, None);
    assert_eq!(explanation.breakdown.total, None);
    let text = explanation.to_string();
    assert!(
        text.starts_with("no total: a part with a weight could not be had"),
        "{text}"
    );
    assert!(
        text.contains("edit_gain         - of 2   old code was not given"),
        "{text}"
    );
    assert!(text.contains("the code is the target"), "{text}");

    // Old code from Python 2: nothing counts from it, with a weight or without.
    for rubric in [Rubric::strict(), Rubric::paper(), Rubric::edit_gain()] {
        let explanation = explain(&rubric, &answered(NEW), NEW, Some("print x"), None);
        let text = explanation.to_string();
        let why = "edit_gain         - of 2   the old code is not Python: ";
        assert!(text.contains(why), "{text}");
        let names = text.contains("api_left          - of 0   the old code is not Python: ");
        assert_eq!(names, rubric.mode == RewardMode::Strict, "{text}");
    }
    let explanation = explain(&Rubric::strict(), &answered(NEW), NEW, None, None);
    assert!(!explanation.to_string().contains("edit_gain"));
}

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "```python\n",
        "```py\r\n",
        "\n```",
        "\n",
        "\r\n",
        "\r",
        "x = 1",
        "f('é', a)",
        "# it's",
        "return",
        "if 0:",
        "    ",
        "'''",
        "f'{x}'",
        ";",
        "🦀",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_explanation_agrees_with_the_score(code in soup(), other in soup(), target in soup(), wrap in any::<bool>()) {
        let completion = if wrap { answered(&code) } else { code };
        for comparison in Comparison::ALL {
            let rubric = Rubric { comparison: *comparison, ..Rubric::edit_gain() };
            let explanation = explain(&rubric, &completion, &target, Some(&other), None);
            prop_assert_eq!(&explanation.breakdown, &score_migration(&rubric, &completion, &other, &target));
            prop_assert_eq!(explanation.edits.is_some(), explanation.breakdown.similarity.is_some());
            for component in &explanation.components {
                prop_assert_eq!(component.why.is_none(), component.value == Some(component.best));
                prop_assert!(component.why.as_ref().is_none_or(|why| !why.is_empty()), "{:?}", component);
            }
            let units: Vec<u16> = completion.encode_utf16().collect();
            for span in [&explanation.think, &explanation.answer, &explanation.code].into_iter().flatten().chain(explanation.left_out.iter().map(|left| &left.span)) {
                prop_assert_eq!(String::from_utf16(&units[span.utf16.clone()]).unwrap(), &completion[span.bytes.clone()]);
            }
            if let (Some(edits), Comparison::Characters) = (&explanation.edits, comparison) {
                let same = edits.lines.iter().all(|line| line.pieces.iter().all(|piece| piece.edit == Edit::Keep));
                prop_assert!(same || explanation.breakdown.em_star != 2.0);
            }
            let json = serde_json::to_string(&explanation).unwrap();
            prop_assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation);
        }
        explain(&Rubric::paper(), &completion, &target, Some(&other), None).to_string();
    }
}
