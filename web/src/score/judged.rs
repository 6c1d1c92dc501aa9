//! A case with what was found out about it: all of it is of the same texts, whatever is typed meanwhile.

use super::{Case, Higher, Judgement, Rules, Verdict};

/// A judged case.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The case.
    pub case: Case,
    /// What its answer is worth.
    pub judgement: Judgement,
    /// The answer by each of the rules, where a worker has found that out too.
    by_worker: Option<Vec<Verdict>>,
}

impl Judged {
    /// Judges a case; `None` where there is no target to hold the answer against.
    pub fn of(case: &Case, rules: Rules) -> Option<Self> {
        Some(Judged {
            judgement: Judgement::of(case, rules)?,
            case: case.clone(),
            by_worker: None,
        })
    }

    /// What a worker has found out.
    pub(super) fn by_worker(case: Case, judgement: Judgement, verdicts: Vec<Verdict>) -> Self {
        Judged {
            case,
            judgement,
            by_worker: Some(verdicts),
        }
    }

    /// Whether it is of this case, by these rules.
    pub fn is_of(&self, case: &Case, rules: Rules) -> bool {
        self.judgement.rules == rules && self.case == *case
    }

    /// The answer by each of the rules.
    pub fn verdicts(&self) -> Vec<Verdict> {
        match &self.by_worker {
            Some(verdicts) => verdicts.clone(),
            None => self.judgement.verdicts(&self.case),
        }
    }

    /// What would earn more; of long texts, which a worker has judged, that is not tried.
    pub fn higher(&self) -> Option<Higher> {
        match self.by_worker {
            Some(_) => None,
            None => self.judgement.higher(&self.case),
        }
    }

    /// What the answer is worth, where that can be had.
    pub fn total(&self) -> Option<f64> {
        self.judgement.explanation.breakdown.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::with_tags;

    #[test]
    fn it_is_of_its_own_texts_and_rules_alone() {
        let case = Case {
            answer: with_tags("", "np.row_stack(rows)"),
            target: "np.vstack(rows)".into(),
            ..Case::default()
        };
        let judged = Judged::of(&case, Rules::Strict).unwrap();
        assert!(judged.is_of(&case, Rules::Strict));
        assert!(!judged.is_of(&case, Rules::Paper));
        let other = Case {
            answer: "x".into(),
            ..case.clone()
        };
        assert!(!judged.is_of(&other, Rules::Strict));
        assert_eq!(judged.verdicts(), judged.judgement.verdicts(&case));
        assert!(judged.higher().is_some());
        assert_eq!(Judged::of(&Case::default(), Rules::Strict), None);
    }
}
