//! What a request holds, what is wrong with it, and its answer.
//!
//! ```json
//! {"completion": "…", "target": "…", "old_code": "…", "tokens": 120}
//! ```
//! gives the breakdown of [`recode_core::reward`]; `{"items": […]}` of such objects, or an array of them, gives an array. `"rubric"` beside
//! `completion` or `items` is laid over the service's rules, `"explain": true` gives explanations ([`recode_core::explain`]).

use recode_core::explain::{Explanation, explain};
use recode_core::reward::{
    Breakdown, Comparison, Missing, Overlong, Reference, RewardMode, Rubric, Weights,
};
use serde::{Deserialize, Serialize};

use crate::json_text::JsonText;

/// The most completions of a request.
const MAX_ITEMS: usize = 4096;

/// The most that a request may have explained, in bytes of completions and targets together: the edits of a short line take seventy bytes.
const MAX_EXPLAINED_BYTES: usize = 1 << 20;

/// The body of a request.
#[derive(Debug)]
pub struct Request {
    pub rules: Rules,
    pub explain: bool,
    pub items: Items,
}

/// What a request says of the rules; of the rest the service's stay.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    mode: Option<RewardMode>,
    comparison: Option<Comparison>,
    weights: Option<Weights>,
    overlong: Option<Overlong>,
}

/// One completion, answered by an object, or several, answered by an array.
#[derive(Debug)]
pub enum Items {
    One(Box<Item>),
    Many(Vec<Item>),
}

/// A completion and what it is held against.
#[derive(Debug)]
pub struct Item {
    completion: String,
    target: String,
    old_code: Option<String>,
    /// The completion's length, which `overlong` counts.
    tokens: Option<usize>,
}

/// An [`Item`] as it stands in a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawItem {
    completion: JsonText,
    target: JsonText,
    #[serde(default)]
    old_code: Option<JsonText>,
    #[serde(default)]
    tokens: Option<usize>,
}

impl RawItem {
    fn read(self) -> Result<Item, String> {
        let exact =
            |name: &str, text: JsonText| text.exact().map_err(|reason| format!("{name} {reason}"));
        Ok(Item {
            completion: self.completion.lossy(),
            target: exact("target", self.target)?,
            old_code: self
                .old_code
                .map(|code| exact("old_code", code))
                .transpose()?,
            tokens: self.tokens,
        })
    }
}

fn read_items(items: Vec<RawItem>) -> Result<Items, String> {
    let read = |(index, item): (usize, RawItem)| {
        item.read()
            .map_err(|reason| format!("items[{index}]: {reason}"))
    };
    let items = items.into_iter().enumerate().map(read);
    Ok(Items::Many(items.collect::<Result<_, _>>()?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    items: Vec<RawItem>,
    #[serde(default)]
    rubric: Rules,
    #[serde(default)]
    explain: bool,
}

/// A [`RawItem`] with what may stand beside it: `flatten` would let unknown fields through.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    completion: JsonText,
    target: JsonText,
    #[serde(default)]
    old_code: Option<JsonText>,
    #[serde(default)]
    tokens: Option<usize>,
    #[serde(default)]
    rubric: Rules,
    #[serde(default)]
    explain: bool,
}

impl Rules {
    /// These, laid over the service's.
    pub fn over(&self, rubric: Rubric) -> Rubric {
        Rubric {
            mode: self.mode.unwrap_or(rubric.mode),
            comparison: self.comparison.unwrap_or(rubric.comparison),
            weights: self.weights.clone().unwrap_or(rubric.weights),
            overlong: self.overlong.or(rubric.overlong),
        }
    }
}

/// Which of the forms a body has.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    items: Option<serde::de::IgnoredAny>,
}

/// What a completion is worth.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Breakdown(Box<Breakdown>),
    Explanation(Box<Explanation>),
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it, in words for the caller.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        std::str::from_utf8(body).map_err(|error| format!("the body is no UTF-8: {error}"))?;
        let fault = |error: serde_json::Error| format!("the body is no request: {error}");
        if body.trim_ascii_start().starts_with(b"[") {
            let items: Vec<RawItem> = serde_json::from_slice(body).map_err(fault)?;
            return Ok(Request {
                rules: Rules::default(),
                explain: false,
                items: read_items(items)?,
            });
        }
        let form: Form = serde_json::from_slice(body).map_err(fault)?;
        if form.items.is_some() {
            let Batch {
                items,
                rubric,
                explain,
            } = serde_json::from_slice(body).map_err(fault)?;
            return Ok(Request {
                rules: rubric,
                explain,
                items: read_items(items)?,
            });
        }
        let One {
            completion,
            target,
            old_code,
            tokens,
            rubric,
            explain,
        } = serde_json::from_slice(body).map_err(fault)?;
        let item = RawItem {
            completion,
            target,
            old_code,
            tokens,
        };
        Ok(Request {
            rules: rubric,
            explain,
            items: Items::One(Box::new(item.read()?)),
        })
    }

    /// Whether the rules can be applied to every item.
    ///
    /// # Errors
    /// Settings that do not go together, an item that lacks what a part with a weight needs.
    pub fn check(&self, rubric: &Rubric) -> Result<(), String> {
        rubric.check().map_err(|error| format!("rubric: {error}"))?;
        let items = match &self.items {
            Items::One(item) => std::slice::from_ref(&**item),
            Items::Many(items) => items,
        };
        if items.len() > MAX_ITEMS {
            return Err(format!(
                "{} items, more than {MAX_ITEMS}: send several requests",
                items.len()
            ));
        }
        let texts = items
            .iter()
            .map(|item| item.completion.len() + item.target.len());
        let bytes: usize = texts.sum();
        if self.explain && bytes > MAX_EXPLAINED_BYTES {
            return Err(format!(
                "{bytes} bytes to explain, more than {MAX_EXPLAINED_BYTES}: send several requests"
            ));
        }
        for (index, item) in items.iter().enumerate() {
            let given = rubric.check_given(item.old_code.is_some(), item.tokens.is_some());
            given.map_err(|missing| match self.items {
                Items::One(_) => missing.to_string(),
                Items::Many(_) => format!("items[{index}]: {missing}"),
            })?;
        }
        Ok(())
    }
}

impl Item {
    /// What it is worth by these rules.
    ///
    /// # Errors
    /// A part with a weight cannot be had.
    pub fn score(&self, rubric: &Rubric, explained: bool) -> Result<Answer, Missing> {
        let Item {
            completion,
            target,
            old_code,
            tokens,
        } = self;
        let old_code = old_code.as_deref();
        let reference = Reference::new(rubric.clone(), target, old_code);
        reference.check(tokens.is_some())?;
        Ok(match explained {
            true => {
                let explanation = explain(rubric, completion, target, old_code, *tokens);
                Answer::Explanation(Box::new(explanation))
            }
            false => Answer::Breakdown(Box::new(reference.score(completion, *tokens))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named() {
        for (body, fault) in [
            ("", "EOF while parsing"),
            ("{}", "missing field `completion`"),
            ("[{}]", "missing field `completion`"),
            ("7", "invalid type: integer `7`"),
            (
                r#"{"completion": 1, "target": "x"}"#,
                "invalid type: integer `1`, expected a string",
            ),
            (
                r#"{"completion": "x", "target": "x", "oldcode": ""}"#,
                "unknown field `oldcode`, expected one of `completion`, ",
            ),
            (
                r#"{"items": [], "completion": ""}"#,
                "unknown field `completion`, expected one of `items`, ",
            ),
            (
                r#"{"items": [], "rubric": {"mode": "harsh"}}"#,
                "unknown variant `harsh`, expected `paper` or `strict`",
            ),
            (
                r#"{"items": [{"completion": "x", "target": "x", "tokens": -1}]}"#,
                "invalid value: integer `-1`",
            ),
        ] {
            let error = Request::parse(body.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("the body is no request: ") && error.contains(fault),
                "{error}"
            );
        }
    }

    #[test]
    fn rules_that_an_item_cannot_meet_are_refused() {
        let request = Request::parse(br#"{"items": [{"completion": "x", "target": "x", "old_code": "y"}, {"completion": "x", "target": "x"}]}"#).unwrap();
        assert_eq!(request.check(&Rubric::strict()), Ok(()));
        assert_eq!(
            request.check(&Rubric::edit_gain()).unwrap_err(),
            "items[1]: old code is missing, from which edit_gain counts"
        );
    }

    #[test]
    fn more_than_a_mebibyte_is_not_explained_at_once() {
        let text = "x".repeat(MAX_EXPLAINED_BYTES / 2);
        let item = format!(r#"{{"completion": "{text}", "target": "{text}"}}"#);
        for (more, explained) in [
            ("", Ok(())),
            (
                r#", {"completion": "x", "target": ""}"#,
                Err(
                    "1048577 bytes to explain, more than 1048576: send several requests".to_owned(),
                ),
            ),
        ] {
            let body = |explain| format!(r#"{{"explain": {explain}, "items": [{item}{more}]}}"#);
            let check = |body: String| {
                Request::parse(body.as_bytes())
                    .unwrap()
                    .check(&Rubric::strict())
            };
            assert_eq!(check(body(true)), explained);
            assert_eq!(check(body(false)), Ok(()));
        }
    }
}
