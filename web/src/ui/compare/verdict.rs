//! What is compared by what, which examples there are, and which side is better.

use super::state::State;
use crate::compare::{Basis, Comparison, Filter, Measure, Outcome, Record};
use crate::score::Rules;
use crate::ui::download::{Caption, save_chart};
use leptos::prelude::*;

/// How many unmatched examples are listed by kind.
const LISTED: usize = 100;

/// Choices, join report, verdict, outcomes.
#[component]
pub fn Verdict() -> impl IntoView {
    let state = expect_context::<State>();
    let of = move |say: fn(&Comparison) -> String| {
        state.compared.with(|c| {
            c.as_ref()
                .map(|compared| say(&compared.comparison))
                .unwrap_or_default()
        })
    };
    let why_none = move || {
        state.compared.with(|compared| {
            let compared = compared.as_ref()?;
            let join = &compared.comparison.join;
            join.why_none(&compared.a.1, &compared.b.1)
        })
    };
    view! {
        <Choices/>
        <section class="judged">
            <p class="join" role="status" data-testid="join">{move || of(|comparison| comparison.join.in_words())}</p>
            <p class="wrong" data-testid="none-shared">{why_none}</p>
            <Unmatched/>
            <p class="sentence" role="status" data-testid="compare-verdict">{move || of(Comparison::verdict)}</p>
            <p class="hint" data-testid="method">{move || of(Comparison::method)}</p>
            <Outcomes/>
        </section>
    }
}

#[component]
fn Choices() -> impl IntoView {
    let state = expect_context::<State>();
    let measures = Measure::ALL.map(|measure| view! {
        <option value=measure.name() selected=move || state.measure.get() == measure>{measure.title()}</option>
    });
    let bases = Basis::ALL.map(|basis| {
        let name = match basis {
            Basis::Logged => "as logged".to_owned(),
            Basis::Scored(rules) => format!("computed here by {}", rules.name()),
        };
        view! { <option value=basis.name() selected=move || state.used_basis.get() == basis>{name}</option> }
    });
    let note = move || match state.used_basis.get() {
        Basis::Logged => "The files' own numbers; files of different rules are not comparable.",
        Basis::Scored(Rules::Paper) => "Both sides by the paper's code, its faults included.",
        Basis::Scored(Rules::Strict) => "Both sides by the same formulas, mended and guarded.",
        Basis::Scored(Rules::EditGain) => "Both sides by strict rules, and copying does not pay.",
    };
    view! {
        <div class="choices wrap">
            <label for="measure">"Compared by"</label>
            <select id="measure" data-testid="measure" on:change:target=move |event| if let Some(measure) = Measure::named(&event.target().value()) {
                state.filters.update(|filters| filters.retain(|filter| !matches!(filter, Filter::Within(..))));
                state.measure.set(measure);
            }>
                {measures.collect_view()}
            </select>
            <label for="basis">"Rewards"</label>
            <select id="basis" data-testid="basis" on:change:target=move |event| state.basis.set(Basis::named(&event.target().value()))>
                {bases.collect_view()}
            </select>
            <span class="hint">{note}</span>
        </div>
    }
}

/// The examples that are compared with nothing, by kind.
#[component]
fn Unmatched() -> impl IntoView {
    let state = expect_context::<State>();
    move || {
        state.compared.with(|compared| {
            let compared = compared.as_ref()?;
            let (a, b, join) = (&compared.a.1, &compared.b.1, &compared.comparison.join);
            if join.unmatched() == 0 {
                return None;
            }
            let name = |record: &Record| format!("{} (line {})", record.key, record.line);
            let lines = |records: &[Record], at: &[u32]| {
                let lines: Vec<String> = at
                    .iter()
                    .map(|at| records[*at as usize].line.to_string())
                    .collect();
                match lines.is_empty() {
                    true => "none".to_owned(),
                    false => lines.join(", "),
                }
            };
            let kinds = [
                (
                    "only in A",
                    join.only_a
                        .iter()
                        .map(|at| name(&a[*at as usize]))
                        .collect::<Vec<_>>(),
                ),
                (
                    "only in B",
                    join.only_b
                        .iter()
                        .map(|at| name(&b[*at as usize]))
                        .collect(),
                ),
                (
                    "doubled: which answer counts is not known",
                    join.doubled
                        .iter()
                        .map(|d| {
                            format!(
                                "{} (lines of A: {}; of B: {})",
                                d.key,
                                lines(a, &d.a),
                                lines(b, &d.b)
                            )
                        })
                        .collect(),
                ),
                (
                    "changed: another update, old code or target under the same name",
                    join.changed
                        .iter()
                        .map(|at| {
                            format!(
                                "{} (line {} of A, {} of B)",
                                a[at.a as usize].key, a[at.a as usize].line, b[at.b as usize].line
                            )
                        })
                        .collect(),
                ),
            ];
            let kinds = kinds
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(kind, mut names)| {
                    let more = names.len().saturating_sub(LISTED);
                    names.truncate(LISTED);
                    let more = if more > 0 {
                        format!(", and {more} more")
                    } else {
                        String::new()
                    };
                    view! { <li><b>{kind}</b>": "{names.join(", ")}{more}</li> }
                });
            Some(view! {
                <details data-testid="unmatched">
                    <summary>{format!("the {} unmatched", join.unmatched())}</summary>
                    <ul>{kinds.collect_view()}</ul>
                </details>
            })
        })
    }
}

/// Wins, losses and ties: a bar, and a filter each.
#[component]
fn Outcomes() -> impl IntoView {
    let state = expect_context::<State>();
    let counts = Memo::new(move |_| {
        state.compared.with(|c| {
            c.as_ref()
                .map(|c| Outcome::ALL.map(|outcome| c.comparison.count(outcome)))
                .unwrap_or_default()
        })
    });
    let others = Memo::new(move |_| {
        state.compared.with(|c| {
            let Some(compared) = c else { return (0, 0) };
            let (pairs, sides) = (&compared.comparison.pairs, compared.sides());
            let other = pairs.iter().filter(|pair| !pair.same_answer).count();
            (
                other,
                pairs
                    .iter()
                    .filter(|pair| sides.as_logged(pair) == Some(false))
                    .count(),
            )
        })
    });
    let chart = NodeRef::<leptos::svg::Svg>::new();
    let class = |outcome| match outcome {
        Outcome::Win => "b",
        Outcome::Loss => "a",
        Outcome::Tie => "tie",
        Outcome::NoValue => "none",
    };
    let bars = move || {
        let counts = counts.get();
        let all = counts.iter().sum::<usize>().max(1) as f64;
        let mut from = 0.0;
        // Wins stand on B's side, which is the right one.
        let order = [1, 2, 3, 0];
        let bar = |at: usize| {
            let share = 100.0 * counts[at] as f64 / all;
            let (x, outcome) = (from, Outcome::ALL[at]);
            from += share;
            let label = (share > 20.0).then(|| view! { <text x=format!("{:.3}%", x + share / 2.0) y="16" text-anchor="middle">{outcome.counted(counts[at])}</text> });
            view! {
                <rect class=format!("share {}", class(outcome)) x=format!("{x:.3}%") y="1" width=format!("{share:.3}%") height="22" on:click=move |_| state.toggle(Filter::Outcome(outcome))></rect>
                {label}
            }
        };
        order.map(bar).collect_view()
    };
    let label = move || {
        let counts = counts.get();
        let said: Vec<String> = Outcome::ALL
            .iter()
            .zip(counts)
            .map(|(outcome, count)| outcome.counted(count))
            .collect();
        format!("Outcomes of the pairs: {}.", said.join(", "))
    };
    let chip = move |filter: Filter, text: String| {
        view! {
            <button type="button" class="chip" data-testid=format!("chip-{}", filter.in_words().replace(' ', "-")) aria-pressed=move || state.is_on(filter).to_string() on:click=move |_| state.toggle(filter)>{text}</button>
        }
    };
    let chips = move || {
        let (counts, (other, not_as_logged)) = (counts.get(), others.get());
        let outcomes = Outcome::ALL
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0);
        let outcomes =
            outcomes.map(|(outcome, count)| chip(Filter::Outcome(outcome), outcome.counted(count)));
        let logged = (not_as_logged > 0).then(|| {
            chip(
                Filter::NotAsLogged,
                format!("{not_as_logged} not the logged rewards"),
            )
        });
        view! { {outcomes.collect_view()}{chip(Filter::OtherAnswer, format!("{other} different answers"))}{logged} }
    };
    view! {
        <figure class="chart outcomes">
            <svg node_ref=chart role="img" aria-label=label width="100%" height="24">{bars}</svg>
        </figure>
        <p class="chips">
            {chips}
            <button type="button" class="plain" data-testid="save-outcomes" on:click=move |_| if let Some(chart) = chart.get_untracked() {
                // A browser that refuses a download says so itself.
                let [a, b] = state.names();
                let captions = [format!("B: {b}"), format!("against A: {a}"), untrack(label)];
                let _ = save_chart("outcomes.svg", &chart, &captions.map(Caption::text));
            }>"SVG"</button>
        </p>
    }
}
