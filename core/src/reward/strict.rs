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
//!
//! # Guards
//! What would earn without being a migration:
//! - several answers, code or comments alone, and names in letters that only look like the target's: the code reward is withheld;
//! - the target as a comment, behind a `return` or under `if False:`: it does not count;
//! - the target as a string: characters in strings are not those of code ([`super::comparison`]).

use super::api_use::ApiUse;
use super::breakdown::Judged;
use super::comparison::TargetSide;
use super::rubric::{Comparison, RewardMode};
use super::{Searched, Withheld, format};
use crate::answer::{ANSWER_OPEN, Answer};
use crate::python::{ApiNames, Grammar, Module, SyntaxError};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// A row made ready for these rules.
#[derive(Debug)]
pub(super) struct Reference {
    comparison: Comparison,
    /// Without white space around it, as the old code.
    target: String,
    old_code: Option<String>,
    /// Made when it is first needed: an answer that is the target to the letter needs none of it.
    prepared: OnceLock<Box<Prepared>>,
}

#[derive(Debug)]
struct Prepared {
    target: Result<TargetSide, SyntaxError>,
    baseline: Option<f64>,
    /// API names of the old code and of the target.
    api: Option<(ApiNames, ApiNames)>,
    /// Names in other letters than ASCII's that target or old code have.
    foreign_names: BTreeSet<String>,
}

impl Prepared {
    fn new(comparison: Comparison, target: &str, old_code: Option<&str>) -> Self {
        let parse = |code| Module::parse(code, Grammar::Latest);
        let target = parse(target);
        let old = old_code.and_then(|code| parse(code).ok());
        let names = [target.as_ref().ok(), old.as_ref()];
        let foreign_names = names
            .into_iter()
            .flatten()
            .flat_map(|module| module.foreign_names().map(str::to_owned))
            .collect();
        let api = target.as_ref().ok().zip(old.as_ref()).map(|(target, old)| {
            let names = |module: &Module<'_>| module.api_names(&module.unreachable());
            (names(old), names(target))
        });
        let target =
            target.map(|module| TargetSide::new(&module, &module.unreachable(), comparison));
        let similarity = |(target, old): (&TargetSide, &Module<'_>)| {
            target.compare(&target.side(old, &old.unreachable())).1
        };
        let baseline = target.as_ref().ok().zip(old.as_ref()).map(similarity);
        Prepared {
            target,
            baseline,
            api,
            foreign_names,
        }
    }
}

impl Reference {
    pub(super) fn new(comparison: Comparison, target: &str, old_code: Option<&str>) -> Self {
        Reference {
            comparison,
            target: target.trim().to_owned(),
            old_code: old_code.map(|code| code.trim().to_owned()),
            prepared: OnceLock::new(),
        }
    }

    fn prepared(&self) -> &Prepared {
        let prepare = || {
            let old_code = self.old_code.as_deref();
            Box::new(Prepared::new(self.comparison, &self.target, old_code))
        };
        self.prepared.get_or_init(prepare)
    }

    /// See [`super::Reference::baseline`].
    pub(super) fn baseline(&self) -> Option<f64> {
        self.old_code
            .as_ref()
            .and_then(|_| self.prepared().baseline)
    }

    /// See [`super::Reference::has_api`].
    pub(super) fn has_api(&self) -> bool {
        self.old_code.is_some() && self.prepared().api.is_some()
    }

    /// See [`super::score`].
    pub(super) fn judge(&self, completion: &str) -> Judged {
        let parts = Answer::find(completion);
        let format = format::reward(RewardMode::Strict, completion, &parts);
        let (module, syntax_ok) = match self.answer(completion, &parts) {
            Ok(module) => (module, true),
            Err((reason, syntax_ok)) => return Judged::withheld(format, syntax_ok, reason),
        };
        if self.old_code.is_none()
            && parts
                .code
                .is_some_and(|code| completion[code] == self.target)
        {
            return Judged::compared(format, true, 1.0);
        }
        let Prepared { target, api, .. } = self.prepared();
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                return Judged::withheld(
                    format,
                    syntax_ok,
                    Withheld::TargetNotPython {
                        error: error.clone(),
                    },
                );
            }
        };
        let unreachable = module.unreachable();
        let side = target.side(&module, &unreachable);
        if side.is_empty() && !target.is_empty() {
            return Judged::withheld(format, syntax_ok, Withheld::EmptyCode);
        }
        let (exact, similarity) = target.compare(&side);
        let api = api
            .as_ref()
            .map(|(old, new)| ApiUse::of(&module.api_names(&unreachable), old, new));
        Judged {
            api,
            ..Judged::compared(format, exact, similarity)
        }
    }

    /// The code that is the answer; or why there is none to judge, and whether it is Python nevertheless.
    fn answer<'a>(
        &self,
        completion: &'a str,
        parts: &Answer,
    ) -> Result<Module<'a>, (Withheld, bool)> {
        let searched = match (&parts.answer, &parts.think) {
            (Some(_), _) => Searched::Answer,
            (None, Some(_)) => Searched::AfterThinking,
            (None, None) => Searched::Completion,
        };
        let code = parts
            .code
            .clone()
            .ok_or((Withheld::NoCode { searched }, false))?;
        let module = Module::parse(&completion[code.clone()], Grammar::Latest)
            .map_err(|error| (Withheld::AnswerNotPython { error }, false))?;
        // Code that writes such tags is one answer all the same.
        let opened = |text: &str| text.matches(ANSWER_OPEN).count();
        let answers = parts.answer.as_ref().map_or(1, |answer| {
            1 + opened(&completion[answer.start..code.start]) + opened(&completion[code.end..])
        });
        if answers > 1 {
            return Err((Withheld::SeveralAnswers { answers }, true));
        }
        let is_foreign = |name: &&str| !self.prepared().foreign_names.contains(*name);
        let foreign = module.foreign_names().find(is_foreign);
        match foreign {
            Some(name) => Err((
                Withheld::ForeignName {
                    name: name.to_owned(),
                },
                true,
            )),
            None => Ok(module),
        }
    }
}
