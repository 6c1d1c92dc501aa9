//! Runs that `recode-trainer playground` serves: read, and read on while they grow.

use super::state::{Source, State, in_a_moment};
use crate::run::{Change, IndexReader, MetricsReader, RowsReader, Tail, training_file};
use crate::ui::served::{Listed, ListedFile, Listing, address_of, list_runs, runs_address, served};
use leptos::prelude::*;
use std::collections::HashMap;
use std::rc::Rc;

/// How long between two looks, in milliseconds.
const POLL_MS: i32 = 1000;
/// How many bytes are asked for at once.
const PIECE_BYTES: u64 = 1 << 20;
/// How many of the runs are drawn at first: those that were written to last.
const SHOWN: usize = 2;

/// What is said of a run that the server has no more.
const GONE: &str = "its folder is gone, or no log is left in it: what was read of it stays";
/// The files that are read on.
const LOGS: [&str; 2] = ["metrics.jsonl", "completions.jsonl"];

/// What is said of a log that the run's folder has no more.
fn gone(name: &str) -> String {
    format!("{name} is gone: what was read of it stays")
}

/// A run that is followed.
struct Followed {
    id: u32,
    metrics: Seen,
    completions: Seen,
    index: IndexReader,
    has_config: bool,
}

/// How far a file was read, and when it was last seen to change.
#[derive(Default)]
struct Seen {
    tail: Tail,
    modified_ms: f64,
}

/// Begins, where the page comes from such a server and has not begun yet; says whether it does.
pub fn begin(state: State) -> bool {
    let Some(root) = runs_address() else {
        return false;
    };
    // What was begun goes on behind the other pages.
    if state.following.get_untracked().is_none() {
        state.following.set(Some("looking for runs".to_owned()));
        leptos::task::spawn_local(async move { go_on(state, root).await });
    }
    true
}

async fn go_on(state: State, root: String) {
    let mut known = HashMap::new();
    loop {
        let follows = match list_runs(&root).await {
            Ok(listing) => {
                let follow = listing.follow;
                look(state, &root, listing, &mut known).await;
                follow
            }
            Err(why) => {
                state.following.set(Some(format!("{why} Trying again.")));
                true
            }
        };
        if !follows {
            return;
        }
        in_a_moment(POLL_MS).await;
    }
}

async fn look(state: State, root: &str, listing: Listing, known: &mut HashMap<String, Followed>) {
    let mut latest: Vec<(f64, &str)> = listing
        .runs
        .iter()
        .map(|run| (run.modified_ms, &*run.name))
        .collect();
    latest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let first = known.is_empty();
    for run in &listing.runs {
        let followed = known.entry(run.name.clone()).or_insert_with(|| {
            let id = state.add(run.name.clone());
            let shown = !first || latest.iter().take(SHOWN).any(|(_, name)| *name == run.name);
            state.change(id, |run| run.shown = shown);
            Followed {
                id,
                metrics: Seen::default(),
                completions: Seen::default(),
                index: IndexReader::default(),
                has_config: false,
            }
        });
        let failure = followed.read_on(state, root, run).await.err();
        say_failure(state, followed.id, failure);
        for (name, seen) in LOGS.iter().zip([&followed.metrics, &followed.completions]) {
            let listed = run.files.iter().any(|file| file.path == *name);
            say_while(
                state,
                followed.id,
                &gone(name),
                seen.tail.done() > 0 && !listed,
            );
        }
    }
    for (name, followed) in known.iter() {
        let is_gone = !listing.runs.iter().any(|run| run.name == *name);
        say_while(state, followed.id, GONE, is_gone);
        if is_gone {
            // Its files may have gone one by one, between being listed and being read.
            say_failure(state, followed.id, None);
            for name in LOGS {
                say_while(state, followed.id, &gone(name), false);
            }
        }
    }
    let verb = if listing.follow { "following" } else { "read" };
    let said = match listing.runs.len() {
        0 => format!("{verb} {}: no run there yet", listing.folder),
        1 => format!("{verb} {}: 1 run", listing.folder),
        runs => format!("{verb} {}: {runs} runs", listing.folder),
    };
    if state
        .following
        .with_untracked(|before| before.as_ref() != Some(&said))
    {
        state.following.set(Some(said));
    }
}

/// Says why the last look at a run failed, until one does not.
fn say_failure(state: State, id: u32, failure: Option<String>) {
    if state.run(id, |run| run.failure != failure) == Some(true) {
        state.change(id, |run| run.failure = failure);
    }
}

/// Says something of a run as long as it is so.
fn say_while(state: State, id: u32, what: &str, so: bool) {
    let said = state.run(id, |run| run.notes.iter().any(|note| note == what));
    if said == Some(!so) {
        state.change(id, |run| match so {
            true => run.notes.push(what.to_owned()),
            false => run.notes.retain(|note| note != what),
        });
    }
}

/// Says something once.
fn note(notes: &mut Vec<String>, said: String) {
    if !notes.contains(&said) {
        notes.push(said);
    }
}

impl Followed {
    async fn read_on(&mut self, state: State, root: &str, run: &Listed) -> Result<(), String> {
        let address = |path: &str| address_of(root, &run.name, path);
        let file = |path: &str| run.files.iter().find(|file| file.path == path);
        let id = self.id;
        if let Some(file) = file("metrics.jsonl") {
            let source = Source::Served(address(&file.path));
            while let Some(change) = self.metrics.look(&source, file).await? {
                state.change(id, |run| match &change {
                    Some(piece) => run.metrics.push(piece),
                    None => {
                        run.metrics = MetricsReader::default();
                        note(
                            &mut run.notes,
                            "metrics.jsonl was cut back or replaced, and read again".to_owned(),
                        );
                    }
                });
            }
        }
        if let Some(file) = file("completions.jsonl") {
            let source = Source::Served(address(&file.path));
            while let Some(change) = self.completions.look(&source, file).await? {
                let index = &mut self.index;
                state.change(id, |run| {
                    run.completions = Some(source.clone());
                    match &change {
                        Some(piece) => index.push(piece),
                        None => {
                            *index = IndexReader::default();
                            run.index = Default::default();
                            run.completion_faults = Default::default();
                            note(
                                &mut run.notes,
                                "completions.jsonl was cut back or replaced, and read again"
                                    .to_owned(),
                            );
                        }
                    }
                    let (places, faults) = index.news();
                    places
                        .into_iter()
                        .for_each(|(step, lines)| run.index.take(step, lines));
                    run.completion_faults.take(faults);
                    run.completion_being_written = index.being_written();
                });
            }
        }
        if !self.has_config
            && let Some(config) = file("config.toml")
        {
            let config = served(&address(&config.path), None).await?;
            let config = String::from_utf8_lossy(&config);
            self.has_config = true;
            state.change(id, |run| run.take_config(&config));
            let rows = training_file(&config).map(|name| format!("data/{name}"));
            if let Some(rows) = rows.as_deref().and_then(file) {
                let mut reader = RowsReader::default();
                reader.push(&served(&address(&rows.path), None).await?);
                reader.finish();
                state.change(id, |run| run.take_rows(Rc::new(reader.rows)));
            }
        }
        Ok(())
    }
}

impl Seen {
    /// The next piece of a file that has changed: `Some(None)` where it has to be read again, `None` where there is nothing new.
    async fn look(
        &mut self,
        source: &Source,
        file: &ListedFile,
    ) -> Result<Option<Option<Vec<u8>>>, String> {
        let done = self.tail.done();
        if file.bytes == done && file.modified_ms == self.modified_ms {
            return Ok(None);
        }
        // What there is not, is not asked for: a browser complains of every such answer.
        if file.bytes <= self.tail.from() {
            let again = done > 0;
            self.tail = Tail::default();
            self.modified_ms = if again { 0.0 } else { file.modified_ms };
            return Ok(again.then_some(None));
        }
        let bytes = source
            .read(
                self.tail.from(),
                done.max(file.bytes)
                    .min(done + PIECE_BYTES)
                    .max(self.tail.from() + 1),
            )
            .await?;
        match self.tail.take(&bytes) {
            Change::Replaced => {
                self.modified_ms = 0.0;
                Ok(Some(None))
            }
            Change::Grown(new) => {
                if self.tail.done() >= file.bytes {
                    self.modified_ms = file.modified_ms;
                }
                Ok((new > 0).then(|| Some(bytes[bytes.len() - new..].to_vec())))
            }
        }
    }
}
