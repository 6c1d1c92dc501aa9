//! What of a link is not understood: the page passes it over, as a link may come from a later version, and says so.

use crate::compare::{Basis, Key, LinkedFile, Measure, Query};
use crate::page::{Page, fields};
use crate::score::Rules;
use crate::training::View;

/// The parts of a page's address that say nothing to it, each with what was expected.
pub fn odd(page: Page, query: &str) -> Vec<String> {
    let without_value = query
        .split('&')
        .filter(|part| !part.is_empty() && !part.contains('='))
        .map(|part| format!("{part} (expected {part}=VALUE)"));
    let wrong = fields(query).filter_map(|(name, value)| {
        let expected = expected(page, name, &value)?;
        Some(match expected {
            "" => format!("{name} (no such name here)"),
            expected => format!("{name}={value} (expected {expected})"),
        })
    });
    let has = |wanted: &str| fields(query).any(|(name, _)| name == wanted);
    let value = |wanted: &str| Some(fields(query).find(|(name, _)| *name == wanted)?.1);
    let ends = value("from").zip(value("to"));
    let is_backwards = |(from, to): &(String, String)| {
        let ends = View::step(from).zip(View::step(to));
        page == Page::Training && ends.is_some_and(|(from, to)| from >= to)
    };
    let backwards = ends.filter(is_backwards);
    let backwards =
        backwards.map(|(from, to)| format!("from={from} to={to} (expected from below to)"));
    let alone = TOGETHER.iter().filter(|(of, ..)| *of == page);
    let alone = alone.filter(|(_, one, other)| has(one) && !has(other));
    let alone = alone.map(|(_, one, other)| format!("{one} (expected {other} with it)"));
    let together = alone.chain(backwards);
    without_value.chain(wrong).chain(together).collect()
}

/// Fields that say nothing without another one.
const TOGETHER: [(Page, &str, &str); 4] = [
    (Page::Training, "run", "step"),
    (Page::Training, "step", "run"),
    (Page::Training, "from", "to"),
    (Page::Training, "to", "from"),
];

/// What was expected, where a field is not understood.
fn expected(page: Page, name: &str, value: &str) -> Option<&'static str> {
    const WHOLE: &str = "a whole number";
    const NUMBER: &str = "a number of at most 2^53";
    const SMOOTHING: &str = "a number from 0 to 0.99";
    const RULES: &str = "paper, strict or edit_gain";
    let is_whole = || value.parse::<u64>().is_ok();
    let (is_understood, expected) = match (page, name) {
        (Page::Score, "update" | "old" | "target" | "completion" | "code") => (true, ""),
        (Page::Score | Page::TryIt, "rules") => (Rules::named(value).is_some(), RULES),
        (Page::TryIt, "library" | "version" | "update" | "old" | "target") => (true, ""),
        // Numbers of a question stand in their fields, where they are checked.
        (Page::TryIt, "temperature" | "seed" | "tokens") => (true, ""),
        (Page::Compare, "file" | "own") => (
            LinkedFile::read(name, value).is_some(),
            "HASH/NAME of a file",
        ),
        (Page::Compare, "a" | "b") => (is_whole(), WHOLE),
        (Page::Compare, "by") => (
            Measure::named(value).is_some(),
            "total, es_star, em_star, edit_gain, gain_over_copy, format or truncated",
        ),
        (Page::Compare, "rules") => (
            Basis::named(value).is_some(),
            "paper, strict, edit_gain or logged",
        ),
        (Page::Compare, "only") => (
            !Query::read(&format!("only={value}")).filters.is_empty(),
            "win, loss, tie, no_value, other_answer or not_as_logged",
        ),
        (Page::Compare, "pair") => (Key::named(value).is_some(), "an example, as 17 or 3.17.0"),
        (Page::Training, "run") => (true, ""),
        (Page::Training, "step") => (is_whole(), WHOLE),
        (Page::Training, "smooth") => (View::smoothing(value).is_some(), SMOOTHING),
        (Page::Training, "from" | "to") => (View::step(value).is_some(), NUMBER),
        _ => (false, ""),
    };
    (!is_understood).then_some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::LinkedStep;

    #[test]
    fn what_is_not_understood_is_named_with_what_was_expected() {
        assert_eq!(
            odd(Page::Score, "rules=harsh&old=x&later=1&target"),
            [
                "target (expected target=VALUE)",
                "rules=harsh (expected paper, strict or edit_gain)",
                "later (no such name here)",
            ]
        );
        assert_eq!(
            odd(
                Page::Compare,
                "a=x&by=speed&only=win&only=luck&pair=1.2&rules=logged"
            ),
            [
                "a=x (expected a whole number)",
                "by=speed (expected total, es_star, em_star, edit_gain, gain_over_copy, format or truncated)",
                "only=luck (expected win, loss, tie, no_value, other_answer or not_as_logged)",
                "pair=1.2 (expected an example, as 17 or 3.17.0)",
            ]
        );
        assert_eq!(
            odd(Page::Training, "smooth=much&step=4&run=a"),
            ["smooth=much (expected a number from 0 to 0.99)"]
        );
        assert_eq!(
            odd(Page::Training, "smooth=5&from=1e308&to=9"),
            [
                "smooth=5 (expected a number from 0 to 0.99)",
                "from=1e308 (expected a number of at most 2^53)",
            ]
        );
        assert_eq!(
            odd(Page::Training, "from=100&to=50"),
            ["from=100 to=50 (expected from below to)"]
        );
        assert_eq!(odd(Page::TryIt, "rules=x&seed=not yet").len(), 1);
    }

    #[test]
    fn what_counts_only_together_is_named_where_it_stands_alone() {
        assert_eq!(
            odd(Page::Training, "step=4&from=5"),
            ["step (expected run with it)", "from (expected to with it)"]
        );
        assert_eq!(
            odd(Page::Training, "run=a&to=5"),
            ["run (expected step with it)", "to (expected from with it)"]
        );
    }

    #[test]
    fn the_pages_own_addresses_are_understood() {
        let case = crate::score::EXAMPLES[0].case();
        let score = case.to_query(Rules::EditGain).unwrap();
        let compare = Query {
            files: vec![
                LinkedFile::Address("a b/c.jsonl".to_owned()),
                LinkedFile::Own {
                    name: "d/e.jsonl".to_owned(),
                    hash: String::new(),
                },
            ],
            a: 1,
            b: 0,
            measure: Measure::Format,
            basis: Some(Basis::Logged),
            filters: Query::read("only=tie").filters,
            pair: Some(Key::Row(3)),
        };
        let view = View {
            smoothing: 0.5,
            steps: Some((1.5, 9.0)),
        };
        let step = LinkedStep {
            run: "demo".to_owned(),
            step: 3,
        };
        let training = format!("{}&{}", view.to_query(), step.to_query());
        let question = crate::live::Question::default().to_query().unwrap();
        for (page, query) in [
            (Page::Score, score),
            (Page::Compare, compare.write()),
            (Page::Training, training),
            (Page::TryIt, question),
        ] {
            assert_eq!(odd(page, &query), [""; 0], "{query}");
        }
    }
}
