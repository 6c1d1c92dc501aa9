//! The completions of one step, as completions.jsonl has them.

use crate::score::rows::from_python_json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line of completions.jsonl.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct CompletionLine {
    /// The step, counted from 1.
    pub step: u64,
    /// The prompt: the row's line in the training file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// What the policy wrote.
    pub completion: String,
    /// Its length in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Why it ended: `eos` or `length`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The logged reward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What the group made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advantage: Option<f64>,
    /// Whether it took part in the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// Everything else, the parts of the reward among it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Why a line is no completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct CompletionError {
    /// Its number in the file.
    pub line: u32,
    /// What is wrong with it.
    pub what: String,
}

impl CompletionLine {
    /// A part of the logged reward, as `format`.
    pub fn part(&self, name: &str) -> Option<f64> {
        self.rest.get(name)?.as_f64()
    }

    /// Why the code reward was withheld.
    pub fn withheld(&self) -> Option<&str> {
        self.rest.get("withheld")?.get("reason")?.as_str()
    }
}

/// The completions of a step: `bytes` are its lines, the first of which has the number `line`.
///
/// # Errors
/// The first line that is none, which a file that has changed meanwhile can have.
pub fn of_step(bytes: &[u8], step: u64, line: u32) -> Result<Vec<CompletionLine>, CompletionError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').zip(line..);
    let lines = lines.filter(|(text, _)| !text.trim_ascii().is_empty());
    let read = lines.map(|(text, line)| {
        let wrong = |what| CompletionError { line, what };
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(wrong("not an object".to_owned()));
        }
        let text = std::str::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
        // A value that is no number is not there, which was said when the file was read.
        let (found, _) =
            from_python_json::<CompletionLine>(text).map_err(|error| wrong(error.to_string()))?;
        Ok(found)
    });
    // Lines that could not be read stand between others of the step, and were told of when the file was read.
    let read = read.filter(|read| read.as_ref().map_or(true, |found| found.step == step));
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_not_there() {
        let text = br#"{"step":1,"completion":"NaN","total":NaN,"advantage":1}"#;
        let line = of_step(text, 1, 1).unwrap().remove(0);
        assert_eq!(
            (&*line.completion, line.total, line.advantage),
            ("NaN", None, Some(1.0))
        );
    }

    #[test]
    fn what_a_run_logs_is_read() {
        let text = r#"{"step":7,"row":3,"sample":0,"completion":"c","tokens":4,"finish_reason":"eos","format":-1.0,"edit_gain":null,"total":-3.0,"withheld":{"reason":"no_code"},"advantage":0.5,"counted":true}"#;
        let [line] = &of_step(text.as_bytes(), 7, 1).unwrap()[..] else {
            panic!("one line")
        };
        assert_eq!(
            (line.row, line.total, line.advantage),
            (Some(3), Some(-3.0), Some(0.5))
        );
        assert_eq!(
            (line.part("format"), line.part("edit_gain"), line.withheld()),
            (Some(-1.0), None, Some("no_code"))
        );
    }

    #[test]
    fn a_line_that_changed_meanwhile_is_named() {
        let error = of_step(b"{\"step\":1,\"completion\":\"c\"}\n{\"step\":1,", 1, 5).unwrap_err();
        assert!(error.to_string().starts_with("line 6: EOF"), "{error}");
        assert_eq!(of_step(b"", 1, 1), Ok(vec![]));
    }
}
