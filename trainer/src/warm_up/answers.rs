//! What the warm-up teaches the policy to write behind the prompt: a sentence of thinking that names the change, then the code.

use anyhow::{Result, ensure};
use recode_core::migration::Migration;
use recode_kernels::random::Stream;
use serde::Deserialize;
use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::text::pieces;

/// Said where a change is too long to be told in a sentence.
const AT_LARGE: &str = "Rewrite it as the note says.";
/// Said by an answer that changes nothing.
const KEEP: &str = "The code stays as it is.";
/// Longest thinking in bytes, and most changes in it: beyond, it is [`AT_LARGE`].
const MAX_THINKING_BYTES: usize = 90;
const MAX_CHANGES: usize = 3;

/// The thinking that leads from `old` to `new`: which words become what, which are added, which are dropped.
pub(super) fn thinking(old: &str, new: &str) -> String {
    let words = |code| -> Vec<&str> { pieces(code).into_iter().filter(|p| is_name(p)).collect() };
    let (old, new) = (words(old), words(new));
    let mut changes: Vec<String> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let removed = old[op.old_range()].join(" ");
        let added = new[op.new_range()].join(" ");
        let change = match op.tag() {
            DiffTag::Equal => continue,
            DiffTag::Insert => format!("add {added}"),
            DiffTag::Delete => format!("drop {removed}"),
            DiffTag::Replace => format!("{removed} becomes {added}"),
        };
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    let told = changes.join(", ") + ".";
    match changes.len() {
        1..=MAX_CHANGES if told.len() <= MAX_THINKING_BYTES => told,
        _ => AT_LARGE.to_owned(),
    }
}

/// Whether a piece is a word or a number rather than space or a sign.
fn is_name(piece: &str) -> bool {
    piece.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// What the warm-up teaches beside the right answer: each a share of all answers, from 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// Answers that return the old code unchanged, in the right form.
    pub keep_old: f64,
    /// Answers that bring the right code in a form that breaks the rules.
    pub break_form: f64,
}

impl Habits {
    /// # Errors
    /// Shares that are not shares, or that together leave nothing for the right answer.
    pub(super) fn check(&self) -> Result<()> {
        let Self {
            keep_old,
            break_form,
        } = *self;
        ensure!(
            keep_old >= 0.0 && break_form >= 0.0 && keep_old + break_form < 1.0,
            "habits.keep_old = {keep_old} and habits.break_form = {break_form}: both at least 0, together less than 1"
        );
        Ok(())
    }

    /// An answer to `row` as it follows the prompt's open `<think>`, of the kind that `random` draws.
    pub(super) fn answer(&self, row: &Migration, random: &mut Stream) -> String {
        let kind = random.uniform_f64();
        if kind < self.keep_old {
            return answer(KEEP, &row.old_code);
        }
        let thinking = thinking(&row.old_code, &row.new_code);
        let right = answer(&thinking, &row.new_code);
        if kind >= self.keep_old + self.break_form {
            return right;
        }
        match random.below(3) {
            0 => right.replace("<answer>\n", "").replace("\n</answer>", ""),
            1 => right.replace(" </think>", ""),
            _ => right + "\n" + &thinking,
        }
    }
}

fn answer(thinking: &str, code: &str) -> String {
    let ticks = |line: &str| line.bytes().take_while(|&byte| byte == b'`').count();
    // Longer than any that the code has, so that its block ends where it should.
    let fence = "`".repeat(
        code.lines()
            .map(ticks)
            .max()
            .map_or(3, |most| (most + 1).max(3)),
    );
    format!(" {thinking} </think>\n<answer>\n{fence}python\n{code}\n{fence}\n</answer>")
}

#[cfg(test)]
mod tests {
    use recode_core::reward::{Rubric, score};

    use super::*;

    fn row() -> Migration {
        Migration {
            dependency: "numpy".into(),
            new_version: "==2.0.0".into(),
            description: String::new(),
            update_info: "np.asfarray was removed.".into(),
            old_code: "x = np.asfarray(a, 2)\ny = x".into(),
            new_code: "x = np.asarray(a, 2, dtype=float)\ny = x".into(),
        }
    }

    #[test]
    fn a_code_with_a_fence_is_answered_in_a_longer_one() {
        let code = "def f():\n    \"\"\"\n```\nf()\n````\n\"\"\"";
        let right = answer("Keep it.", code);
        assert!(right.contains("\n`````python\n"));
        assert_eq!(score(&Rubric::default(), &right, code).total, Some(3.0));
    }

    #[test]
    fn thinking_names_what_is_replaced_added_and_dropped() {
        assert_eq!(
            thinking(&row().old_code, &row().new_code),
            "asfarray becomes asarray, add dtype float."
        );
        assert_eq!(thinking("f(a, b)", "f(b)"), "drop a.");
        assert_eq!(thinking("x.old\nx.old", "x.new\nx.new"), "old becomes new.");
        // Only signs differ; more than three changes; a sentence of more than 90 bytes.
        assert_eq!(thinking("r.json", "r.json()"), AT_LARGE);
        assert_eq!(
            thinking("a\nx\nb\nx\nc\nx\nd", "e\nx\nf\nx\ng\nx\nh"),
            AT_LARGE
        );
        assert_eq!(thinking("a", &"b".repeat(90)), AT_LARGE);
    }

    #[test]
    fn the_right_answer_earns_everything_and_each_habit_its_due() {
        let row = row();
        let totals = |habits: Habits| -> Vec<Option<f64>> {
            habits.check().unwrap();
            (0..40)
                .map(|i| habits.answer(&row, &mut Stream::new(1, &[i])))
                .map(|answer| score(&Rubric::strict(), &answer, &row.new_code).total)
                .collect()
        };
        let right = Habits {
            keep_old: 0.0,
            break_form: 0.0,
        };
        assert!(totals(right).iter().all(|&total| total == Some(3.0)));
        let kept = score(
            &Rubric::strict(),
            &answer(KEEP, &row.old_code),
            &row.new_code,
        );
        assert!(kept.format == 1.0 && kept.total < Some(3.0), "{kept:?}");
        let broken = totals(Habits {
            keep_old: 0.0,
            break_form: 0.99,
        });
        assert!(
            broken.iter().filter(|&&total| total == Some(3.0)).count() < 4,
            "{broken:?}"
        );
    }

    #[test]
    fn shares_that_leave_nothing_for_the_right_answer_are_refused() {
        let habits = Habits {
            keep_old: 0.6,
            break_form: 0.4,
        };
        assert!(habits.check().is_err());
        let nan = Habits {
            keep_old: f64::NAN,
            break_form: 0.0,
        };
        assert!(nan.check().is_err());
    }
}
