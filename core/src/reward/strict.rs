//! The default reward: the paper's formulas on the code that is the answer.
//!
//! # Differences from the reference
//! - The code is the answer's ([`crate::answer`]), not the first block anywhere: right code in the thinking earns nothing.
//! - ```` ```py ````, ```` ```Python ```` and `\r\n` are read as well.
//! - Comments and blank lines are removed by tokens ([`crate::python::strip`]), so neither an apostrophe in a comment nor the eleventh string
//!   costs a right answer its reward.
//! - What is judged to be Python is the code as it was written, by the newest grammar.
//! - A target that is not Python withholds the reward and says so, as nothing can be compared with it.
//! - Two sides without any code are equal.

use super::{Breakdown, Searched, Withheld, format};
use crate::answer::Answer;
use crate::python::{Grammar, Module};
use crate::similarity::similarity;

/// See [`super::score`].
pub(super) fn score(completion: &str, target: &str) -> Breakdown {
    let parts = Answer::find(completion);
    let format = format::strict(completion, &parts);
    let Some(code) = parts.code else {
        let searched = match (parts.answer, parts.think) {
            (Some(_), _) => Searched::Answer,
            (None, Some(_)) => Searched::AfterThinking,
            (None, None) => Searched::Completion,
        };
        return Breakdown::withheld(format, false, Withheld::NoCode { searched });
    };
    let (code, target) = (&completion[code], target.trim());
    let answer = match Module::parse(code, Grammar::Latest) {
        Ok(module) => module,
        Err(error) => {
            return Breakdown::withheld(format, false, Withheld::AnswerNotPython { error });
        }
    };
    if code == target {
        return Breakdown::compared(format, true, 1.0);
    }
    let target = match Module::parse(target, Grammar::Latest) {
        Ok(module) => module,
        Err(error) => {
            return Breakdown::withheld(format, true, Withheld::TargetNotPython { error });
        }
    };
    let (answer, target) = (answer.strip(), target.strip());
    Breakdown::compared(format, answer == target, similarity(&answer, &target))
}

/// See [`super::baseline`].
pub(super) fn baseline(old_code: &str, target: &str) -> Option<f64> {
    let stripped = |code: &str| Some(Module::parse(code.trim(), Grammar::Latest).ok()?.strip());
    Some(similarity(&stripped(old_code)?, &stripped(target)?))
}
