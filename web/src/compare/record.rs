//! What is kept of a line: which example it answers, and what it earned, as it was logged and as the page scores it.

use crate::score::Rules;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which example a line answers. Lines of different kinds never answer the same one: their rows are counted in different files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// A row of the held-out data: a line of an evaluation.
    Row(u64),
    /// An answer of a training step: a line of a run's completions.
    Sample {
        /// The step, counted from 1.
        step: u64,
        /// The prompt's row in the training data.
        row: u64,
        /// Which of the prompt's answers, counted from 0.
        sample: u64,
    },
    /// A line that names no row: its update, old code and target, as a number.
    Content(u64),
}

impl Key {
    /// Its name in an address: `17`, `3.17.0` or `x1f`.
    pub fn name(self) -> String {
        match self {
            Key::Row(row) => row.to_string(),
            Key::Sample { step, row, sample } => format!("{step}.{row}.{sample}"),
            Key::Content(content) => format!("x{content:x}"),
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(content) = name.strip_prefix('x') {
            return u64::from_str_radix(content, 16).ok().map(Key::Content);
        }
        let numbers: Result<Vec<u64>, _> = name.split('.').map(str::parse).collect();
        match numbers.ok()?[..] {
            [row] => Some(Key::Row(row)),
            [step, row, sample] => Some(Key::Sample { step, row, sample }),
            _ => None,
        }
    }

    /// What the example's name is made of.
    pub fn known_by(self) -> &'static str {
        match self {
            Key::Row(_) => "row",
            Key::Sample { .. } => "step, row and sample",
            Key::Content(_) => "their texts, as their lines have no row",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Row(row) => write!(f, "row {row}"),
            Key::Sample { step, row, sample } => write!(f, "step {step} row {row} #{sample}"),
            Key::Content(content) => write!(f, "text {:08x}", content >> 32),
        }
    }
}

/// What a line earned; what it does not say, or nobody can know, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// The sum, by whichever rules; a logged one's are those of its run.
    pub total: Option<f64>,
    /// +1 or -1.
    pub format: Option<f64>,
    /// ES*.
    pub es_star: Option<f64>,
    /// EM*.
    pub em_star: Option<f64>,
    /// What is gained over copying.
    pub edit_gain: Option<f64>,
    /// Similarity of the answer less that of the old code.
    pub gain_over_copy: Option<f64>,
}

/// Where the compared scores come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The file.
    Logged,
    /// The scorer in the page, by these rules.
    Scored(Rules),
}

impl Basis {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Basis; 4] = [
        Basis::Scored(Rules::Paper),
        Basis::Scored(Rules::Strict),
        Basis::Scored(Rules::EditGain),
        Basis::Logged,
    ];

    /// What two files are compared by where nobody chose: computed by A's rules where both hold their targets, so that runs of different rules
    /// are held to the same; otherwise what was logged.
    pub fn usual(a: &[Record], a_rules: Option<LoggedRules>, b: &[Record]) -> Self {
        let has_targets =
            |records: &[Record]| records.iter().any(|record| record.content.is_some());
        match has_targets(a) && has_targets(b) {
            true => Basis::Scored(a_rules.map_or(Rules::default(), |logged| logged.rules)),
            false => Basis::Logged,
        }
    }

    /// Its name in an address.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Logged => "logged",
            Basis::Scored(rules) => rules.name(),
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.name() == name)
    }
}

/// A number that answers are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The reward.
    Total,
    /// ES*.
    EsStar,
    /// EM*.
    EmStar,
    /// What is gained over copying, as a reward.
    EditGain,
    /// Similarity of the answer less that of the old code.
    GainOverCopy,
    /// 1 where the answer has the asked-for format, else 0.
    Format,
    /// 1 where the answer ran into the length limit, else 0.
    Truncated,
}

impl Measure {
    /// All of them, in the order of the summary.
    pub const ALL: [Measure; 7] = [
        Measure::Total,
        Measure::EsStar,
        Measure::EmStar,
        Measure::EditGain,
        Measure::GainOverCopy,
        Measure::Format,
        Measure::Truncated,
    ];

    /// Its name in an address and in saved files.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Total => "total",
            Measure::EsStar => "es_star",
            Measure::EmStar => "em_star",
            Measure::EditGain => "edit_gain",
            Measure::GainOverCopy => "gain_over_copy",
            Measure::Format => "format",
            Measure::Truncated => "truncated",
        }
    }

    /// As it is said on the page.
    pub fn title(self) -> &'static str {
        match self {
            Measure::Total => "reward",
            Measure::EsStar => "ES*",
            Measure::EmStar => "EM*",
            Measure::EditGain => "edit_gain",
            Measure::GainOverCopy => "gain over copying",
            Measure::Format => "valid format",
            Measure::Truncated => "truncated",
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// The least and the most there is: charts of a measure always span it.
    pub fn scale(self) -> (f64, f64) {
        match self {
            Measure::Total => (-3.0, 3.0),
            Measure::EsStar | Measure::EmStar | Measure::EditGain => (-2.0, 2.0),
            Measure::GainOverCopy => (-1.0, 1.0),
            Measure::Format | Measure::Truncated => (0.0, 1.0),
        }
    }

    /// Whether its mean is a share of the answers.
    pub fn is_share(self) -> bool {
        matches!(self, Measure::Format | Measure::Truncated)
    }

    /// Whether less of it is better.
    pub fn less_is_better(self) -> bool {
        self == Measure::Truncated
    }
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in the file, from 1.
    pub line: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u32,
    /// Which example it answers.
    pub key: Key,
    /// Update, old code and target as a number; `None` where the line does not hold them.
    pub content: Option<u64>,
    /// What examples of one update share.
    pub update: u64,
    /// The answer as a number: equal answers have equal ones.
    pub answer: u64,
    /// Whether the answer ran into the length limit.
    pub truncated: Option<bool>,
    /// What the line says of its rewards.
    pub logged: Scores,
    /// What the paper's rules say; `None` where the line has no target.
    pub paper: Option<Scores>,
    /// What the mended rules say; their total is that of `strict`.
    pub strict: Option<Scores>,
}

/// How far a logged reward may be from the page's: what rounding leaves.
const TOLERANCE: f64 = 1e-6;

impl Record {
    /// A measure; `None` where it cannot be had.
    pub fn value(&self, measure: Measure, basis: Basis) -> Option<f64> {
        let scores = match basis {
            Basis::Logged => Some(self.logged),
            Basis::Scored(rules) => self.scored(rules),
        };
        // The format is the one score that needs no target: of a line without one, what was logged of it has to do.
        let format = scores.unwrap_or(self.logged).format;
        let scores = scores.unwrap_or_default();
        match measure {
            Measure::Total => scores.total,
            Measure::EsStar => scores.es_star,
            Measure::EmStar => scores.em_star,
            Measure::EditGain => scores.edit_gain,
            Measure::GainOverCopy => scores.gain_over_copy,
            Measure::Format => format.map(|format| f64::from(format > 0.0)),
            Measure::Truncated => self.truncated.map(f64::from),
        }
    }

    /// What the page's scorer says by these rules.
    pub fn scored(&self, rules: Rules) -> Option<Scores> {
        match rules {
            Rules::Paper => self.paper,
            Rules::Strict => self.strict,
            Rules::EditGain => self.strict.map(|scores| Scores {
                total: scores
                    .format
                    .zip(scores.edit_gain)
                    .map(|(format, gain)| format + gain),
                ..scores
            }),
        }
    }

    /// Whether the logged rewards are those that the page computes by these rules; `None` where there is nothing to compare.
    pub fn agrees(&self, rules: Rules) -> Option<bool> {
        let (logged, scored) = (self.logged, self.scored(rules)?);
        let pairs = [
            (logged.total, scored.total),
            (logged.format, scored.format),
            (logged.es_star, scored.es_star),
            (logged.em_star, scored.em_star),
            (logged.edit_gain, scored.edit_gain),
        ];
        let mut logged = pairs
            .into_iter()
            .filter_map(|(logged, scored)| Some((logged?, scored)))
            .peekable();
        logged.peek()?;
        Some(logged.all(|(logged, scored)| {
            scored.is_some_and(|scored| (scored - logged).abs() <= TOLERANCE)
        }))
    }
}

/// The rules that a file's rewards were logged by, as far as they can be told from the rewards: which rules give most of them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedRules {
    /// The rules.
    pub rules: Rules,
    /// How many lines' rewards they give again.
    pub agree: usize,
    /// Of how many.
    pub of: usize,
}

impl LoggedRules {
    /// Of a file's records; `None` where nothing can be computed again, or nothing was logged.
    pub fn of(records: &[Record]) -> Option<Self> {
        // Strict first: where several give all of them, they are the project's own.
        let candidates = [Rules::Strict, Rules::EditGain, Rules::Paper].map(|rules| {
            let checks = records.iter().filter_map(|record| record.agrees(rules));
            let (mut agree, mut of) = (0, 0);
            for agrees in checks {
                of += 1;
                agree += usize::from(agrees);
            }
            LoggedRules { rules, agree, of }
        });
        let first = candidates[0];
        let best = candidates
            .into_iter()
            .fold(first, |best, next| match next.agree > best.agree {
                true => next,
                false => best,
            });
        (best.of > 0).then_some(best)
    }
}

/// What a file is, by its lines.
pub fn kind(records: &[Record]) -> &'static str {
    let kind = |record: &Record| match record.key {
        Key::Row(_) => "evaluation",
        Key::Sample { .. } => "training completions",
        Key::Content(_) => "answers",
    };
    let Some(first) = records.first().map(kind) else {
        return "nothing";
    };
    match records.iter().all(|record| kind(record) == first) {
        true => first,
        false => "mixed lines",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_examples_name_leads_back_to_it() {
        let sample = Key::Sample {
            step: 3,
            row: 17,
            sample: 0,
        };
        for key in [
            Key::Row(17),
            sample,
            Key::Content(u64::MAX),
            Key::Content(31),
        ] {
            assert_eq!(Key::named(&key.name()), Some(key));
        }
        for name in ["", "x", "1.2", "1.2.3.4", "a", "-1"] {
            assert_eq!(Key::named(name), None, "{name}");
        }
    }
}
