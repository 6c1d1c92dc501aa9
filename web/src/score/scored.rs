//! What a worker finds out about a long case, as it hands it over.

use super::{Baseline, Case, Judgement, Rules, Verdict};
use recode_core::explain::Explanation;
use recode_core::reward::Breakdown;
use serde::{Deserialize, Serialize};

/// All that is computed of a case but what would earn more: to try edits takes a score each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    explanation: Explanation,
    /// In the order of [`Baseline::of`].
    baselines: Vec<Option<f64>>,
    /// In the order of [`Rules::ALL`].
    breakdowns: Vec<Breakdown>,
}

impl Scored {
    /// Of a case; `None` where there is no target to hold the answer against.
    pub fn of(case: &Case, rules: Rules) -> Option<Self> {
        let judgement = Judgement::of(case, rules)?;
        let verdicts = judgement.verdicts(case).into_iter();
        let baselines = Baseline::of(case, rules).into_iter();
        Some(Scored {
            baselines: baselines.map(|baseline| baseline.total).collect(),
            breakdowns: verdicts.map(|verdict| verdict.breakdown).collect(),
            explanation: judgement.explanation,
        })
    }

    /// The judgement of the case that it is of.
    pub fn judgement(&self, case: &Case, rules: Rules) -> Judgement {
        Judgement {
            rules,
            completion: case.completion().into_owned(),
            explanation: self.explanation.clone(),
        }
    }

    /// What others would earn.
    pub fn baselines(&self, case: &Case) -> Vec<Baseline> {
        let names = Baseline::names(case).into_iter();
        let baselines = names.zip(&self.baselines);
        baselines
            .map(|(name, &total)| Baseline { name, total })
            .collect()
    }

    /// The answer by each of the rules.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdicts = Rules::ALL.into_iter().zip(&self.breakdowns);
        let verdict = |(rules, breakdown): (Rules, &Breakdown)| Verdict {
            rules,
            breakdown: breakdown.clone(),
        };
        verdicts.map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::with_tags;

    #[test]
    fn a_worker_hands_over_what_the_page_would_have_found() {
        let case = Case {
            old_code: "np.row_stack(rows)  # old".into(),
            answer: with_tags("It is \u{202e}gone.", "np.vstack(\n  rows)  # é"),
            target: "np.vstack(rows)".into(),
            ..Case::default()
        };
        for (case, rules) in [
            (case.clone(), Rules::EditGain),
            (
                Case {
                    old_code: String::new(),
                    ..case
                },
                Rules::Paper,
            ),
        ] {
            let handed_over = serde_json::to_string(&Scored::of(&case, rules)).unwrap();
            let scored: Option<Scored> = serde_json::from_str(&handed_over).unwrap();
            let (scored, here) = (scored.unwrap(), Judgement::of(&case, rules).unwrap());
            assert_eq!(scored.judgement(&case, rules), here);
            assert_eq!(scored.baselines(&case), Baseline::of(&case, rules));
            assert_eq!(scored.verdicts(), here.verdicts(&case));
        }
        assert_eq!(Scored::of(&Case::default(), Rules::Strict), None);
    }
}
