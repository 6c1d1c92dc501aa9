//! What turns the answer's code into the target: by lines, and inside lines that have a counterpart.
//!
//! The algorithm is Myers' (1986), the crate `similar`'s. Its time is the product of the lengths at worst, so that a budget of [`MAX_CELLS`]
//! bounds it: what would go beyond counts as replaced as a whole, and the script says that it was cut short.

use serde::{Deserialize, Serialize};
use similar::DiffOp;
use similar::algorithms::{Capture, Compact, Replace, myers};
use std::hash::Hash;
use std::ops::Range;

/// The most pairs of lines, and of characters within lines, that are compared for one script.
const MAX_CELLS: usize = 1 << 22;

/// The edits between two texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditScript {
    /// The lines of both, in order.
    pub lines: Vec<LineEdit>,
    /// The texts were too long and too different to be compared in all detail.
    pub cut_short: bool,
}

/// A line that stays, goes, comes, or becomes another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEdit {
    /// The line's number in the answer's code as it was compared, counted from 1; `None` where it comes new.
    pub answer_line: Option<usize>,
    /// Its number in the target; `None` where it goes.
    pub target_line: Option<usize>,
    /// The pieces of the line, in order: those of both sides where it becomes another one.
    pub pieces: Vec<Piece>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What becomes of it.
    pub edit: Edit,
    /// Its text, without the line end.
    pub text: String,
}

/// What becomes of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// It is in both.
    Keep,
    /// It is in the answer alone.
    Delete,
    /// It is in the target alone.
    Insert,
}

impl LineEdit {
    /// Whether the line stays as it is.
    pub fn keeps(&self) -> bool {
        self.pieces.iter().all(|piece| piece.edit == Edit::Keep)
    }
}

/// The lines of a text; a `\r` is a character like any other, as it is for the reward.
fn lines_of(text: &str) -> Vec<&str> {
    match text {
        "" => Vec::new(),
        text => text.split('\n').collect(),
    }
}

impl EditScript {
    /// What turns `answer` into `target`.
    pub(super) fn between(answer: &str, target: &str) -> Self {
        let (answer, target): (Vec<&str>, Vec<&str>) = (lines_of(answer), lines_of(target));
        let mut script = EditScript {
            lines: Vec::new(),
            cut_short: false,
        };
        let mut budget = Budget(MAX_CELLS);
        for (old, new) in script.blocks(&answer, &target, &mut budget) {
            let both = old.len().min(new.len());
            if answer[old.clone()] == target[new.clone()] {
                for (old, new) in old.zip(new) {
                    script.add(
                        Some(old),
                        Some(new),
                        vec![Piece::new(Edit::Keep, answer[old])],
                    );
                }
                continue;
            }
            for (old, new) in old.clone().zip(new.clone()) {
                let pieces = script.pieces(answer[old], target[new], &mut budget);
                script.add(Some(old), Some(new), pieces);
            }
            for old in old.skip(both) {
                script.add(Some(old), None, vec![Piece::new(Edit::Delete, answer[old])]);
            }
            for new in new.skip(both) {
                script.add(None, Some(new), vec![Piece::new(Edit::Insert, target[new])]);
            }
        }
        script
    }

    fn add(&mut self, answer: Option<usize>, target: Option<usize>, pieces: Vec<Piece>) {
        let number = |index: usize| index + 1;
        self.lines.push(LineEdit {
            answer_line: answer.map(number),
            target_line: target.map(number),
            pieces,
        });
    }

    /// The ranges that correspond to each other, equal or not.
    fn blocks<T: Eq + Hash>(
        &mut self,
        a: &[T],
        b: &[T],
        budget: &mut Budget,
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let same = |(a, b): &(&T, &T)| a == b;
        let begin = a.iter().zip(b).take_while(same).count();
        let end = a[begin..]
            .iter()
            .rev()
            .zip(b[begin..].iter().rev())
            .take_while(same)
            .count();
        let (inner_a, inner_b) = (&a[begin..a.len() - end], &b[begin..b.len() - end]);
        let mut blocks = vec![(0..begin, 0..begin)];
        if budget.spend(inner_a.len().saturating_mul(inner_b.len())) {
            let within = |op: DiffOp| {
                let (_, old, new) = op.as_tag_tuple();
                (
                    old.start + begin..old.end + begin,
                    new.start + begin..new.end + begin,
                )
            };
            blocks.extend(operations(inner_a, inner_b).into_iter().map(within));
        } else {
            self.cut_short = true;
            blocks.push((begin..a.len() - end, begin..b.len() - end));
        }
        blocks.push((a.len() - end..a.len(), b.len() - end..b.len()));
        blocks.retain(|(old, new)| !old.is_empty() || !new.is_empty());
        blocks
    }

    /// A line of the answer and its counterpart in the target, piece by piece.
    fn pieces(&mut self, old: &str, new: &str, budget: &mut Budget) -> Vec<Piece> {
        let (a, b): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
        let mut pieces = Vec::new();
        for (old, new) in self.blocks(&a, &b, budget) {
            let text = |characters: &[char]| characters.iter().collect::<String>();
            if a[old.clone()] == b[new.clone()] {
                pieces.push(Piece::new(Edit::Keep, text(&a[old])));
                continue;
            }
            for (edit, text) in [(Edit::Delete, text(&a[old])), (Edit::Insert, text(&b[new]))] {
                if !text.is_empty() {
                    pieces.push(Piece::new(edit, text));
                }
            }
        }
        pieces
    }
}

/// Calls the algorithm's own module: `capture_diff` chooses at run time and links all six, 23 KB of the 770 that a browser downloads.
fn operations<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<DiffOp> {
    let mut hook = Compact::new(Replace::new(Capture::new()), old, new);
    let Ok(()) = myers::diff(&mut hook, old, 0..old.len(), new, 0..new.len());
    hook.into_inner().into_inner().into_ops()
}

impl Piece {
    fn new(edit: Edit, text: impl Into<String>) -> Self {
        Piece {
            edit,
            text: text.into(),
        }
    }
}

/// What may still be compared.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, cells: usize) -> bool {
        match self.0.checked_sub(cells) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The two texts that a script was made from.
    fn sides(script: &EditScript) -> (String, String) {
        let side = |of: fn(&LineEdit) -> Option<usize>, gone: Edit| {
            let lines = script.lines.iter().filter(|line| of(line).is_some());
            let text = |line: &LineEdit| -> String {
                line.pieces
                    .iter()
                    .filter(|piece| piece.edit != gone)
                    .map(|piece| piece.text.as_str())
                    .collect()
            };
            lines.map(text).collect::<Vec<_>>().join("\n")
        };
        (
            side(|line| line.answer_line, Edit::Insert),
            side(|line| line.target_line, Edit::Delete),
        )
    }

    #[test]
    fn a_line_that_changes_says_where() {
        let script = EditScript::between(
            "import numpy as np\nnp.row_stack(rows)",
            "import numpy as np\nnp.vstack(rows)",
        );
        assert!(script.lines[0].keeps());
        let line = &script.lines[1];
        assert_eq!((line.answer_line, line.target_line), (Some(2), Some(2)));
        let pieces: Vec<(Edit, &str)> = line
            .pieces
            .iter()
            .map(|piece| (piece.edit, piece.text.as_str()))
            .collect();
        assert_eq!(
            pieces,
            [
                (Edit::Keep, "np."),
                (Edit::Delete, "row_"),
                (Edit::Insert, "v"),
                (Edit::Keep, "stack(rows)")
            ]
        );
    }

    #[test]
    fn beyond_the_budget_all_between_the_common_ends_is_replaced() {
        let long = |letter: &str| format!("x\n{}y", format!("{letter}\n").repeat(3000));
        let script = EditScript::between(&long("a"), &long("b"));
        assert!(script.cut_short && script.lines[0].keeps() && script.lines[3001].keeps());
        assert_eq!(sides(&script), (long("a"), long("b")));
    }

    proptest! {
        #[test]
        fn a_script_holds_both_texts(a in "[ab漢\n]{0,40}", b in "[ab漢\n]{0,40}") {
            let script = EditScript::between(&a, &b);
            prop_assert_eq!(script.lines.iter().all(LineEdit::keeps), a == b);
            prop_assert_eq!(sides(&script), (a, b));
        }
    }
}
