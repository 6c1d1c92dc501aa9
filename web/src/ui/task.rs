//! A task of page/worker.js, in a worker of its own: it is given the module that the page has compiled, so that it downloads nothing, and tells the page
//! what it finds.

use js_sys::{Array, Reflect};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

const NOT_STARTED: &str = "the worker could not be started";

/// A task at work; whoever lets go of it ends it.
pub struct Task {
    worker: Worker,
    /// What the worker calls.
    on_message: Closure<dyn FnMut(MessageEvent)>,
    on_error: Closure<dyn FnMut(JsValue)>,
}

impl Task {
    /// Starts the task of that name. `take` is handed what it tells, message by message, or why it failed, which is the last.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn start(
        name: &str,
        given: &[JsValue],
        take: impl Fn(Result<Array, String>) + 'static,
    ) -> Result<Self, String> {
        let failed = |_| NOT_STARTED.to_owned();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("worker.js", &options).map_err(failed)?;
        let take = Rc::new(take);
        let of_errors = take.clone();
        let on_message = Closure::new(move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            // An error comes alone.
            take(match message.length() {
                1 => Err(message.get(0).as_string().unwrap_or_default()),
                _ => Ok(message),
            });
        });
        let on_error = Closure::new(move |event: JsValue| {
            let said = Reflect::get(&event, &"message".into());
            let said = said.ok().and_then(|said| said.as_string());
            of_errors(Err(said.unwrap_or_else(|| NOT_STARTED.to_owned())));
        });
        let task = Task {
            worker,
            on_message,
            on_error,
        };
        let (worker, on_message, on_error) = (&task.worker, &task.on_message, &task.on_error);
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let message = Array::of2(&wasm_bindgen::module(), &name.into());
        for given in given {
            message.push(given);
        }
        worker.post_message(&message).map_err(failed)?;
        Ok(task)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}
