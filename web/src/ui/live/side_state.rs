//! A or B: what is chosen, what is loaded, and what that answered.

use super::answer::{Answer, Progress};
use super::module::{Checkpoint, Module, options, said};
use super::state::State;
use super::told::{Device, Told, read};
use crate::live::Question;
use js_sys::{Function, JSON, Object, Promise, Reflect};
use leptos::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal};

/// How often an answer that comes is judged, in milliseconds.
const JUDGED_MS: f64 = 100.0;
/// What part of the time judging may take: long targets are judged more seldom.
const JUDGED_SHARE: f64 = 0.2;

/// What is loaded, or to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The model's id.
    pub model: usize,
    /// The adapter's.
    pub adapter: Option<usize>,
    /// `auto`, `gpu` or `cpu`.
    pub device: String,
}

/// Where a checkpoint is.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Nowhere.
    Empty,
    /// On its way.
    Loading {
        /// Bytes of its weights.
        done: f64,
        /// And of how many; 0 as long as that is not known.
        all: f64,
    },
    /// Ready, and what it computes on.
    Ready(Device),
    /// It could not be loaded, or ended.
    Failed(String),
}

/// A or B.
#[derive(Clone, Copy)]
pub struct Side {
    /// Its letter.
    pub letter: &'static str,
    /// The chosen model.
    pub model: RwSignal<usize>,
    /// The chosen adapter.
    pub adapter: RwSignal<Option<usize>>,
    /// Where the checkpoint is.
    pub status: RwSignal<Status>,
    /// What it answered.
    pub answer: RwSignal<Answer>,
    loaded: RwSignal<Option<Rc<Loaded>>, LocalStorage>,
    loading: RwSignal<Option<Loading>, LocalStorage>,
}

/// A checkpoint, and what it was loaded from.
struct Loaded {
    checkpoint: Checkpoint,
    choice: Choice,
    /// Counts those that a worker of their own was begun for: two of one number share the base.
    worker: u32,
}

/// What is on its way.
#[derive(Clone)]
struct Loading {
    choice: Choice,
    controller: AbortController,
    /// Kept when it is there, or is given up.
    over: Promise,
}

thread_local! {
    static WORKERS: Cell<u32> = const { Cell::new(0) };
}

impl Side {
    /// With the demo's policy chosen.
    pub fn new(letter: &'static str, adapter: Option<usize>) -> Self {
        Side {
            letter,
            model: RwSignal::new(super::state::DEMO.0),
            adapter: RwSignal::new(adapter),
            status: RwSignal::new(Status::Empty),
            answer: RwSignal::new(Answer::default()),
            loaded: RwSignal::new_local(None),
            loading: RwSignal::new_local(None),
        }
    }

    /// What is loaded.
    pub fn loaded(self) -> Option<Choice> {
        self.loaded
            .with(|loaded| loaded.as_ref().map(|loaded| loaded.choice.clone()))
    }

    /// Whether both have one copy of their model.
    pub fn shares_with(self, other: Side) -> bool {
        let worker = |side: Side| {
            side.loaded
                .with(|loaded| loaded.as_ref().map(|loaded| loaded.worker))
        };
        worker(self).is_some() && worker(self) == worker(other)
    }

    /// Loads what is chosen; where `other` has the same model on the same device, that is shared.
    pub async fn load(self, other: Side, state: State, module: Module) {
        self.unload();
        let choice = untrack(|| self.chosen(state));
        let Ok(controller) = AbortController::new() else {
            return;
        };
        let signal = controller.signal();
        let mut end = None::<Function>;
        let over = Promise::new(&mut |resolve, _| end = Some(resolve));
        self.loading.set(Some(Loading {
            choice: choice.clone(),
            controller,
            over,
        }));
        self.status.set(Status::Loading {
            done: 0.0,
            all: 0.0,
        });
        let loaded = self.fetch(&choice, other, state, module, &signal).await;
        if signal.aborted() {
            // Given up, or begun anew, meanwhile.
            if let Ok(loaded) = loaded {
                loaded.checkpoint.close();
            }
        } else {
            self.loading.set(None);
            match loaded {
                Ok(loaded) => {
                    let device = read(&loaded.checkpoint.device()).unwrap_or_default();
                    self.status.set(Status::Ready(device));
                    self.loaded.set(Some(Rc::new(loaded)));
                }
                Err(error) => self.status.set(Status::Failed(said(&error))),
            }
        }
        // Whoever waited for the base sees what has come of it.
        if let Some(end) = end {
            let _ = end.call0(&JsValue::NULL);
        }
    }

    /// What is chosen.
    pub fn chosen(self, state: State) -> Choice {
        Choice {
            model: self.model.get(),
            adapter: self.adapter.get(),
            device: state.device.get(),
        }
    }

    async fn fetch(
        self,
        choice: &Choice,
        other: Side,
        state: State,
        module: Module,
        signal: &AbortSignal,
    ) -> Result<Loaded, JsValue> {
        let same = |its: &Choice| its.model == choice.model && its.device == choice.device;
        let pending = other
            .loading
            .get_untracked()
            .filter(|its| same(&its.choice));
        if let Some(pending) = pending {
            // One download is enough for both.
            JsFuture::from(pending.over).await?;
        }
        let place = |id: usize| {
            state
                .sources
                .with_untracked(|all| all.get(id).map(|source| source.place.clone()))
        };
        let adapter = choice.adapter.and_then(place).unwrap_or(JsValue::UNDEFINED);
        let base = other.loaded.get_untracked();
        if let Some(base) =
            base.filter(|base| same(&base.choice) && base.checkpoint.ended().is_none())
        {
            let made = base
                .checkpoint
                .with(&options(&[("adapter", &adapter)]))
                .await;
            let closed = other
                .loaded
                .with_untracked(|now| now.as_ref().is_none_or(|now| !Rc::ptr_eq(now, &base)));
            match made {
                Ok(made) => {
                    return Ok(Loaded {
                        checkpoint: made.unchecked_into(),
                        choice: choice.clone(),
                        worker: base.worker,
                    });
                }
                // The base has gone meanwhile, which is no fault of this one.
                Err(_) if closed && !signal.aborted() => {}
                Err(error) => return Err(error),
            }
        }
        let status = self.status;
        let own = signal.clone();
        let progress = Closure::<dyn FnMut(JsValue)>::new(move |progress: JsValue| {
            if !own.aborted() {
                let (done, all) = (number(&progress, "done"), number(&progress, "all"));
                status.set(Status::Loading { done, all });
            }
        });
        let options = options(&[
            ("model", &place(choice.model).unwrap_or_default()),
            ("adapter", &adapter),
            ("device", &choice.device.as_str().into()),
            ("onProgress", progress.as_ref()),
            ("signal", signal),
        ]);
        Ok(Loaded {
            checkpoint: module.load(&options).await?,
            choice: choice.clone(),
            worker: WORKERS.replace(WORKERS.get() + 1),
        })
    }

    /// Gives up what is being loaded, and gives back what is loaded, with its answer.
    pub fn unload(self) {
        if let Some(loading) = self.loading.get_untracked() {
            self.loading.set(None);
            loading.controller.abort();
        }
        if let Some(loaded) = self.loaded.get_untracked() {
            self.loaded.set(None);
            loaded.checkpoint.close();
        }
        self.status.set(Status::Empty);
        self.answer.set(Answer::default());
    }

    /// Chooses another model; adapters that were chosen before are another's.
    pub fn choose_model(self, id: usize) {
        if self.model.get_untracked() != id {
            self.adapter.set(None);
        }
        self.model.set(id);
        self.choose();
    }

    /// Another one is chosen: what went wrong with the one before is no more of interest.
    pub fn choose(self) {
        if matches!(self.status.get_untracked(), Status::Failed(_)) {
            self.status.set(Status::Empty);
        }
    }

    /// Waits to be asked, where something is loaded.
    pub fn wait_for_turn(self) {
        let progress = match self.loaded.with_untracked(Option::is_some) {
            true => Progress::Waiting,
            false => Progress::Idle,
        };
        self.answer.set(Answer {
            progress,
            ..Answer::default()
        });
    }

    /// Answers.
    pub async fn take_turn(self, question: &Question, request: &str, signal: &AbortSignal) {
        let Some(loaded) = self.loaded.get_untracked() else {
            return;
        };
        if signal.aborted() {
            let stopped = Progress::Stopped("stopped before it began".to_owned());
            return self
                .answer
                .set(Answer::of(question, String::new(), stopped));
        }
        self.answer.update(|answer| {
            answer.progress = Progress::Reading {
                done: 0.0,
                all: 1.0,
            }
        });
        let written = Rc::new(RefCell::new(String::new()));
        let (texts, asked, answer) = (written.clone(), question.clone(), self.answer);
        let mut next = 0.0;
        let on_text = Closure::<dyn FnMut(JsValue)>::new(move |piece: JsValue| {
            let text = Reflect::get(&piece, &"text".into()).ok();
            let mut written = texts.borrow_mut();
            *written += &text.and_then(|text| text.as_string()).unwrap_or_default();
            let now = js_sys::Date::now();
            if now >= next {
                answer.set(Answer::of(&asked, written.clone(), Progress::Answering));
                let done = js_sys::Date::now();
                next = done + JUDGED_MS.max((done - now) / JUDGED_SHARE);
            }
        });
        let on_prompt = Closure::<dyn FnMut(JsValue)>::new(move |read: JsValue| {
            let (done, all) = (number(&read, "done"), number(&read, "all"));
            answer.update(|answer| answer.progress = Progress::Reading { done, all });
        });
        let listeners = [
            ("onPrompt", on_prompt.as_ref()),
            ("onText", on_text.as_ref()),
            ("signal", signal),
        ];
        let told = match with_fields(request, &listeners) {
            Ok(fields) => loaded.checkpoint.generate(&fields).await,
            Err(error) => Err(error),
        };
        let still = self
            .loaded
            .with_untracked(|now| now.as_ref().is_some_and(|now| Rc::ptr_eq(now, &loaded)));
        if !still {
            return;
        }
        let (text, progress) = match told.map(|told| read::<Told>(&told)) {
            Ok(Ok(told)) => told.into_answer(),
            Ok(Err(why)) => (written.take(), Progress::Failed(why)),
            // Prompts are counted where there may be several.
            Err(error) => {
                let why = said(&error).replacen("prompt 0 ", "the prompt ", 1);
                (written.take(), Progress::Failed(why))
            }
        };
        self.answer.set(Answer::of(question, text, progress));
    }

    /// Lets go of a checkpoint whose worker has ended; its answer stays.
    pub fn notice_end(self) {
        let ended = self
            .loaded
            .with_untracked(|loaded| loaded.as_ref().and_then(|loaded| loaded.checkpoint.ended()));
        if let Some(why) = ended {
            self.loaded.set(None);
            self.status.set(Status::Failed(why));
        }
    }
}

fn with_fields(request: &str, more: &[(&str, &JsValue)]) -> Result<Object, JsValue> {
    let fields: Object = JSON::parse(request)?.unchecked_into();
    for (name, value) in more {
        Reflect::set(&fields, &(*name).into(), value)?;
    }
    Ok(fields)
}

/// A number that the module tells.
fn number(told: &JsValue, name: &str) -> f64 {
    let value = Reflect::get(told, &name.into()).ok();
    value.and_then(|value| value.as_f64()).unwrap_or_default()
}
