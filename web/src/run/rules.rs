//! The rules that a run's rewards were logged by: one for all of it, never one for each row that happens to fit.
//!
//! Its config.toml says which. Where that is not among what was opened, they are those that give every logged reward again, and where none do, that
//! is said with how many the nearest give: a reward of one row fits several rules as often as not.

use super::config::reward_rules;
use super::{CompletionLine, Row};
use crate::score::{AnswerKind, Case, Rules, Size};
use recode_core::reward::Reference;

/// The most by which a recomputed reward may differ from the logged one and be the same.
const SAME: f64 = 1e-9;

/// Whether two rewards are the same but for rounding.
pub fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME
}

/// How many of a run's logged rewards each of the rules gives again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fit {
    /// In the order of [`Fit::ORDER`].
    agree: [usize; 3],
    of: usize,
}

/// What is known of a run's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunRules {
    /// By its config.toml.
    Configured(Rules),
    /// By its config.toml they are none of the page's: what they are.
    Foreign(String),
    /// Those that give every reward of so many rows again.
    Fitting(Rules, usize),
    /// None do: the nearest, how many rewards they give, and of how many.
    Unfit(Rules, usize, usize),
    /// No reward could be tried.
    Untried,
}

impl Fit {
    /// Where several give all, the first of them: the project's own.
    const ORDER: [Rules; 3] = [Rules::Strict, Rules::EditGain, Rules::Paper];

    /// Tries all rules on a completion; one without a logged reward says nothing.
    pub fn take(&mut self, row: &Row, line: &CompletionLine) {
        let Some(logged) = line.total else { return };
        let case = case_of(row, line);
        // Long ones would hold the page up.
        if Size::of(&case) != Ok(Size::AtOnce) {
            return;
        }
        self.of += 1;
        for (agree, rules) in self.agree.iter_mut().zip(Self::ORDER) {
            let reference = Reference::new(rules.rubric(), &case.target, case.given_old_code());
            let total = reference.score(&case.answer, None).total;
            *agree += usize::from(total.is_some_and(|total| is_same(total, logged)));
        }
    }

    /// What follows.
    pub fn rules(self) -> RunRules {
        // Of those that give as many, the first.
        let tried = self.agree.into_iter().zip(Self::ORDER).rev();
        let Some((most, rules)) = tried.max_by_key(|(agree, _)| *agree) else {
            return RunRules::Untried;
        };
        match self.of {
            0 => RunRules::Untried,
            of if most == of => RunRules::Fitting(rules, of),
            of => RunRules::Unfit(rules, most, of),
        }
    }
}

impl RunRules {
    /// Those of a config.toml; `None` where it has none.
    pub fn of_config(config: &str) -> Option<Self> {
        let rules = reward_rules(config)?;
        Some(rules.map_or_else(RunRules::Foreign, RunRules::Configured))
    }

    /// The rules that a completion is recomputed by.
    pub fn rules(&self) -> Rules {
        match *self {
            RunRules::Configured(rules)
            | RunRules::Fitting(rules, _)
            | RunRules::Unfit(rules, ..) => rules,
            RunRules::Foreign(_) | RunRules::Untried => Rules::default(),
        }
    }

    /// Whether a logged reward is the recomputed one, and the sentence that says so.
    pub fn held_against(&self, logged: f64, recomputed: Option<f64>) -> (bool, String) {
        let is_same = recomputed.is_some_and(|total| is_same(total, logged));
        let number = |total: Option<f64>| total.map_or("no total".to_owned(), crate::score::signed);
        let name = self.rules().name();
        let said = match (is_same, logged) {
            (true, _) => format!("recomputed = logged, by {name}"),
            (false, logged) => format!(
                "recomputed {} by {name}, logged {}",
                number(recomputed),
                number(Some(logged))
            ),
        };
        let whence = match self {
            RunRules::Configured(_) => "as the run's config.toml has it".to_owned(),
            RunRules::Foreign(own) => {
                let said = format!(
                    "logged {} by rules of the run's own ({own}), which the page does not compute: below is {name}",
                    number(Some(logged))
                );
                return (false, said);
            }
            RunRules::Fitting(_, 1) => "which gives the 1 reward that was tried".to_owned(),
            RunRules::Fitting(_, of) => format!("which gives all {of} rewards that were tried"),
            RunRules::Unfit(_, agree, of) => format!(
                "but no rules give all of this run's rewards: {name} gives {agree} of the {of} that were tried. Other weights, or not the rows of this run"
            ),
            RunRules::Untried => "but by which rules the run was scored is not known: of those completions that were looked at, none has a row and is short enough to be tried".to_owned(),
        };
        let fits = is_same && !matches!(self, RunRules::Unfit(..) | RunRules::Untried);
        (fits, format!("{said}, {whence}"))
    }
}

/// A completion held against its row.
pub fn case_of(row: &Row, line: &CompletionLine) -> Case {
    Case {
        update_info: row.update_info.clone(),
        old_code: row.old_code.clone(),
        answer: line.completion.clone(),
        kind: AnswerKind::Completion,
        target: row.new_code.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RowsReader, of_step};
    use super::*;
    use crate::score::with_tags;

    fn fit(completions: &[(&str, f64)]) -> Fit {
        let mut rows = RowsReader::default();
        rows.push(b"{\"new_code\":\"np.vstack(a)\",\"old_code\":\"np.row_stack(a)\"}\n");
        let mut fit = Fit::default();
        for (completion, total) in completions {
            let line =
                serde_json::json!({"step": 1, "row": 1, "completion": completion, "total": total});
            let line = of_step(line.to_string().as_bytes(), 1, 1)
                .unwrap()
                .remove(0);
            fit.take(&rows.rows[&1], &line);
        }
        fit
    }

    /// Right code in the thinking, and a copy in the answer: the paper takes the first block anywhere, strict the answer's.
    fn thought() -> String {
        format!(
            "```python\nnp.vstack(a)\n```{}",
            with_tags("", "np.row_stack(a)")
        )
    }

    #[test]
    fn a_run_has_one_rule_though_most_of_its_rows_fit_others_too() {
        let right = with_tags("", "np.vstack(a)");
        // By the paper: format 1 and ES* 2, whichever block is read.
        let rows = [(&*right, 3.0), (&*right, 3.0), (&*thought(), 3.0)];
        assert_eq!(fit(&rows).rules(), RunRules::Fitting(Rules::Paper, 3));
        assert_eq!(fit(&rows[..2]).rules(), RunRules::Fitting(Rules::Strict, 2));
    }

    #[test]
    fn where_nothing_could_be_tried_that_is_said() {
        let long = with_tags("", &"np.vstack(a)\n".repeat(2000));
        for rules in [fit(&[]).rules(), fit(&[(&long, 3.0)]).rules()] {
            assert_eq!(rules, RunRules::Untried);
            let (fits, said) = rules.held_against(3.0, Some(3.0));
            assert!(!fits && said.contains("is not known"), "{said}");
        }
    }

    #[test]
    fn where_no_rules_give_all_it_is_said_how_many_the_nearest_give() {
        let right = with_tags("", "np.vstack(a)");
        let rules = fit(&[(&right, 3.0), (&right, 3.0), (&right, 2.5)]).rules();
        assert_eq!(rules, RunRules::Unfit(Rules::Strict, 2, 3));
        let (fits, said) = rules.held_against(3.0, Some(3.0));
        assert!(!fits);
        assert!(said.contains("strict gives 2 of the 3"), "{said}");
    }

    #[test]
    fn a_configured_rule_is_held_to_what_was_logged() {
        let rules = RunRules::Configured(Rules::Paper);
        assert_eq!(
            rules.held_against(2.0, Some(2.0)),
            (
                true,
                "recomputed = logged, by paper, as the run's config.toml has it".to_owned()
            )
        );
        let (fits, said) = rules.held_against(2.0, Some(-3.0));
        assert!(
            !fits && said.starts_with("recomputed -3.000 by paper, logged +2.000"),
            "{said}"
        );
        let (fits, said) =
            RunRules::Foreign("weights es_star=2".to_owned()).held_against(2.0, Some(2.0));
        assert!(!fits && said.contains("weights es_star=2"), "{said}");
    }
}
