//! What goes in: an example or one's own texts, and the rules.

use super::state::{Kept, State};
use crate::score::{AnswerKind, Case, EXAMPLES, Example, error_place};
use crate::ui::editor::{Field, Mark};
use crate::ui::rules::RulesChoice;
use crate::visible::escaped;
use leptos::prelude::*;
use recode_core::reward::Withheld;

/// All of it.
#[component]
pub fn Fields() -> impl IntoView {
    let state = expect_context::<State>();
    let case = state.case;
    let file = expect_context::<Kept>().file;
    let text =
        move |of: fn(&Case) -> &String| Signal::derive(move || case.with(|case| of(case).clone()));
    let change = move |to: fn(&mut Case) -> &mut String| {
        Callback::new(move |text: String| {
            // An editor that is told of a text tells of it in turn.
            if case.with_untracked(|case| *to(&mut case.clone()) != text) {
                // Whoever writes has another case than the row that could not be read.
                file.unread.set(None);
                case.update(|case| *to(case) = text);
            }
        })
    };
    // The case may have become another one since it was chosen.
    let examples = StoredValue::new(EXAMPLES.iter().map(Example::case).collect::<Vec<_>>());
    let chosen = Memo::new(move |_| {
        examples.with_value(|examples| {
            case.with(|case| examples.iter().position(|example| example == case))
        })
    });
    let none = Signal::derive(|| None::<Mark>);
    let answer_mark = Memo::new(move |_| {
        if state.is_scoring() {
            return None;
        }
        let judged = state.judged.read();
        let judgement = &judged.as_ref()?.judgement;
        let Some(Withheld::AnswerNotPython { error }) = &judgement.explanation.breakdown.withheld
        else {
            return None;
        };
        let code = judgement.code()?;
        let before = match case.with(|case| case.kind) {
            AnswerKind::Completion => judgement.explanation.code.as_ref()?.utf16.start,
            // White space before the code is not part of it.
            AnswerKind::Code => case.with(|case| {
                let blank = case.answer.len() - case.answer.trim_start().len();
                case.answer[..blank].encode_utf16().count()
            }),
        };
        let within = code[..error_place(code, error)].encode_utf16().count();
        Some(mark(before + within, error))
    });
    let target_mark = Memo::new(move |_| {
        if state.is_scoring() {
            return None;
        }
        let judged = state.judged.read();
        let judgement = &judged.as_ref()?.judgement;
        let Some(Withheld::TargetNotPython { error }) = &judgement.explanation.breakdown.withheld
        else {
            return None;
        };
        case.with(|case| {
            let trimmed = case.target.trim_start();
            let before = case.target.len() - trimmed.len() + error_place(trimmed, error);
            Some(mark(case.target[..before].encode_utf16().count(), error))
        })
    });
    let kind = move |kind: AnswerKind, name: &'static str| {
        view! {
            <label class="check">
                <input
                    type="radio"
                    name="kind"
                    prop:checked=move || case.with(|case| case.kind == kind)
                    on:change=move |_| case.update(|case| case.kind = kind)
                />
                {name}
            </label>
        }
    };
    view! {
        <div class="choices">
            <label for="example">"Example"</label>
            <select
                id="example"
                data-testid="example"
                prop:value=move || chosen.get().map_or(String::new(), |at: usize| at.to_string())
                on:change:target=move |event| {
                    let chosen = event.target().value().parse::<usize>().ok();
                    if let Some(example) = chosen.and_then(|at| EXAMPLES.get(at)) {
                        // An example is no row's, and nothing that one was changed to.
                        file.select(None);
                        file.unread.set(None);
                        case.set(example.case());
                    }
                }
            >
                <option value="">"choose one…"</option>
                {EXAMPLES
                    .iter()
                    .enumerate()
                    .map(|(at, example)| view! { <option value=at.to_string()>{example.title}</option> })
                    .collect_view()}
            </select>
        </div>
        <RulesChoice name="rules" rules=state.rules on_change=Callback::new(move |rules| state.rules.set(rules))/>
        <Field label="Update info" name="update" language="text" text=text(|case| &case.update_info) on_change=change(|case| &mut case.update_info) mark=none/>
        <Field label="Old code" name="old" language="python" text=text(|case| &case.old_code) on_change=change(|case| &mut case.old_code) mark=none/>
        <fieldset class="inline">
            <legend>"The answer is"</legend>
            {kind(AnswerKind::Completion, "a whole completion")}
            {kind(AnswerKind::Code, "its code alone")}
        </fieldset>
        <Field label="Answer" name="answer" language="completion" text=text(|case| &case.answer) on_change=change(|case| &mut case.answer) mark=answer_mark/>
        <Field label="True migration" name="target" language="python" text=text(|case| &case.target) on_change=change(|case| &mut case.target) mark=target_mark/>
    }
}

fn mark(at: usize, error: &recode_core::python::SyntaxError) -> Mark {
    Mark {
        at: u32::try_from(at).unwrap_or(u32::MAX),
        // It names a piece of the text.
        message: escaped(&format!("not Python: {error}")),
    }
}
