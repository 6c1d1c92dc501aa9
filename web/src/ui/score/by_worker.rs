//! Long cases: scored by a worker of their own, which is let go as soon as the case is another one.

use crate::message;
use crate::score::{Case, HandedOver, Rules, Scored};
use crate::ui::task::Task;
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

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

/// The task, and what it found.
#[derive(Clone, Copy)]
pub struct ByWorker {
    /// What it found about the case that it was given last.
    pub found: RwSignal<Found>,
    task: RwSignal<Option<Task>, LocalStorage>,
}

impl ByWorker {
    /// Without any work; it ends with whoever asks for it.
    pub fn new() -> Self {
        let new = ByWorker {
            found: RwSignal::new(Found::Nothing),
            task: RwSignal::new_local(None),
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
        let given: [JsValue; 4] = [
            case.completion().as_ref().into(),
            (&*case.target).into(),
            (&*case.old_code).into(),
            rules.name().into(),
        ];
        let sent = case.clone();
        let take = move |told: Result<Array, String>| {
            self.stop();
            match told.and_then(|message| message::read::<Option<HandedOver>>(&message, 0)) {
                Ok(Some(found)) => {
                    let scored = found.with(sent.clone(), rules);
                    self.found.set(Found::Scored(scored));
                }
                // There is no target.
                Ok(None) => {}
                Err(why) => self.found.set(Found::Failed(why)),
            }
        };
        match Task::start("serve_case", &given, take) {
            Ok(task) => self.task.set(Some(task)),
            Err(why) => self.found.set(Found::Failed(why)),
        }
    }

    fn stop(self) {
        // Whoever has left the page has let go of it.
        let _ = self.task.try_set(None);
    }
}
