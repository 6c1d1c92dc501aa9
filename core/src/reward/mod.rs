//! What a completion is worth: a weighted sum of named parts, with every step that led there.
//!
//! Source: ReCode (arXiv 2506.20495), reward design; the reference is `src/DAPO/reward.py` of zjunlp/ReCode.
//!
//! | part | |
//! |---|---|
//! | `format` | +1 for the asked-for tags, else -1 |
//! | `es_star` | ES*: `3.5 s - 1.5`, `s` the similarity of the answer's code and the target |
//! | `em_star` | EM*: +2 if the answer's code equals the target, else -1.5 |
//! | `edit_gain` | as ES*, counted from the old code's similarity ([`edit_gain`]), so that copying does not pay |
//! | no code, or not Python | -2 in place of each of these three |
//! | `api_adopted`, `api_left` | the share of the target's new API names in use, minus that of the old ones ([`ApiUse`]) |
//! | `repetition`, `overlong` | what is taken away for loops and for length |
//! | total | `Σ weight · part`; as in the paper, format + ES*, in [-3, 3] |
//!
//! A [`Rubric`] says which parts have a weight, on which level codes are compared ([`Comparison`]), and which of two modes finds and cleans
//! them: [`RewardMode::Paper`] as the reference does, faults included, [`RewardMode::Strict`] without them and guarded against answers that
//! earn without being a migration. Each says how at its own file.

mod api_use;
mod breakdown;
mod comparison;
pub mod edit_gain;
mod edit_similarity;
mod exact_match;
pub(crate) mod format;
mod overlong;
pub(crate) mod paper;
mod reference;
mod repetition;
mod rubric;
mod strict;
mod withheld;

pub use api_use::ApiUse;
pub use breakdown::Breakdown;
pub use overlong::Overlong;
pub use reference::Reference;
pub use rubric::{
    Comparison, Missing, Part, RewardMode, RowCode, Rubric, RubricError, UnknownName, Weights,
    WeightsError,
};
pub use withheld::{Searched, Withheld};

/// Scores a completion against the target, the code it should have answered with.
///
/// ````
/// use recode_core::reward::{score, Rubric};
///
/// let completion = "The alias is gone.</think>\n<answer>\n```python\nnp.vstack(rows)  # was row_stack\n```\n</answer>";
/// let breakdown = score(&Rubric::strict(), completion, "np.vstack(rows)");
/// assert_eq!((breakdown.format, breakdown.es_star, breakdown.total), (1.0, 2.0, Some(3.0)));
///
/// let breakdown = score(&Rubric::strict(), "I do not know.</think><answer></answer>", "np.vstack(rows)");
/// assert_eq!(breakdown.total, Some(1.0 - 2.0));
/// assert_eq!(breakdown.withheld.unwrap().to_string(), "no closed ```python block between the answer tags");
/// ````
pub fn score(rubric: &Rubric, completion: &str, target: &str) -> Breakdown {
    Reference::new(rubric.clone(), target, None).score(completion, None)
}

/// Scores a completion as [`score`] does, and by what it makes of the old code: [`Breakdown::edit_gain`], [`Breakdown::api`].
///
/// ````
/// use recode_core::reward::{score_migration, Rubric};
///
/// let answer = |code| format!("</think><answer>\n```python\n{code}\n```\n</answer>");
/// let (old, new) = ("np.row_stack(rows)", "np.vstack(rows)");
/// let earned = |code, old| score_migration(&Rubric::strict(), &answer(code), old, new).edit_gain;
/// assert_eq!(earned(new, old), Some(2.0));
/// assert_eq!(earned(old, old), Some(-0.8));
/// assert_eq!(earned("np.row_stack(", old), Some(-2.0));
/// assert_eq!(earned(new, "print rows"), None); // Python 2: nothing to count from
///
/// let api = score_migration(&Rubric::strict(), &answer(old), old, new).api.unwrap();
/// assert_eq!((api.left, api.missing), (vec!["np.row_stack".to_owned()], vec!["np.vstack".to_owned()]));
/// ````
pub fn score_migration(
    rubric: &Rubric,
    completion: &str,
    old_code: &str,
    target: &str,
) -> Breakdown {
    Reference::new(rubric.clone(), target, Some(old_code)).score(completion, None)
}
