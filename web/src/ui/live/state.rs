//! What the page holds: the question, what can be loaded, and two sides.

use super::answer::Progress;
use super::module::by_name;
use super::side_state::{Side, Status};
use crate::live::{Found, Part, Question, find};
use crate::page::{self, Page};
use crate::ui::address;
use crate::ui::served::{address_of, list_runs, runs_address};
use leptos::prelude::*;
use recode_core::migration::Migration;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Blob};

/// A model or an adapter to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Never given twice: its place in the list.
    pub id: usize,
    /// Which of the two.
    pub part: Part,
    /// What it is called.
    pub name: String,
    /// What the module takes it by: its address, or its files by name.
    pub place: JsValue,
    /// It is of a run that the page's server has, which is asked again and again.
    served: bool,
}

/// The page's state.
#[derive(Clone, Copy)]
pub struct State {
    /// What is asked.
    pub question: RwSignal<Question>,
    /// What is wrong with how it is to be answered.
    pub unfit: RwSignal<Option<String>>,
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
    /// What is wrong with what was opened.
    pub failures: RwSignal<Vec<String>>,
    answering: RwSignal<Option<AbortController>, LocalStorage>,
    /// What the answers that are there were asked.
    asked: RwSignal<Option<Question>>,
}

/// The demo's policy, which comes with the page, and what GRPO made of it.
pub const DEMO: (usize, usize) = (0, 1);

impl State {
    /// With nothing loaded.
    pub fn new() -> Self {
        let demo = |id, part, name: &str, files: &[&str]| Source {
            id,
            part,
            name: name.to_owned(),
            place: by_name(files.iter().map(|file| (*file, format!("demo/{file}")))),
            served: false,
        };
        let model = ["config.json", "tokenizer.json", "model.safetensors"];
        let adapter = ["adapter_config.json", "adapter_model.safetensors"];
        State {
            question: RwSignal::new(Question::default()),
            unfit: RwSignal::new(None),
            rows: RwSignal::new(Vec::new()),
            sources: RwSignal::new_local(vec![
                demo(DEMO.0, Part::Model, "the demo's policy", &model),
                demo(
                    DEMO.1,
                    Part::Adapter,
                    "250 steps of GRPO on the demo",
                    &adapter,
                ),
            ]),
            device: RwSignal::new("auto".to_owned()),
            sides: [Side::new("A", None), Side::new("B", Some(DEMO.1))],
            busy: RwSignal::new(false),
            failures: RwSignal::new(Vec::new()),
            answering: RwSignal::new_local(None),
            asked: RwSignal::new(None),
        }
    }

    /// Puts a model or an adapter among what can be chosen.
    fn offer(self, part: Part, name: String, place: JsValue, served: bool) -> usize {
        let id = self.sources.with_untracked(Vec::len);
        self.sources.update(|all| {
            all.push(Source {
                id,
                part,
                name,
                place,
                served,
            });
        });
        id
    }

    /// Offers the checkpoints, and the policies of demos, that stand in the runs of the page's server.
    pub async fn offer_served(self) {
        let Some(root) = runs_address() else {
            return;
        };
        // Why there are none, the page Training says.
        let Ok(listing) = list_runs(&root).await else {
            return;
        };
        let files = listing.runs.iter().flat_map(|run| {
            let file = |path: &str| {
                (
                    format!("{}/{path}", run.name),
                    address_of(&root, &run.name, path),
                )
            };
            run.files.iter().map(move |of| file(&of.path))
        });
        let (paths, addresses): (Vec<String>, Vec<String>) = files.unzip();
        let (found, _) = find(&paths);
        for Found { part, name, files } in found {
            // What was opened here may be called the same, and be another one.
            let is_it =
                |source: &Source| source.served && source.part == part && source.name == name;
            let known = self.sources.with_untracked(|all| all.iter().any(is_it));
            if !known {
                let files = files.iter().map(|(name, at)| (&**name, &*addresses[*at]));
                self.offer(part, name, by_name(files), true);
            }
        }
    }

    /// Offers a model or an adapter, and chooses it: a model for both sides, an adapter for B.
    fn add(self, part: Part, name: String, place: JsValue) {
        let id = self.offer(part, name, place, false);
        match part {
            Part::Model => self.sides.iter().for_each(|side| side.choose_model(id)),
            Part::Adapter => self.sides[1].adapter.set(Some(id)),
        }
    }

    /// Adds files that were opened.
    pub fn add_files(self, part: Part, name: String, files: &[(String, Blob)]) {
        self.add(
            part,
            name,
            by_name(files.iter().map(|(name, blob)| (&**name, blob.clone()))),
        );
    }

    /// Adds a folder of the page's own site: what was written, and the whole address.
    pub fn add_address(self, part: Part, written: &str, address: &str) {
        self.add(part, written.to_owned(), address.into());
    }

    /// What something in the list is called.
    pub fn name_of(self, id: usize) -> String {
        self.sources
            .with(|all| all.get(id).map(|source| source.name.clone()))
            .unwrap_or_default()
    }

    /// Whether there is anybody to ask, and nobody who loads: whoever answers has the device for itself.
    pub fn can_ask(self) -> bool {
        let is = |kind: fn(&Status) -> bool| self.sides.iter().any(|side| side.status.with(kind));
        let ready = is(|status| matches!(status, Status::Ready(_)));
        let loading = is(|status| matches!(status, Status::Loading { .. }));
        !self.busy.get() && ready && !loading
    }

    /// Lets those that are loaded answer, one after the other, so that their speeds can be compared.
    pub async fn ask(self) {
        if !untrack(|| self.can_ask()) {
            return;
        }
        let question = self.question.get_untracked();
        if question.row.update_info.trim().is_empty() && question.row.old_code.trim().is_empty() {
            let why = "there is nothing to migrate: write an update info and old code";
            return self.unfit.set(Some(why.to_owned()));
        }
        let request = match question.sampling.request(&question.prompt()) {
            Ok(request) => request,
            Err(why) => return self.unfit.set(Some(why.to_string())),
        };
        let Ok(controller) = AbortController::new() else {
            return;
        };
        self.unfit.set(None);
        self.asked.set(Some(question.clone()));
        self.answering.set(Some(controller.clone()));
        self.busy.set(true);
        self.sides.iter().for_each(|side| side.wait_for_turn());
        for side in self.sides {
            // Those that were unloaded meanwhile wait no more.
            if side
                .answer
                .with_untracked(|answer| answer.progress == Progress::Waiting)
            {
                side.take_turn(&question, &request, &controller.signal())
                    .await;
                self.sides.iter().for_each(|side| side.notice_end());
            }
        }
        self.answering.set(None);
        self.busy.set(false);
        self.judge_again();
    }

    /// Whether the answers that are there, if any, are those to another question than the page has now.
    pub fn is_stale(self) -> bool {
        let idle = |side: &Side| side.answer.with(|answer| answer.progress == Progress::Idle);
        if self.sides.iter().all(idle) {
            return false;
        }
        let question = self.question.get();
        self.asked.with(|asked| {
            asked.as_ref().is_some_and(|asked| {
                asked.sampling != question.sampling || asked.prompt() != question.prompt()
            })
        })
    }

    /// Judges the answers by the target and the rules as they are now; those to another question stay as they are.
    pub fn judge_again(self) {
        if self.busy.get_untracked() || untrack(|| self.is_stale()) {
            return;
        }
        let question = self.question.get_untracked();
        for side in self.sides {
            if side.answer.with_untracked(|answer| !answer.text.is_empty()) {
                side.answer.update(|answer| answer.judge(&question));
            }
        }
    }

    /// Stops what is being answered, or else what is being loaded.
    pub fn stop(self) {
        if let Some(controller) = self.answering.get_untracked() {
            return controller.abort();
        }
        for side in self.sides {
            if matches!(side.status.get_untracked(), Status::Loading { .. }) {
                side.unload();
            }
        }
    }

    /// Writes the question into the address.
    pub fn write_address(self) {
        let query = self.question.with_untracked(Question::to_query);
        // What is too long for a link stays in the page alone.
        address::follow(Page::TryIt, &query.unwrap_or_default());
    }

    /// The address that carries the question.
    ///
    /// # Errors
    /// It would be too long.
    pub fn link(self) -> Result<String, String> {
        let query = self.question.with_untracked(Question::to_query);
        let query = query.map_err(|error| error.to_string())?;
        Ok(address::link(Page::TryIt, &query))
    }

    /// Takes the question of the address. One that has none, as a tab's, is given the page's, as soon as there is any.
    pub fn take_linked_question(self) {
        let hash = window().location().hash().unwrap_or_default();
        if let Some((Page::TryIt, query)) = page::parse(&hash) {
            let is_first = || {
                self.question
                    .with_untracked(|own| *own == Question::default())
            };
            match Question::from_query(query) {
                // How to answer, of the row that is there.
                Some(how) if how.has_no_row() => self.question.update(|question| {
                    question.sampling = how.sampling;
                    question.rules = how.rules;
                }),
                Some(question) => self.question.set(question),
                None if is_first() => {}
                None => self.write_address(),
            }
        }
    }
}
