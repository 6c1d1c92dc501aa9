//! Two texts side by side: the scorer's own alignment, or the lines as they were written.
//!
//! The scorer compares what is left without comments and blank lines; the other view is a line diff by Myers' (1986), the crate `similar`'s, of
//! what was written. Beyond the limits below it gets coarser, and says so.

use recode_core::explain::{Edit, EditScript};
use similar::DiffOp;
use similar::algorithms::{Capture, Compact, Replace, myers};
use std::hash::Hash;
use std::time::Duration;
use web_time::Instant;

/// The most lines on either side that are compared.
pub const MAX_LINES: usize = 3000;
/// The most pairs of changed lines that are compared inside.
pub const MAX_LINE_PAIRS: usize = 10_000;
/// The most bytes of two changed lines that are compared inside.
pub const MAX_LINE_BYTES: usize = 20_000;
/// The most bytes of a line that are drawn: of two, as many as are compared inside.
const MAX_DRAWN_BYTES: usize = MAX_LINE_BYTES / 2;
/// How long lines are compared, and then once more how long pairs of them are.
const TIMEOUT: Duration = Duration::from_millis(60);

/// A line of one side: its number from 1, and its pieces, each changed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The line's number.
    pub line: usize,
    /// Text, and whether the other side lacks it.
    pub pieces: Vec<(bool, String)>,
}

impl Cell {
    /// The pieces that are drawn, and how many bytes of the line are left out.
    pub fn drawn(&self) -> (Vec<(bool, &str)>, usize) {
        let (mut drawn, mut bytes) = (Vec::new(), 0);
        for (changed, text) in &self.pieces {
            let end = text.floor_char_boundary(MAX_DRAWN_BYTES - bytes);
            drawn.push((*changed, &text[..end]));
            bytes += end;
            if end < text.len() {
                break;
            }
        }
        let all: usize = self.pieces.iter().map(|(_, text)| text.len()).sum();
        (drawn, all - bytes)
    }
}

/// A line beside its counterpart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// The answer's; `None` where the line comes new.
    pub left: Option<Cell>,
    /// The target's; `None` where the line goes.
    pub right: Option<Cell>,
}

impl DiffRow {
    /// Whether both sides are the same.
    pub fn keeps(&self) -> bool {
        let same = |cell: &Option<Cell>| {
            let cell = cell.as_ref();
            cell.is_some_and(|cell| cell.pieces.iter().all(|(changed, _)| !changed))
        };
        same(&self.left) && same(&self.right)
    }
}

/// Two texts side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// The lines.
    pub rows: Vec<DiffRow>,
    /// Why the comparison is coarser than it could be.
    pub note: Option<String>,
}

impl From<&EditScript> for Diff {
    fn from(script: &EditScript) -> Self {
        let rows = script.lines.iter().map(|line| {
            let cell = |number: Option<usize>, own: Edit| {
                let pieces = line.pieces.iter();
                let pieces = pieces
                    .filter(|piece| piece.edit == own || piece.edit == Edit::Keep)
                    .map(|piece| (piece.edit == own, piece.text.clone()))
                    .collect();
                number.map(|line| Cell { line, pieces })
            };
            DiffRow {
                left: cell(line.answer_line, Edit::Delete),
                right: cell(line.target_line, Edit::Insert),
            }
        });
        Diff {
            rows: rows.collect(),
            note: script.cut_short.then(|| {
                "too long and too different to be compared in all detail: what is between the common ends counts as replaced".to_owned()
            }),
        }
    }
}

impl Diff {
    /// The lines of two texts as they were written.
    pub fn between(left: &str, right: &str) -> Self {
        let (old, new): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
        let lines = old.len().max(new.len());
        if lines > MAX_LINES {
            return Diff {
                rows: Vec::new(),
                note: Some(format!(
                    "{lines} lines are too many to show beside each other: {MAX_LINES} at most"
                )),
            };
        }
        let operations = operations(&old, &new, Instant::now() + TIMEOUT);
        let mut within = Within {
            pairs: MAX_LINE_PAIRS,
            deadline: Instant::now() + TIMEOUT,
            cut: false,
        };
        let mut rows = Vec::new();
        for op in operations {
            let (_, from, to) = op.as_tag_tuple();
            for at in 0..from.len().max(to.len()) {
                let line = |range: &std::ops::Range<usize>| range.clone().nth(at);
                let (a, b) = (line(&from), line(&to));
                let (left, right) = match (a.map(|a| old[a]), b.map(|b| new[b])) {
                    (Some(a), Some(b)) if matches!(op, DiffOp::Equal { .. }) => (kept(a), kept(b)),
                    (Some(a), Some(b)) => within.compare(a, b),
                    (a, b) => (changed(a), changed(b)),
                };
                let cell = |at: Option<usize>, pieces| {
                    at.map(|at| Cell {
                        line: at + 1,
                        pieces,
                    })
                };
                rows.push(DiffRow {
                    left: cell(a, left),
                    right: cell(b, right),
                });
            }
        }
        Diff {
            rows,
            note: within.cut.then(|| {
                format!(
                    "changed lines are compared inside up to {MAX_LINE_PAIRS} pairs, {MAX_LINE_BYTES} bytes a pair and {} ms: the rest counts as replaced",
                    TIMEOUT.as_millis()
                )
            }),
        }
    }
}

type Pieces = Vec<(bool, String)>;

fn kept(line: &str) -> Pieces {
    vec![(false, line.to_owned())]
}

fn changed(line: Option<&str>) -> Pieces {
    line.map(|line| (true, line.to_owned()))
        .into_iter()
        .collect()
}

/// Myers' algorithm, which becomes coarser at its deadline; its own module, as in `recode_core::explain`, for the size of the download.
fn operations<T: Eq + Hash>(old: &[T], new: &[T], deadline: Instant) -> Vec<DiffOp> {
    let mut hook = Compact::new(Replace::new(Capture::new()), old, new);
    let (all_old, all_new) = (0..old.len(), 0..new.len());
    let Ok(()) = myers::diff_deadline(&mut hook, old, all_old, new, all_new, Some(deadline));
    hook.into_inner().into_inner().into_ops()
}

/// Compares changed lines with each other, as long as it may.
struct Within {
    pairs: usize,
    deadline: Instant,
    cut: bool,
}

impl Within {
    fn compare(&mut self, a: &str, b: &str) -> (Pieces, Pieces) {
        let is_long = a.len() + b.len() > MAX_LINE_BYTES;
        if is_long || self.pairs == 0 || Instant::now() >= self.deadline {
            self.cut = true;
            return (changed(Some(a)), changed(Some(b)));
        }
        self.pairs -= 1;
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut sides = (Pieces::new(), Pieces::new());
        for op in operations(&a, &b, self.deadline) {
            let (_, old, new) = op.as_tag_tuple();
            let is_change = !matches!(op, DiffOp::Equal { .. });
            for (pieces, text) in [(&mut sides.0, &a[old]), (&mut sides.1, &b[new])] {
                if !text.is_empty() {
                    pieces.push((is_change, text.iter().collect()));
                }
            }
        }
        sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn side(diff: &Diff, of: fn(&DiffRow) -> &Option<Cell>) -> String {
        let cells = diff.rows.iter().filter_map(|row| of(row).as_ref());
        let text = |cell: &Cell| {
            cell.pieces
                .iter()
                .map(|(_, text)| &**text)
                .collect::<String>()
        };
        cells.map(text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_change_inside_a_line_is_marked_on_both_sides() {
        let diff = Diff::between(
            "import numpy\nnp.row_stack(a)",
            "import numpy\nnp.vstack(a)",
        );
        assert!(diff.rows[0].keeps() && !diff.rows[1].keeps());
        let marked = |cell: &Option<Cell>| {
            let pieces = cell.clone().unwrap().pieces.into_iter();
            pieces.filter(|p| p.0).map(|p| p.1).collect::<Vec<_>>()
        };
        assert_eq!(marked(&diff.rows[1].left), ["row_"]);
        assert_eq!(marked(&diff.rows[1].right), ["v"]);
    }

    #[test]
    fn more_lines_than_can_be_shown_are_named_with_both_numbers() {
        let diff = Diff::between(&"a\n".repeat(3001), "b");
        assert_eq!(
            diff.note.unwrap(),
            "3001 lines are too many to show beside each other: 3000 at most"
        );
    }

    #[test]
    fn hostile_lines_end_in_time() {
        let (a, b) = ("ab".repeat(100_000), "ba".repeat(90_001));
        let begun = std::time::Instant::now();
        let diff = Diff::between(&a, &b);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(
            (side(&diff, |row| &row.left), side(&diff, |row| &row.right)),
            (a, b)
        );
        assert!(
            diff.note
                .unwrap()
                .starts_with("changed lines are compared inside up to")
        );
    }

    proptest! {
        #[test]
        fn a_line_is_drawn_from_its_beginning_as_far_as_it_may(texts in prop::collection::vec(("[a漢]{0,3}", 0usize..4000), 0..6)) {
            let pieces: Vec<(bool, String)> = texts.iter().enumerate().map(|(at, (text, times))| (at % 2 == 0, text.repeat(*times))).collect();
            let cell = Cell { line: 1, pieces };
            let whole: String = cell.pieces.iter().map(|(_, text)| &**text).collect();
            let (drawn, left_out) = cell.drawn();
            let drawn: String = drawn.into_iter().map(|(_, text)| text).collect();
            prop_assert!(whole.starts_with(&drawn));
            prop_assert_eq!(drawn.len() + left_out, whole.len());
            // A character of three bytes may stand across the limit.
            prop_assert!(drawn.len() <= MAX_DRAWN_BYTES && (left_out == 0 || drawn.len() + 3 > MAX_DRAWN_BYTES));
        }

        #[test]
        fn a_diff_holds_both_texts(a in "([ab漢]{0,4}\n){0,6}", b in "([ab漢]{0,4}\n){0,6}") {
            let diff = Diff::between(&a, &b);
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>().join("\n");
            prop_assert_eq!((side(&diff, |row| &row.left), side(&diff, |row| &row.right)), (lines(&a), lines(&b)));
        }
    }
}
