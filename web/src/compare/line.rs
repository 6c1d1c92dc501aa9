//! A line of an evaluation (`eval/<name>.jsonl`), of a run's `completions.jsonl`, or of scored answers, as a record and the texts behind it.

use super::fields::{Fields, RecordError};
use super::record::{Key, Record, Scores};
use crate::score::rows::Raw;
use crate::score::{AnswerKind, Case, Rules};
use recode_core::reward::{Breakdown, Reference};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The texts of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// The library; empty where it is not said.
    pub dependency: String,
    /// Its new version; empty where it is not said.
    pub new_version: String,
    /// Update, old code, answer and target; the last is empty where the line has none.
    pub case: Case,
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What is kept.
    pub record: Record,
    /// What is read again when the example is opened.
    pub texts: Texts,
    /// What is wrong with it, and does not keep it from being compared.
    pub remark: Option<String>,
}

impl Line {
    /// Reads and scores a line of a file.
    ///
    /// # Errors
    /// What is missing or wrong, and what was expected.
    pub fn read(raw: Raw) -> Result<Self, RecordError> {
        let mut line = Self::parse(&raw.text?)?;
        line.record.line = raw.number;
        line.record.offset = raw.offset;
        line.record.bytes = raw.bytes;
        Ok(line)
    }

    /// Reads and scores a line.
    ///
    /// # Errors
    /// What is missing or wrong, and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let (fields, no_number) = Fields::read(bytes)?;
        let answer = fields.text("completion")?;
        let answer = answer.ok_or_else(|| fields.no_completion())?;
        let target = match fields.text("target")? {
            Some(target) => Some(target),
            None => fields.text("new_code")?,
        };
        let old_code = fields.text("old_code")?;
        let update_info = fields.text("update_info")?.unwrap_or_default();
        let dependency = fields.text("dependency")?.unwrap_or_default();
        let new_version = fields.text("new_version")?.unwrap_or_default();
        let content = target
            .as_ref()
            .map(|target| number_of(&(&update_info, &old_code, target)));
        let row = fields.count("row")?;
        let key = match (fields.count("step")?, row, fields.count("sample")?, content) {
            (Some(step), Some(row), Some(sample), _) => Key::Sample { step, row, sample },
            (_, Some(row), _, _) => Key::Row(row),
            (_, None, _, Some(content)) => Key::Content(content),
            (_, None, _, None) => return Err(RecordError::NoExample),
        };
        let update = match (update_info.trim().is_empty(), row) {
            (false, _) => number_of(&(&dependency, &update_info)),
            (true, Some(row)) => row,
            (true, None) => content.unwrap_or_default(),
        };
        let case = Case {
            update_info,
            old_code: old_code.unwrap_or_default(),
            answer,
            kind: AnswerKind::Completion,
            target: target.unwrap_or_default(),
        };
        let score = |rules: Rules| {
            content?;
            let reference = Reference::new(rules.rubric(), &case.target, case.given_old_code());
            Some(scores(&reference.score(&case.answer, None)))
        };
        let (truncated, unknown) = fields.truncated()?;
        let record = Record {
            line: 0,
            offset: 0,
            bytes: 0,
            key,
            content,
            update,
            answer: number_of(&case.answer),
            truncated,
            logged: fields.logged()?,
            paper: score(Rules::Paper),
            strict: score(Rules::Strict),
        };
        Ok(Line {
            record,
            texts: Texts {
                dependency,
                new_version,
                case,
            },
            remark: match (no_number, unknown) {
                (Some(no_number), Some(unknown)) => Some(format!("{no_number}; {unknown}")),
                (no_number, unknown) => no_number.or(unknown),
            },
        })
    }
}

fn scores(breakdown: &Breakdown) -> Scores {
    Scores {
        total: breakdown.total,
        format: Some(breakdown.format),
        es_star: Some(breakdown.es_star),
        em_star: Some(breakdown.em_star),
        edit_gain: breakdown.edit_gain,
        // Without old code there is nothing to have gained over.
        gain_over_copy: breakdown.baseline.map(|_| breakdown.gain_over_copy()),
    }
}

/// A text as a number; the same in the page and in its worker, which run one module.
fn number_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, LoggedRules, Measure};
    use super::*;
    use crate::score::with_tags;
    use proptest::prelude::*;
    use serde_json::Value;

    fn parsed(line: Value) -> Line {
        Line::parse(line.to_string().as_bytes()).unwrap()
    }

    fn error(line: &str) -> String {
        Line::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_of_an_evaluation_is_scored_again() {
        let line = parsed(serde_json::json!({
            "row": 6, "dependency": "numpy", "new_version": "==2.0", "update_info": "u", "old_code": "np.row_stack(a)", "new_code": "np.vstack(a)",
            "completion": with_tags("", "np.row_stack(a)"), "finish_reason": "length", "tokens": 3,
            "format": 1.0, "es_star": 3.5 * (1.0 - 4.0 / 15.0) - 1.5, "em_star": -1.5, "edit_gain": -0.8,
            "total": 0.2, "similarity": 0.5, "baseline": 0.5, "api": {"adopted": []}, "gain_over_copy": 0.0,
        }));
        let record = &line.record;
        assert_eq!((record.key, record.truncated), (Key::Row(6), Some(true)));
        // A copy, by each of the rules; logged is 1 - 0.8.
        let total = |basis| record.value(Measure::Total, basis).unwrap();
        assert!((total(Basis::Scored(Rules::Strict)) - (3.5 * 11.0 / 15.0 - 0.5)).abs() < 1e-12);
        assert!((total(Basis::Scored(Rules::EditGain)) - 0.2).abs() < 1e-12);
        assert_eq!(total(Basis::Logged), 0.2);
        assert_eq!(record.agrees(Rules::Strict), Some(false));
        assert_eq!(record.agrees(Rules::EditGain), Some(true));
        let rules = LoggedRules::of(std::slice::from_ref(record)).unwrap();
        assert_eq!(
            (rules.rules, rules.agree, rules.of),
            (Rules::EditGain, 1, 1)
        );
        assert_eq!(line.texts.case.target, "np.vstack(a)");
        assert_eq!(line.texts.new_version, "==2.0");
    }

    #[test]
    fn a_line_of_a_runs_completions_has_what_was_logged() {
        let line = parsed(serde_json::json!({
            "step": 1, "row": 179, "sample": 2, "completion": "c", "finish_reason": "eos", "format": -1.0, "es_star": -2.0,
            "total": -3.0, "similarity": null, "baseline": 0.75, "advantage": 0.1, "counted": true,
        }));
        let record = line.record;
        let key = Key::Sample {
            step: 1,
            row: 179,
            sample: 2,
        };
        assert_eq!(
            (record.key, record.content, record.update),
            (key, None, 179)
        );
        let alone = [parsed(serde_json::json!({"completion": "c", "target": "t"})).record];
        let logged = std::slice::from_ref(&record);
        assert_eq!(Basis::usual(&alone, None, logged), Basis::Logged);
        let strict = Basis::Scored(Rules::Strict);
        assert_eq!(Basis::usual(&alone, None, &alone), strict);
        assert_eq!(
            record.value(Measure::GainOverCopy, Basis::Logged),
            Some(-0.75)
        );
        assert_eq!(
            record.value(Measure::Total, Basis::Scored(Rules::Strict)),
            None
        );
        // Which no target is needed for.
        assert_eq!(record.value(Measure::Format, strict), Some(0.0));
        assert_eq!(record.agrees(Rules::Strict), None);
        assert_eq!(LoggedRules::of(&[record]), None);
    }

    #[test]
    fn a_line_without_a_row_is_known_by_its_texts() {
        let line = |target: &str| {
            parsed(serde_json::json!({"completion": "c", "target": target}))
                .record
                .key
        };
        assert!(matches!(line("a"), Key::Content(_)));
        assert_eq!(line("a"), line("a"));
        assert_ne!(line("a"), line("b"));
    }

    #[test]
    fn a_number_that_is_none_or_an_unknown_reason_leaves_the_rest_of_its_line() {
        let of = |line: &str| Line::parse(line.as_bytes()).unwrap();
        let line = of(r#"{"completion": "c", "row": 1, "total": NaN, "es_star": 1}"#);
        let logged = line.record.logged;
        assert_eq!((logged.total, logged.es_star), (None, Some(1.0)));
        assert!(line.remark.unwrap().starts_with("total is NaN, for which"));
        let reason =
            |word: &str| format!(r#"{{"completion": "c", "row": 1, "finish_reason": "{word}"}}"#);
        let line = of(&reason("tired"));
        assert_eq!(line.record.truncated, None);
        assert_eq!(
            line.remark.unwrap(),
            "finish_reason is `tired`, not eos, stop or length: whether the answer was cut off is not known"
        );
        let both = of(&reason("tired").replace('}', r#", "total": NaN}"#))
            .remark
            .unwrap();
        assert!(both.starts_with("total is NaN") && both.contains("; finish_reason is `tired`"));
        let line = of(&reason("stop"));
        assert_eq!((line.record.truncated, line.remark), (Some(false), None));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (line, said) in [
            (
                "{\"completion\": \"c",
                "the line ends within its object: was the file cut off?",
            ),
            ("[1, 2]", "not an object"),
            (
                "{\"row\": 1}",
                "completion is missing; expected a line of a run's eval/<name>.jsonl",
            ),
            (
                "{\"step\": 1, \"learning_rate\": 0.1}",
                "a line of a run's metrics",
            ),
            (
                "{\"completion\": 7}",
                "completion is another number; expected a text",
            ),
            (
                "{\"completion\": \"c\", \"row\": -1}",
                "row is another number; expected a whole number",
            ),
            (
                "{\"completion\": \"c\", \"row\": 1, \"total\": \"high\"}",
                "total is a text; expected a number",
            ),
            (
                "{\"completion\": \"c\"}",
                "nothing says which example is answered",
            ),
        ] {
            assert!(error(line).starts_with(said), "{line}: {}", error(line));
        }
    }

    proptest! {
        #[test]
        fn a_field_of_another_kind_is_named(
            field in prop::sample::select(vec!["row", "step", "sample", "completion", "new_code", "total", "finish_reason", "baseline"]),
            value in "(null|-?(0|[1-9][0-9]{0,24})|\"[a-z]{0,3}\"|\\[\\]|\\{\\}|1e999)",
        ) {
            // What stands last counts.
            let line = format!("{{\"completion\": \"c\", \"new_code\": \"n\", \"{field}\": {value}}}");
            match Line::parse(line.as_bytes()) {
                Ok(_) => {}
                Err(RecordError::Wrong { field: named, .. }) => prop_assert_eq!(named, field),
                Err(RecordError::NoCompletion) => prop_assert_eq!((field, &*value), ("completion", "null")),
                Err(RecordError::NoExample) => prop_assert_eq!((field, &*value), ("new_code", "null")),
                // A number that none can hold.
                Err(RecordError::Line(_)) => prop_assert_eq!(value, "1e999"),
                Err(RecordError::Metrics) => prop_assert!(false, "it has no learning rate"),
            }
        }

        #[test]
        fn an_answer_is_read_as_it_was_written(texts in prop::collection::vec(any::<String>(), 4), row in any::<u64>()) {
            let [completion, new_code, old_code, update_info] = &texts[..] else { unreachable!() };
            let line = parsed(serde_json::json!({"row": row, "completion": completion, "new_code": new_code, "old_code": old_code, "update_info": update_info}));
            let case = &line.texts.case;
            prop_assert_eq!([&case.answer, &case.target, &case.old_code, &case.update_info], [completion, new_code, old_code, update_info]);
            prop_assert_eq!((line.record.key, line.remark), (Key::Row(row), None));
        }
    }
}
