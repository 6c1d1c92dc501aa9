//! What an answer is worth by the chosen rules, why, and beside what: the baselines, and the other rules.

use super::case::with_tags;
use super::{Case, Higher, Rules};
use recode_core::explain::{Explanation, explain};
use recode_core::reward::{Breakdown, Reference};

/// What the page says of an answer. What depends on the row alone, or takes longer than a keystroke may, is asked for apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The rules that were chosen.
    pub rules: Rules,
    /// The text that was scored.
    pub completion: String,
    /// What it is worth and why.
    pub explanation: Explanation,
}

/// The baseline that an answer has to beat.
pub const COPY: &str = "old code, copied";
const EMPTY: &str = "empty answer";
const TARGET: &str = "target";

/// An answer to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// What it is.
    pub name: &'static str,
    /// What it earns; `None` where a part of the total cannot be had.
    pub total: Option<f64>,
}

/// The answer by other rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The rules.
    pub rules: Rules,
    /// What the answer is worth by them.
    pub breakdown: Breakdown,
}

impl Judgement {
    /// Judges a case; `None` where there is no target to hold the answer against.
    pub fn of(case: &Case, rules: Rules) -> Option<Self> {
        if case.target.trim().is_empty() {
            return None;
        }
        let completion = case.completion().into_owned();
        let (target, old_code) = (&*case.target, case.given_old_code());
        let explanation = explain(&rules.rubric(), &completion, target, old_code, None);
        Some(Judgement {
            rules,
            completion,
            explanation,
        })
    }

    /// The answer by each of the rules.
    pub fn verdicts(&self, case: &Case) -> Vec<Verdict> {
        let verdict = |rules: Rules| Verdict {
            rules,
            breakdown: match rules == self.rules {
                true => self.explanation.breakdown.clone(),
                false => reference(case, rules).score(&self.completion, None),
            },
        };
        Rules::ALL.map(verdict).into()
    }

    /// What would earn more; `None` where nothing would. Edits are tried for it, each at the price of a score.
    pub fn higher(&self, case: &Case) -> Option<Higher> {
        let reference = reference(case, self.rules);
        Higher::of(
            &reference,
            &self.completion,
            &case.target,
            &self.explanation,
        )
    }

    /// The judged code, as it was written.
    pub fn code(&self) -> Option<&str> {
        let span = self.explanation.code.as_ref()?;
        self.completion.get(span.bytes.clone())
    }
}

impl Baseline {
    /// Those of a row: the copied old code where there is some, an empty answer, the target.
    pub fn of(case: &Case, rules: Rules) -> Vec<Baseline> {
        let reference = reference(case, rules);
        let target = case.target.trim();
        let baseline = |name: &'static str| {
            let completion = match name {
                COPY => with_tags("", case.old_code.trim()),
                EMPTY => "</think>\n<answer>\n</answer>".to_owned(),
                _ => with_tags("", target),
            };
            Baseline {
                name,
                total: reference.score(&completion, None).total,
            }
        };
        Self::names(case).into_iter().map(baseline).collect()
    }

    /// What those of a row are called, in their order.
    pub fn names(case: &Case) -> Vec<&'static str> {
        let copy = case.given_old_code().map(|_| COPY);
        copy.into_iter().chain([EMPTY, TARGET]).collect()
    }
}

/// The row of a case, ready to judge by the rules.
fn reference(case: &Case, rules: Rules) -> Reference {
    Reference::new(rules.rubric(), &case.target, case.given_old_code())
}

impl Verdict {
    /// Why the rules give different totals, sentence by sentence; empty where they do not.
    pub fn differences(verdicts: &[Verdict]) -> Vec<String> {
        let of = |rules| verdicts.iter().find(|verdict| verdict.rules == rules);
        let (Some(paper), Some(strict)) = (of(Rules::Paper), of(Rules::Strict)) else {
            return Vec::new();
        };
        let (paper, strict) = (&paper.breakdown, &strict.breakdown);
        let mut said = Vec::new();
        if paper.format != strict.format {
            said.push(format!(
                "format: paper {:+}, strict {:+}; strict takes each tag once and Unicode's white space",
                paper.format, strict.format
            ));
        }
        if paper.es_star != strict.es_star {
            let side = |breakdown: &Breakdown| match (&breakdown.withheld, breakdown.similarity) {
                (Some(withheld), _) => format!("withheld ({withheld})"),
                (None, Some(similarity)) => format!("{similarity:.3}"),
                (None, None) => "not compared".to_owned(),
            };
            said.push(format!(
                "similarity: paper {}, strict {}; paper reads the first block anywhere and cleans by patterns, strict reads the answer's last \
                 block and cleans by tokens",
                side(paper),
                side(strict)
            ));
        }
        if let (Some(gain), true) = (strict.edit_gain, strict.withheld.is_none())
            && gain != strict.es_star
        {
            said.push(format!(
                "edit_gain {gain:.3} stands where strict has ES* {:.3}: it counts from the old code's similarity, {:.3}, for which it pays -0.8",
                strict.es_star,
                strict.baseline.unwrap_or(0.0)
            ));
        }
        let without = verdicts
            .iter()
            .filter(|verdict| verdict.breakdown.total.is_none());
        said.extend(without.map(|verdict| {
            format!(
                "{} has no total: it counts from the old code, which is missing, or cannot be compared with the target",
                verdict.rules.name()
            )
        }));
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case(answer: &str) -> Case {
        Case {
            old_code: "np.row_stack(rows)".into(),
            answer: answer.into(),
            target: "np.vstack(rows)".into(),
            ..Case::default()
        }
    }

    #[test]
    fn a_copy_is_worth_what_the_baseline_says() {
        let copy = with_tags("It is gone.", "np.row_stack(rows)");
        for rules in Rules::ALL {
            let judgement = Judgement::of(&case(&copy), rules).unwrap();
            let baselines = Baseline::of(&case(&copy), rules);
            let totals: Vec<_> = baselines.iter().map(|b| b.total).collect();
            assert_eq!(judgement.explanation.breakdown.total, totals[0]);
            // An empty answer has the format and no code: 1 - 2. The target has all: 1 + 2.
            assert_eq!(totals[1..], [Some(-1.0), Some(3.0)]);
        }
    }

    #[test]
    fn without_old_code_nothing_is_said_of_a_copy_and_edit_gain_has_no_total() {
        let mut case = case(&with_tags("", "np.vstack(rows)"));
        case.old_code = " \n".into();
        let judgement = Judgement::of(&case, Rules::EditGain).unwrap();
        assert_eq!(judgement.explanation.breakdown.total, None);
        let baselines = Baseline::of(&case, Rules::EditGain);
        assert_eq!(baselines[0].name, "empty answer");
        // Not all rules see the same here.
        let said = Verdict::differences(&judgement.verdicts(&case));
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("edit_gain has no total: it counts from the old code"));
    }

    #[test]
    fn without_a_target_there_is_nothing_to_say() {
        assert_eq!(Judgement::of(&Case::default(), Rules::Strict), None);
    }

    #[test]
    fn where_paper_and_strict_differ_it_is_said_why() {
        // Right code in the thinking: the paper's first block anywhere.
        let thought = "```python\nnp.vstack(rows)\n```</think>\n<answer>\n```python\nnp.row_stack(rows)\n```\n</answer>";
        let differences = |answer: &str| {
            let case = case(answer);
            let judgement = Judgement::of(&case, Rules::Strict).unwrap();
            Verdict::differences(&judgement.verdicts(&case))
        };
        let said = differences(thought).join("\n");
        assert!(
            said.contains("similarity: paper 1.000, strict 0.778"),
            "{said}"
        );
        assert_eq!(
            differences(&with_tags("", "np.vstack(rows)")),
            Vec::<String>::new()
        );
    }

    proptest! {
        #[test]
        fn any_case_is_judged_without_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "</think>", "<answer>", "</answer>", "```python\n", "\n```\n", "x = 1\n", "# é\n", "f(", "\r\n", "\u{202e}", "if 0:\n  y\n",
        ]), 0..14), paper: bool) {
            let answer = pieces.concat();
            let rules = if paper { Rules::Paper } else { Rules::EditGain };
            let case = Case { old_code: "x = 2".into(), target: "x = 1\ny = 2".into(), answer, ..Case::default() };
            let judgement = Judgement::of(&case, rules).unwrap();
            if let Some(higher) = &judgement.higher(&case) {
                prop_assert!(higher.lost > 0.0);
                prop_assert!(higher.gain.is_none_or(|gain| gain > 0.0));
            }
            let _ = Verdict::differences(&judgement.verdicts(&case));
        }
    }
}
