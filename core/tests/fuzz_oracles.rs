//! The fuzz targets' oracles (`core/fuzz`) on the test cases, whole and damaged, and on what fuzzing has found.

mod oracle;
mod shared;

use proptest::prelude::*;
use serde_json::Value;

/// Inputs that once broke an oracle, each with what was wrong.
const FOUND: [(&str, &[u8]); 0] = [];

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

fn cases() -> Vec<Vec<u8>> {
    let text = shared::read("reward_cases.jsonl");
    let text = text.unwrap_or_else(|| include_str!("golden/reward_cases.jsonl").to_owned());
    let texts = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| case[name].as_str().unwrap().as_bytes().to_owned();
        [text("completion"), text("target"), text("target")].join(&0xff)
    };
    text.lines().map(texts).collect()
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
    for (_, bytes) in FOUND {
        all(bytes);
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
