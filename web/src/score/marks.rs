//! A completion in segments: what is thinking, tag, answer and code, what of the code did not count, and where it stops being Python.

use recode_core::answer::{ANSWER_CLOSE, ANSWER_OPEN, THINK_CLOSE};
use recode_core::explain::Explanation;
use recode_core::python::{LeftOut, SyntaxError};
use recode_core::reward::Withheld;
use std::ops::Range;

/// What a stretch of a completion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before `</think>`.
    Thinking,
    /// One of the tags that were asked for.
    Tag,
    /// Between the answer's tags, and not code.
    Answer,
    /// The code that was judged.
    Code,
    /// Anywhere else.
    Outside,
}

impl Place {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Place::Thinking => "thinking",
            Place::Tag => "tag",
            Place::Answer => "answer",
            Place::Code => "code",
            Place::Outside => "outside",
        }
    }
}

/// A stretch of a completion that is one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What it is.
    pub place: Place,
    /// Why it did not count; `None` where it did.
    pub left_out: Option<LeftOut>,
    /// Code stops being Python at its beginning.
    pub error: bool,
    /// Where it stands, in bytes.
    pub bytes: Range<usize>,
}

/// The segments of a completion, in order; they cover it, and what an explanation of another text has beyond it is passed over.
pub fn segments(completion: &str, explanation: &Explanation) -> Vec<Segment> {
    let bytes = |span: &Option<recode_core::explain::Span>| span.as_ref().map(|s| s.bytes.clone());
    let (think, answer, code) = (
        bytes(&explanation.think),
        bytes(&explanation.answer),
        bytes(&explanation.code),
    );
    let mut tags = Vec::new();
    if let Some(think) = &think {
        tags.push(think.end..think.end + THINK_CLOSE.len());
    }
    if let Some(answer) = &answer {
        tags.push(answer.start.saturating_sub(ANSWER_OPEN.len())..answer.start);
        let behind = completion.get(answer.end..);
        if behind.is_some_and(|behind| behind.starts_with(ANSWER_CLOSE)) {
            tags.push(answer.end..answer.end + ANSWER_CLOSE.len());
        }
    }
    let error = error_at(completion, explanation);
    let left_out = &explanation.left_out;
    let mut cuts: Vec<usize> = [&think, &answer, &code]
        .into_iter()
        .flatten()
        .chain(&tags)
        .chain(left_out.iter().map(|omission| &omission.span.bytes))
        .flat_map(|range| [range.start, range.end])
        .chain([0, completion.len()])
        .collect();
    // The character there, or nothing at a line's end.
    let marked = error.and_then(|at| completion.get(at..)?.chars().next());
    let marked = marked.filter(|c| !c.is_control());
    if let Some(at) = error {
        cuts.extend([at, at + marked.map_or(0, char::len_utf8)]);
    }
    cuts.retain(|&cut| completion.is_char_boundary(cut));
    cuts.sort_unstable();
    cuts.dedup();
    let within = |range: &Option<Range<usize>>, at| range.as_ref().is_some_and(|r| r.contains(&at));
    let segment = |(start, end): (usize, usize)| Segment {
        place: match start {
            at if tags.iter().any(|tag| tag.contains(&at)) => Place::Tag,
            at if within(&code, at) => Place::Code,
            at if within(&answer, at) => Place::Answer,
            at if within(&think, at) => Place::Thinking,
            _ => Place::Outside,
        },
        left_out: left_out
            .iter()
            .find(|omission| omission.span.bytes.contains(&start))
            .map(|omission| omission.what),
        error: error == Some(start),
        bytes: start..end,
    };
    let mut segments: Vec<Segment> = cuts
        .windows(2)
        .map(|cut| segment((cut[0], cut[1])))
        .collect();
    // Code that breaks off: there is no character to mark, so that the mark stands between two.
    if let (Some(at), None) = (error, marked) {
        let next = segments.partition_point(|segment| segment.bytes.start < at);
        if let Some(segment) = segments.get_mut(next) {
            segment.error = false;
        }
        segments.insert(next, segment((at, at)));
    }
    segments
}

/// The byte of the completion at which its code stops being Python.
fn error_at(completion: &str, explanation: &Explanation) -> Option<usize> {
    let Some(Withheld::AnswerNotPython { error }) = &explanation.breakdown.withheld else {
        return None;
    };
    let code = explanation.code.as_ref()?.bytes.clone();
    Some(code.start + error_place(completion.get(code)?, error))
}

/// The byte of `source` that an error's line and column name: lines end in `\n`, `\r\n` or `\r`, columns are characters.
pub fn error_place(source: &str, error: &SyntaxError) -> usize {
    let mut start = 0;
    for _ in 1..error.line {
        let Some(end) = source[start..].find(['\n', '\r']) else {
            return source.len();
        };
        let two = source[start + end..].starts_with("\r\n");
        start += end + 1 + usize::from(two);
    }
    let line = source[start..].split(['\n', '\r']).next().unwrap_or("");
    let column = line.char_indices().nth(error.column.saturating_sub(1));
    start + column.map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Judgement, Rules, with_tags};
    use super::*;
    use proptest::prelude::*;

    fn shown(answer: &str, rules: Rules) -> Vec<(Place, Option<LeftOut>, bool, String)> {
        let case = Case {
            answer: answer.into(),
            target: "a = 1".into(),
            ..Case::default()
        };
        let judgement = Judgement::of(&case, rules).unwrap();
        segments(answer, &judgement.explanation)
            .into_iter()
            .map(|s| (s.place, s.left_out, s.error, answer[s.bytes].to_owned()))
            .collect()
    }

    #[test]
    fn every_stretch_is_called_what_it_is() {
        let got = shown(&with_tags("t", "a = 1  # one"), Rules::Strict);
        let place = |place, text: &str| (place, None, false, text.to_owned());
        assert_eq!(
            got,
            [
                place(Place::Thinking, "t"),
                place(Place::Tag, "</think>"),
                place(Place::Outside, "\n"),
                place(Place::Tag, "<answer>"),
                place(Place::Answer, "\n```python\n"),
                place(Place::Code, "a = 1  "),
                (Place::Code, Some(LeftOut::Comment), false, "# one".into()),
                place(Place::Answer, "\n```\n"),
                place(Place::Tag, "</answer>"),
            ]
        );
    }

    #[test]
    fn an_error_is_marked_at_its_character() {
        let got = shown(&with_tags("t", "a = 1\né = )"), Rules::Strict);
        let marked: Vec<&str> = got.iter().filter(|s| s.2).map(|s| &*s.3).collect();
        assert_eq!(marked, [")"]);
        // Where it breaks off there is none.
        let got = shown(&with_tags("t", "f("), Rules::Strict);
        let marked = got.iter().position(|s| s.2).unwrap();
        assert_eq!((&*got[marked - 1].3, &*got[marked].3), ("f(", ""));
    }

    #[test]
    fn a_place_counts_any_line_end_once() {
        let at = |line, column| {
            let message = String::new();
            error_place(
                "é\r\nb\rcd\n",
                &SyntaxError {
                    message,
                    line,
                    column,
                },
            )
        };
        // é has two bytes; a column behind the line is the line's end, a line behind the text the text's.
        assert_eq!(
            [at(1, 1), at(2, 1), at(3, 2), at(3, 9), at(4, 1), at(9, 1)],
            [0, 4, 7, 8, 9, 9]
        );
    }

    proptest! {
        #[test]
        fn segments_cover_the_completion(pieces in prop::collection::vec(prop::sample::select(vec![
            "</think>", "<answer>", "</answer>", "```python\n", "\n```\n", "x = 1\n", "# é\n", "f(", "\r\n", "漢", "if 0:\n  y\n",
        ]), 0..14)) {
            let answer = pieces.concat();
            for rules in Rules::ALL {
                let got = shown(&answer, rules);
                prop_assert_eq!(got.iter().map(|s| &*s.3).collect::<String>(), answer.clone());
            }
        }

        #[test]
        fn an_explanation_of_another_text_ends_with_the_text(code in "[a-z(#é\n]{0,30}", other in "[é漢x<\n]{0,40}") {
            let answer = with_tags("t", &code);
            let case = Case { answer, target: "a = 1".into(), ..Case::default() };
            let judgement = Judgement::of(&case, Rules::Strict).unwrap();
            let got = segments(&other, &judgement.explanation);
            prop_assert_eq!(got.into_iter().map(|s| &other[s.bytes]).collect::<String>(), other.clone());
        }
    }
}
