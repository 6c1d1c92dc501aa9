//! Which rules judge.

use crate::score::Rules;
use leptos::prelude::*;

/// One of the rules, and what it does.
#[component]
pub fn RulesChoice(
    /// The group of buttons, one a page.
    name: &'static str,
    /// Those that are chosen.
    #[prop(into)]
    rules: Signal<Rules>,
    /// Takes others.
    on_change: Callback<Rules>,
) -> impl IntoView {
    let choice = move |own: Rules| {
        view! {
            <label class="check" title=own.in_words()>
                <input type="radio" name=name value=own.name() prop:checked=move || rules.get() == own on:change=move |_| on_change.run(own)/>
                {own.name()}
            </label>
        }
    };
    view! {
        <fieldset class="inline">
            <legend>"Rules"</legend>
            {Rules::ALL.map(choice).collect_view()}
            <span class="hint">{move || rules.get().in_words()}</span>
        </fieldset>
    }
}
