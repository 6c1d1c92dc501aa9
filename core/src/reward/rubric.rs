//! By which rules a completion is judged: mode, level of comparison, and the parts that add up to the total, each with its weight.

use super::overlong::Overlong;
use crate::python::SyntaxError;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Declares an enum whose variants are known by names.
macro_rules! named {
    (
        $(#[$attribute:meta])* $what:literal $Type:ident { $( $(#[$doc:meta])* $Variant:ident = $name:literal, )+ }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $Type { $( $(#[$doc])* #[serde(rename = $name)] $Variant, )+ }

        impl $Type {
            /// Every one of them.
            pub const ALL: &[Self] = &[$( $Type::$Variant ),+];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $( $Type::$Variant => $name, )+ }
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $Type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $( $name => Ok($Type::$Variant), )+
                    _ => Err(UnknownName {
                        what: $what,
                        got: name.to_owned(),
                        choices: &[$( $name ),+],
                    }),
                }
            }
        }
    };
}

named! {
    /// Which rules judge a completion.
    #[derive(Default)]
    "reward mode" RewardMode {
        /// The reference's numbers, its faults included.
        Paper = "paper",
        /// The same formulas with the faults mended and the guards on: what we train with.
        #[default]
        Strict = "strict",
    }
}

named! {
    /// What two codes are compared by.
    #[derive(Default)]
    "comparison" Comparison {
        /// Their characters without comments and blank lines, as the paper does.
        #[default]
        Characters = "characters",
        /// Their tokens: layout and quoting make no difference.
        Tokens = "tokens",
        /// Equal where their syntax trees are, and otherwise as alike as their tokens.
        Tree = "tree",
    }
}

named! {
    /// A part of the total.
    "part of the reward" Part {
        /// +1 for the asked-for tags, else -1.
        Format = "format",
        /// Edit similarity, ES*, in [-2, 2].
        EsStar = "es_star",
        /// Exact match, EM*: 2, -1.5 or -2.
        EmStar = "em_star",
        /// What is gained over copying the old code, in [-2, 2]. Needs old code.
        EditGain = "edit_gain",
        /// Share of the API names new in the target that the answer uses, in [0, 1]. Needs old code.
        ApiAdopted = "api_adopted",
        /// Minus the share of the API names gone from the target that the answer still uses, in [-1, 0]. Needs old code.
        ApiLeft = "api_left",
        /// Minus the share of the completion that repeats itself, in [-1, 0].
        Repetition = "repetition",
        /// DAPO's penalty for over-long completions, in [-1, 0]. Needs the completion's length.
        Overlong = "overlong",
    }
}

impl Part {
    /// Whether it counts from the old code.
    pub(crate) const fn is_of_old_code(self) -> bool {
        matches!(self, Part::EditGain | Part::ApiAdopted | Part::ApiLeft)
    }

    /// The most it can give.
    pub const fn best(self) -> f64 {
        match self {
            Part::Format | Part::ApiAdopted => 1.0,
            Part::EsStar | Part::EmStar | Part::EditGain => 2.0,
            Part::ApiLeft | Part::Repetition | Part::Overlong => 0.0,
        }
    }
}

/// A word that names no choice; the message lists the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{got}`: use {}", Choices(choices))]
pub struct UnknownName {
    what: &'static str,
    got: String,
    choices: &'static [&'static str],
}

struct Choices<'a>(&'a [&'static str]);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, choice) in self.0.iter().enumerate() {
            let before = match i {
                0 => "",
                _ if i + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}`{choice}`")?;
        }
        Ok(())
    }
}

/// The weighted sum that makes a total: `total = Σ weight · part`.
///
/// ```
/// use recode_core::reward::{Part, Weights};
///
/// let weights: Weights = "format=1, edit_gain=0.5".parse().unwrap();
/// assert_eq!(weights.get(Part::EditGain), Some(0.5));
/// assert_eq!(weights.to_string(), "format=1,edit_gain=0.5");
/// assert!("edit_grain=1".parse::<Weights>().unwrap_err().to_string().starts_with("unknown part of the reward `edit_grain`"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Weights(BTreeMap<Part, f64>);

/// The largest weight.
const MAX_WEIGHT: f64 = 1e6;

/// What is wrong with weights.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// A part that does not exist.
    #[error(transparent)]
    UnknownPart(#[from] UnknownName),
    /// A part without a number behind it.
    #[error("`{0}` is no weight: write NAME=NUMBER, as in format=1")]
    NotAWeight(String),
    /// Zero, which says nothing, or so large that sums lose the smaller parts.
    #[error(
        "the weight of {part} is {weight}: use a number from -1e6 to 1e6 other than 0, or leave the part out"
    )]
    Weight {
        /// The part.
        part: Part,
        /// Its weight.
        weight: f64,
    },
    /// A part that stands there twice.
    #[error("{0} has two weights: leave one out")]
    Twice(Part),
    /// No part at all.
    #[error("no part has a weight: every total would be 0")]
    Empty,
}

impl Weights {
    /// The weights of `parts`, each named once.
    ///
    /// # Errors
    /// No part, a part named twice, a weight that is 0 or beyond a million.
    pub fn new(parts: impl IntoIterator<Item = (Part, f64)>) -> Result<Self, WeightsError> {
        let mut weights = BTreeMap::new();
        for (part, weight) in parts {
            if weight == 0.0 || !(-MAX_WEIGHT..=MAX_WEIGHT).contains(&weight) {
                return Err(WeightsError::Weight { part, weight });
            }
            if weights.insert(part, weight).is_some() {
                return Err(WeightsError::Twice(part));
            }
        }
        if weights.is_empty() {
            return Err(WeightsError::Empty);
        }
        Ok(Weights(weights))
    }

    /// `format` and one code reward, both with weight 1.
    fn format_and(code: Part) -> Self {
        Weights(BTreeMap::from([(Part::Format, 1.0), (code, 1.0)]))
    }

    /// The weight of `part`; `None` where it has none.
    pub fn get(&self, part: Part) -> Option<f64> {
        self.0.get(&part).copied()
    }

    /// The parts with their weights, in the order of [`Part`].
    pub fn iter(&self) -> impl Iterator<Item = (Part, f64)> {
        self.0.iter().map(|(&part, &weight)| (part, weight))
    }
}

impl Default for Weights {
    /// The paper's: format and ES*.
    fn default() -> Self {
        Self::format_and(Part::EsStar)
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (part, weight)) in self.iter().enumerate() {
            write!(f, "{}{part}={weight}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Weights {
    type Err = WeightsError;

    fn from_str(text: &str) -> Result<Self, WeightsError> {
        let weight = |item: &str| {
            let not_a_weight = || WeightsError::NotAWeight(item.trim().to_owned());
            let (part, weight) = item.split_once('=').ok_or_else(not_a_weight)?;
            let weight = weight.trim().parse().map_err(|_| not_a_weight())?;
            Ok((part.trim().parse()?, weight))
        };
        let parts: Result<Vec<_>, WeightsError> = text.split(',').map(weight).collect();
        Self::new(parts?)
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = BTreeMap::<String, f64>::deserialize(deserializer)?;
        let parts: Result<Vec<_>, UnknownName> = named
            .into_iter()
            .map(|(name, weight)| Ok((name.parse()?, weight)))
            .collect();
        Self::new(parts.map_err(serde::de::Error::custom)?).map_err(serde::de::Error::custom)
    }
}

/// By which rules completions are judged.
///
/// ```
/// use recode_core::reward::{Comparison, Rubric};
///
/// let rubric: Rubric = serde_json::from_str(r#"{"comparison": "tree", "weights": {"format": 1, "edit_gain": 1}}"#).unwrap();
/// assert_eq!(rubric, Rubric { comparison: Comparison::Tree, ..Rubric::edit_gain() });
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rubric {
    /// Which rules find and clean the code.
    pub mode: RewardMode,
    /// What codes are compared by; the paper's mode knows characters alone.
    pub comparison: Comparison,
    /// What the total is made of.
    pub weights: Weights,
    /// From which length on `overlong` takes away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlong: Option<Overlong>,
}

/// What in a rubric does not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RubricError {
    /// The reference compares characters and nothing else.
    #[error(
        "mode paper compares characters, as the reference does: comparison {0} wants mode strict"
    )]
    PaperComparison(Comparison),
    /// The reference knows no names.
    #[error("mode paper does not look at API names: {0} wants mode strict")]
    PaperPart(Part),
    /// A penalty whose lengths are not known.
    #[error(
        "overlong has a weight, but from which length on is not said: give max_length and buffer"
    )]
    NoOverlong,
    /// See [`Overlong`].
    #[error("overlong: buffer is {buffer}, but must be from 1 to max_length, {max_length}")]
    Overlong {
        /// The longest completion.
        max_length: usize,
        /// Over how much of it the penalty grows.
        buffer: usize,
    },
}

/// What a part with a weight wants and does not get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The code that was to be migrated.
    #[error("old code is missing, from which {0} counts")]
    OldCode(Part),
    /// The code that was to be migrated, or the target, is there and cannot be compared with the other.
    #[error(
        "{part} counts from the old code, but the {code} is not Python: {error}; leave the row out, or {part} out of the weights"
    )]
    NotPython {
        /// What counts from it.
        part: Part,
        /// Which of the two.
        code: RowCode,
        /// What is wrong with it.
        error: SyntaxError,
    },
    /// How long the completion is.
    #[error("the completion's length is missing, which overlong counts")]
    Length,
}

/// A code of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowCode {
    /// What was to be migrated.
    OldCode,
    /// What it is to become.
    Target,
}

impl fmt::Display for RowCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RowCode::OldCode => "old code",
            RowCode::Target => "target",
        })
    }
}

impl Rubric {
    /// The reference's rules, faults included; format and ES*.
    pub fn paper() -> Self {
        Rubric {
            mode: RewardMode::Paper,
            ..Self::default()
        }
    }

    /// The paper's formulas, mended and guarded; format and ES*.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Mended, guarded, and with what is gained over copying in place of ES*.
    pub fn edit_gain() -> Self {
        Rubric {
            weights: Weights::format_and(Part::EditGain),
            ..Self::default()
        }
    }

    /// Whether what is given suffices for every part with a weight: is there old code, is the completion's length known?
    ///
    /// # Errors
    /// What is missing, and the part that wants it.
    pub fn check_given(&self, old_code: bool, length: bool) -> Result<(), Missing> {
        match self.part_of_old_code() {
            Some(part) if !old_code => Err(Missing::OldCode(part)),
            _ if !length && self.weights.get(Part::Overlong).is_some() => Err(Missing::Length),
            _ => Ok(()),
        }
    }

    /// The first part with a weight that counts from the old code.
    pub(super) fn part_of_old_code(&self) -> Option<Part> {
        let weighs = |part: &Part| part.is_of_old_code() && self.weights.get(*part).is_some();
        Part::ALL.iter().copied().find(weighs)
    }

    /// Whether its settings go together.
    ///
    /// # Errors
    /// The first that do not.
    pub fn check(&self) -> Result<(), RubricError> {
        let weighs = |part| self.weights.get(part).is_some();
        if self.mode == RewardMode::Paper {
            if self.comparison != Comparison::Characters {
                return Err(RubricError::PaperComparison(self.comparison));
            }
            for part in [Part::ApiAdopted, Part::ApiLeft] {
                if weighs(part) {
                    return Err(RubricError::PaperPart(part));
                }
            }
        }
        match self.overlong {
            Some(Overlong { max_length, buffer }) if buffer == 0 || buffer > max_length => {
                Err(RubricError::Overlong { max_length, buffer })
            }
            None if weighs(Part::Overlong) => Err(RubricError::NoOverlong),
            _ => Ok(()),
        }
    }
}
