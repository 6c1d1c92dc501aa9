//! A line of an evaluation (`eval/<name>.jsonl`), of a run's `completions.jsonl`, or of scored answers, as a record and the texts behind it.

use super::record::{Key, Record, Scores};
use crate::score::rows::{LineError, Mended, Raw, without_line};
use crate::score::{AnswerKind, Case, Rules};
use recode_core::reward::{Breakdown, Reference};
use serde_json::{Map, Value};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// How much of a reason that nobody here knows is repeated, in characters.
const MAX_REASON: usize = 40;

/// Why a line is no answer that could be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not even an object.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It has no answer.
    #[error(
        "completion is missing; expected a line of a run's eval/<name>.jsonl or completions.jsonl"
    )]
    NoCompletion,
    /// A line of metrics.jsonl.
    #[error(
        "a line of a run's metrics: answers stand in its eval/<name>.jsonl and completions.jsonl"
    )]
    Metrics,
    /// A field is something else.
    #[error("{field} is {found}; expected {expected}")]
    Wrong {
        /// The field.
        field: &'static str,
        /// What stands there.
        found: &'static str,
        /// What should.
        expected: &'static str,
    },
    /// Nothing says which example it answers.
    #[error(
        "nothing says which example is answered; expected row (with step and sample in a run's completions), or new_code"
    )]
    NoExample,
}

/// The texts of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// The library; empty where it is not said.
    pub dependency: String,
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
        let (fields, mended) = object(bytes)?;
        let fields = Fields(fields);
        let Some(answer) = fields.text("completion")? else {
            return Err(match fields.0.contains_key("learning_rate") {
                true => RecordError::Metrics,
                false => RecordError::NoCompletion,
            });
        };
        let target = match fields.text("target")? {
            Some(target) => Some(target),
            None => fields.text("new_code")?,
        };
        let old_code = fields.text("old_code")?;
        let update_info = fields.text("update_info")?.unwrap_or_default();
        let dependency = fields.text("dependency")?.unwrap_or_default();
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
            texts: Texts { dependency, case },
            remark: match (mended, unknown) {
                (Some(mended), Some(unknown)) => Some(format!("{mended}; {unknown}")),
                (mended, unknown) => mended.or(unknown),
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

/// The fields of a line, and what had to be mended for it.
fn object(bytes: &[u8]) -> Result<(Map<String, Value>, Option<String>), LineError> {
    let text = std::str::from_utf8(bytes).map_err(|e| LineError::NotUtf8(e.valid_up_to() + 1))?;
    let error = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) => return Ok((fields, None)),
        Ok(_) => return Err(LineError::NotObject),
        Err(error) if error.is_eof() => return Err(LineError::CutOff),
        Err(error) => LineError::NotJson(without_line(&error)),
    };
    // Python writes NaN where there is no number.
    let mended = Mended::of(text).and_then(|mended| {
        let fields = serde_json::from_str(&mended.text).ok()?;
        Some((fields, Some(mended.remark())))
    });
    mended.ok_or(error)
}

/// A line's fields; those that nobody asks for may be anything.
struct Fields(Map<String, Value>);

impl Fields {
    /// What stands there; null is nothing.
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, RecordError> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(field, other, "a text")),
        };
        self.get(field).map(text).transpose()
    }

    fn count(&self, field: &'static str) -> Result<Option<u64>, RecordError> {
        let count = |value: &Value| {
            let wrong = || wrong(field, value, "a whole number");
            value.as_u64().ok_or_else(wrong)
        };
        self.get(field).map(count).transpose()
    }

    fn number(&self, field: &'static str) -> Result<Option<f64>, RecordError> {
        let number = |value: &Value| {
            value
                .as_f64()
                .ok_or_else(|| wrong(field, value, "a number"))
        };
        self.get(field).map(number).transpose()
    }

    /// Whether the answer was cut off, and what is to be said of a reason that nobody here knows.
    fn truncated(&self) -> Result<(Option<bool>, Option<String>), RecordError> {
        let reason = self.text("finish_reason")?;
        Ok(match reason.as_deref() {
            None => (None, None),
            // The second is vLLM's word.
            Some("eos" | "stop") => (Some(false), None),
            Some("length") => (Some(true), None),
            Some(other) => {
                let said: String = other.chars().take(MAX_REASON).collect();
                let said = format!(
                    "finish_reason is `{said}`, not eos, stop or length: whether the answer was cut off is not known"
                );
                (None, Some(said))
            }
        })
    }

    fn logged(&self) -> Result<Scores, RecordError> {
        let gain_over_copy = match (self.number("gain_over_copy")?, self.number("baseline")?) {
            (Some(gain), _) => Some(gain),
            // As the trainer counts it: what was not compared has similarity 0.
            (None, Some(baseline)) => Some(self.number("similarity")?.unwrap_or(0.0) - baseline),
            (None, None) => None,
        };
        Ok(Scores {
            total: self.number("total")?,
            format: self.number("format")?,
            es_star: self.number("es_star")?,
            em_star: self.number("em_star")?,
            edit_gain: self.number("edit_gain")?,
            gain_over_copy,
        })
    }
}

fn wrong(field: &'static str, found: &Value, expected: &'static str) -> RecordError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "another number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    RecordError::Wrong {
        field,
        found,
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, LoggedRules, Measure};
    use super::*;
    use crate::score::with_tags;
    use proptest::prelude::*;

    fn parsed(line: Value) -> Line {
        Line::parse(line.to_string().as_bytes()).unwrap()
    }

    fn error(line: &str) -> String {
        Line::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_of_an_evaluation_is_scored_again() {
        let line = parsed(serde_json::json!({
            "row": 6, "dependency": "numpy", "update_info": "u", "old_code": "np.row_stack(a)", "new_code": "np.vstack(a)",
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
        fn any_object_is_read_without_panic(field in prop::sample::select(vec!["row", "step", "sample", "completion", "new_code", "total", "finish_reason", "baseline"]), value in "(null|-?[0-9]{1,25}|\"[a-z]{0,3}\"|\\[\\]|\\{\\}|1e999)") {
            let _ = Line::parse(format!("{{\"completion\": \"c\", \"{field}\": {value}}}").as_bytes());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Line::parse(&bytes);
        }
    }
}
