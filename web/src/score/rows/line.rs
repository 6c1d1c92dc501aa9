//! A line of a file as a case: the fields that `recode-trainer score` reads, and those of data sets and of a run's `eval/<name>.jsonl`.

use super::Mended;
use crate::score::{AnswerKind, Case};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// The fields of a line that matter here; others may stand beside them.
#[derive(Debug, Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    completion: Option<Text<'a>>,
    #[serde(borrow, default)]
    target: Option<Text<'a>>,
    #[serde(borrow, default)]
    new_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    old_code: Option<Text<'a>>,
    #[serde(borrow, default)]
    update_info: Option<Text<'a>>,
    #[serde(borrow, default)]
    dependency: Option<Text<'a>>,
    #[serde(default)]
    total: Option<Value>,
}

/// A text, or whatever stands where one should.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(Value),
}

/// A line as it is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The case.
    pub case: Case,
    /// The library; empty where it is not said.
    pub dependency: String,
    /// The total that stands in the line; `None` where none does.
    pub logged: Option<f64>,
    /// What is wrong with it, and does not keep it from being scored.
    pub remark: Option<String>,
}

/// Why a line is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not UTF-8.
    #[error("byte {0} of the line is not UTF-8: save the file as UTF-8")]
    NotUtf8(usize),
    /// Not JSON.
    #[error("not JSON: {0}; expected one object a line, {{\"completion\": …, \"target\": …}}")]
    NotJson(String),
    /// JSON, and no object.
    #[error("not an object; expected {{\"completion\": …, \"target\": …}} a line")]
    NotObject,
    /// It ends within its object.
    #[error("the line ends within its object: was the file cut off?")]
    CutOff,
    /// A field is missing.
    #[error(
        "{0} is missing; expected {{\"completion\": …, \"target\": …}}, new_code may stand in for target"
    )]
    Missing(&'static str),
    /// A field is not a text.
    #[error("{field} is {found}, not a text")]
    NotText {
        /// The field.
        field: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A line of a run's completions.jsonl, which names its row by a number.
    #[error(
        "a line of a run's completions: its target stands in the data set, not here; open eval/before.jsonl or after.jsonl, or add a field target"
    )]
    NoTargetInRun,
    /// Too long.
    #[error("the line has {bytes} bytes, more than the {limit} that are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is missing or wrong, and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| LineError::NotUtf8(e.valid_up_to() + 1))?;
        let error = match Self::of(text) {
            Err(error @ LineError::NotJson(_)) => error,
            read => return read,
        };
        // Python writes NaN where there is no number.
        let Some(mended) = Mended::of(text) else {
            return Err(error);
        };
        match Self::of(&mended.text) {
            Err(LineError::NotJson(_)) => Err(error),
            read => read.map(|line| Line {
                remark: Some(mended.remark()),
                ..line
            }),
        }
    }

    fn of(text: &str) -> Result<Self, LineError> {
        // A list would be read as the fields in order.
        if !text.trim_start().starts_with('{') && serde_json::from_str::<Value>(text).is_ok() {
            return Err(LineError::NotObject);
        }
        let fields: Fields<'_> =
            serde_json::from_str(text).map_err(|error| match error.is_eof() {
                true => LineError::CutOff,
                false => LineError::NotJson(without_line(&error)),
            })?;
        let is_of_a_run = fields.target.is_none() && fields.new_code.is_none();
        if is_of_a_run && text.contains("\"advantage\"") {
            return Err(LineError::NoTargetInRun);
        }
        let completion = required("completion", fields.completion)?;
        let target = match (fields.target, fields.new_code) {
            (Some(target), _) => required("target", Some(target))?,
            (None, new_code) => required("target", new_code)?,
        };
        let optional = |field, value: Option<Text<'_>>| match value {
            Some(value) => text_of(field, value),
            None => Ok(String::new()),
        };
        Ok(Line {
            case: Case {
                update_info: optional("update_info", fields.update_info)?,
                old_code: optional("old_code", fields.old_code)?,
                answer: completion,
                kind: AnswerKind::Completion,
                target,
            },
            dependency: optional("dependency", fields.dependency)?,
            logged: fields.total.as_ref().and_then(Value::as_f64),
            remark: None,
        })
    }
}

fn required(field: &'static str, value: Option<Text<'_>>) -> Result<String, LineError> {
    match value {
        Some(value) => text_of(field, value),
        None => Err(LineError::Missing(field)),
    }
}

fn text_of(field: &'static str, value: Text<'_>) -> Result<String, LineError> {
    let found = match value {
        Text::Text(text) => return Ok(text.into_owned()),
        Text::Other(Value::Null) => "null",
        Text::Other(Value::Bool(_)) => "true or false",
        Text::Other(Value::Number(_)) => "a number",
        Text::Other(Value::Array(_)) => "a list",
        Text::Other(_) => "an object",
    };
    Err(LineError::NotText { field, found })
}

/// An error of serde_json without "line 1", which the reader takes for the file's.
pub(crate) fn without_line(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
    format!("{what} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(line: &str) -> String {
        Line::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_of_the_command_and_one_of_an_evaluation_are_read() {
        let line = Line::parse(
            br#"{"id": 7, "completion": "c\u00e9", "target": "t", "old_code": "o", "total": -3.0}"#,
        )
        .unwrap();
        assert_eq!(
            (&*line.case.answer, &*line.case.target, &*line.case.old_code),
            ("cé", "t", "o")
        );
        assert_eq!((line.logged, &*line.dependency), (Some(-3.0), ""));
        let line = Line::parse(br#"{"row": 1, "dependency": "numpy", "new_code": "n", "update_info": "u", "completion": ""}"#).unwrap();
        assert_eq!(
            (
                &*line.case.target,
                &*line.case.update_info,
                &*line.dependency
            ),
            ("n", "u", "numpy")
        );
        assert_eq!(line.logged, None);
    }

    #[test]
    fn a_number_that_is_none_leaves_the_rest_of_its_line() {
        let line = Line::parse(br#"{"completion": "NaN", "target": "t", "total": NaN}"#).unwrap();
        assert_eq!((&*line.case.answer, line.logged), ("NaN", None));
        assert!(line.remark.unwrap().starts_with("total is NaN, for which"));
        // What else is wrong is said of the line.
        assert!(error(r#"{"completion": "c", "total": NaN}"#).starts_with("target is missing"));
        assert!(error(r#"{"completion": NaN, "target": "t", x}"#).starts_with("not JSON"));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (line, said) in [
            (
                "{\"completion\": \"c",
                "the line ends within its object: was the file cut off?",
            ),
            ("[1]", "not an object; expected"),
            (
                "nothing",
                "not JSON: expected ident at column 2; expected one object a line",
            ),
            (r#"{"target": "t"}"#, "completion is missing"),
            (r#"{"completion": "c"}"#, "target is missing"),
            (
                r#"{"completion": 7, "target": "t"}"#,
                "completion is a number, not a text",
            ),
            (
                r#"{"completion": "c", "target": "t", "old_code": [1]}"#,
                "old_code is a list",
            ),
            (
                r#"{"completion": "c", "row": 3, "advantage": 0.5}"#,
                "a line of a run's completions",
            ),
        ] {
            assert!(error(line).starts_with(said), "{line}: {}", error(line));
        }
        assert_eq!(
            Line::parse(b"ab\xff").unwrap_err().to_string(),
            "byte 3 of the line is not UTF-8: save the file as UTF-8"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Line::parse(&bytes);
        }
    }
}
