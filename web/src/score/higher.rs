//! Why not higher: the part that lost the most, and the edit that would win it back.
//!
//! An edit is tried, not guessed: the completion with it is scored by the same rules, and what it gains is the difference of the two totals.
//! Of the code every block of changed lines is tried alone, and the one that gains the most is named.

use super::case::with_tags;
use recode_core::explain::{Edit, Explanation, LineEdit, Piece};
use recode_core::reward::{Part, Reference, Withheld};
use std::ops::Range;

/// The most blocks of changed lines that are tried.
const MAX_TRIED: usize = 24;
/// The longest completion in bytes for which edits are tried: each costs a score.
const MAX_TRIED_BYTES: usize = 16 << 10;

/// What would earn more.
#[derive(Debug, Clone, PartialEq)]
pub struct Higher {
    /// The part that lost the most.
    pub part: Part,
    /// What it lost, weight included.
    pub lost: f64,
    /// Why.
    pub why: String,
    /// What to do, in words.
    pub advice: String,
    /// The changed lines of the edit that was tried; empty where it is none of lines.
    pub lines: Vec<LineEdit>,
    /// What the total gains by it; `None` where no edit was tried.
    pub gain: Option<f64>,
    /// The completion with the edit in it.
    pub completion: Option<String>,
}

/// An edit, and the completion with it.
struct Tried {
    advice: String,
    lines: Vec<LineEdit>,
    completion: String,
}

impl Higher {
    /// Finds it; `None` where everything was won, or a part of the total could not be had.
    pub(super) fn of(
        reference: &Reference,
        completion: &str,
        target: &str,
        explanation: &Explanation,
    ) -> Option<Self> {
        let total = explanation.breakdown.total?;
        let lost = explanation.components.iter().map(|component| {
            let value = component.value.unwrap_or(component.best);
            (component, component.weight * (component.best - value))
        });
        // Of two that lost the same the first one.
        let (component, lost) = lost
            .filter(|&(_, lost)| lost > 0.0)
            .reduce(|most, next| if next.1 > most.1 { next } else { most })?;
        let mut higher = Higher {
            part: component.part,
            lost,
            why: component.why.clone().unwrap_or_default(),
            advice: String::new(),
            lines: Vec::new(),
            gain: None,
            completion: None,
        };
        let edits = match (component.part, &explanation.breakdown.withheld) {
            (Part::Format, _) => vec![in_form(completion, explanation)],
            (_, None) => of_lines(completion, explanation),
            (_, Some(withheld)) => {
                higher.advice = advice(withheld);
                with_target(withheld, completion, target, explanation)
            }
        };
        let fits = |tried: &Tried| tried.completion.len() <= MAX_TRIED_BYTES;
        let scored = edits.into_iter().filter(fits).filter_map(|tried| {
            let gain = reference.score(&tried.completion, None).total? - total;
            (gain > 0.0).then_some((tried, gain))
        });
        if let Some((tried, gain)) =
            scored.reduce(|most, next| if next.1 > most.1 { next } else { most })
        {
            higher.advice = tried.advice;
            higher.lines = tried.lines;
            higher.gain = Some(gain);
            higher.completion = Some(tried.completion);
        }
        Some(higher)
    }
}

/// The same thinking and code in the asked-for form.
fn in_form(completion: &str, explanation: &Explanation) -> Tried {
    let text = |bytes: &Range<usize>| completion.get(bytes.clone()).unwrap_or_default();
    let code = explanation.code.as_ref().map(|span| text(&span.bytes));
    let thinking = match (&explanation.think, &explanation.code) {
        (Some(think), _) => text(&think.bytes),
        // What stands before the block, without its fence and the answer's tag.
        (None, Some(code)) => {
            let before = &completion[..code.bytes.start];
            let before = &before[..before.rfind("```").unwrap_or(0)];
            &before[..before.find("<answer>").unwrap_or(before.len())]
        }
        (None, None) => completion,
    };
    let thinking = thinking.replace("<think>", "").replace("<answer>", "");
    let completion = match code {
        Some(code) => with_tags(thinking.trim_end(), code),
        None => format!("{}</think>\n<answer>\n</answer>", thinking.trim_end()),
    };
    Tried {
        advice: "Write the thinking, </think>, and the code alone between <answer> and </answer>"
            .to_owned(),
        lines: Vec::new(),
        completion,
    }
}

/// Every block of changed lines, each alone, and all of them.
fn of_lines(completion: &str, explanation: &Explanation) -> Vec<Tried> {
    let (Some(edits), Some(code)) = (&explanation.edits, &explanation.code) else {
        return Vec::new();
    };
    let blocks: Vec<Range<usize>> = blocks(&edits.lines);
    let apply = |chosen: &Range<usize>, what: String| {
        let changed = answer_with(&edits.lines, chosen);
        Tried {
            advice: what,
            lines: edits.lines[chosen.clone()].to_vec(),
            completion: format!(
                "{}{changed}{}",
                &completion[..code.bytes.start],
                &completion[code.bytes.end..]
            ),
        }
    };
    let mut tried: Vec<Tried> = blocks
        .iter()
        .take(MAX_TRIED)
        .map(|block| apply(block, in_words(&edits.lines[block.clone()])))
        .collect();
    if tried.is_empty() {
        tried.push(apply(
            &(0..edits.lines.len()),
            "Write the target".to_owned(),
        ));
    }
    tried
}

/// The target in place of an answer that could not be compared.
fn with_target(
    withheld: &Withheld,
    completion: &str,
    target: &str,
    explanation: &Explanation,
) -> Vec<Tried> {
    if matches!(
        withheld,
        Withheld::TargetNotPython { .. } | Withheld::ReferenceRaises { .. }
    ) {
        return Vec::new();
    }
    let think = explanation.think.as_ref();
    let thinking = think.map_or("", |think| &completion[think.bytes.clone()]);
    vec![Tried {
        advice: format!("{}; with the target there", advice(withheld)),
        lines: Vec::new(),
        completion: with_tags(thinking.trim_end(), target.trim()),
    }]
}

/// What to do against a reason.
fn advice(withheld: &Withheld) -> String {
    match withheld {
        Withheld::NoCode { .. } => {
            "Put the code into a ```python block of its own between <answer> and </answer>".into()
        }
        Withheld::AnswerNotPython { error } => format!(
            "Mend line {}, column {} of the code",
            error.line, error.column
        ),
        Withheld::EmptyCode => "Write code: comments alone are none".into(),
        Withheld::SeveralAnswers { .. } => "Leave one answer with code".into(),
        Withheld::ForeignName { name } => format!("Write {name} in ASCII's letters"),
        Withheld::TargetNotPython { error } => format!(
            "Mend line {}, column {} of the target: no answer can win here",
            error.line, error.column
        ),
        Withheld::ReferenceRaises { .. } => {
            "Nothing helps: the paper's code fails on this row".into()
        }
    }
}

/// Where neighbouring lines change.
fn blocks(lines: &[LineEdit]) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| !line.keeps()) {
        match blocks.last_mut() {
            Some(block) if block.end == at => block.end = at + 1,
            _ => blocks.push(at..at + 1),
        }
    }
    blocks
}

/// The answer's code with the edits of `chosen` alone.
fn answer_with(lines: &[LineEdit], chosen: &Range<usize>) -> String {
    let side = |(at, line): (usize, &LineEdit)| {
        let (there, gone) = match chosen.contains(&at) {
            true => (line.target_line, Edit::Delete),
            false => (line.answer_line, Edit::Insert),
        };
        let kept = |piece: &&Piece| piece.edit != gone;
        there.map(|_| line.pieces.iter().filter(kept).map(|p| &*p.text).collect())
    };
    let lines: Vec<String> = lines.iter().enumerate().filter_map(side).collect();
    lines.join("\n")
}

/// "Change line 2 of …", "Add 3 lines to …".
fn in_words(lines: &[LineEdit]) -> String {
    let numbers: Vec<usize> = lines.iter().filter_map(|line| line.answer_line).collect();
    let count = |count: usize| match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    };
    let goes = lines.iter().all(|line| line.target_line.is_none());
    match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) => {
            let verb = if goes { "Remove" } else { "Change" };
            match first == last {
                true => format!("{verb} line {first} of the answer's code"),
                false => format!("{verb} lines {first} to {last} of the answer's code"),
            }
        }
        _ => format!("Add {} to the answer's code", count(lines.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Judgement, Rules};
    use super::*;

    fn higher(answer: &str, target: &str) -> Option<Higher> {
        let case = Case {
            answer: answer.into(),
            target: target.into(),
            old_code: "a = 1\nb = 2\nc = 3".into(),
            ..Case::default()
        };
        Judgement::of(&case, Rules::Strict).unwrap().higher(&case)
    }

    #[test]
    fn the_target_cannot_earn_more() {
        assert_eq!(higher(&with_tags("t", "a = 1"), "a = 1"), None);
    }

    #[test]
    fn of_two_blocks_the_one_that_gains_more_is_named() {
        let (answer, target) = ("x = 1\nb = 2\nc = 3", "y = 1\nb = 2\nlonger = 3");
        let higher = higher(&with_tags("t", answer), target).unwrap();
        assert_eq!(higher.part, Part::EsStar);
        assert_eq!(higher.advice, "Change line 3 of the answer's code");
        // 22 characters in the target, of which 7 differ, 1 without that line: 3.5 · 6 / 22.
        assert!((higher.gain.unwrap() - 3.5 * 6.0 / 22.0).abs() < 1e-12);
        assert!((higher.lost - 3.5 * 7.0 / 22.0).abs() < 1e-12);
        assert!(
            higher
                .completion
                .unwrap()
                .contains("x = 1\nb = 2\nlonger = 3")
        );
    }

    #[test]
    fn lost_tags_are_put_back_around_the_same_code() {
        let higher = higher("So:\n```python\na = 1\n```\nDone.", "a = 1").unwrap();
        assert_eq!(
            (higher.part, higher.lost, higher.gain),
            (Part::Format, 2.0, Some(2.0))
        );
        assert_eq!(higher.completion.unwrap(), with_tags("So:", "a = 1"));
    }

    #[test]
    fn a_syntax_error_is_named_by_its_place() {
        let higher = higher(&with_tags("t", "a = (1"), "a = 1").unwrap();
        assert!(
            higher.advice.starts_with("Mend line 1, column "),
            "{}",
            higher.advice
        );
        // From -2 to 2.
        assert_eq!(higher.gain, Some(4.0));
    }

    #[test]
    fn a_target_that_is_no_python_cannot_be_reached() {
        let higher = higher(&with_tags("t", "a = 1"), "a = (").unwrap();
        assert_eq!((higher.gain, higher.completion), (None, None));
        assert!(higher.advice.contains("of the target"), "{}", higher.advice);
    }
}
