//! The exports for JavaScript, of which `core/npm` makes a package.
//!
//! Texts go in as they are, results come out as JSON: the schema is the one that the command line writes, and `JSON.parse` is faster than
//! setting the fields of an object from here one by one. What people pass has its types checked before it comes here (`core/npm/src`);
//! whether it makes sense is said here. The rules and the row of the last call are kept, so that the completions of a row share what is
//! made ready for it.

mod audit;

use crate::explain::{self, Explanation};
use crate::reward::{Comparison, Missing, Overlong, Reference, RewardMode, Rubric, Weights};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// What was set last.
#[derive(Default)]
struct Session {
    rubric: Rubric,
    row: Option<Row>,
}

struct Row {
    target: String,
    old_code: Option<String>,
    reference: Reference,
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// A rubric whose names are yet to be looked up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    mode: Option<String>,
    comparison: Option<String>,
    weights: Option<Weights>,
    overlong: Option<Overlong>,
}

impl Rules {
    fn rubric(self) -> Result<Rubric, JsError> {
        let mode = self.mode.as_deref().map(str::parse::<RewardMode>);
        let comparison = self.comparison.as_deref().map(str::parse::<Comparison>);
        let rubric = Rubric {
            mode: mode.transpose()?.unwrap_or_default(),
            comparison: comparison.transpose()?.unwrap_or_default(),
            weights: self.weights.unwrap_or_default(),
            overlong: self.overlong,
        };
        rubric.check()?;
        Ok(rubric)
    }
}

/// Sets the rules, given as JSON, and forgets the row.
#[wasm_bindgen(js_name = setRules)]
pub fn set_rules(json: &str) -> Result<(), JsError> {
    // By way of a value: an error then says nothing of lines and columns, which the caller never saw.
    let rules: Rules = serde_json::from_value(serde_json::from_str(json)?)?;
    let rubric = rules.rubric()?;
    SESSION.set(Session { rubric, row: None });
    Ok(())
}

/// Sets the row that completions are held against.
#[wasm_bindgen(js_name = setRow)]
pub fn set_row(target: String, old_code: Option<String>) {
    SESSION.with_borrow_mut(|Session { rubric, row }| {
        *row = Some(Row {
            reference: Reference::new(rubric.clone(), &target, old_code.as_deref()),
            target,
            old_code,
        });
    });
}

/// Does something with the row, a completion's length being known or not.
fn with_row<T>(length: Option<usize>, work: impl FnOnce(&Row) -> T) -> Result<T, JsError> {
    SESSION.with_borrow(|Session { row, .. }| {
        let row = row.as_ref().ok_or_else(|| JsError::new("no row is set"))?;
        let given = row.reference.check(length.is_some());
        // In the names that these things have in JavaScript.
        given.map_err(|missing| match missing {
            Missing::OldCode(part) => {
                JsError::new(&format!("oldCode is missing, from which {part} counts"))
            }
            Missing::Length => JsError::new("length is missing, which overlong counts"),
            Missing::NotPython { .. } => JsError::new(&missing.to_string()),
        })?;
        Ok(work(row))
    })
}

/// The breakdown of a completion.
#[wasm_bindgen]
pub fn score(completion: &str, length: Option<usize>) -> Result<String, JsError> {
    with_row(length, |row| json(&row.reference.score(completion, length)))?
}

fn explanation(completion: &str, length: Option<usize>) -> Result<Explanation, JsError> {
    with_row(length, |row| {
        let rubric = row.reference.rubric();
        explain::explain(
            rubric,
            completion,
            &row.target,
            row.old_code.as_deref(),
            length,
        )
    })
}

/// Why a completion is worth what it is.
#[wasm_bindgen]
pub fn explain(completion: &str, length: Option<usize>) -> Result<String, JsError> {
    json(&explanation(completion, length)?)
}

/// The same as a text.
#[wasm_bindgen(js_name = explainText)]
pub fn explain_text(completion: &str, length: Option<usize>) -> Result<String, JsError> {
    Ok(explanation(completion, length)?.to_string())
}

/// The format reward, which asks for no row.
#[wasm_bindgen(js_name = formatReward)]
pub fn format_reward(completion: &str, mode: &str) -> Result<f64, JsError> {
    let rubric = Rubric {
        mode: mode.parse()?,
        ..Rubric::default()
    };
    Ok(crate::reward::score(&rubric, completion, "").format)
}

fn json(value: &impl Serialize) -> Result<String, JsError> {
    Ok(serde_json::to_string(value)?)
}
