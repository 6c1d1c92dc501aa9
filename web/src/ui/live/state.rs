//! What the page holds: the question, checkpoints to choose from, and the two that are loaded.

use super::module::{Checkpoint, Module, by_name, options, said};
use crate::live::{Part, Question};
use crate::page::{self, Page};
use crate::score::Judgement;
use js_sys::{JSON, Object, Reflect};
use leptos::prelude::*;
use recode_core::migration::Migration;
use serde::Deserialize;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Blob};

/// How often an answer that comes is judged, in milliseconds.
const JUDGED_MS: f64 = 100.0;

/// A model or an adapter to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Never given twice.
    pub id: usize,
    /// Which of the two.
    pub part: Part,
    /// What it is called.
    pub name: String,
    /// What the module takes it by: its address, or its files by name.
    place: JsValue,
}

/// Where a checkpoint is.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Nowhere.
    Empty,
    /// On its way: bytes of its weights, and of how many.
    Loading(f64, f64),
    /// Ready, and what it computes on.
    Ready(String),
    /// It could not be loaded, or ended.
    Failed(String),
}

/// An answer as far as it has come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// What was written.
    pub text: String,
    /// What it is worth so far.
    pub judgement: Option<Judgement>,
    /// It waits for the other one, or is being written.
    pub going: bool,
    /// How many tokens in what time, or what went wrong.
    pub outcome: Option<Result<String, String>>,
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
    loaded: RwSignal<Option<Loaded>, LocalStorage>,
    loading: RwSignal<Option<AbortController>, LocalStorage>,
}

/// A checkpoint, and what it was loaded from.
#[derive(Clone)]
struct Loaded {
    checkpoint: Checkpoint,
    model: usize,
    device: String,
}

/// The page's state.
#[derive(Clone, Copy)]
pub struct State {
    /// What is asked.
    pub question: RwSignal<Question>,
    /// Rows to choose from.
    pub rows: RwSignal<Vec<Migration>>,
    /// Models and adapters to choose from.
    pub sources: RwSignal<Vec<Source>, LocalStorage>,
    /// `auto`, `gpu` or `cpu`.
    pub device: RwSignal<String>,
    /// A and B.
    pub sides: [Side; 2],
    /// Somebody answers.
    pub busy: RwSignal<bool>,
    /// What is wrong with what was opened or asked.
    pub failures: RwSignal<Vec<String>>,
    answering: RwSignal<Option<AbortController>, LocalStorage>,
    /// The prompt that the answers go on from.
    prompt: RwSignal<String>,
}

/// The demo's policy, which comes with the page, and what GRPO made of it.
pub const DEMO: (usize, usize) = (0, 1);

/// What the worker tells of an answer.
#[derive(Deserialize)]
struct Told {
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

/// What the worker tells of its device.
#[derive(Deserialize)]
struct ToldDevice {
    device: String,
    name: Option<String>,
    reason: Option<String>,
    module_bytes: f64,
}

impl State {
    /// With nothing loaded.
    pub fn new() -> Self {
        let side = |letter| Side {
            letter,
            model: RwSignal::new(DEMO.0),
            adapter: RwSignal::new((letter == "B").then_some(DEMO.1)),
            status: RwSignal::new(Status::Empty),
            answer: RwSignal::new(Answer::default()),
            loaded: RwSignal::new_local(None),
            loading: RwSignal::new_local(None),
        };
        let demo = |id, part, name: &str, files: &[&str]| {
            let addresses: Vec<(&str, JsValue)> = files
                .iter()
                .map(|file| (*file, format!("demo/{file}").into()))
                .collect();
            let fields: Vec<_> = addresses.iter().map(|(file, at)| (*file, at)).collect();
            Source {
                id,
                part,
                name: name.to_owned(),
                place: options(&fields).into(),
            }
        };
        let model = ["config.json", "tokenizer.json", "model.safetensors"];
        let adapter = ["adapter_config.json", "adapter_model.safetensors"];
        State {
            question: RwSignal::new(Question::default()),
            rows: RwSignal::new(Vec::new()),
            sources: RwSignal::new_local(vec![
                demo(DEMO.0, Part::Model, "the demo's policy", &model),
                demo(
                    DEMO.1,
                    Part::Adapter,
                    "the demo's 250 steps of GRPO",
                    &adapter,
                ),
            ]),
            device: RwSignal::new("auto".to_owned()),
            sides: ["A", "B"].map(side),
            busy: RwSignal::new(false),
            failures: RwSignal::new(Vec::new()),
            answering: RwSignal::new_local(None),
            prompt: RwSignal::new(String::new()),
        }
    }

    /// Puts something among what can be chosen, and chooses it: a model for the first side that has none of its own, an adapter for the last.
    fn add(self, part: Part, name: String, place: JsValue) {
        let id = self.sources.with_untracked(Vec::len);
        self.sources.update(|all| {
            all.push(Source {
                id,
                part,
                name,
                place,
            });
        });
        match part {
            // A model of one's own has nothing to do with the demo's adapter.
            Part::Model => self.sides.iter().for_each(|side| {
                side.model.set(id);
                side.adapter.set(None);
            }),
            Part::Adapter => self.sides[1].adapter.set(Some(id)),
        }
    }

    /// Adds files that were opened.
    pub fn add_files(self, part: Part, name: String, files: &[(String, Blob)]) {
        self.add(part, name, by_name(files));
    }

    /// Adds a folder of this page's server.
    pub fn add_address(self, part: Part, address: &str) {
        self.add(part, address.to_owned(), address.into());
    }

    /// Loads what a side has chosen; the base is shared with the other side where that has the same.
    pub async fn load(self, module: Module, at: usize) {
        let side = self.sides[at];
        self.unload(side);
        let (model, adapter) = (side.model.get_untracked(), side.adapter.get_untracked());
        let place = |id: usize| {
            self.sources
                .with_untracked(|all| all.get(id).map(|source| source.place.clone()))
        };
        let Some(model_place) = place(model) else {
            return;
        };
        let device = self.device.get_untracked();
        let other = self.sides[1 - at].loaded.get_untracked();
        let base = other.filter(|other| other.model == model && other.device == device);
        let Ok(controller) = AbortController::new() else {
            return;
        };
        let signal = controller.signal();
        side.loading.set(Some(controller));
        side.status.set(Status::Loading(0.0, 0.0));
        let progress = Closure::<dyn FnMut(JsValue)>::new(move |progress: JsValue| {
            let number = |name: &str| {
                let value = Reflect::get(&progress, &name.into()).ok();
                value.and_then(|value| value.as_f64()).unwrap_or_default()
            };
            side.status
                .set(Status::Loading(number("done"), number("all")));
        });
        let adapter = adapter.and_then(place).unwrap_or(JsValue::UNDEFINED);
        let is_shared = base.is_some();
        let loaded = match base {
            Some(base) => {
                let options = options(&[("adapter", &adapter)]);
                let other = base.checkpoint.with(&options).await;
                other.map(JsCast::unchecked_into)
            }
            None => {
                let options = options(&[
                    ("model", &model_place),
                    ("adapter", &adapter),
                    ("device", &device.as_str().into()),
                    ("onProgress", progress.as_ref()),
                    ("signal", &signal),
                ]);
                module.load(&options).await
            }
        };
        match loaded {
            Ok(checkpoint) => {
                let checkpoint: Checkpoint = checkpoint;
                // Given up, or loaded anew, meanwhile.
                if signal.aborted() {
                    return checkpoint.close();
                }
                let mut said = device_words(&checkpoint);
                if is_shared {
                    said += &format!(", the base shared with {}", self.sides[1 - at].letter);
                }
                side.status.set(Status::Ready(said));
                side.loaded.set(Some(Loaded {
                    checkpoint,
                    model,
                    device,
                }));
            }
            Err(error) => {
                if let Some(why) = said(&error, &signal) {
                    side.status.set(Status::Failed(why));
                }
            }
        }
    }

    /// Gives up what a side loads, and gives back what it has loaded.
    pub fn unload(self, side: Side) {
        if let Some(loading) = side.loading.get_untracked() {
            loading.abort();
        }
        side.loading.set(None);
        if let Some(loaded) = side.loaded.get_untracked() {
            loaded.checkpoint.close();
        }
        side.loaded.set(None);
        side.status.set(Status::Empty);
        side.answer.set(Answer::default());
    }

    /// Whether there is anybody to ask.
    pub fn can_ask(self) -> bool {
        let ready = |side: &Side| matches!(side.status.get(), Status::Ready(_));
        !self.busy.get() && self.sides.iter().any(ready)
    }

    /// Lets those that are loaded answer, one after the other: each has the device for itself, so that their speeds can be compared.
    pub async fn ask(self) {
        if self.busy.get_untracked() {
            return;
        }
        let question = self.question.get_untracked();
        self.prompt.set(question.prompt());
        let request = match question.sampling.request(&question.prompt()) {
            Ok(request) => request,
            Err(why) => return self.failures.set(vec![why.to_string()]),
        };
        self.failures.set(Vec::new());
        let Ok(controller) = AbortController::new() else {
            return;
        };
        self.answering.set(Some(controller.clone()));
        self.busy.set(true);
        let asked = self.sides.map(|side| (side, side.loaded.get_untracked()));
        for (side, loaded) in &asked {
            side.answer.set(Answer {
                going: loaded.is_some(),
                ..Answer::default()
            });
        }
        for (side, loaded) in asked {
            if let Some(loaded) = loaded {
                side.answer_to(&loaded.checkpoint, &question, &request, &controller)
                    .await;
            }
        }
        self.busy.set(false);
        self.judge_again();
    }

    /// Judges the answers by the question as it is now; those to another prompt go.
    pub fn judge_again(self) {
        if self.busy.get_untracked() {
            return;
        }
        let question = self.question.get_untracked();
        let same = self
            .prompt
            .with_untracked(|asked| *asked == question.prompt());
        for side in self.sides {
            if side
                .answer
                .with_untracked(|answer| answer.outcome.is_none())
            {
                continue;
            }
            side.answer.update(|answer| {
                let Answer { text, outcome, .. } = std::mem::take(answer);
                if same {
                    *answer = Answer::of(&question, text, outcome);
                }
            });
        }
    }

    /// Stops what is being loaded or answered; says whether there was anything.
    pub fn stop(self) -> bool {
        let going = self.busy.get_untracked();
        if let Some(controller) = self.answering.get_untracked().filter(|_| going) {
            controller.abort();
        }
        let loading = |side: &Side| matches!(side.status.get_untracked(), Status::Loading(..));
        let loads: Vec<Side> = self.sides.into_iter().filter(loading).collect();
        loads.iter().for_each(|side| self.unload(*side));
        going || !loads.is_empty()
    }

    /// The address that carries the question.
    ///
    /// # Errors
    /// It would be too long.
    pub fn link(self) -> Result<String, String> {
        let query = self.question.with(Question::to_query);
        let query = query.map_err(|error| error.to_string())?;
        let here = window().location().href().unwrap_or_default();
        let base = here.split('#').next().unwrap_or_default();
        Ok(format!("{base}{}?{query}", Page::TryIt.address()))
    }

    /// Takes the question of the address, where it has one.
    pub fn read_address(self) {
        let hash = window().location().hash().unwrap_or_default();
        if let Some((Page::TryIt, query)) = page::parse(&hash)
            && let Some(question) = Question::from_query(query)
        {
            self.question.set(question);
        }
    }
}

impl Side {
    async fn answer_to(
        self,
        checkpoint: &Checkpoint,
        question: &Question,
        request: &str,
        controller: &AbortController,
    ) {
        let (written, judged) = (Rc::new(RefCell::new(String::new())), RefCell::new(0.0));
        let (texts, asked, answer) = (written.clone(), question.clone(), self.answer);
        let on_text = Closure::<dyn FnMut(JsValue)>::new(move |piece: JsValue| {
            let text = Reflect::get(&piece, &"text".into()).ok();
            let mut written = texts.borrow_mut();
            *written += &text.and_then(|text| text.as_string()).unwrap_or_default();
            let now = js_sys::Date::now();
            if now - *judged.borrow() >= JUDGED_MS {
                *judged.borrow_mut() = now;
                answer.set(Answer::of(&asked, written.clone(), None));
            }
        });
        let parsed = JSON::parse(request).map(JsCast::unchecked_into::<Object>);
        let fields = parsed.and_then(|fields| {
            Reflect::set(&fields, &"onText".into(), on_text.as_ref())?;
            Reflect::set(&fields, &"signal".into(), &controller.signal())?;
            Ok(fields)
        });
        let told = match fields {
            Ok(fields) => checkpoint.generate(&fields).await,
            Err(error) => Err(error),
        };
        let told = match told {
            Ok(told) => read::<Told>(&told),
            // Stopped before it began.
            Err(error) => Err(said(&error, &controller.signal()).unwrap_or("stopped".to_owned())),
        };
        let (text, outcome) = match told {
            Ok(mut told) if !told.completions.is_empty() => {
                let text = std::mem::take(&mut told.completions[0].text);
                (text, Ok(told.in_words()))
            }
            Ok(_) => (written.take(), Err("the worker sent no answer".to_owned())),
            Err(why) => (written.take(), Err(why)),
        };
        // It may have been unloaded meanwhile.
        if self.loaded.with_untracked(Option::is_some) {
            self.answer.set(Answer::of(question, text, Some(outcome)));
        }
    }
}

impl Answer {
    fn of(question: &Question, text: String, outcome: Option<Result<String, String>>) -> Self {
        let judgement = Judgement::of(&question.case(&text), question.rules);
        let going = outcome.is_none();
        Answer {
            text,
            judgement,
            going,
            outcome,
        }
    }

    /// What it is worth, where it is there and can be judged.
    pub fn total(&self) -> Option<f64> {
        let judgement = self.judgement.as_ref().filter(|_| !self.text.is_empty())?;
        judgement.explanation.breakdown.total
    }
}

impl Told {
    fn in_words(&self) -> String {
        let completion = &self.completions[0];
        let end = match &*completion.finish_reason {
            "eos" => "ended by itself",
            "length" => "cut off at the limit",
            _ => "stopped",
        };
        format!(
            "{} tokens in {:.2} s, {:.0} a second, {end}; the prompt's {} in {:.2} s",
            completion.tokens,
            self.decode_seconds,
            self.tokens_per_second,
            self.prompt_tokens,
            self.prefill_seconds
        )
    }
}

fn device_words(checkpoint: &Checkpoint) -> String {
    let Ok(told) = read::<ToldDevice>(&checkpoint.device()) else {
        return "ready".to_owned();
    };
    let memory = format!(
        "{:.0} MiB of the page's memory",
        told.module_bytes / f64::from(1 << 20)
    );
    match (&*told.device, told.name, told.reason) {
        ("gpu", Some(name), _) => format!("on the GPU, {name}; {memory}"),
        ("gpu", None, _) => format!("on the GPU; {memory}"),
        (_, _, Some(reason)) => format!("on the processor, because {reason}; {memory}"),
        _ => format!("on the processor; {memory}"),
    }
}

fn read<T: for<'a> Deserialize<'a>>(told: &JsValue) -> Result<T, String> {
    let text = JSON::stringify(told).map(String::from);
    let text = text.map_err(|error| format!("{error:?}"))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("what the worker says is not understood: {error}"))
}
