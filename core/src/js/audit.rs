//! The audit of a data set. A prompt's length is counted in characters, as by `recode-trainer audit` where no model says what a token is.

use super::json;
use crate::audit::{self, AuditRow, Field, PromptBudget};
use crate::migration::Migration;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// A row as JavaScript hands it over: fields that it does not have are left out, and one that is no text is a list of what it is.
#[derive(Deserialize)]
struct Row {
    #[serde(default = "missing")]
    dependency: Given,
    #[serde(default = "missing")]
    new_version: Given,
    #[serde(default = "missing")]
    description: Given,
    #[serde(default = "missing")]
    update_info: Given,
    #[serde(default = "missing")]
    old_code: Given,
    #[serde(default = "missing")]
    new_code: Given,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Text(String),
    NotText((String,)),
    Null(()),
    #[serde(skip)]
    Missing,
}

fn missing() -> Given {
    Given::Missing
}

impl From<Given> for Field {
    fn from(given: Given) -> Self {
        match given {
            Given::Text(text) => Field::Text(text),
            Given::NotText((kind,)) => Field::NotText(kind),
            Given::Null(()) => Field::Null,
            Given::Missing => Field::Missing,
        }
    }
}

impl From<Row> for AuditRow {
    fn from(row: Row) -> Self {
        AuditRow {
            dependency: row.dependency.into(),
            new_version: row.new_version.into(),
            description: row.description.into(),
            update_info: row.update_info.into(),
            old_code: row.old_code.into(),
            new_code: row.new_code.into(),
        }
    }
}

/// Audits rows given as a JSON list.
#[wasm_bindgen(js_name = audit)]
pub fn audit_rows(rows: &str, max_prompt_length: Option<usize>) -> Result<String, JsError> {
    let rows: Vec<Row> = serde_json::from_str(rows)?;
    let length = |row: &Migration| row.prompt().chatml().chars().count();
    let budget = max_prompt_length.map(|max_prompt_length| PromptBudget {
        max_prompt_length,
        length: &length,
    });
    let report = audit::audit(rows.into_iter().map(AuditRow::from), budget.as_ref());
    json(&report.in_words())
}
