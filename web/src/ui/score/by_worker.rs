//! Long cases: scored by a worker of their own, which is let go as soon as the case is another one.

use crate::score::{Case, HandedOver, Rules, Scored};
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// It was scored.
    Scored(Scored),
    /// It could not be, and why.
    Failed(String),
}

/// The worker, and what it found.
#[derive(Clone, Copy)]
pub struct ByWorker {
    /// What it found about the case that it was given last.
    pub found: RwSignal<Found>,
    worker: RwSignal<Option<Worker>, LocalStorage>,
}

impl ByWorker {
    /// Without any work; it ends with whoever asks for it.
    pub fn new() -> Self {
        let new = ByWorker {
            found: RwSignal::new(Found::Nothing),
            worker: RwSignal::new_local(None),
        };
        on_cleanup(move || new.stop());
        new
    }

    /// Lets go of what was begun, and of what was found: the case is another one.
    pub fn begin_anew(self) {
        self.stop();
        if self.found.with_untracked(|found| *found != Found::Nothing) {
            self.found.set(Found::Nothing);
        }
    }

    /// Scores a case.
    pub fn score(self, case: &Case, rules: Rules) {
        self.stop();
        if let Err(error) = self.start(case, rules) {
            self.fail(&error);
        }
    }

    fn stop(self) {
        if let Some(worker) = self.worker.try_get_untracked().flatten() {
            worker.terminate();
            self.worker.set(None);
        }
    }

    fn start(self, case: &Case, rules: Rules) -> Result<(), JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("worker.js", &options)?;
        let sent = case.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            let text = message.get(0).as_string().unwrap_or_default();
            self.stop();
            if message.length() == 1 {
                return self.fail(&text.into());
            }
            match serde_json::from_str::<Option<HandedOver>>(&text) {
                Ok(Some(found)) => self
                    .found
                    .set(Found::Scored(found.with(sent.clone(), rules))),
                Ok(None) => {}
                Err(error) => self.fail(&error.to_string().into()),
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // It lives as long as the worker.
        on_message.forget();
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            let message = js_sys::Reflect::get(&event, &"message".into()).unwrap_or(event);
            self.fail(&message);
        });
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        on_error.forget();
        let given = Array::of5(
            &wasm_bindgen::module(),
            &"serve_case".into(),
            &case.completion().as_ref().into(),
            &(&*case.target).into(),
            &(&*case.old_code).into(),
        );
        given.push(&rules.name().into());
        worker.post_message(&given)?;
        self.worker.set(Some(worker));
        Ok(())
    }

    fn fail(self, error: &JsValue) {
        self.stop();
        let said = error.as_string();
        let said = said.unwrap_or_else(|| "the worker could not be started".to_owned());
        let _ = self.found.try_set(Found::Failed(said));
    }
}
