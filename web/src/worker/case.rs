//! A long case: the worker scores it, and tells the page what it found as JSON ([`HandedOver`]).

use crate::message::part;
use crate::score::{AnswerKind, Case, HandedOver, Rules};
use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::DedicatedWorkerGlobalScope;

/// Scores a completion by the rules of that name.
///
/// # Errors
/// There are no such rules, or the page cannot be told.
#[wasm_bindgen]
pub fn serve_case(
    completion: String,
    target: String,
    old_code: String,
    rules: String,
) -> Result<(), JsValue> {
    let case = Case {
        update_info: String::new(),
        old_code,
        answer: completion,
        kind: AnswerKind::Completion,
        target,
    };
    let rules = Rules::named(&rules).ok_or_else(|| format!("there are no rules named {rules}"))?;
    let found = HandedOver::of(&case, rules);
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    scope.post_message(&Array::of2(&part(&found), &"done".into()))
}
