//! A file of rows: dropped, pasted or chosen, scored by a worker.

use super::progress::Progress;
use super::rows::Rows;
use super::state::{Kept, State};
use crate::message;
use crate::score::rows::{FIELDS, Line, LineFaults, RowScore, Table};
use crate::score::{Case, Rules};
use crate::ui::keys::on_escape;
use crate::ui::opened::on_drop;
use crate::ui::task::Task;
use js_sys::{Array, Float64Array};
use leptos::ev;
use leptos::prelude::*;
use std::collections::HashMap;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, HtmlInputElement};

/// How far the reading of a file is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// So many bytes of so many.
    Going { done: f64, size: f64 },
    /// Stopped by whoever looks at it.
    Stopped,
    /// It has more rows than are kept.
    Full,
    /// All of it was read.
    Done,
}

/// The open file.
#[derive(Clone, Copy)]
pub struct OpenFile {
    /// Its name; `None` where none is open.
    pub name: RwSignal<Option<String>>,
    /// How far its reading is.
    pub reading: RwSignal<Reading>,
    /// Its rows.
    pub table: RwSignal<Table>,
    /// The libraries that rows point to.
    pub dependencies: RwSignal<Vec<String>>,
    /// The lines that could not be read, or not in whole.
    pub faults: RwSignal<LineFaults>,
    /// Why nothing can be read at all.
    pub failure: RwSignal<Option<String>>,
    /// The index in the file of the row that is shown below.
    pub selected: RwSignal<Option<u32>>,
    /// Why the selected row cannot be shown.
    pub unread: RwSignal<Option<String>>,
    /// The new version of the selected row's library.
    version: RwSignal<String>,
    /// The row that stands in the fields, as it stands in the file.
    as_in_file: RwSignal<Option<(u32, Case)>>,
    /// What rows were changed to in the fields.
    edits: RwSignal<HashMap<u32, Case>>,
    /// The row that was put into the fields last, which may have been changed there since.
    in_fields: RwSignal<Option<u32>>,
    /// Its first row is shown as soon as all are read: nobody has chosen another one, or opened a link.
    first_is_due: RwSignal<bool>,
    /// The rules that its rows are scored by.
    scored_by: RwSignal<Option<Rules>>,
    blob: RwSignal<Option<Blob>, LocalStorage>,
    task: RwSignal<Option<Task>, LocalStorage>,
}

impl OpenFile {
    /// None.
    pub fn new() -> Self {
        OpenFile {
            name: RwSignal::new(None),
            reading: RwSignal::new(Reading::Done),
            table: RwSignal::new(Table::default()),
            dependencies: RwSignal::new(vec![String::new()]),
            faults: RwSignal::new(LineFaults::default()),
            failure: RwSignal::new(None),
            selected: RwSignal::new(None),
            unread: RwSignal::new(None),
            version: RwSignal::new(String::new()),
            as_in_file: RwSignal::new(None),
            edits: RwSignal::new(HashMap::new()),
            in_fields: RwSignal::new(None),
            first_is_due: RwSignal::new(false),
            scored_by: RwSignal::new(None),
            blob: RwSignal::new_local(None),
            task: RwSignal::new_local(None),
        }
    }

    fn open(self, name: String, blob: Blob, rules: Rules) {
        self.table.set(Table::default());
        self.select(None);
        self.first_is_due.set(true);
        self.unread.set(None);
        self.edits.set(HashMap::new());
        self.blob.set(Some(blob));
        self.name.set(Some(name));
        self.read(rules);
    }

    /// Reads the file, from its beginning; order and filters stay.
    fn read(self, rules: Rules) {
        let Some(blob) = self.blob.get_untracked() else {
            return;
        };
        self.stop();
        self.table.update(Table::clear);
        self.dependencies.set(vec![String::new()]);
        self.faults.set(LineFaults::default());
        self.failure.set(None);
        self.scored_by.set(Some(rules));
        self.reading.set(Reading::Going {
            done: 0.0,
            size: blob.size(),
        });
        let size = blob.size();
        let take = move |told: Result<Array, String>| {
            if let Err(why) = told.and_then(|message| self.take(&message, size)) {
                self.fail(why);
            }
        };
        match Task::start("serve_worker", &[blob.into(), rules.name().into()], take) {
            Ok(task) => self.task.set(Some(task)),
            Err(why) => self.fail(why),
        }
    }

    fn take(self, message: &Array, size: f64) -> Result<(), String> {
        let numbers = message.get(0).unchecked_into::<Float64Array>().to_vec();
        let (rows, _) = numbers.as_chunks::<FIELDS>();
        let names: Vec<String> = message::read(message, 1)?;
        let faults: LineFaults = message::read(message, 2)?;
        self.dependencies.update(|all| all.extend(names));
        self.faults.update(|all| all.take(faults));
        self.table
            .update(|table| table.extend(rows.iter().map(RowScore::from_numbers)));
        let done = message.get(3).as_f64().unwrap_or_default();
        self.reading
            .set(match message.get(4).as_string().as_deref() {
                Some("done") => Reading::Done,
                Some("full") => Reading::Full,
                _ => Reading::Going { done, size },
            });
        if self.reading.get_untracked() == Reading::Done && self.first_is_due.get_untracked() {
            self.select_first();
        }
        Ok(())
    }

    fn select_first(self) {
        let first = self
            .table
            .with_untracked(|table| table.shown.first().copied());
        self.select(first);
    }

    /// Shows a row, as it stands in the file.
    pub fn select(self, row: Option<u32>) {
        self.first_is_due.set(false);
        self.in_fields.set(None);
        self.as_in_file.set(None);
        self.selected.set(row);
    }

    fn fail(self, why: String) {
        self.stop();
        self.failure.set(Some(why));
    }

    /// Stops reading; what was read stays.
    pub fn stop(self) {
        self.task.set(None);
        if matches!(self.reading.get_untracked(), Reading::Going { .. }) {
            self.reading.set(Reading::Stopped);
        }
    }

    fn close(self) {
        self.stop();
        self.blob.set(None);
        self.name.set(None);
        self.failure.set(None);
        self.unread.set(None);
        self.select(None);
        self.scored_by.set(None);
        self.edits.set(HashMap::new());
        self.table.set(Table::default());
    }

    /// Keeps what the row in the fields was changed to, as long as it is not what the file has.
    fn keep_edit(self, case: &Case) {
        let Some((at, own)) = self.as_in_file.get_untracked() else {
            return;
        };
        let kept = |edits: &HashMap<u32, Case>| edits.get(&at) == Some(case);
        if self.selected.get_untracked() != Some(at) || self.edits.with_untracked(kept) {
            return;
        }
        let is_edited = *case != own;
        if is_edited || self.is_edited(at) {
            self.edits.update(|edits| match is_edited {
                true => drop(edits.insert(at, case.clone())),
                false => drop(edits.remove(&at)),
            });
        }
    }

    /// Whether a row was changed in the fields.
    pub fn is_edited(self, at: u32) -> bool {
        self.edits.with(|edits| edits.contains_key(&at))
    }

    /// The library of the selected row; empty where none is selected or it says none.
    pub fn dependency(self) -> String {
        let name = self.table.with_untracked(|table| {
            let row = table.rows.get(self.selected.get_untracked()? as usize)?;
            let all = self.dependencies;
            all.with_untracked(|all| all.get(row.dependency as usize).cloned())
        });
        name.unwrap_or_default()
    }

    /// Its new version, likewise.
    pub fn new_version(self) -> String {
        match self.selected.get_untracked() {
            Some(_) => self.version.get_untracked(),
            None => String::new(),
        }
    }

    /// Reads a row's text from the file again.
    async fn line(self, at: u32) -> Result<Line, String> {
        let row = self
            .table
            .with_untracked(|table| table.rows.get(at as usize).copied());
        let (Some(row), Some(blob)) = (row, self.blob.get_untracked()) else {
            return Err("the file is closed".to_owned());
        };
        let (from, to) = (row.offset as f64, row.offset as f64 + f64::from(row.bytes));
        let gone = |_| "the file cannot be read any more: it was moved or changed".to_owned();
        let piece = blob.slice_with_f64_and_f64(from, to).map_err(gone)?;
        let bytes = JsFuture::from(piece.array_buffer()).await.map_err(gone)?;
        let bytes = js_sys::Uint8Array::new(&bytes).to_vec();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        Line::parse(bytes).map_err(|error| format!("line {}: {error}", row.line))
    }
}

/// The file's name and rows, or how to open one.
#[component]
pub fn FilePanel() -> impl IntoView {
    let state = expect_context::<State>();
    // What is being read goes on behind another page.
    let file = expect_context::<Kept>().file;
    provide_context(file);
    let open = move |name: String, blob: Blob| file.open(name, blob, state.rules.get_untracked());
    let over = on_drop(move |dropped| {
        leptos::task::spawn_local(async move {
            // One file is shown: of several, and of a folder, the first.
            match dropped
                .files(&[])
                .await
                .map(|files| files.into_iter().next())
            {
                Ok(Some((name, blob))) => open(name, blob),
                Ok(None) => {}
                Err(why) => file.failure.set(Some(why)),
            }
        });
    });
    let pasted = window_event_listener(ev::paste, move |event: web_sys::ClipboardEvent| {
        let Some(data) = event.clipboard_data() else {
            return;
        };
        if let Some(first) = data.files().and_then(|files| files.get(0)) {
            event.prevent_default();
            return open(first.name(), first.into());
        }
        // In a field a text is the field's.
        let target = event
            .composed_path()
            .get(0)
            .dyn_into::<web_sys::HtmlElement>();
        let typing = target.is_ok_and(|t| {
            t.is_content_editable() || ["INPUT", "TEXTAREA"].contains(&&*t.tag_name())
        });
        let text = data.get_data("text/plain").unwrap_or_default();
        if !typing
            && text.trim_start().starts_with('{')
            && let Ok(blob) = Blob::new_with_str_sequence(&Array::of1(&text.into()))
        {
            open("pasted rows".to_owned(), blob);
        }
    });
    on_cleanup(move || pasted.remove());
    on_escape(move || file.stop());
    // Other rules, other scores.
    Effect::new(move |_| {
        let rules = state.rules.get();
        let by = file.scored_by.get_untracked();
        if by.is_some_and(|by| by != rules) {
            file.read(rules);
        }
    });
    Effect::new(move |_| {
        let selected = file.selected.get();
        let Some(at) = selected.filter(|_| selected != file.in_fields.get_untracked()) else {
            return;
        };
        file.in_fields.set(selected);
        leptos::task::spawn_local(async move {
            let line = file.line(at).await;
            // Another row may have been chosen meanwhile.
            if file.selected.get_untracked() != Some(at) {
                return;
            }
            let (own, unread) = match line {
                Ok(line) => {
                    file.version.set(line.new_version);
                    (line.case, None)
                }
                // The row before is not this one's.
                Err(why) => (Case::default(), Some(why)),
            };
            let edit = file.edits.with_untracked(|edits| edits.get(&at).cloned());
            file.unread.set(unread.filter(|_| edit.is_none()));
            file.as_in_file.set(Some((at, own.clone())));
            state.case.set(edit.unwrap_or(own));
        });
    });
    Effect::new(move |_| state.case.with(|case| file.keep_edit(case)));
    let edited = Memo::new(move |_| file.selected.get().is_some_and(|at| file.is_edited(at)));
    let back = move |_| {
        if let Some((_, own)) = file.as_in_file.get_untracked() {
            state.case.set(own);
        }
    };
    let choose = move |input: HtmlInputElement| {
        if let Some(first) = input.files().and_then(|files| files.get(0)) {
            let first: File = first;
            open(first.name(), first.into());
        }
        // The same file may be chosen again.
        input.set_value("");
    };
    view! {
        <section class="file" class:over=move || over.get() aria-label="a file of rows" data-testid="file">
            <div class="file-bar">
                <label class="button">
                    "Open rows…"
                    <input class="hidden-input" type="file" accept=".jsonl,.json,.ndjson,.txt" data-testid="open-file" on:change:target=move |event| choose(event.target())/>
                </label>
                {move || match file.name.get() {
                    None => view! { <span class="hint">"or drop or paste JSON Lines anywhere: {\"completion\": …, \"target\": …, \"old_code\": …} a line"</span> }.into_any(),
                    Some(name) => view! {
                        <b class="file-name">{crate::visible::escaped(&name)}</b>
                        <Progress/>
                        <button type="button" data-testid="close-file" on:click=move |_| file.close()>"Close"</button>
                    }.into_any(),
                }}
            </div>
            <p class="wrong" role="alert" data-testid="file-failure">{move || file.failure.get().map(|why| crate::visible::escaped(&why))}</p>
            <Show when=move || file.name.with(Option::is_some)>
                <Rows/>
                <Show when=move || edited.get()>
                    <p class="hint" data-testid="edited">"This row is changed below, and stays so until the file is closed; the list has the file's. "<button type="button" class="plain" data-testid="as-in-file" on:click=back>"Back to the file's"</button></p>
                </Show>
            </Show>
        </section>
    }
}
