//! What is asked: a row, and how an answer is drawn and judged.

use super::state::State;
use crate::live::Question;
use crate::ui::editor::{Field, Mark};
use crate::ui::rules::RulesChoice;
use crate::visible::escaped;
use leptos::prelude::*;

/// All of it.
#[component]
pub fn Fields() -> impl IntoView {
    let state = expect_context::<State>();
    let question = state.question;
    type Read = fn(&Question) -> &String;
    type Write = fn(&mut Question) -> &mut String;
    let text =
        move |read: Read| Signal::derive(move || question.with(|question| read(question).clone()));
    let change = move |read: Read, write: Write| {
        Callback::new(move |text: String| {
            // An editor that is told of a text tells of it in turn.
            if question.with_untracked(|question| *read(question) != text) {
                question.update(|question| *write(question) = text);
            }
        })
    };
    let none = Signal::derive(|| None::<Mark>);
    let chosen = Memo::new(move |_| {
        question.with(|question| {
            state
                .rows
                .with(|rows| rows.iter().position(|row| question.asks(row)))
        })
    });
    let options = move || {
        state.rows.with(|rows| {
            let option = |(at, row): (usize, &recode_core::migration::Migration)| {
                let title = format!("{} {}: {}", row.dependency, row.version(), row.description);
                view! { <option value=at.to_string() selected=chosen.get_untracked() == Some(at)>{escaped(&title)}</option> }
            };
            rows.iter().enumerate().map(option).collect_view()
        })
    };
    let line = move |label: &'static str,
                     name: &'static str,
                     mode: &'static str,
                     read: Read,
                     write: Write| {
        let changed = change(read, write);
        // A field of one line shows them in no other way.
        let hidden = move || {
            let text = text(read).get();
            let shown = escaped(&text);
            (shown != text).then(|| view! { <span class="wrong" data-testid=format!("hidden-{name}")>"with hidden characters: "{shown}</span> })
        };
        view! {
            <label class="named">
                {label}
                <input
                    type="text"
                    inputmode=mode
                    data-testid=name
                    prop:value=text(read)
                    on:input:target=move |event| changed.run(event.target().value())
                />
                {hidden}
            </label>
        }
    };
    let rules = Signal::derive(move || question.with(|question| question.rules));
    let judge_by = Callback::new(move |rules| question.update(|question| question.rules = rules));
    view! {
        <div class="choices">
            <label for="row">"Row"</label>
            <select
                id="row"
                data-testid="row"
                prop:value=move || chosen.get().map_or(String::new(), |at: usize| at.to_string())
                on:change:target=move |event| {
                    let at = event.target().value().parse::<usize>().ok();
                    if let Some(row) = at.and_then(|at| state.rows.with_untracked(|rows| rows.get(at).cloned())) {
                        question.update(|question| question.row = row);
                    }
                }
            >
                <option value="">"one of the demo's held-out rows…"</option>
                {options}
            </select>
        </div>
        <div class="named-row">
            {line("Library", "library", "text", |question| &question.row.dependency, |question| &mut question.row.dependency)}
            {line("its new version", "version", "text", |question| &question.row.new_version, |question| &mut question.row.new_version)}
        </div>
        {move || question.with(|question| question.row.version().is_empty()).then(|| view! {
            <p class="hint" data-testid="no-version">"Without a version the prompt says “in version ,”, which no checkpoint has read in training: write the library's new version."</p>
        })}
        <Field label="Update info" name="update" language="text" text=text(|question| &question.row.update_info) on_change=change(|question| &question.row.update_info, |question| &mut question.row.update_info) mark=none/>
        <Field label="Old code" name="old" language="python" text=text(|question| &question.row.old_code) on_change=change(|question| &question.row.old_code, |question| &mut question.row.old_code) mark=none/>
        <Field label="True migration, which only the scorer sees" name="target" language="python" text=text(|question| &question.row.new_code) on_change=change(|question| &question.row.new_code, |question| &mut question.row.new_code) mark=none/>
        <div class="named-row">
            {line("temperature", "temperature", "decimal", |question| &question.sampling.temperature, |question| &mut question.sampling.temperature)}
            {line("seed", "seed", "numeric", |question| &question.sampling.seed, |question| &mut question.sampling.seed)}
            {line("max_completion_length", "max_completion_length", "numeric", |question| &question.sampling.max_completion_length, |question| &mut question.sampling.max_completion_length)}
        </div>
        <p class="wrong" role="alert" data-testid="unfit">{move || state.unfit.get()}</p>
        <RulesChoice name="try-rules" rules=rules on_change=judge_by/>
    }
}
