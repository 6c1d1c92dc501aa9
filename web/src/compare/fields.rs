//! The fields of a line of answers, each read as what it should be, and what is said where it is something else.

use super::record::Scores;
use crate::score::rows::{LineError, from_python_json, is_of_metrics};
use serde_json::{Map, Value};

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

/// A line's fields; those that nobody asks for may be anything.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a line, and what had to be passed over in it.
    pub fn read(bytes: &[u8]) -> Result<(Self, Option<String>), LineError> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| LineError::NotUtf8(e.valid_up_to() + 1))?;
        match from_python_json(text)? {
            (Value::Object(fields), remark) => Ok((Fields(fields), remark)),
            _ => Err(LineError::NotObject),
        }
    }

    /// Why there is no answer among them.
    pub fn no_completion(&self) -> RecordError {
        match is_of_metrics(&self.0) {
            true => RecordError::Metrics,
            false => RecordError::NoCompletion,
        }
    }

    /// What stands there; null is nothing.
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A text; `None` where nothing stands.
    pub fn text(&self, field: &'static str) -> Result<Option<String>, RecordError> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(field, other, "a text")),
        };
        self.get(field).map(text).transpose()
    }

    /// A whole number from 0 on; `None` where nothing stands.
    pub fn count(&self, field: &'static str) -> Result<Option<u64>, RecordError> {
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
    pub fn truncated(&self) -> Result<(Option<bool>, Option<String>), RecordError> {
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

    /// The rewards that the line says it has.
    pub fn logged(&self) -> Result<Scores, RecordError> {
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
