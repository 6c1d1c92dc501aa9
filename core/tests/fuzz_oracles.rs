//! The fuzz targets' oracles (`core/fuzz`) on the test cases, whole and damaged, and on what fuzzing has found.

mod oracle;
mod shared;

use proptest::prelude::*;
use serde_json::Value;

/// Inputs that once broke an oracle or should have: completion, target, old code, with a bar between them.
const FOUND: [&str; 7] = [
    // A backslash stayed that continued into nothing.
    " \\\n#",
    "</think>\n<answer>\n```python\nif x: a; b\n```\n</answer>|if x: a\nb|",
    "</think>\n<answer>\n```python\nx = (lambda a, b: 0)\n```\n</answer>|x = (lambda a, b: 0,)|x",
    "</think>\n<answer>\n```python\nx = f'{ x = }'\n```\n</answer>|x = f'{x=}'|f'{x = }'",
    "</think>\n<answer>\n```python\ndef f():\n    return\n```\n</answer>|def f():\n    return\n    yield|def f():\n    return",
    "</think>\n<answer>\n```python\nraise E\na()\n```\n</answer>|raise E\nb()|raise E\na()",
    "I put it in <answer> tags.\n<answer>\n```python\nx\n```\n</answer>|x|y",
];

fn all(bytes: &[u8]) {
    for oracle in [
        oracle::similarity,
        oracle::python,
        oracle::score,
        oracle::explain,
    ] {
        oracle(bytes);
    }
}

/// Each case with the next one's target as old code.
fn cases() -> Vec<Vec<u8>> {
    let text = shared::read("reward_cases.jsonl");
    let text = text.unwrap_or_else(|| include_str!("golden/reward_cases.jsonl").to_owned());
    let cases: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text = |case: &Value, name: &str| case[name].as_str().unwrap().as_bytes().to_owned();
    let old = cases.iter().cycle().skip(1);
    let texts = cases.iter().zip(old).map(|(case, old)| {
        [
            text(case, "completion"),
            text(case, "target"),
            text(old, "target"),
        ]
    });
    texts.map(|texts| texts.join(&0xff)).collect()
}

#[test]
fn oracles_hold_on_the_cases() {
    // Every seventh of the 3,600: each kind of case, at a bearable price.
    for case in cases().iter().step_by(7) {
        all(case);
    }
}

#[test]
fn oracles_hold_on_what_fuzzing_found() {
    for texts in FOUND {
        let texts: Vec<&[u8]> = texts.split('|').map(str::as_bytes).collect();
        all(&texts.join(&0xff));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn oracles_hold_on_damaged_cases(
        case in prop::sample::select(cases()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\xff\n\r\t #'\"\\()[]{}:;,.=f0x\x00\xc3".to_vec())), 0..6),
    ) {
        let mut case = case;
        for (at, byte) in damage {
            let at = at.index(case.len());
            case[at] = byte;
        }
        all(&case);
    }
}
