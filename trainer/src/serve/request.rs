//! What a request holds, what is wrong with it, and its answer.
//!
//! ```json
//! {"completion": "…", "target": "…", "old_code": "…", "tokens": 120}
//! ```
//! gives the breakdown of [`recode_core::reward`]; `{"items": […]}` of such objects, or an array of them, gives an array. `"rubric"` beside
//! `completion` or `items` takes the place of the service's rules, `"explain": true` gives explanations ([`recode_core::explain`]).

use recode_core::explain::{Explanation, explain};
use recode_core::reward::{Breakdown, Reference, Rubric};
use serde::{Deserialize, Serialize};

/// The body of a request.
#[derive(Debug)]
pub struct Request {
    pub rubric: Option<Rubric>,
    pub explain: bool,
    pub items: Items,
}

/// One completion, answered by an object, or several, answered by an array.
#[derive(Debug)]
pub enum Items {
    One(Box<Item>),
    Many(Vec<Item>),
}

/// A completion and what it is held against.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    completion: String,
    target: String,
    #[serde(default)]
    old_code: Option<String>,
    /// The completion's length, which `overlong` counts.
    #[serde(default)]
    tokens: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    items: Vec<Item>,
    #[serde(default)]
    rubric: Option<Rubric>,
    #[serde(default)]
    explain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    completion: String,
    target: String,
    #[serde(default)]
    old_code: Option<String>,
    #[serde(default)]
    tokens: Option<usize>,
    #[serde(default)]
    rubric: Option<Rubric>,
    #[serde(default)]
    explain: bool,
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
        let fault = |error: serde_json::Error| format!("the body is no request: {error}");
        if body.trim_ascii_start().starts_with(b"[") {
            let items = Items::Many(serde_json::from_slice(body).map_err(fault)?);
            return Ok(Request {
                rubric: None,
                explain: false,
                items,
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
                rubric,
                explain,
                items: Items::Many(items),
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
        let item = Item {
            completion,
            target,
            old_code,
            tokens,
        };
        Ok(Request {
            rubric,
            explain,
            items: Items::One(Box::new(item)),
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
        for (index, item) in items.iter().enumerate() {
            let place = match self.items {
                Items::One(_) => String::new(),
                Items::Many(_) => format!("items[{index}]: "),
            };
            if let (None, Some(part)) = (&item.old_code, rubric.needs_old_code()) {
                return Err(format!(
                    "{place}old_code is missing, from which {part} counts"
                ));
            }
            if item.tokens.is_none() && rubric.needs_length() {
                return Err(format!(
                    "{place}tokens is missing, the length that overlong counts"
                ));
            }
        }
        Ok(())
    }
}

impl Item {
    /// What it is worth by these rules.
    pub fn score(&self, rubric: &Rubric, explained: bool) -> Answer {
        let Item {
            completion,
            target,
            old_code,
            tokens,
        } = self;
        let old_code = old_code.as_deref();
        if explained {
            return Answer::Explanation(Box::new(explain(
                rubric, completion, target, old_code, *tokens,
            )));
        }
        let reference = Reference::new(rubric.clone(), target, old_code);
        Answer::Breakdown(Box::new(reference.score(completion, *tokens)))
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
            "items[1]: old_code is missing, from which edit_gain counts"
        );
    }
}
