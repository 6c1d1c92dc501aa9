//! The format reward: +1 for a completion in the asked-for tags, else -1.
//!
//! Both modes want the thinking closed, then the answer tags, then the end, with nothing but white space in between. Only tags are
//! looked at: an answer without code has the format, and loses the code reward.

use super::RewardMode;
use crate::answer::{ANSWER_CLOSE, ANSWER_OPEN, Answer, THINK_CLOSE, THINK_OPEN};
use crate::find::find;
use std::fmt;

/// What keeps a completion from having the form; `None` where nothing does.
///
/// The reference matches `<think>` + completion, from start to end, by think tags without think tags in them, white space, `<answer>`,
/// anything, `</answer>`, white space.
///
/// # Differences
/// In strict mode each tag stands exactly once. The reference's "anything" between the answer tags lets a second answer, or a second thinking
/// with its answer, through; strict mode takes one block of code from one answer.
pub(crate) fn fault(mode: RewardMode, completion: &str, parts: &Answer) -> Option<FormatFault> {
    let is_blank = |text: &str| match mode {
        RewardMode::Paper => text.chars().all(is_python_space),
        RewardMode::Strict => text.chars().all(char::is_whitespace),
    };
    let Some(think) = &parts.think else {
        return Some(FormatFault::ThinkingNotClosed);
    };
    let Some(answer) = &parts.answer else {
        return Some(FormatFault::NoAnswer);
    };
    if find(&completion[think.clone()], THINK_OPEN).is_some() {
        return Some(FormatFault::TagAgain(THINK_OPEN));
    }
    if !is_blank(&completion[think.end + THINK_CLOSE.len()..answer.start - ANSWER_OPEN.len()]) {
        return Some(FormatFault::TextBetween);
    }
    match completion[answer.end..].strip_prefix(ANSWER_CLOSE) {
        None => return Some(FormatFault::AnswerNotClosed),
        Some(behind) if !is_blank(behind) => return Some(FormatFault::TextBehind),
        Some(_) => {}
    }
    let tags = match mode {
        RewardMode::Paper => &[][..],
        RewardMode::Strict => &[THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE],
    };
    let again = tags
        .iter()
        .find(|&&tag| find(&completion[answer.clone()], tag).is_some());
    again.map(|tag| FormatFault::TagAgain(tag))
}

/// What keeps a completion from having the asked-for form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormatFault {
    ThinkingNotClosed,
    NoAnswer,
    TextBetween,
    AnswerNotClosed,
    TextBehind,
    TagAgain(&'static str),
}

impl fmt::Display for FormatFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatFault::ThinkingNotClosed => write!(f, "no {THINK_CLOSE} closes the thinking"),
            FormatFault::NoAnswer => write!(f, "no {ANSWER_OPEN} behind the thinking"),
            FormatFault::TextBetween => write!(f, "text between {THINK_CLOSE} and {ANSWER_OPEN}"),
            FormatFault::AnswerNotClosed => write!(f, "no {ANSWER_CLOSE} closes the answer"),
            FormatFault::TextBehind => write!(f, "text behind {ANSWER_CLOSE}"),
            FormatFault::TagAgain(tag) => write!(f, "{tag} stands where it may not stand again"),
        }
    }
}

/// The part `format`.
pub(super) fn reward(mode: RewardMode, completion: &str, parts: &Answer) -> f64 {
    match fault(mode, completion, parts) {
        None => 1.0,
        Some(_) => -1.0,
    }
}

/// White space as Python's `str.strip` and `\s` know it: Unicode's, and four separators of ASCII.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(completion: &str) -> (f64, f64) {
        let parts = Answer::find(completion);
        let by = |mode| reward(mode, completion, &parts);
        (by(RewardMode::Paper), by(RewardMode::Strict))
    }

    #[test]
    fn the_asked_for_tags_earn_the_reward() {
        for completion in [
            "t</think><answer>a</answer>",
            "</think>\n\n<answer></answer>",
            "a < b</think> <answer>\nx\n</answer>\r\n ",
        ] {
            assert_eq!(both(completion), (1.0, 1.0), "{completion}");
        }
    }

    #[test]
    fn anything_else_loses_it() {
        for completion in [
            "",
            "<answer>a</answer>",
            "t</think>",
            "t</think><answer>a",
            "t</think>a</answer>",
            "t</think>So: <answer>a</answer>",
            "t</think><answer>a</answer>.",
            "t</think><answer>a</answer><|im_end|>",
            "<think>t</think><answer>a</answer>",
            "t</think></think><answer>a</answer>",
            "<answer>a</answer></think>",
            "t</think><answer></think></answer",
        ] {
            assert_eq!(both(completion), (-1.0, -1.0), "{completion}");
        }
    }

    #[test]
    fn a_second_answer_has_the_papers_format_alone() {
        for completion in [
            "t</think><answer>a</answer><answer>b</answer>",
            "t</think><answer>a</answer>t</think><answer>b</answer>",
            "t</think><answer><answer>a</answer></answer>",
            "t</think><answer><think>a</think></answer>",
        ] {
            assert_eq!(both(completion), (1.0, -1.0), "{completion}");
        }
    }

    #[test]
    fn white_space_is_pythons_in_paper_mode() {
        assert_eq!(
            both("t</think>\u{1f}<answer></answer>\u{3000}"),
            (1.0, -1.0)
        );
    }

    proptest! {
        #[test]
        fn strict_format_is_papers_format_and_an_answer(pieces in prop::collection::vec(prop::sample::select(vec![
            "<think>", "</think>", "<answer>", "</answer>", "\n", " ", "a", "<", "é",
        ]), 0..12)) {
            let completion = pieces.concat();
            let (paper, strict) = both(&completion);
            if strict == 1.0 {
                prop_assert_eq!(paper, 1.0);
                prop_assert!(Answer::find(&completion).answer.is_some());
            }
        }
    }
}
