//! Where thinking, answer and code stand in a completion, as byte spans.
//!
//! A completion goes on from the prompt's `<think>`, so it begins inside the thinking. What was asked for looks like this:
//!
//! ````text
//! The alias is gone, its target is not.</think>
//! <answer>
//! ```python
//! np.vstack(rows)
//! ```
//! </answer>
//! ````
//!
//! # Differences
//! The reference reads the first ```` ```python ```` block anywhere in the completion; how `paper` mode
//! does that is told in [`crate::reward`].
//!
//! # What counts
//! - Thinking is everything before the first `</think>`. Without one nothing is set apart as thinking, and the whole completion is read like
//!   the part behind it: a policy that has yet to learn the tags is judged by the code it writes, and loses the format reward.
//! - The answer is everything from the first `<answer>` behind the thinking to the last `</answer>`, or to the end where it is not closed.
//! - The code is the last closed ```` ```python ```` block of the answer; without answer tags, of what follows the thinking. Code in the thinking
//!   never counts.
//! - A block opens with ```` ```python ```` or ```` ```py ```` in any case, followed by blanks and a line end, and closes with the next line that
//!   begins with ```` ``` ````. A longer fence closes with one that is at least as long, so that it can hold code with fences, as a docstring may
//!   have them. Lines end in `\n` or `\r\n`.

use crate::find::{find, find_last};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Opens the thinking; in the prompt's prefill, not in a completion.
pub const THINK_OPEN: &str = "<think>";
/// Closes the thinking.
pub const THINK_CLOSE: &str = "</think>";
/// Opens the answer.
pub const ANSWER_OPEN: &str = "<answer>";
/// Closes the answer.
pub const ANSWER_CLOSE: &str = "</answer>";

/// The parts of a completion, as byte spans in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// What comes before the first `</think>`.
    pub think: Option<Range<usize>>,
    /// What stands between the answer tags.
    pub answer: Option<Range<usize>>,
    /// What stands in the code block, without white space around it.
    pub code: Option<Range<usize>>,
}

impl Answer {
    /// Finds the parts of `completion`.
    ///
    /// ````
    /// use recode_core::answer::Answer;
    ///
    /// let completion = "The alias is gone.</think>\n<answer>\n```python\nnp.vstack(rows)\n```\n</answer>";
    /// let parts = Answer::find(completion);
    /// assert_eq!(&completion[parts.think.unwrap()], "The alias is gone.");
    /// assert_eq!(&completion[parts.code.unwrap()], "np.vstack(rows)");
    ///
    /// // Code that is only thought about is no answer.
    /// assert_eq!(Answer::find("```python\nnp.vstack(rows)\n```</think><answer></answer>").code, None);
    /// ````
    pub fn find(completion: &str) -> Self {
        let think = find(completion, THINK_CLOSE).map(|end| 0..end);
        let behind = think
            .as_ref()
            .map_or(0, |think| think.end + THINK_CLOSE.len())
            ..completion.len();

        let answer = find_from(completion, ANSWER_OPEN, behind.start).map(|open| {
            let start = open + ANSWER_OPEN.len();
            let end = find_last(&completion[start..], ANSWER_CLOSE)
                .map_or(completion.len(), |close| start + close);
            start..end
        });
        let code = last_block(completion, answer.clone().unwrap_or(behind));
        Answer {
            think,
            answer,
            code,
        }
    }
}

impl Answer {
    /// How many answers hold a block of code, each from its `<answer>` to the next; 1 without tags.
    pub(crate) fn answers_with_code(&self, completion: &str) -> usize {
        let Some(answer) = &self.answer else {
            return 1;
        };
        let mut starts = vec![answer.start];
        while let Some(open) = find_from(completion, ANSWER_OPEN, starts[starts.len() - 1]) {
            starts.push(open + ANSWER_OPEN.len());
        }
        let ends = starts[1..]
            .iter()
            .map(|next| next - ANSWER_OPEN.len())
            .chain([completion.len()]);
        let spans = starts.iter().zip(ends).map(|(&start, end)| start..end);
        spans
            .filter(|span| last_block(completion, span.clone()).is_some())
            .count()
    }
}

/// The content of the last closed Python block of `text` within `span`.
fn last_block(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let text = &text[..span.end];
    let mut last = None;
    let mut from = span.start;
    while let Some(fence) = find_from(text, "```", from) {
        // A fence may be longer than three backticks; the language stands behind all of them.
        let ticks = text[fence..].bytes().take_while(|&b| b == b'`').count();
        from = fence + ticks;
        let Some(line_end) = python_block_opens(text, from) else {
            continue;
        };
        // From the opening's own line end on: a block may be empty.
        let closing = format!("\n{}", &text[fence..from]);
        let Some(close) = find_from(text, &closing, line_end) else {
            break;
        };
        last = Some(trimmed(text, line_end..close));
        from = close + closing.len();
    }
    last
}

/// The span without the white space around its text.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let content = &text[span.clone()];
    let start = span.start + (content.len() - content.trim_start().len());
    start..start + content.trim().len()
}

/// Whether a Python block opens with the backticks before `from`: the position of the line end behind them.
fn python_block_opens(text: &str, from: usize) -> Option<usize> {
    let rest = &text.as_bytes()[from..];
    // The longer name first: it begins with the shorter.
    let name = ["python", "py"].into_iter().find(|name| {
        rest.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    let blanks = rest[name.len()..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let end = name.len() + blanks;
    match rest[end..] {
        [b'\n', ..] => Some(from + end),
        [b'\r', b'\n', ..] => Some(from + end + 1),
        _ => None,
    }
}

fn find_from(text: &str, pattern: &str, from: usize) -> Option<usize> {
    find(&text[from..], pattern).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(completion: &str) -> Option<&str> {
        Answer::find(completion).code.map(|code| &completion[code])
    }

    #[test]
    fn the_answers_last_block_is_the_code() {
        assert_eq!(
            code("t</think><answer>```python\na\n``` or ```python\nb\n```</answer>"),
            Some("b")
        );
        assert_eq!(
            code(
                "t</think><answer>\n```python\na\n```\n</answer><answer>\n```python\nb\n```\n</answer>"
            ),
            Some("b")
        );
    }

    #[test]
    fn code_outside_the_answer_does_not_count_where_there_is_one() {
        assert_eq!(code("```python\na\n```</think><answer></answer>"), None);
        assert_eq!(
            code("```python\na\n```</think>```python\nb\n```<answer>c</answer>```python\nd\n```"),
            None
        );
    }

    #[test]
    fn without_answer_tags_the_last_block_behind_the_thinking_counts() {
        assert_eq!(
            code("```python\na\n```</think>```python\nb\n``` or\n```py\nc\n```\n"),
            Some("c")
        );
        assert_eq!(code("```python\na\n```</think> done"), None);
    }

    #[test]
    fn without_a_closed_thinking_the_whole_completion_is_read() {
        assert_eq!(code("So:\n```python\na\n```"), Some("a"));
        assert_eq!(
            code("```python\na\n```<answer>```python\nb\n```</answer>"),
            Some("b")
        );
    }

    #[test]
    fn an_answer_that_is_cut_off_runs_to_the_end() {
        assert_eq!(code("t</think><answer>```python\na\n```"), Some("a"));
        assert_eq!(code("t</think><answer>```python\na\n"), None);
        assert_eq!(code("t</think><answer>```python\na\n</answer>"), None);
    }

    #[test]
    fn language_names_are_read_in_any_case_and_with_any_line_end() {
        for open in [
            "```python\n",
            "```py\n",
            "```Python\n",
            "```PY \t\n",
            "```python\r\n",
        ] {
            assert_eq!(
                code(&format!("</think>{open}a\n```")),
                Some("a"),
                "{open:?}"
            );
        }
        assert_eq!(
            code("</think>```python\r\na\r\nb\r\n```\r\n"),
            Some("a\r\nb")
        );
        for open in [
            "```\n",
            "```bash\n",
            "```python3\n",
            "```python a\n",
            "``python\n",
            "```python",
            "```pythön\n",
        ] {
            assert_eq!(code(&format!("</think>{open}a\n```")), None, "{open:?}");
        }
    }

    #[test]
    fn a_longer_fence_holds_shorter_ones() {
        let docstring = "\"\"\"\n```python\na\n```\n\"\"\"";
        assert_eq!(
            code(&format!("</think>````python\n{docstring}\n````\n")),
            Some(docstring)
        );
        assert_eq!(code("</think>````python\na\n`````"), Some("a"));
        assert_eq!(code("</think>````python\na\n```"), None);
        assert_eq!(
            code("</think>````python\na\n````\n```python\nb\n```"),
            Some("b")
        );
    }

    #[test]
    fn a_block_may_be_empty_or_hold_indented_fences() {
        assert_eq!(code("</think>```python\n```"), Some(""));
        assert_eq!(code("</think>```python\n\n```"), Some(""));
        assert_eq!(code("</think>```python\r\n```"), Some(""));
        assert_eq!(
            code("</think>```python\nd = '''\n  ```python\n  ```'''\n```"),
            Some("d = '''\n  ```python\n  ```'''")
        );
    }

    proptest! {
        /// Pieces of markup in any order: spans lie in the text, on character boundaries, the code in the answer, the answer behind the thinking.
        #[test]
        fn spans_nest(pieces in prop::collection::vec(prop::sample::select(vec![
            "<think>", "</think>", "<answer>", "</answer>", "```python\n", "```py\r\n", "```", "\n```", "\n", "\r\n", "x = 1", "é", " ",
        ]), 0..30)) {
            let completion = pieces.concat();
            let Answer { think, answer, code } = Answer::find(&completion);
            let behind = think.as_ref().map_or(0, |think| think.end);
            for span in [&think, &answer, &code].into_iter().flatten() {
                prop_assert!(completion.get(span.clone()).is_some());
            }
            if let Some(answer) = &answer {
                prop_assert!(behind <= answer.start);
            }
            if let Some(code) = &code {
                let within = answer.unwrap_or(behind..completion.len());
                prop_assert!(within.start <= code.start && code.end <= within.end);
                // The fence that opened the block: the last backticks before it.
                let opened = completion[..code.start].trim_end_matches(|c| c != '`');
                let fence = &opened[opened.trim_end_matches('`').len()..];
                let closing = format!("\n{fence}");
                prop_assert!(fence.len() >= 3 && !completion[code.clone()].contains(&closing));
            }
        }

        #[test]
        fn what_was_asked_for_is_found(think in "[^<]{0,40}", source in "[a-z =()\n]{0,60}") {
            let completion = format!("{think}</think>\n<answer>\n```python\n{source}\n```\n</answer>");
            prop_assert_eq!(code(&completion), Some(source.trim()));
        }
    }
}
