//! What the completions of one row are held against, made ready once: target, old code, rubric.

use super::breakdown::Given;
use super::rubric::{Part, RewardMode, RowCode, Rubric};
use super::{Breakdown, Missing, paper, repetition, strict};
use crate::python::{Module, SyntaxError};
use std::ops::Range;

/// A row's target, and its old code where that is known, ready to judge any number of completions.
///
/// ````
/// use recode_core::reward::{Reference, Rubric};
///
/// let reference = Reference::new(Rubric::edit_gain(), "np.vstack(rows)", Some("np.row_stack(rows)"));
/// let answer = |code| format!("</think><answer>\n```python\n{code}\n```\n</answer>");
/// assert_eq!(reference.score(&answer("np.vstack(rows)"), None).total, Some(3.0));
/// assert_eq!(reference.score(&answer("np.row_stack(rows)"), None).total, Some(1.0 - 0.8));
/// ````
#[derive(Debug)]
pub struct Reference {
    rubric: Rubric,
    rules: Rules,
}

#[derive(Debug)]
enum Rules {
    Paper(paper::Reference),
    Strict(strict::Reference),
}

impl Reference {
    /// Makes a row ready, by rules that pass [`Rubric::check`]: of others, what does not go together is not looked at.
    pub fn new(rubric: Rubric, target: &str, old_code: Option<&str>) -> Self {
        let rules = match rubric.mode {
            RewardMode::Paper => Rules::Paper(paper::Reference::new(target, old_code)),
            RewardMode::Strict => {
                Rules::Strict(strict::Reference::new(rubric.comparison, target, old_code))
            }
        };
        Reference { rubric, rules }
    }

    /// The rules it judges by.
    pub fn rubric(&self) -> &Rubric {
        &self.rubric
    }

    /// Whether every part with a weight can be had, of a completion whose length is known or not.
    ///
    /// # Errors
    /// What is missing, and the part that wants it: then [`Breakdown::total`] is `None`.
    pub fn check(&self, length: bool) -> Result<(), Missing> {
        self.rubric.check_given(self.has_old_code(), length)?;
        let Some(part) = self.rubric.part_of_old_code() else {
            return Ok(());
        };
        self.fault().map_or(Ok(()), |(code, error)| {
            Err(Missing::NotPython { part, code, error })
        })
    }

    fn has_old_code(&self) -> bool {
        match &self.rules {
            Rules::Paper(reference) => reference.has_old_code(),
            Rules::Strict(reference) => reference.has_old_code(),
        }
    }

    /// Why nothing counts from the old code, though it was given: it or the target is not Python.
    pub(crate) fn fault(&self) -> Option<(RowCode, SyntaxError)> {
        let fault = || match &self.rules {
            Rules::Paper(reference) => reference.fault(),
            Rules::Strict(reference) => reference.fault(),
        };
        self.has_old_code().then(fault).flatten()
    }

    /// Why no answer can meet the target: it is not Python. The paper's rules do not ask for that.
    pub fn target_fault(&self) -> Option<SyntaxError> {
        match &self.rules {
            Rules::Paper(_) => None,
            Rules::Strict(reference) => reference.target_fault(),
        }
    }

    /// What [`Breakdown::edit_gain`] counts from: the similarity of the old code and the target, in [0, 1]; `None` where the old code was not
    /// given, or one of them is not Python by the rules of the mode.
    pub fn baseline(&self) -> Option<f64> {
        match &self.rules {
            Rules::Paper(reference) => reference.baseline,
            Rules::Strict(reference) => reference.baseline(),
        }
    }

    /// Whether API names can be compared: old code and target are there, are Python, and the mode looks at names.
    pub fn has_api(&self) -> bool {
        matches!(&self.rules, Rules::Strict(reference) if reference.has_api())
    }

    /// What of an answer's code does not count as it cannot run, by the rules of the mode.
    pub(crate) fn unreachable(&self, module: &Module<'_>) -> Vec<Range<usize>> {
        match &self.rules {
            Rules::Paper(_) => Vec::new(),
            Rules::Strict(reference) => reference.unreachable(module),
        }
    }

    /// Scores a completion; its length, in the unit of the rubric's `overlong`, is needed for that part alone.
    pub fn score(&self, completion: &str, length: Option<usize>) -> Breakdown {
        let judged = match &self.rules {
            Rules::Paper(reference) => reference.judge(completion),
            Rules::Strict(reference) => reference.judge(completion),
        };
        let weighs = |part| self.rubric.weights.get(part).is_some();
        let given = Given {
            baseline: self.baseline(),
            repetition: weighs(Part::Repetition).then(|| repetition::reward(completion)),
            overlong: self
                .rubric
                .overlong
                .zip(length)
                .map(|(overlong, length)| overlong.penalty(length)),
        };
        Breakdown::new(judged, given, &self.rubric)
    }
}
