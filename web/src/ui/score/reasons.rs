//! Why: each part with its reason, what would earn more, and the other rules beside the chosen ones.

use super::difference::DiffTable;
use super::state::State;
use crate::score::{AnswerKind, Diff, Rules, SCALE, Verdict, signed};
use crate::ui::save_table::SaveTable;
use crate::ui::text::shown;
use leptos::prelude::*;
use recode_core::explain::{EditScript, Explanation};
use recode_core::python::LeftOut;

/// A table of the parts.
#[component]
pub fn Parts() -> impl IntoView {
    let state = expect_context::<State>();
    let rows = move || {
        state
            .details
            .with(|judged| Some(part_rows(&judged.as_ref()?.judgement.explanation)))
    };
    let steps = move || {
        state.details.with(|judged| {
            let judgement = &judged.as_ref()?.judgement;
            let found = match judgement.code() {
                Some(code) if code.lines().count() == 1 => "1 line of code found".to_owned(),
                Some(code) => format!("{} lines of code found", code.lines().count()),
                None => "no code found".to_owned(),
            };
            let left_out = |what| {
                let omissions = judgement.explanation.left_out.iter();
                omissions.filter(|omission| omission.what == what).count()
            };
            let mut stripped = Vec::new();
            for (what, one, many) in [
                (LeftOut::Comment, "comment", "comments"),
                (
                    LeftOut::BlankLines,
                    "run of blank lines",
                    "runs of blank lines",
                ),
                (
                    LeftOut::Unreachable,
                    "statement that cannot run",
                    "statements that cannot run",
                ),
            ] {
                match left_out(what) {
                    0 => {}
                    1 => stripped.push(format!("1 {one}")),
                    count => stripped.push(format!("{count} {many}")),
                }
            }
            let stripped = match stripped.is_empty() {
                // The paper's patterns move text about, so that the scorer cannot say where it stood.
                true if judgement.rules == Rules::Paper => {
                    "by the paper's patterns, see the codes as compared".to_owned()
                }
                true => "nothing".to_owned(),
                false => stripped.join(", "),
            };
            Some(format!("Extraction: {found}. Stripping: {stripped}."))
        })
    };
    let table = NodeRef::new();
    view! {
        <section>
            <div class="heading"><h2>"Parts"</h2><SaveTable name="parts" table=table/></div>
            <p class="hint" data-testid="steps">{steps}</p>
            <div class="scroll" tabindex="0" role="region" aria-label="parts of the reward">
                <table node_ref=table class="parts" data-testid="parts">
                    <thead><tr><th scope="col">"part"</th><th scope="col" class="number">"weight"</th><th scope="col" class="number">"value"</th><th scope="col" class="number">"best"</th><th scope="col">"why not more"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}

/// The rows of a table of parts: name, weight, value, best, and why not more.
fn part_rows(explanation: &Explanation) -> Vec<AnyView> {
    let mut before = None;
    let parts = explanation.components.iter().map(|component| {
        let weight = component.weight;
        let why = match component.why.as_deref() {
            None => "all there is",
            why if why == before => "the same",
            Some(why) => why,
        };
        before = component.why.as_deref();
        view! {
            <tr class:beside=weight == 0.0 data-testid=format!("part-{}", component.part)>
                <th scope="row">{component.part.name()}</th>
                <td class="number">{if weight == 0.0 { "–".to_owned() } else { format!("× {weight}") }}</td>
                <td class="number">{component.value.map_or("–".to_owned(), signed)}</td>
                <td class="number">{component.best.to_string()}</td>
                <td>{shown(why)}</td>
            </tr>
        }
    });
    parts.map(IntoAny::into_any).collect()
}

/// The parts of one of several answers, to be opened.
pub fn parts_of(name: &str, explanation: &Explanation) -> impl IntoView {
    let table = NodeRef::new();
    view! {
        <details>
            <summary>"its parts"</summary>
            <SaveTable name=format!("parts-{name}") table=table/>
            <div class="scroll" tabindex="0" role="region" aria-label=format!("parts of {name}'s reward")>
                <table node_ref=table class="parts">
                    <thead><tr><th scope="col">"part"</th><th scope="col" class="number">"weight"</th><th scope="col" class="number">"value"</th><th scope="col" class="number">"best"</th><th scope="col">"why not more"</th></tr></thead>
                    <tbody>{part_rows(explanation)}</tbody>
                </table>
            </div>
        </details>
    }
}

/// What would earn more.
#[component]
pub fn Higher() -> impl IntoView {
    let state = expect_context::<State>();
    move || {
        state.details.with(|judged| {
            let judged = judged.as_ref()?;
            let Some(higher) = judged.higher() else {
                let best = judged.total() == Some(SCALE);
                return best.then(|| view! { <section class="higher" data-testid="higher"><h2>"Why not higher"</h2><p>"There is no more to earn."</p></section> }.into_any());
            };
            let gain = match higher.gain {
                Some(gain) => format!(": {}, as trying it shows. ", signed(gain)),
                None => ". ".to_owned(),
            };
            let diff = (!higher.lines.is_empty()).then(|| {
                let script = EditScript { lines: higher.lines.clone(), cut_short: false };
                view! { <DiffTable diff=Diff::from(&script) caption="the edit that would win the most".to_owned()/> }
            });
            let apply = higher.completion.map(|completion| {
                let apply = move |_| state.case.update(|case| {
                    case.answer = completion.clone();
                    case.kind = AnswerKind::Completion;
                });
                view! { <button type="button" data-testid="apply" on:click=apply>"Make this edit"</button> }
            });
            Some(view! {
                <section class="higher" data-testid="higher">
                    <h2>"Why not higher"</h2>
                    <p>
                        <b>{higher.part.name()}</b>" lost "<b>{signed(higher.lost).replace('+', "")}</b>": "
                        {shown(&higher.why)}". "{shown(&higher.advice)}{gain}" "{apply}
                    </p>
                    {diff}
                </section>
            }.into_any())
        })
    }
}

/// The same answer by all rules.
#[component]
pub fn SideBySide() -> impl IntoView {
    let state = expect_context::<State>();
    // Once for the table and the sentences below it: each costs a score.
    let verdicts = Memo::new(move |_| {
        state
            .details
            .with(|judged| Some(judged.as_ref()?.verdicts()))
    });
    let rows = move || {
        state.details.with(|judged| {
            let judgement = &judged.as_ref()?.judgement;
            let number = |value: Option<f64>| value.map_or("–".to_owned(), signed);
            let row = |verdict: &Verdict| {
                let breakdown = &verdict.breakdown;
                let chosen = verdict.rules == judgement.rules;
                view! {
                    <tr class:chosen=chosen data-testid=format!("rules-{}", verdict.rules.name())>
                        <th scope="row">{verdict.rules.name()}{chosen.then_some(" (chosen)")}</th>
                        <td class="number">{number(breakdown.total)}</td>
                        <td class="number">{number(Some(breakdown.format))}</td>
                        <td class="number">{number(Some(breakdown.es_star))}</td>
                        <td class="number">{number(Some(breakdown.em_star))}</td>
                        <td class="number">{number(breakdown.edit_gain)}</td>
                        <td class="number">{breakdown.similarity.map_or("–".to_owned(), |s| format!("{s:.3}"))}</td>
                    </tr>
                }
            };
            verdicts.with(|verdicts| Some(verdicts.as_ref()?.iter().map(row).collect_view()))
        })
    };
    let differences = move || {
        let said =
            verdicts.with(|verdicts| Verdict::differences(verdicts.as_deref().unwrap_or_default()));
        match said.is_empty() {
            true => view! { <p class="hint">"All rules see the same here."</p> }.into_any(),
            false => view! { <ul>{said.iter().map(|said| view! { <li>{shown(said)}</li> }).collect_view()}</ul> }.into_any(),
        }
    };
    let table = NodeRef::new();
    view! {
        <section>
            <div class="heading"><h2>"By other rules"</h2><SaveTable name="by-other-rules" table=table/></div>
            <div class="scroll" tabindex="0" role="region" aria-label="the answer by all rules">
                <table node_ref=table data-testid="verdicts">
                    <thead><tr><th scope="col">"rules"</th><th scope="col" class="number">"total"</th><th scope="col" class="number">"format"</th><th scope="col" class="number">"es_star"</th><th scope="col" class="number">"em_star"</th><th scope="col" class="number">"edit_gain"</th><th scope="col" class="number">"similarity"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {differences}
        </section>
    }
}
