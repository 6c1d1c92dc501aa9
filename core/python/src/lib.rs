//! `recode_reward._native`: what a completion is worth, for Python.
//!
//! The rules are `recode-core`'s; here are Python's values on the way in (`text`, `settings`), threads (`batch`), and Python's values on the
//! way out (`python_value`). What TRL and verl expect of a reward function is written in Python, beside this extension.
//!
//! Whatever a caller hands in, the answer is a value or an ordinary exception that names the argument. A panic, which would be a fault of
//! ours, becomes a RuntimeError: `PanicException` passes every `except Exception` and would end a training run.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod audit;
mod batch;
mod python_value;
mod settings;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use recode_core::explain;
use recode_core::migration::Migration;
use recode_core::reward::Reference;

use batch::{Item, Stop};
use python_value::to_python;
use settings::{IfMissing, Settings};
use text::{Text, lengths, optional_texts, texts};

/// What a completion is worth: its rewards part by part, their total, and why a code reward was withheld.
///
/// The fields are those that `recode-trainer score` writes. A lone surrogate in the completion is read as U+FFFD. Where a part with a weight
/// counts from an old code that cannot be compared with the target, that is an error; with `missing="none"` there is no total.
#[pyfunction]
#[pyo3(signature = (completion, target, *, old_code=None, length=None, mode="strict", comparison="characters", weights=None, overlong=None, missing="raise"))]
#[expect(
    clippy::too_many_arguments,
    reason = "all but two have names in Python"
)]
fn score<'py>(
    py: Python<'py>,
    completion: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
    old_code: Option<&Bound<'py, PyAny>>,
    length: Option<&Bound<'py, PyAny>>,
    mode: &str,
    comparison: &str,
    weights: Option<&Bound<'py, PyAny>>,
    overlong: Option<&Bound<'py, PyAny>>,
    missing: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let rubric = settings::rubric(mode, comparison, weights, overlong)?;
    let missing = IfMissing::read(missing)?;
    let row = Row::new(completion, target, old_code, length, &rubric)?;
    let item = row.item();
    let breakdown = py.detach(|| {
        unpanicked(|| {
            Reference::new(rubric.0.clone(), item.target, item.old_code)
                .score(item.completion, item.length)
        })
    })?;
    missing.permit(&rubric.0, &item, &breakdown, None)?;
    to_python(py, &breakdown)
}

/// What each completion is worth against the target of its place.
///
/// Without the GIL, on `threads` threads (all cores if None). A target with its old code is made ready once for the completions that stand
/// together. Ctrl-C is noticed within a tenth of a second and the comparison at work.
#[pyfunction]
#[pyo3(signature = (completions, targets, *, old_codes=None, lengths=None, threads=None, mode="strict", comparison="characters", weights=None, overlong=None, missing="raise"))]
#[expect(
    clippy::too_many_arguments,
    reason = "all but two have names in Python"
)]
fn score_batch<'py>(
    py: Python<'py>,
    completions: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    old_codes: Option<&Bound<'py, PyAny>>,
    lengths: Option<&Bound<'py, PyAny>>,
    threads: Option<&Bound<'py, PyAny>>,
    mode: &str,
    comparison: &str,
    weights: Option<&Bound<'py, PyAny>>,
    overlong: Option<&Bound<'py, PyAny>>,
    missing: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let rubric = settings::rubric(mode, comparison, weights, overlong)?;
    let missing = IfMissing::read(missing)?;
    let threads = settings::threads(threads)?;
    let completions = texts(completions, "completions", Text::lossy)?;
    let targets = texts(targets, "targets", Text::exact)?;
    let old_codes = optional_texts(old_codes, "old_codes")?;
    let lengths = self::lengths(lengths)?;
    let count = completions.len();
    settings::same_length("targets", targets.len(), count)?;
    for (name, given) in [
        ("old_codes", old_codes.as_ref().map(Vec::len)),
        ("lengths", lengths.as_ref().map(Vec::len)),
    ] {
        settings::same_length(name, given.unwrap_or(count), count)?;
    }
    let item = |index: usize| Item {
        completion: &completions[index],
        target: &targets[index],
        old_code: old_codes.as_ref().and_then(|codes| codes[index].as_deref()),
        length: lengths.as_ref().and_then(|lengths| lengths[index]),
    };
    let items: Vec<Item<'_>> = (0..count).map(item).collect();
    for (index, item) in items.iter().enumerate() {
        rubric.require(item, Some(index))?;
    }
    let interrupted = || Python::attach(|py| py.check_signals());
    let scored = py.detach(|| batch::score(&rubric.0, &items, threads, interrupted));
    match scored {
        Ok(breakdowns) => {
            for (index, (item, breakdown)) in items.iter().zip(&breakdowns).enumerate() {
                missing.permit(&rubric.0, item, breakdown, Some(index))?;
            }
            breakdowns
                .iter()
                .map(|breakdown| to_python(py, breakdown))
                .collect()
        }
        Err(Stop::Interrupted(error)) => Err(error),
        Err(Stop::Panicked(index)) => Err(panicked(&format!("completions[{index}]"))),
        Err(Stop::NoThread(error)) => Err(PyRuntimeError::new_err(format!(
            "cannot start a thread to score with: {error}"
        ))),
    }
}

/// Why a completion is worth what it is: (the explanation as data, the same as a text).
#[pyfunction]
#[pyo3(name = "explain")]
#[pyo3(signature = (completion, target, *, old_code=None, length=None, mode="strict", comparison="characters", weights=None, overlong=None))]
#[expect(
    clippy::too_many_arguments,
    reason = "all but two have names in Python"
)]
fn explain_completion<'py>(
    py: Python<'py>,
    completion: &Bound<'py, PyAny>,
    target: &Bound<'py, PyAny>,
    old_code: Option<&Bound<'py, PyAny>>,
    length: Option<&Bound<'py, PyAny>>,
    mode: &str,
    comparison: &str,
    weights: Option<&Bound<'py, PyAny>>,
    overlong: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let rubric = settings::rubric(mode, comparison, weights, overlong)?;
    let row = Row::new(completion, target, old_code, length, &rubric)?;
    let item = row.item();
    let (explanation, text) = py.detach(|| {
        unpanicked(|| {
            let explanation = explain::explain(
                &rubric.0,
                item.completion,
                item.target,
                item.old_code,
                item.length,
            );
            let text = explanation.to_string();
            (explanation, text)
        })
    })?;
    IfMissing::Raise.permit(&rubric.0, &item, &explanation.breakdown, None)?;
    (to_python(py, &explanation)?, text).into_pyobject(py)
}

/// Checks that the settings of a rubric go together; raises ValueError where they do not.
#[pyfunction]
#[pyo3(signature = (*, mode="strict", comparison="characters", weights=None, overlong=None))]
fn check_rubric(
    mode: &str,
    comparison: &str,
    weights: Option<&Bound<'_, PyAny>>,
    overlong: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    settings::rubric(mode, comparison, weights, overlong).map(|_| ())
}

/// Why no answer can meet a target by the rules of `mode`, as a text; None where one can.
#[pyfunction]
fn target_fault(target: &Bound<'_, PyAny>, mode: &str) -> PyResult<Option<String>> {
    let target = Text::exact(target, "target", None)?;
    let rubric = settings::rubric(mode, "characters", None, None)?;
    let fault = Reference::new(rubric.0, &target, None).target_fault();
    Ok(fault.map(|error| format!("has a target that is not Python: {error}")))
}

/// The paper's prompt for a migration: system, user, prefill, and all three in ChatML.
#[pyfunction]
fn prompt<'py>(
    py: Python<'py>,
    dependency: &Bound<'py, PyAny>,
    new_version: &Bound<'py, PyAny>,
    update_info: &Bound<'py, PyAny>,
    old_code: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let text = |value, name| Text::exact(value, name, None).map(|text| text.to_string());
    let migration = Migration {
        dependency: text(dependency, "dependency")?,
        new_version: text(new_version, "new_version")?,
        description: String::new(),
        update_info: text(update_info, "update_info")?,
        old_code: text(old_code, "old_code")?,
        new_code: String::new(),
    };
    let prompt = migration.prompt();
    let value = to_python(py, &prompt)?;
    value.set_item("chatml", prompt.chatml())?;
    Ok(value)
}

/// The texts of one completion to judge.
struct Row {
    completion: Text,
    target: Text,
    old_code: Option<Text>,
    length: Option<usize>,
}

impl Row {
    fn new(
        completion: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        old_code: Option<&Bound<'_, PyAny>>,
        length: Option<&Bound<'_, PyAny>>,
        rubric: &Settings,
    ) -> PyResult<Self> {
        let row = Row {
            completion: Text::lossy(completion, "completion", None)?,
            target: Text::exact(target, "target", None)?,
            old_code: old_code
                .map(|code| Text::exact(code, "old_code", None))
                .transpose()?,
            length: length
                .map(|length| text::length(length, "length", None))
                .transpose()?,
        };
        rubric.require(&row.item(), None)?;
        Ok(row)
    }

    fn item(&self) -> Item<'_> {
        Item {
            completion: &self.completion,
            target: &self.target,
            old_code: self.old_code.as_deref(),
            length: self.length,
        }
    }
}

fn unpanicked<T>(work: impl FnOnce() -> T) -> PyResult<T> {
    // What is lost in a panic is local to the work.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked("completion"))
}

fn panicked(what: &str) -> PyErr {
    PyRuntimeError::new_err(format!(
        "{what}: scoring panicked, which is a fault of recode: please report the texts (standard error has the place)"
    ))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(score, module)?)?;
    module.add_function(wrap_pyfunction!(score_batch, module)?)?;
    module.add_function(wrap_pyfunction!(explain_completion, module)?)?;
    module.add_function(wrap_pyfunction!(check_rubric, module)?)?;
    module.add_function(wrap_pyfunction!(target_fault, module)?)?;
    module.add_function(wrap_pyfunction!(prompt, module)?)?;
    module.add_function(wrap_pyfunction!(audit::audit, module)?)?;
    Ok(())
}
