//! What the worker tells, in words.

use super::answer::Progress;
use js_sys::JSON;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// What a checkpoint computes on.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Device {
    device: String,
    name: Option<String>,
    reason: Option<String>,
    /// Bytes of memory that its worker's module had when it was loaded.
    module_bytes: f64,
}

impl Device {
    /// Where, and why not on a GPU.
    pub fn in_words(&self) -> String {
        let memory = format!(
            "{:.0} MiB in its worker when it was loaded",
            self.module_bytes / f64::from(1 << 20)
        );
        match (&*self.device, &self.name, &self.reason) {
            ("gpu", Some(name), _) => format!("on the GPU, {name}; {memory}"),
            ("gpu", None, _) => format!("on the GPU; {memory}"),
            (_, _, Some(reason)) => format!("on the processor, because {reason}; {memory}"),
            _ => format!("on the processor; {memory}"),
        }
    }
}

/// An answer.
#[derive(Deserialize)]
pub struct Told {
    completions: Vec<ToldCompletion>,
    prompt_tokens: usize,
    prefill_seconds: f64,
    decode_seconds: f64,
    tokens_per_second: f64,
}

#[derive(Deserialize)]
struct ToldCompletion {
    text: String,
    tokens: usize,
    finish_reason: String,
}

impl Told {
    /// Its text, and how it came about.
    pub fn into_answer(self) -> (String, Progress) {
        let Some(completion) = self.completions.into_iter().next() else {
            let why = "the worker sent no answer".to_owned();
            return (String::new(), Progress::Failed(why));
        };
        if completion.tokens == 0 {
            let words = format!(
                "stopped while the prompt's {} tokens were read, after {:.2} s",
                self.prompt_tokens, self.prefill_seconds
            );
            return (completion.text, Progress::Stopped(words));
        }
        let end = match &*completion.finish_reason {
            "eos" => "ended by itself",
            "length" => "cut off at the limit",
            _ => "stopped",
        };
        let tokens = match completion.tokens {
            1 => "1 token".to_owned(),
            tokens => format!("{tokens} tokens"),
        };
        let words = format!(
            "{tokens} in {:.2} s, {:.0} a second, {end}; the prompt's {} in {:.2} s",
            self.decode_seconds, self.tokens_per_second, self.prompt_tokens, self.prefill_seconds
        );
        let progress = match end {
            "stopped" => Progress::Stopped(words),
            _ => Progress::Finished(words),
        };
        (completion.text, progress)
    }
}

/// Reads what was told.
///
/// # Errors
/// It is something else.
pub fn read<T: for<'a> Deserialize<'a>>(told: &JsValue) -> Result<T, String> {
    let text = JSON::stringify(told).map(String::from);
    let text = text.map_err(|_| "what the worker says is no text".to_owned())?;
    serde_json::from_str(&text)
        .map_err(|error| format!("what the worker says is not understood: {error}"))
}
