//! What the page holds: the runs, how they are looked at, and which step is open.

use crate::page::{self, Page};
use crate::run::{CompletionLine, Fit, Index, MetricsReader, Row, RunRules, of_step};
use crate::score::rows::LineFaults;
use crate::training::{LinkedStep, View};
use crate::ui::address;
use crate::ui::served::served;
use crate::unique_name::unique_name;
use js_sys::Promise;
use leptos::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;
use web_time::Instant;

/// About how many completions are tried to find a run's rules.
const TRIED: usize = 2000;
/// For how long they are without letting anything else happen: a single one may take as long.
const TRIED_AT_ONCE: Duration = Duration::from_millis(8);

/// Waits for so many milliseconds, or as long as what else waits takes.
pub async fn in_a_moment(ms: i32) {
    let time = Promise::new(&mut |resolve, _| {
        // Fails in no window; then there is nobody to wait for either.
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
    });
    let _ = JsFuture::from(time).await;
}

/// Where a run's bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file that was opened here.
    File(Blob),
    /// A file that `recode-trainer playground` serves, by its address.
    Served(String),
}

impl Source {
    /// The bytes from one place to another; fewer where the file ends before.
    pub async fn read(&self, from: u64, to: u64) -> Result<Vec<u8>, String> {
        match self {
            Source::File(blob) => {
                let gone =
                    |_| "the file cannot be read any more: it was moved or changed".to_owned();
                let piece = blob
                    .slice_with_f64_and_f64(from as f64, to as f64)
                    .map_err(gone)?;
                let bytes = JsFuture::from(piece.array_buffer()).await.map_err(gone)?;
                Ok(js_sys::Uint8Array::new(&bytes).to_vec())
            }
            Source::Served(address) => served(address, Some((from, to))).await,
        }
    }
}

/// A run and what of it was read.
#[derive(Debug, Default)]
pub struct Run {
    /// Its number among all that were ever opened.
    pub id: u32,
    /// What it is called.
    pub name: String,
    /// Whether it is drawn.
    pub shown: bool,
    /// Its steps.
    pub metrics: MetricsReader,
    /// Where the steps' completions stand.
    pub index: Index,
    /// The line of completions.jsonl that is being written.
    pub completion_being_written: Option<u32>,
    /// Lines of completions.jsonl that could not be read, or not in whole.
    pub completion_faults: LineFaults,
    /// Its completions.
    pub completions: Option<Source>,
    /// The rows that it was trained on.
    pub rows: Option<Rc<HashMap<u64, Row>>>,
    /// The rules that its rewards were logged by, as far as that is known.
    pub rules: Option<RunRules>,
    /// Its completions were, or are being, tried for that.
    rules_tried: bool,
    /// What is to be said of it beside its faults.
    pub notes: Vec<String>,
    /// Why the last look at the files of a run that is served failed.
    pub failure: Option<String>,
}

impl Run {
    /// Whether its completions are to be tried for its rules: there are some, with rows, and nobody has said or tried it yet.
    pub fn rules_are_due(&self) -> bool {
        let is_open = self.rules.is_none() && !self.rules_tried;
        is_open && self.rows.is_some() && self.completions.is_some() && !self.index.is_empty()
    }

    /// Takes the rules of its config.toml.
    pub fn take_config(&mut self, config: &str) {
        match RunRules::of_config(config) {
            Some(rules) => self.rules = Some(rules),
            None => self
                .notes
                .push("its config.toml has no [reward]".to_owned()),
        }
    }

    /// Takes the rows that it was trained on. Rules that were found by others have to be found again.
    pub fn take_rows(&mut self, rows: Rc<HashMap<u64, Row>>) {
        self.rows = Some(rows);
        if matches!(
            self.rules,
            Some(RunRules::Fitting(..) | RunRules::Unfit(..) | RunRules::Untried) | None
        ) {
            self.rules = None;
            self.rules_tried = false;
        }
    }
}

/// A step whose completions are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The run.
    pub run: u32,
    /// The step.
    pub step: u64,
}

/// The page's state; it outlives the page.
#[derive(Clone, Copy)]
pub struct State {
    /// The runs, in the order in which they came.
    pub runs: RwSignal<Vec<Run>, LocalStorage>,
    /// How they are looked at.
    pub view: RwSignal<View>,
    /// The step that values are read at.
    pub cursor: RwSignal<Option<u64>>,
    /// The step whose completions are open.
    pub opened: RwSignal<Option<Opened>>,
    /// What could not be opened, and why.
    pub failures: RwSignal<Vec<String>>,
    /// What is being read: its name, the bytes that are done, and all of them.
    pub reading: RwSignal<Option<(String, f64, f64)>>,
    /// The runs are those that come with the page.
    pub is_example: RwSignal<bool>,
    /// What following came to.
    pub following: RwSignal<Option<String>>,
    /// How wide a chart is, in pixels.
    pub width: RwSignal<f64>,
    ids: RwSignal<u32>,
    /// The step that a link opens, as soon as its run is there.
    due: RwSignal<Option<LinkedStep>>,
}

impl State {
    /// Without any run.
    pub fn new() -> Self {
        State {
            runs: RwSignal::new_local(Vec::new()),
            view: RwSignal::new(View::default()),
            cursor: RwSignal::new(None),
            opened: RwSignal::new(None),
            failures: RwSignal::new(Vec::new()),
            reading: RwSignal::new(None),
            is_example: RwSignal::new(false),
            following: RwSignal::new(None),
            width: RwSignal::new(360.0),
            ids: RwSignal::new(0),
            due: RwSignal::new(None),
        }
    }

    /// Adds a run; gives its number.
    pub fn add(self, name: String) -> u32 {
        let id = self.ids.get_untracked();
        self.ids.set(id + 1);
        let name = self.runs.with_untracked(|runs| {
            let taken: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
            unique_name(&name, &taken)
        });
        self.runs.update(|runs| {
            runs.push(Run {
                id,
                name,
                shown: true,
                ..Run::default()
            })
        });
        id
    }

    /// Changes a run, where it is still there.
    pub fn change(self, id: u32, change: impl FnOnce(&mut Run)) {
        self.runs.update(|runs| {
            if let Some(run) = runs.iter_mut().find(|run| run.id == id) {
                change(run);
            }
        });
    }

    /// Looks at a run, where it is still there.
    pub fn run<T>(self, id: u32, look: impl FnOnce(&Run) -> T) -> Option<T> {
        self.runs
            .with(|runs| runs.iter().find(|run| run.id == id).map(look))
    }

    /// Whether a run is open that did not come with the page.
    pub fn has_own_runs(self) -> bool {
        !self.is_example.get_untracked() && self.runs.with_untracked(|runs| !runs.is_empty())
    }

    /// Lets all runs go, what could not be opened, and what a link waits for.
    pub fn clear(self) {
        self.failures.set(Vec::new());
        self.due.set(None);
        self.clear_runs();
    }

    /// Lets the runs go that come with the page, once there is another.
    pub fn clear_example(self) {
        let is_there = self.runs.with_untracked(|runs| !runs.is_empty());
        if self.is_example.get_untracked() && is_there {
            self.clear_runs();
        }
    }

    fn clear_runs(self) {
        self.opened.set(None);
        self.cursor.set(None);
        self.runs.set(Vec::new());
        self.is_example.set(false);
        self.view.update(|view| view.steps = None);
    }

    /// The first and the last step of what is drawn.
    pub fn all_steps(self) -> (f64, f64) {
        let ends = self.runs.with(|runs| {
            let shown = runs.iter().filter(|run| run.shown);
            let ends = shown.filter_map(|run| {
                let steps = run.metrics.metrics.steps();
                Some((*steps.first()? as f64, *steps.last()? as f64))
            });
            ends.reduce(|(a, b), (first, last)| (first.min(a), last.max(b)))
        });
        match ends {
            Some((first, last)) if first < last => (first, last),
            // A single step stands in the middle.
            Some((only, _)) => (only - 0.5, only + 0.5),
            None => (0.0, 1.0),
        }
    }

    /// The first and the last step of what is drawn, where none of its steps is in sight.
    pub fn out_of_sight(self) -> Option<(u64, u64)> {
        let (from, to) = self.view.get().steps?;
        self.runs.with(|runs| {
            let shown = runs.iter().filter(|run| run.shown);
            let steps = shown.flat_map(|run| run.metrics.metrics.steps()).copied();
            let in_sight = |step: u64| (from..=to).contains(&(step as f64));
            let ends = steps.clone().min().zip(steps.clone().max());
            ends.filter(|_| !steps.clone().any(in_sight))
        })
    }

    /// The steps in sight.
    pub fn steps(self) -> (f64, f64) {
        self.view.get().steps.unwrap_or_else(|| self.all_steps())
    }

    /// Moves the cursor by that many steps of the first run that is drawn; an open step moves along.
    pub fn walk(self, by: isize) {
        let next = self.runs.with_untracked(|runs| {
            let run = runs.iter().find(|run| run.shown)?;
            let metrics = &run.metrics.metrics;
            let last = metrics.steps().len().checked_sub(1)?;
            let next = match self
                .cursor
                .get_untracked()
                .and_then(|at| metrics.nearest(at as f64))
            {
                Some(at) => at.saturating_add_signed(by).min(last),
                None if by < 0 => last,
                None => 0,
            };
            Some(metrics.steps()[next])
        });
        self.cursor.set(next.or(self.cursor.get_untracked()));
    }

    /// Opens the completions of the step that has the cursor, of the first run that is drawn.
    pub fn open_cursor(self) {
        let first = self
            .runs
            .with_untracked(|runs| runs.iter().find(|run| run.shown).map(|run| run.id));
        if let (Some(run), Some(step)) = (first, self.cursor.get_untracked()) {
            self.opened.set(Some(Opened { run, step }));
        }
    }

    /// Finds the rules that a run's rewards were logged by, where no config.toml says so, by trying all of them on completions from all over it.
    pub async fn find_rules(self, id: u32) {
        let found = self.runs.with_untracked(|runs| {
            let run = runs.iter().find(|run| run.id == id)?;
            let rows = run.rows.clone().filter(|_| run.rules_are_due())?;
            Some((run.index.spread(TRIED), rows))
        });
        let Some((steps, rows)) = found else { return };
        self.change(id, |run| run.rules_tried = true);
        let (mut fit, mut begun) = (Fit::default(), Instant::now());
        for step in steps {
            // Of a step that cannot be read, whoever opens it hears.
            let lines = self.completions(Opened { run: id, step }).await;
            for line in lines.unwrap_or_default() {
                if let Some(row) = line.row.and_then(|row| rows.get(&row)) {
                    fit.take(row, &line);
                }
                if begun.elapsed() >= TRIED_AT_ONCE {
                    in_a_moment(0).await;
                    begun = Instant::now();
                }
            }
        }
        self.change(id, |run| {
            // Other rows may have come meanwhile.
            if run.rows.as_ref().is_some_and(|now| Rc::ptr_eq(now, &rows)) && run.rules.is_none() {
                run.rules = Some(fit.rules());
            }
        });
    }

    /// Reads the completions of a step.
    pub async fn completions(self, opened: Opened) -> Result<Vec<CompletionLine>, String> {
        let found = self.runs.with_untracked(|runs| {
            let run = runs.iter().find(|run| run.id == opened.run)?;
            Some((run.index.get(opened.step)?, run.completions.clone()?))
        });
        let Some((lines, source)) = found else {
            return Err("no completions of this step are there".to_owned());
        };
        let bytes = source.read(lines.from, lines.to).await?;
        of_step(&bytes, opened.step, lines.line).map_err(|error| {
            format!("completions.jsonl, {error}: it has changed since it was read")
        })
    }

    /// Closes the open step; one that a link names and that is not there is waited for no more.
    pub fn close_step(self) {
        self.opened.set(None);
        self.due.set(None);
        address::leave(Page::Training, move || untrack(|| self.query().join("&")));
    }

    /// The view and the open step, as an address carries them.
    pub fn query(self) -> Vec<String> {
        let opened = self.opened.get().and_then(|opened| {
            let run = self.run(opened.run, |run| run.name.clone())?;
            let step = opened.step;
            Some(LinkedStep { run, step })
        });
        let step = opened.or(self.due.get());
        let parts = [
            self.view.get().to_query(),
            step.map_or(String::new(), |step| step.to_query()),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect()
    }

    /// Writes the view and the open step into the address.
    pub fn write_address(self) {
        address::follow(Page::Training, &untrack(|| self.query().join("&")));
    }

    /// Takes the view and the step of the address. One that has neither, as a tab's, is given the page's.
    pub fn take_linked_view(self) {
        let hash = window().location().hash().unwrap_or_default();
        match page::parse(&hash) {
            Some((Page::Training, "")) if !address::is_return() => self.write_address(),
            Some((Page::Training, query)) => {
                self.view.set(View::from_query(query));
                let step = LinkedStep::from_query(query);
                if step.is_none() {
                    self.opened.set(None);
                }
                self.due.set(step);
            }
            _ => {}
        }
    }

    /// What is missing of what a link is about.
    pub fn missing_step(self) -> Option<String> {
        let due = self.due.get().filter(|_| self.opened.get().is_none())?;
        let LinkedStep { run, step } = due;
        let is_there = self
            .runs
            .with(|runs| runs.iter().any(|open| open.name == run));
        Some(match is_there {
            true => format!("This link is about step {step} of {run}, which has no such step."),
            false => format!(
                "This link is about step {step} of {run}, which is not open here: open its folder."
            ),
        })
    }

    /// Opens the step that a link names, as soon as its run is there.
    pub fn open_due_step(self) {
        let Some(due) = self.due.get() else { return };
        let found = self.runs.with(|runs| {
            let run = runs.iter().find(|run| run.name == due.run)?;
            let steps = run.metrics.metrics.steps();
            let is_there =
                steps.binary_search(&due.step).is_ok() || run.index.get(due.step).is_some();
            is_there.then_some(run.id)
        });
        if let Some(run) = found {
            self.due.set(None);
            self.cursor.set(Some(due.step));
            self.opened.set(Some(Opened {
                run,
                step: due.step,
            }));
        }
    }
}
