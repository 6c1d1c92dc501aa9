//! A long case as a worker scores it, and what of that it hands over.

use super::{Baseline, Case, Judged, Judgement, Rules, Verdict};
use recode_core::explain::Explanation;
use recode_core::reward::Breakdown;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All that is computed of a case but what would earn more: to try edits takes a score each.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The judged case.
    pub judged: Arc<Judged>,
    /// What others would earn.
    pub baselines: Vec<Baseline>,
}

/// What of it the page does not know: the case it has sent itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandedOver {
    explanation: Explanation,
    /// In the order of [`Baseline::of`].
    baselines: Vec<Option<f64>>,
    /// In the order of [`Rules::ALL`].
    breakdowns: Vec<Breakdown>,
}

impl HandedOver {
    /// Of a case; `None` where there is no target to hold the answer against.
    pub fn of(case: &Case, rules: Rules) -> Option<Self> {
        let judgement = Judgement::of(case, rules)?;
        let verdicts = judgement.verdicts(case).into_iter();
        let baselines = Baseline::of(case, rules).into_iter();
        Some(HandedOver {
            baselines: baselines.map(|baseline| baseline.total).collect(),
            breakdowns: verdicts.map(|verdict| verdict.breakdown).collect(),
            explanation: judgement.explanation,
        })
    }

    /// All of it, with the case that was sent, which may be another one than that of the fields by now.
    pub fn with(self, case: Case, rules: Rules) -> Scored {
        let names = Baseline::names(&case).into_iter();
        let baselines = names.zip(self.baselines);
        let verdicts = Rules::ALL.into_iter().zip(self.breakdowns);
        let verdicts = verdicts.map(|(rules, breakdown)| Verdict { rules, breakdown });
        let judgement = Judgement {
            rules,
            completion: case.completion().into_owned(),
            explanation: self.explanation,
        };
        Scored {
            baselines: baselines
                .map(|(name, total)| Baseline { name, total })
                .collect(),
            judged: Arc::new(Judged::by_worker(case, judgement, verdicts.collect())),
        }
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
            let handed_over = serde_json::to_string(&HandedOver::of(&case, rules)).unwrap();
            let handed_over: Option<HandedOver> = serde_json::from_str(&handed_over).unwrap();
            let scored = handed_over.unwrap().with(case.clone(), rules);
            let here = Judged::of(&case, rules).unwrap();
            assert!(scored.judged.is_of(&case, rules));
            assert_eq!(scored.judged.judgement, here.judgement);
            assert_eq!(scored.judged.verdicts(), here.verdicts());
            assert_eq!(scored.baselines, Baseline::of(&case, rules));
            // To try edits would take a score each.
            assert!(scored.judged.higher().is_none());
        }
        assert_eq!(HandedOver::of(&Case::default(), Rules::Strict), None);
    }
}
