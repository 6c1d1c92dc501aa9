//! The loaded files: each read and scored by a worker of its own, one after the other where they come together.

use crate::compare::{Line, LoggedRules, OpenFile, Record, Texts};
use crate::message;
use crate::score::rows::LineFaults;
use crate::ui::task::Task;
use crate::unique_name::unique_name;
use js_sys::Array;
use leptos::prelude::*;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

/// A file's records; equal where they are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Records(Arc<Vec<Record>>);

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Records {
    type Target = [Record];

    fn deref(&self) -> &[Record] {
        &self.0
    }
}

/// How far the reading of a file is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// So many bytes of all.
    Going(f64),
    /// Stopped by whoever looks at it.
    Stopped,
    /// It has more answers than are kept.
    Full,
    /// All of it was read.
    Done,
}

/// A loaded file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What tells it from the others.
    pub id: usize,
    /// Its name, with the folder it came in.
    pub name: String,
    /// Where it was fetched from.
    pub address: Option<String>,
    /// It came with the page.
    pub bundled: bool,
    /// Its length in bytes.
    pub size: f64,
    /// How far its reading is.
    pub reading: Reading,
    /// Its answers, as soon as no more are to come.
    pub records: Records,
    /// The rules that its rewards were logged by.
    pub rules: Option<LoggedRules>,
    /// The lines that could not be read, or not in whole.
    pub faults: LineFaults,
    /// Why nothing can be read at all.
    pub failure: Option<String>,
    /// The first digits of its SHA-256.
    pub hash: String,
}

/// What a file is read from, and what came of it so far.
struct Work {
    blob: Blob,
    task: Option<Task>,
    records: Vec<Record>,
}

/// All of them.
#[derive(Clone, Copy)]
pub struct Files {
    /// In the order in which they were opened, those that came with the page first.
    pub all: RwSignal<Vec<Loaded>>,
    /// Which of them is A, and which is B: places in the list.
    pub sides: [RwSignal<usize>; 2],
    work: StoredValue<HashMap<usize, Work>, LocalStorage>,
}

impl Files {
    /// None yet.
    pub fn new(a: usize, b: usize) -> Self {
        Files {
            all: RwSignal::new(Vec::new()),
            sides: [a, b].map(RwSignal::new),
            work: StoredValue::new_local(HashMap::new()),
        }
    }

    /// Opens a file; those that came with the page make room for the first of one's own that holds answers.
    pub fn open(self, name: String, blob: Blob, address: Option<String>, bundled: bool) {
        let had = self
            .all
            .with_untracked(|all| all.iter().map(|file| file.id).max());
        let id = had.map_or(0, |id| id + 1);
        let name = self.all.with_untracked(|all| {
            let taken: Vec<&str> = all.iter().map(|file| &*file.name).collect();
            unique_name(&name, &taken)
        });
        let loaded = Loaded {
            id,
            name,
            address,
            bundled,
            size: blob.size(),
            reading: Reading::Going(0.0),
            records: Records::default(),
            rules: None,
            faults: LineFaults::default(),
            failure: None,
            hash: String::new(),
        };
        self.all.update(|all| {
            let place = match bundled {
                true => all.iter().filter(|file| file.bundled).count(),
                false => all.len(),
            };
            all.insert(place, loaded);
        });
        let take = move |told: Result<Array, String>| {
            if let Err(why) = told.and_then(|message| self.take(id, &message)) {
                self.fail(id, why);
            }
        };
        let task = Task::start("serve_answers", &[blob.clone().into()], take);
        let failure = task.as_ref().err().cloned();
        let work = Work {
            blob,
            task: task.ok(),
            records: Vec::new(),
        };
        self.work.update_value(|all| {
            all.insert(id, work);
        });
        if let Some(why) = failure {
            self.fail(id, why);
        }
    }

    /// Looks at the open files as a link knows them.
    pub fn with_open<T>(self, look: impl FnOnce(&[OpenFile<'_>]) -> T) -> T {
        self.all.with(|all| {
            let open = all.iter().map(|file| OpenFile {
                name: &file.name,
                address: file.address.as_deref(),
                hash: &file.hash,
            });
            look(&open.collect::<Vec<_>>())
        })
    }

    fn change(self, id: usize, change: impl FnOnce(&mut Loaded)) {
        // A worker may tell of a file that has been closed, or of a page that is gone.
        let _ = self.all.try_update(|all| {
            if let Some(file) = all.iter_mut().find(|file| file.id == id) {
                change(file);
            }
        });
    }

    fn take(self, id: usize, message: &Array) -> Result<(), String> {
        let text = |at| message.get(at).as_string().unwrap_or_default();
        let records: Vec<Record> = message::read(message, 0)?;
        let faults: LineFaults = message::read(message, 1)?;
        let done = message.get(2).as_f64().unwrap_or_default();
        let _ = self.work.try_update_value(|all| {
            if let Some(work) = all.get_mut(&id) {
                work.records.extend(records);
            }
        });
        self.change(id, |file| {
            file.faults.take(faults);
            file.hash = text(4);
        });
        match &*text(3) {
            "done" => self.end(id, Reading::Done),
            "full" => self.end(id, Reading::Full),
            _ => self.change(id, |file| file.reading = Reading::Going(done)),
        }
        Ok(())
    }

    /// Ends the reading; what was read is there from now on.
    fn end(self, id: usize, reading: Reading) {
        let records = self.work.try_update_value(|all| {
            let work = all.get_mut(&id)?;
            work.task = None;
            Some(std::mem::take(&mut work.records))
        });
        let records = records.flatten().unwrap_or_default();
        if !records.is_empty() {
            self.make_room_for(id);
        }
        self.change(id, |file| {
            file.reading = reading;
            file.rules = LoggedRules::of(&records);
            file.records = Records(Arc::new(records));
        });
    }

    fn fail(self, id: usize, why: String) {
        self.end(id, Reading::Stopped);
        self.change(id, |file| file.failure = Some(why));
    }

    /// Stops the reading of all files.
    pub fn stop(self) {
        let going = self.all.try_with_untracked(|all| {
            let going = all
                .iter()
                .filter(|file| matches!(file.reading, Reading::Going(_)));
            going.map(|file| file.id).collect::<Vec<_>>()
        });
        for id in going.unwrap_or_default() {
            self.end(id, Reading::Stopped);
        }
    }

    /// Closes what came with the page, where this file is one's own.
    fn make_room_for(self, id: usize) {
        let bundled = self.all.with_untracked(|all| {
            let own = all.iter().any(|file| file.id == id && !file.bundled);
            let bundled = all.iter().filter(|file| own && file.bundled);
            bundled.map(|file| file.id).collect::<Vec<_>>()
        });
        bundled.into_iter().for_each(|id| self.close(id));
    }

    /// Closes a file; those behind it move up, and so do the sides.
    pub fn close(self, id: usize) {
        self.work.update_value(|all| {
            all.remove(&id);
        });
        let place = |all: &Vec<Loaded>| all.iter().position(|file| file.id == id);
        let Some(gone) = self.all.with_untracked(place) else {
            return;
        };
        self.all.update(|all| {
            all.remove(gone);
        });
        let [a, b] = self.sides;
        for side in [a, b] {
            side.update(|place| {
                if *place > gone {
                    *place -= 1
                }
            });
        }
        if a.get_untracked() == b.get_untracked() {
            b.update(|place| *place += 1);
        }
    }

    /// Reads an answer's texts from its file again.
    ///
    /// # Errors
    /// The file is closed, moved or changed.
    pub async fn texts(self, id: usize, record: &Record) -> Result<Texts, String> {
        let (from, bytes, line) = (record.offset as f64, f64::from(record.bytes), record.line);
        let blob = self
            .work
            .try_with_value(|all| all.get(&id).map(|work| work.blob.clone()));
        let blob = blob.flatten().ok_or("the file is closed")?;
        let gone = |_| "the file cannot be read any more: it was moved or changed".to_owned();
        let piece = blob
            .slice_with_f64_and_f64(from, from + bytes)
            .map_err(gone)?;
        let bytes = JsFuture::from(piece.array_buffer()).await.map_err(gone)?;
        let bytes = js_sys::Uint8Array::new(&bytes).to_vec();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let line = Line::parse(bytes).map_err(|error| format!("line {line}: {error}"))?;
        Ok(line.texts)
    }
}
