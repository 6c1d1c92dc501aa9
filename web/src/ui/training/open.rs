//! Opening runs: folders and files that were dropped or chosen, and the run that comes with the page.

use super::state::{Source, State};
use crate::index_worker::News;
use crate::run::{
    Belongs, COMPARED_BYTES, Kind, NotOfARun, RowsReader, SNIFF_BYTES, belongs, find, training_file,
};
use crate::ui::opened::Opened;
use crate::ui::task::Task;
use js_sys::{Array, Promise};
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

/// How many bytes of metrics are read at once, between which the page can be used.
const PIECE_BYTES: u64 = 256 << 10;
/// The most of a configuration that is looked at.
const CONFIG_BYTES: u64 = 64 << 10;

/// Reads what is opened, one after the other, whatever page is looked at.
#[derive(Clone, Copy)]
pub struct Reader {
    state: State,
    task: RwSignal<Option<Task>, LocalStorage>,
    /// Counts what was begun, so that what was stopped notices it.
    begun: RwSignal<u32>,
    /// The run that comes with the page is on its way.
    pub example_comes: RwSignal<bool>,
}

impl Reader {
    /// With nothing to read yet.
    pub fn new(state: State) -> Self {
        Reader {
            state,
            task: RwSignal::new_local(None),
            begun: RwSignal::new(0),
            example_comes: RwSignal::new(false),
        }
    }

    /// Stops; what was read stays.
    pub fn stop(self) {
        self.begun.update(|begun| *begun += 1);
        self.task.set(None);
        if let Some((name, ..)) = self.state.reading.get_untracked() {
            self.fail(format!("{name}: stopped; what was read stays"));
        }
        self.state.reading.set(None);
    }

    /// Opens what was dropped or chosen.
    pub fn open(self, files: Vec<Opened>) {
        self.state.failures.set(Vec::new());
        // Half of an example is none.
        if self.state.is_example.get_untracked() && self.state.reading.get_untracked().is_some() {
            self.state.reading.set(None);
            self.state.clear_example();
        }
        // Of a run that stays half read, it says so.
        self.stop();
        // One that was on its way comes no more.
        if self.state.runs.with_untracked(Vec::is_empty) {
            self.state.is_example.set(false);
        }
        let mine = self.begun.get_untracked();
        leptos::task::spawn_local(async move { self.read_all(files, mine).await });
    }

    fn goes_on(self, mine: u32) -> bool {
        self.begun.get_untracked() == mine
    }

    async fn read_all(self, files: Vec<Opened>, mine: u32) {
        let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let runs = find(&paths);
        if runs.is_empty() {
            let said = format!(
                "none of {} files is one of a run: expected metrics.jsonl or completions.jsonl",
                files.len()
            );
            self.fail(said);
        }
        for run in runs {
            let files = run.files.iter().map(|&at| files[at].clone()).collect();
            self.read_run(run.name, files, mine).await;
            if !self.goes_on(mine) {
                return;
            }
        }
        self.state.reading.set(None);
    }

    async fn read_run(self, name: String, files: Vec<Opened>, mine: u32) {
        let (mut of_run, mut rows) = (Vec::new(), Vec::new());
        let mut config = None::<String>;
        for (path, blob) in files {
            let source = Source::File(blob.clone());
            if path.ends_with("config.toml") {
                match source.read(0, CONFIG_BYTES).await {
                    Ok(text) => config = Some(String::from_utf8_lossy(&text).into_owned()),
                    Err(why) => self.fail(format!("{path}: {why}")),
                }
                continue;
            }
            let kind = source.read(0, SNIFF_BYTES as u64).await;
            match kind.map(|beginning| Kind::of(&beginning)) {
                Ok(Ok(Kind::Rows)) => rows.push((path, blob)),
                Ok(Ok(kind)) => of_run.push((kind, path, blob)),
                // A run that has just begun.
                Ok(Err(NotOfARun::Empty)) if path.ends_with("metrics.jsonl") => {
                    of_run.push((Kind::Metrics, path, blob))
                }
                Ok(Err(NotOfARun::Empty)) if path.ends_with("completions.jsonl") => {}
                Ok(Err(why)) => self.fail(format!("{path}: {why}")),
                Err(why) => self.fail(format!("{path}: {why}")),
            }
        }
        let training = config.as_deref().and_then(training_file);
        // The rows that config.toml names, or the only ones there are.
        let rows = match rows
            .iter()
            .position(|(path, _)| training.is_some_and(|name| path.ends_with(name)))
        {
            Some(at) => Some(rows.swap_remove(at)),
            None if rows.len() == 1 => rows.pop(),
            None => None,
        };
        let rows = match rows {
            Some((path, blob)) => self.read_rows(&path, blob, mine).await,
            None => None,
        };
        if !self.goes_on(mine) {
            return;
        }
        if of_run.is_empty() {
            // Rows alone are those of the runs that are open.
            match rows {
                Some(_) if !self.state.has_own_runs() => self.fail(
                    "these are training rows: open their run's metrics.jsonl first, or with them"
                        .to_owned(),
                ),
                Some(rows) => self
                    .state
                    .runs
                    .update(|runs| runs.iter_mut().for_each(|run| run.take_rows(rows.clone()))),
                None => {}
            }
            return;
        }
        self.state.clear_example();
        let id = match &of_run[..] {
            [(Kind::Completions, path, blob)] => self.run_of_completions(&name, path, blob).await,
            _ => self.state.add(name),
        };
        if !self.goes_on(mine) {
            return;
        }
        self.state.change(id, |run| {
            if let Some(config) = &config {
                run.take_config(config);
            }
            if let Some(rows) = rows {
                run.take_rows(rows);
            }
        });
        for (kind, path, blob) in of_run {
            match kind {
                Kind::Metrics => self.read_metrics(id, path, blob, mine).await,
                _ => self.read_completions(id, path, blob, mine).await,
            }
            if !self.goes_on(mine) {
                return;
            }
        }
    }

    /// The run that completions belong to which came alone: the last one, where that has metrics and no completions, and the same rewards.
    async fn run_of_completions(self, name: &str, path: &str, blob: &Blob) -> u32 {
        let waiting = self.state.runs.with_untracked(|runs| {
            let last = runs.last()?;
            let waits = last.completions.is_none() && !last.metrics.metrics.steps().is_empty();
            waits.then_some(last.id)
        });
        let Some(id) = waiting else {
            return self.state.add(name.to_owned());
        };
        let beginning = Source::File(blob.clone()).read(0, COMPARED_BYTES).await;
        let is_whole = blob.size() <= COMPARED_BYTES as f64;
        let found = self.state.run(id, |run| {
            let belongs = |bytes: Vec<u8>| belongs(&run.metrics.metrics, &bytes, is_whole);
            (run.name.clone(), beginning.map(belongs))
        });
        let said = match found {
            Some((_, Ok(Belongs::Yes))) => return id,
            Some((other, Ok(Belongs::No(why)))) => {
                Some(format!("not the completions of {other} ({why})"))
            }
            Some((other, Ok(Belongs::Unknown))) => Some(format!(
                "whether they are the completions of {other} cannot be told: no whole step has its rewards in both"
            )),
            // Which is said where they are read.
            Some((_, Err(_))) | None => None,
        };
        if let Some(said) = said {
            let said = format!(
                "{path}: {said}, and therefore a run of its own; open its metrics.jsonl together with it"
            );
            self.fail(said);
        }
        self.state.add(name.to_owned())
    }

    async fn read_rows(
        self,
        path: &str,
        blob: Blob,
        mine: u32,
    ) -> Option<Rc<std::collections::HashMap<u64, crate::run::Row>>> {
        let mut reader = RowsReader::default();
        self.pieces(path, blob, mine, |piece| reader.push(piece))
            .await;
        reader.finish();
        if reader.unread > 0 {
            let said = match reader.unread {
                1 => format!("{path}: 1 line has no text new_code and is passed over"),
                n => format!("{path}: {n} lines have no text new_code and are passed over"),
            };
            self.fail(said);
        }
        Some(Rc::new(reader.rows))
    }

    async fn read_metrics(self, id: u32, path: String, blob: Blob, mine: u32) {
        self.pieces(&path, blob, mine, |piece| {
            self.state.change(id, |run| run.metrics.push(piece))
        })
        .await;
        self.state.change(id, |run| run.metrics.finish());
    }

    /// Hands over a file piece by piece.
    async fn pieces(self, path: &str, blob: Blob, mine: u32, mut take: impl FnMut(&[u8])) {
        let (size, source, mut done) = (blob.size() as u64, Source::File(blob), 0);
        while done < size && self.goes_on(mine) {
            let end = (done + PIECE_BYTES).min(size);
            let piece = source.read(done, end).await;
            // It may have been stopped meanwhile.
            if !self.goes_on(mine) {
                return;
            }
            match piece {
                Ok(piece) => take(&piece),
                Err(why) => return self.fail(format!("{path}: {why}")),
            }
            done = end;
            self.state
                .reading
                .set(Some((path.to_owned(), done as f64, size as f64)));
        }
    }

    /// Lets the worker find the steps.
    async fn read_completions(self, id: u32, path: String, blob: Blob, mine: u32) {
        let size = blob.size();
        self.state
            .change(id, |run| run.completions = Some(Source::File(blob.clone())));
        self.state.reading.set(Some((path.clone(), 0.0, size)));
        let read = Promise::new(&mut |ended, _| {
            if let Err(why) = self.start(id, &path, &blob, mine, &ended) {
                self.fail(format!("{path}: {why}"));
                let _ = ended.call0(&JsValue::NULL);
            }
        });
        // It never fails.
        let _ = JsFuture::from(read).await;
    }

    fn start(
        self,
        id: u32,
        path: &str,
        blob: &Blob,
        mine: u32,
        ended: &js_sys::Function,
    ) -> Result<(), String> {
        let (path, size, ended) = (path.to_owned(), blob.size(), ended.clone());
        let take = move |told: Result<Array, String>| {
            if !self.goes_on(mine) {
                return;
            }
            let end = match told.and_then(|message| News::of(&message)) {
                Ok(news) => {
                    self.state
                        .reading
                        .set(Some((path.clone(), news.done, size)));
                    self.state.change(id, |run| {
                        news.places
                            .into_iter()
                            .for_each(|(step, lines)| run.index.take(step, lines));
                        run.completion_faults.take(news.faults);
                        run.completion_being_written = news.being_written;
                    });
                    news.end
                }
                Err(why) => {
                    self.fail(format!("{path}: {why}"));
                    true
                }
            };
            if end {
                self.task.set(None);
                // Nobody waits for a promise that was given up.
                let _ = ended.call0(&JsValue::NULL);
            }
        };
        let task = Task::start("index_completions", &[blob.clone().into()], take)?;
        self.task.set(Some(task));
        Ok(())
    }

    fn fail(self, said: String) {
        self.state.failures.update(|all| all.push(said));
    }
}
