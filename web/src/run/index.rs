//! completions.jsonl by step: where each step's lines stand, and nothing of what they say.
//!
//! The steps of a run stand one after the other, so that an index of 5,000 steps is 5,000 places, however long the completions are. A step
//! that comes again later, as after a resume that did not cut the file back, is the later one.

use crate::score::rows::{LineFaults, Lines, Raw, from_python_json};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Where a step's lines stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLines {
    /// Where the first begins, in bytes.
    pub from: u64,
    /// Where the last ends.
    pub to: u64,
    /// The number of the first, from 1.
    pub line: u32,
    /// How many there are.
    pub count: u32,
}

/// Where the steps of a file stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    steps: BTreeMap<u64, StepLines>,
    last: Option<u64>,
    /// How many steps came once more.
    pub twice: usize,
}

impl Index {
    /// How many steps have completions.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether no step has any.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// So many completions or a few more, of whole steps from all over the file: which steps.
    pub fn spread(&self, most: usize) -> Vec<u64> {
        let all: usize = self.steps.values().map(|lines| lines.count as usize).sum();
        let every = all.div_ceil(most.max(1)).max(1);
        self.steps.keys().copied().step_by(every).collect()
    }

    /// Where a step's lines stand.
    pub fn get(&self, step: u64) -> Option<StepLines> {
        self.steps.get(&step).copied()
    }

    /// The step with completions that is nearest, that one before others.
    pub fn nearest(&self, step: u64) -> Option<u64> {
        let before = self.steps.range(..=step).next_back();
        let after = self.steps.range(step..).next();
        let steps = before.into_iter().chain(after).map(|(&at, _)| at);
        steps.min_by_key(|at| at.abs_diff(step))
    }

    /// The step with completions behind this one, or before it.
    pub fn beside(&self, step: u64, forward: bool) -> Option<u64> {
        let found = match forward {
            true => self.steps.range(step + 1..).next(),
            false => self.steps.range(..step).next_back(),
        };
        found.map(|(&at, _)| at)
    }

    /// Takes lines of a step that stand one after the other.
    pub fn take(&mut self, step: u64, lines: StepLines) {
        let goes_on = self.last == Some(step);
        match self.steps.get_mut(&step) {
            Some(own) if goes_on => {
                own.to = lines.to;
                own.count += lines.count;
            }
            Some(own) => {
                *own = lines;
                self.twice += 1;
            }
            None => {
                self.steps.insert(step, lines);
            }
        }
        self.last = Some(step);
    }
}

/// What of a line the index needs, and what says that it is one of completions.jsonl.
#[derive(Deserialize)]
struct Place {
    step: Option<u64>,
    completion: Option<IgnoredAny>,
}

/// Finds the steps of a file as it comes.
#[derive(Debug, Default)]
pub struct IndexReader {
    lines: Lines,
    found: Vec<(u64, StepLines)>,
    faults: LineFaults,
}

impl IndexReader {
    /// Takes the next piece of the file.
    pub fn push(&mut self, piece: &[u8]) {
        for raw in self.lines.push(piece) {
            self.read(raw);
        }
    }

    /// What is wrong with the file, where a line of it does not end.
    pub fn endless(&self) -> Option<String> {
        self.lines.endless()
    }

    /// The number of the line that has begun and not ended.
    pub fn being_written(&self) -> Option<u32> {
        self.lines.unfinished()
    }

    /// Takes the last line of a file that does not end in a line end, where it is whole.
    pub fn finish(&mut self) {
        if self
            .lines
            .waiting()
            .is_some_and(|line| step_of(line).is_ok())
            && let Some(raw) = self.lines.finish()
        {
            self.read(raw);
        }
    }

    /// What was found since the last call: places for [`Index::take`], and faults for [`LineFaults::take`].
    pub fn news(&mut self) -> (Vec<(u64, StepLines)>, LineFaults) {
        (std::mem::take(&mut self.found), self.faults.news())
    }

    fn read(&mut self, raw: Raw) {
        let step = match &raw.text {
            Ok(line) => step_of(line),
            Err(error) => Err(error.to_string()),
        };
        match step {
            Ok((step, remark)) => {
                if let Some(what) = remark {
                    self.faults.add_remark(raw.number, what);
                }
                let to = raw.offset + u64::from(raw.bytes);
                match self.found.last_mut() {
                    Some((last, lines)) if *last == step => {
                        lines.to = to;
                        lines.count += 1;
                    }
                    _ => self.found.push((
                        step,
                        StepLines {
                            from: raw.offset,
                            to,
                            line: raw.number,
                            count: 1,
                        },
                    )),
                }
            }
            Err(what) => self.faults.add_unread(raw.number, what),
        }
    }
}

const EXPECTED: &str =
    "expected a line of completions.jsonl, {\"step\": 1, \"row\": 3, \"completion\": …}";

/// The step of a line, and what is wrong with it that does not matter for that.
fn step_of(line: &[u8]) -> Result<(u64, Option<String>), String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    // A list would be read as the fields in order.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(format!("not an object: {EXPECTED}"));
    }
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("byte {} of the line is not UTF-8", error.valid_up_to() + 1))?;
    let (place, remark) = from_python_json(text).map_err(|error| match error.is_eof() {
        true => "the line ends within its object: was the file cut off?".to_owned(),
        false => format!("not readable from column {} on: {EXPECTED}", error.column()),
    })?;
    match place {
        Place {
            step: Some(step),
            completion: Some(_),
        } => Ok((step, remark)),
        Place { step: None, .. } => Err(format!("step is missing: {EXPECTED}")),
        Place {
            completion: None, ..
        } => Err(format!("completion is missing: {EXPECTED}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(text: &str) -> (Index, LineFaults, Option<u32>) {
        let mut reader = IndexReader::default();
        reader.push(text.as_bytes());
        reader.finish();
        let (found, faults) = reader.news();
        let mut index = Index::default();
        found
            .into_iter()
            .for_each(|(step, lines)| index.take(step, lines));
        (index, faults, reader.being_written())
    }

    #[test]
    fn a_step_is_where_its_lines_are() {
        let line = |step: u64| format!("{{\"step\":{step},\"completion\":\"c\"}}\n");
        let text = [line(1), line(1), line(2), line(12)].concat();
        let (index, faults, written) = index(&text);
        assert_eq!(
            (faults, written, index.len()),
            (LineFaults::default(), None, 3)
        );
        // A line of a one-digit step has 27 bytes and its end.
        assert_eq!(line(1).len(), 28);
        assert_eq!(
            index.get(1),
            Some(StepLines {
                from: 0,
                to: 55,
                line: 1,
                count: 2
            })
        );
        assert_eq!(
            index.get(2),
            Some(StepLines {
                from: 56,
                to: 83,
                line: 3,
                count: 1
            })
        );
        assert_eq!(
            [0, 2, 5, 8, 99].map(|step| index.nearest(step)),
            [Some(1), Some(2), Some(2), Some(12), Some(12)]
        );
        assert_eq!(
            (
                index.beside(2, true),
                index.beside(2, false),
                index.beside(12, true)
            ),
            (Some(12), Some(1), None)
        );
    }

    #[test]
    fn steps_are_taken_from_all_over_the_file() {
        let text: String = (1..=10)
            .map(|step| format!("{{\"step\":{step},\"completion\":\"c\"}}\n"))
            .collect();
        let (index, ..) = index(&text);
        assert_eq!(index.spread(10), (1..=10).collect::<Vec<_>>());
        assert_eq!(index.spread(4), [1, 4, 7, 10]);
        assert!(Index::default().spread(4).is_empty());
    }

    #[test]
    fn a_number_that_is_none_leaves_its_line_readable() {
        let (index, faults, _) = index("{\"step\":1,\"completion\":\"c\",\"total\":NaN}\n");
        assert_eq!((index.len(), faults.remarked), (1, 1));
        assert!(faults.first[0].what.starts_with("total is NaN, for which"));
    }

    #[test]
    fn a_step_that_comes_again_is_the_later_one() {
        let line = |step: u64| format!("{{\"step\":{step},\"completion\":\"c\"}}\n");
        let (index, ..) = index(&[line(1), line(2), line(1), line(1)].concat());
        assert_eq!(
            index.get(1),
            Some(StepLines {
                from: 56,
                to: 111,
                line: 3,
                count: 2
            })
        );
        assert_eq!(index.twice, 1);
    }

    #[test]
    fn what_is_no_completion_is_named_and_the_last_line_may_be_unfinished() {
        let (index, faults, written) = index(
            "{\"step\":1,\"reward\":2}\n[1,\"c\"]\n{\"completion\":\"c\"}\n{\"step\":1,\"completion\":\"cu",
        );
        let said: Vec<&str> = faults
            .first
            .iter()
            .map(|fault| fault.what.split(':').next().unwrap())
            .collect();
        assert_eq!(
            said,
            ["completion is missing", "not an object", "step is missing"]
        );
        assert_eq!((index.is_empty(), written), (true, Some(4)));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(steps in prop::collection::vec(1u64..4, 0..9), cut in 0usize..200) {
            let text: String = steps.iter().map(|step| format!("{{\"step\":{step},\"completion\":\"é\"}}\n")).collect();
            let cut = cut.min(text.len());
            let mut reader = IndexReader::default();
            let mut pieces = Index::default();
            for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                reader.push(piece);
                reader.news().0.into_iter().for_each(|(step, lines)| pieces.take(step, lines));
            }
            prop_assert_eq!(pieces, index(&text).0);
        }
    }
}
