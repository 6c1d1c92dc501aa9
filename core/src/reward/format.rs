//! The format reward: +1 for a completion in the asked-for tags, else -1.
//!
//! Both modes want the thinking closed, then the answer tags, then the end, with nothing but white space in between. Only tags are
//! looked at: an answer without code has the format, and loses the code reward.

use crate::answer::{ANSWER_CLOSE, ANSWER_OPEN, Answer, THINK_CLOSE, THINK_OPEN};

/// The reference's rule: `<think>` + completion is matched, from start to end, by think tags without think tags in them, white space,
/// `<answer>`, anything, `</answer>`, white space.
pub(super) fn paper(completion: &str) -> f64 {
    let has_format = || {
        let (think, rest) = completion.split_once(THINK_CLOSE)?;
        let answer = rest
            .trim_start_matches(is_python_space)
            .strip_prefix(ANSWER_OPEN)?;
        // The expression is lazy but anchored at the end, so it is the last closing tag that must end the text.
        answer
            .trim_end_matches(is_python_space)
            .strip_suffix(ANSWER_CLOSE)?;
        Some(!think.contains(THINK_OPEN))
    };
    reward(has_format().unwrap_or(false))
}

/// The same, and the tags leave no doubt about which part is the answer.
///
/// # Differences
/// Each tag stands exactly once. The reference's "anything" between the answer tags lets a second answer, or a second thinking with its
/// answer, through; strict mode takes one block of code from one answer.
pub(super) fn strict(completion: &str, parts: &Answer) -> f64 {
    let has_format = || {
        let (think, answer) = (parts.think.as_ref()?, parts.answer.as_ref()?);
        let between = &completion[think.end + THINK_CLOSE.len()..answer.start - ANSWER_OPEN.len()];
        let behind = completion[answer.end..].strip_prefix(ANSWER_CLOSE)?;
        let once = !completion[think.clone()].contains(THINK_OPEN)
            && [THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE]
                .iter()
                .all(|tag| !completion[answer.clone()].contains(tag));
        Some(between.trim().is_empty() && behind.trim().is_empty() && once)
    };
    reward(has_format().unwrap_or(false))
}

fn reward(has_format: bool) -> f64 {
    if has_format { 1.0 } else { -1.0 }
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
        (
            paper(completion),
            strict(completion, &Answer::find(completion)),
        )
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
