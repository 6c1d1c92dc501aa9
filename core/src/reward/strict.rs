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
//! - several answers with code, comments alone, and names in letters that the row does not use, which may only look like its own: the code
//!   reward is withheld;
//! - the target as a comment, behind a `return` or under `if False:`: it does not count, unless the old code differs from the target there
//!   alone;
//! - the target as a string: characters in strings are not those of code ([`super::comparison`]).

use super::api_use::ApiUse;
use super::breakdown::{Judged, Outcome};
use super::comparison::TargetSide;
use super::rubric::{Comparison, RewardMode};
use super::{RowCode, Searched, Withheld, format};
use crate::answer::Answer;
use crate::python::{ApiNames, Grammar, Module, SyntaxError};
use std::collections::BTreeSet;
use std::ops::Range;
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
    /// Why the old code is not Python, where it is not.
    old_code_fault: Option<SyntaxError>,
    baseline: Option<f64>,
    /// API names of the old code and of the target.
    api: Option<(ApiNames, ApiNames)>,
    /// Names in other letters than ASCII's that target or old code have.
    foreign_names: BTreeSet<String>,
    /// What cannot run counts: nothing else tells the target from the old code.
    counts_unreachable: bool,
}

impl Prepared {
    fn new(comparison: Comparison, target: &str, old_code: Option<&str>) -> Self {
        let parse = |code| Module::parse(code, Grammar::Latest);
        let target = parse(target);
        let (old, old_code_fault) = match old_code.map(parse) {
            Some(Ok(old)) => (Some(old), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let names = [target.as_ref().ok(), old.as_ref()];
        let foreign_names = names
            .into_iter()
            .flatten()
            .flat_map(|module| module.foreign_names().map(str::to_owned))
            .collect();
        let both = target.as_ref().ok().zip(old.as_ref());
        let counts_unreachable = both.is_some_and(|(target, old)| {
            let runs = |module: &Module<'_>| module.strip(&module.unreachable()).text;
            runs(target) == runs(old) && target.strip(&[]) != old.strip(&[])
        });
        let unreachable = |module: &Module<'_>| match counts_unreachable {
            true => Vec::new(),
            false => module.unreachable(),
        };
        let api = both.map(|(target, old)| {
            let names = |module: &Module<'_>| module.api_names(&unreachable(module));
            (names(old), names(target))
        });
        let target =
            target.map(|module| TargetSide::new(&module, &unreachable(&module), comparison));
        let similarity = |(target, old): (&TargetSide, Module<'_>)| {
            target.compare(&target.side(&old, &unreachable(&old))).1
        };
        Prepared {
            baseline: target.as_ref().ok().zip(old).map(similarity),
            target,
            old_code_fault,
            api,
            foreign_names,
            counts_unreachable,
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

    pub(super) fn has_old_code(&self) -> bool {
        self.old_code.is_some()
    }

    /// Why old code and target cannot be compared.
    pub(super) fn fault(&self) -> Option<(RowCode, SyntaxError)> {
        let old_code = self.prepared().old_code_fault.clone();
        let target = || Some((RowCode::Target, self.target_fault()?));
        old_code
            .map(|error| (RowCode::OldCode, error))
            .or_else(target)
    }

    /// See [`super::Reference::target_fault`].
    pub(super) fn target_fault(&self) -> Option<SyntaxError> {
        self.prepared().target.as_ref().err().cloned()
    }

    /// See [`super::Reference::baseline`].
    pub(super) fn baseline(&self) -> Option<f64> {
        self.old_code
            .as_ref()
            .and_then(|_| self.prepared().baseline)
    }

    /// See [`super::Reference::has_api`].
    pub(super) fn has_api(&self) -> bool {
        self.api().is_some()
    }

    /// What of an answer's code does not count as it cannot run.
    pub(super) fn unreachable(&self, module: &Module<'_>) -> Vec<Range<usize>> {
        match self.prepared().counts_unreachable {
            true => Vec::new(),
            false => module.unreachable(),
        }
    }

    /// API names of the old code and of the target.
    fn api(&self) -> Option<(&ApiNames, &ApiNames)> {
        self.old_code.as_ref()?;
        self.prepared()
            .api
            .as_ref()
            .map(|(old, target)| (old, target))
    }

    /// See [`super::score`].
    pub(super) fn judge(&self, completion: &str) -> Judged {
        let parts = Answer::find(completion);
        let format = format::reward(RewardMode::Strict, completion, &parts);
        let module = parse(completion, &parts);
        let syntax_ok = module.is_ok();
        let (outcome, api) =
            match module.and_then(|module| self.compare(completion, &parts, &module)) {
                Ok(compared) => compared,
                Err(reason) => {
                    let api = self.api().map(|(old, target)| ApiUse::of_none(old, target));
                    (Outcome::Withheld(reason), api)
                }
            };
        Judged {
            format,
            syntax_ok,
            outcome,
            api,
        }
    }

    /// The answer's code against the target, and what became of the API names.
    fn compare(
        &self,
        completion: &str,
        parts: &Answer,
        module: &Module<'_>,
    ) -> Result<(Outcome, Option<ApiUse>), Withheld> {
        let answers = parts.answers_with_code(completion);
        if answers > 1 {
            return Err(Withheld::SeveralAnswers { answers });
        }
        let is_foreign = |name: &&str| !self.prepared().foreign_names.contains(*name);
        if let Some(name) = module.foreign_names().find(is_foreign) {
            return Err(Withheld::ForeignName {
                name: name.to_owned(),
            });
        }
        let is_target = parts
            .code
            .as_ref()
            .is_some_and(|code| completion[code.clone()] == self.target);
        if is_target && self.old_code.is_none() {
            return Ok((
                Outcome::Compared {
                    exact: true,
                    similarity: 1.0,
                },
                None,
            ));
        }
        let target = &self.prepared().target;
        let not_python = |error: &SyntaxError| Withheld::TargetNotPython {
            error: error.clone(),
        };
        let target = target.as_ref().map_err(not_python)?;
        let unreachable = self.unreachable(module);
        let side = target.side(module, &unreachable);
        if side.is_empty() && !target.is_empty() {
            return Err(Withheld::EmptyCode);
        }
        let (exact, similarity) = target.compare(&side);
        let names = |(old, target)| ApiUse::of(&module.api_names(&unreachable), old, target);
        Ok((
            Outcome::Compared { exact, similarity },
            self.api().map(names),
        ))
    }
}

/// The code that is the answer, if it is Python.
fn parse<'a>(completion: &'a str, parts: &Answer) -> Result<Module<'a>, Withheld> {
    let searched = match (&parts.answer, &parts.think) {
        (Some(_), _) => Searched::Answer,
        (None, Some(_)) => Searched::AfterThinking,
        (None, None) => Searched::Completion,
    };
    let code = parts.code.clone().ok_or(Withheld::NoCode { searched })?;
    let not_python = |error| Withheld::AnswerNotPython { error };
    Module::parse(&completion[code], Grammar::Latest).map_err(not_python)
}
