//! A line of a file as a case: the fields that `recode-trainer score` reads, and those of data sets and of a run's `eval/<name>.jsonl`.

use super::from_python_json;
use crate::score::{AnswerKind, Case};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;

/// The fields of a line that matter here; others may stand beside them.
#[derive(Debug, Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "null_too")]
    completion: Option<Text>,
    #[serde(default)]
    target: Option<Text>,
    #[serde(default)]
    new_code: Option<Text>,
    #[serde(default)]
    old_code: Option<Text>,
    #[serde(default)]
    update_info: Option<Text>,
    #[serde(default)]
    dependency: Option<Text>,
    #[serde(default)]
    new_version: Option<Text>,
    #[serde(default)]
    total: Option<Value>,
}

/// A text, or whatever stands where one should.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Other(Value),
}

/// A value that stands there, if only as null: results have that where an answer failed, and rows of a data set have nothing.
fn null_too<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Text>, D::Error> {
    Text::deserialize(value).map(Some)
}

/// A line as it is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The case.
    pub case: Case,
    /// The library; empty where it is not said.
    pub dependency: String,
    /// Its new version; empty where it is not said.
    pub new_version: String,
    /// The total that stands in the line; `None` where none does.
    pub logged: Option<f64>,
    /// Whether it has a completion; a row of a data set has none and no total, and an empty one takes its place.
    pub is_answered: bool,
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
    /// A list, a text or another value in place of an object.
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

impl From<serde_json::Error> for LineError {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Eof => LineError::CutOff,
            _ => LineError::NotJson(without_line(&error)),
        }
    }
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is missing or wrong, and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| LineError::NotUtf8(e.valid_up_to() + 1))?;
        let is_object = match text.trim_start().chars().next() {
            Some('{') => true,
            // A list would be read as the fields in order.
            Some('[' | '"') => false,
            _ => from_python_json::<Value>(text).is_err(),
        };
        if !is_object {
            return Err(LineError::NotObject);
        }
        let (fields, remark): (Fields, _) = from_python_json(text)?;
        let has_no_target = fields.target.is_none() && fields.new_code.is_none();
        if has_no_target && text.contains("\"advantage\"") {
            return Err(LineError::NoTargetInRun);
        }
        let is_of_results = fields.completion.is_some() || fields.total.is_some();
        let is_answered = has_no_target || is_of_results;
        let completion = match is_answered {
            true => required("completion", fields.completion)?,
            false => String::new(),
        };
        let target = match (fields.target, fields.new_code) {
            (Some(target), _) => required("target", Some(target))?,
            (None, new_code) => required("target", new_code)?,
        };
        let optional = |field, value: Option<Text>| match value {
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
            new_version: optional("new_version", fields.new_version)?,
            logged: fields.total.as_ref().and_then(Value::as_f64),
            is_answered,
            remark,
        })
    }
}

fn required(field: &'static str, value: Option<Text>) -> Result<String, LineError> {
    match value {
        Some(value) => text_of(field, value),
        None => Err(LineError::Missing(field)),
    }
}

fn text_of(field: &'static str, value: Text) -> Result<String, LineError> {
    let found = match value {
        Text::Text(text) => return Ok(text),
        Text::Other(Value::Null) => "null",
        Text::Other(Value::Bool(_)) => "true or false",
        Text::Other(Value::Number(_)) => "a number",
        Text::Other(Value::Array(_)) => "a list",
        Text::Other(_) => "an object",
    };
    Err(LineError::NotText { field, found })
}

/// An error of serde_json without "line 1", which the reader takes for the file's.
fn without_line(error: &serde_json::Error) -> String {
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
        let line = Line::parse(br#"{"row": 1, "dependency": "numpy", "new_version": "==2.0", "new_code": "n", "update_info": "u", "completion": ""}"#).unwrap();
        assert_eq!(
            (
                &*line.case.target,
                &*line.case.update_info,
                &*line.dependency,
                &*line.new_version
            ),
            ("n", "u", "numpy", "==2.0")
        );
        assert_eq!(line.logged, None);
    }

    #[test]
    fn a_row_of_a_data_set_waits_for_an_answer() {
        let line =
            Line::parse(br#"{"dependency": "numpy", "old_code": "o", "new_code": "n"}"#).unwrap();
        assert_eq!((line.is_answered, &*line.case.answer), (false, ""));
        assert_eq!(line.case.target, "n");
        // An answer may be empty.
        let line = Line::parse(br#"{"completion": "", "new_code": "n"}"#).unwrap();
        assert!(line.is_answered);
        // One that failed is none, and its line is to be told of.
        assert_eq!(
            error(r#"{"completion": null, "new_code": "n"}"#),
            "completion is null, not a text"
        );
        assert!(error(r#"{"new_code": "n", "total": -3.0}"#).starts_with("completion is missing"));
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
            (r#""old","new""#, "not an object; expected"),
            (
                "nothing",
                "not JSON: expected ident at column 2; expected one object a line",
            ),
            (r#"{"row": 1}"#, "completion is missing"),
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
        fn what_was_written_is_read_whatever_stands_beside_it(
            texts in prop::collection::vec(any::<String>(), 5), total in prop::option::of(-9i32..9), other in any::<String>(),
        ) {
            let [completion, target, old_code, update_info, dependency] = &texts[..] else { unreachable!() };
            let line = serde_json::json!({
                "completion": completion, "target": target, "old_code": old_code, "update_info": update_info, "dependency": dependency,
                "total": total, "other": {"completion": other}, "more": [other],
            });
            let line = Line::parse(line.to_string().as_bytes()).unwrap();
            let case = &line.case;
            prop_assert_eq!([&case.answer, &case.target, &case.old_code, &case.update_info, &line.dependency], [completion, target, old_code, update_info, dependency]);
            prop_assert_eq!((line.logged, line.remark), (total.map(f64::from), None));
        }

        #[test]
        fn a_line_that_is_cut_off_is_said_to_be(cut in 1usize..66) {
            let line = r#"{"completion": "c", "target": "t", "total": NaN, "row": [1, {}]  }"#;
            prop_assert_eq!(line.len(), 66);
            let cut = &line[..cut];
            // Half a NaN is no word.
            prop_assume!(!cut.ends_with('N') && !cut.ends_with("Na"));
            prop_assert_eq!(Line::parse(cut.as_bytes()), Err(LineError::CutOff));
        }
    }
}
