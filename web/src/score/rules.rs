//! The rules that the page offers: those that `recode-trainer score --reward` takes.

use recode_core::reward::Rubric;

/// Rules known by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// The numbers of the paper's code, its faults included.
    Paper,
    /// The paper's formulas, mended and guarded.
    #[default]
    Strict,
    /// As strict, with what is gained over copying in place of ES*.
    EditGain,
}

/// Every total lies between minus this and this: a format of ±1 and a code reward of ±2.
pub const SCALE: f64 = 3.0;

impl Rules {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Rules; 3] = [Rules::Paper, Rules::Strict, Rules::EditGain];

    /// How the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Rules::Paper => "paper",
            Rules::Strict => "strict",
            Rules::EditGain => "edit_gain",
        }
    }

    /// What it does, in a few words.
    pub fn in_words(self) -> &'static str {
        match self {
            Rules::Paper => "the paper's code, its faults included",
            Rules::Strict => "the same formulas, mended and guarded",
            Rules::EditGain => "strict, and copying does not pay",
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rules| rules.name() == name)
    }

    /// What the scorer takes.
    pub fn rubric(self) -> Rubric {
        match self {
            Rules::Paper => Rubric::paper(),
            Rules::Strict => Rubric::strict(),
            Rules::EditGain => Rubric::edit_gain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_rules() {
        for rules in Rules::ALL {
            assert_eq!(Rules::named(rules.name()), Some(rules));
            // The scale holds the best that each can give: weight times best, added up.
            let best: f64 = rules
                .rubric()
                .weights
                .iter()
                .map(|(part, weight)| weight * part.best())
                .sum();
            assert_eq!(best, SCALE);
        }
        assert_eq!(Rules::named("Paper"), None);
    }
}
