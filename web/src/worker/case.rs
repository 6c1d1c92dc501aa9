//! A long case: the worker scores it, and tells the page what it found as JSON ([`Scored`]).

use crate::score::{AnswerKind, Case, Rules, Scored};
use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::DedicatedWorkerGlobalScope;

/// Scores a completion by the rules of that name.
///
/// # Errors
/// The page cannot be told.
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
    let scored = Scored::of(&case, Rules::named(&rules).unwrap_or_default());
    let json = serde_json::to_string(&scored).unwrap_or_default();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    scope.post_message(&Array::of2(&json.into(), &"done".into()))
}
