//! By which rules: a rubric from keyword arguments, named as its fields are in TOML and JSON.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyMapping};
use recode_core::reward::{Breakdown, Missing, Overlong, Part, Reference, Rubric, Weights};

use crate::batch::Item;
use crate::text::{length, type_name};

/// A rubric whose settings go together.
pub struct Settings(pub Rubric);

/// Reads a rubric.
pub fn rubric(
    mode: &str,
    comparison: &str,
    weights: Option<&Bound<'_, PyAny>>,
    overlong: Option<&Bound<'_, PyAny>>,
) -> PyResult<Settings> {
    let wrong = |name: &str, error: String| PyValueError::new_err(format!("{name}: {error}"));
    let rubric = Rubric {
        mode: mode
            .parse()
            .map_err(|error| wrong("mode", format!("{error}")))?,
        comparison: comparison
            .parse()
            .map_err(|error| wrong("comparison", format!("{error}")))?,
        weights: weights.map(self::weights).transpose()?.unwrap_or_default(),
        overlong: overlong.map(self::overlong).transpose()?,
    };
    rubric
        .check()
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(Settings(rubric))
}

fn mapping<'a, 'py>(
    value: &'a Bound<'py, PyAny>,
    name: &str,
    example: &str,
) -> PyResult<&'a Bound<'py, PyMapping>> {
    value.cast::<PyMapping>().map_err(|_| {
        let found = type_name(value);
        PyTypeError::new_err(format!("{name} is {found}, expected a dict, as {example}"))
    })
}

fn weights(value: &Bound<'_, PyAny>) -> PyResult<Weights> {
    let mapping = mapping(value, "weights", r#"{"format": 1, "edit_gain": 1}"#)?;
    let wrong = |error: String| PyValueError::new_err(format!("weights: {error}"));
    let mut parts = Vec::new();
    for item in mapping.items()?.iter() {
        let (name, weight): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let part: Part = name
            .to_string()
            .parse()
            .map_err(|error| wrong(format!("{error}")))?;
        let refuse = |error: PyErr| match error.is_instance_of::<PyOverflowError>(weight.py()) {
            true => wrong(format!("the weight of {part} is too large for a float")),
            false => {
                let found = type_name(&weight);
                PyTypeError::new_err(format!(
                    "weights: the weight of {part} is {found}, expected a number"
                ))
            }
        };
        if weight.is_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err(format!(
                "weights: the weight of {part} is bool, expected a number"
            )));
        }
        let weight = weight.extract::<f64>().map_err(refuse)?;
        parts.push((part, weight));
    }
    Weights::new(parts).map_err(|error| wrong(error.to_string()))
}

fn overlong(value: &Bound<'_, PyAny>) -> PyResult<Overlong> {
    let mapping = mapping(value, "overlong", r#"{"max_length": 1024, "buffer": 64}"#)?;
    for name in mapping.keys()?.iter() {
        let name = name.to_string();
        if !matches!(name.as_str(), "max_length" | "buffer") {
            return Err(PyValueError::new_err(format!(
                "overlong: unknown key `{name}`: use `max_length` and `buffer`"
            )));
        }
    }
    let field = |name: &str| match mapping.contains(name)? {
        true => length(&mapping.get_item(name)?, &format!("overlong.{name}"), None),
        false => Err(PyValueError::new_err(format!(
            "overlong: {name} is missing"
        ))),
    };
    Ok(Overlong {
        max_length: field("max_length")?,
        buffer: field("buffer")?,
    })
}

impl Settings {
    /// Whether an item has what the parts with a weight count from.
    pub fn require(&self, item: &Item<'_>, index: Option<usize>) -> PyResult<()> {
        let missing = |one: &str, many: &str, why: String| {
            let name = index.map_or(one.to_owned(), |index| format!("{many}[{index}]"));
            PyValueError::new_err(format!("{name} is missing, {why}"))
        };
        match self
            .0
            .check_given(item.old_code.is_some(), item.length.is_some())
        {
            Ok(()) => Ok(()),
            Err(Missing::OldCode(part)) => {
                let why = format!(
                    "from which {part} counts: give it, or leave {part} out of the weights"
                );
                Err(missing("old_code", "old_codes", why))
            }
            Err(Missing::Length) => {
                let why = "the length that overlong counts: give it, or leave overlong out of the weights";
                Err(missing("length", "lengths", why.to_owned()))
            }
            // That is found out where the texts are scored: [`IfMissing::permit`].
            Err(error @ Missing::NotPython { .. }) => Err(PyValueError::new_err(error.to_string())),
        }
    }
}

/// What becomes of a row whose old code and target cannot be compared, where a part with a weight counts from the old code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// An error.
    Raise,
    /// It has no total.
    None,
}

impl IfMissing {
    /// `raise` or `none`.
    pub fn read(name: &str) -> PyResult<Self> {
        match name {
            "raise" => Ok(IfMissing::Raise),
            "none" => Ok(IfMissing::None),
            _ => Err(PyValueError::new_err(format!(
                "missing is {name:?}: use 'raise' or 'none'"
            ))),
        }
    }

    /// Whether the breakdown of an item may be handed out.
    pub fn permit(
        self,
        rubric: &Rubric,
        item: &Item<'_>,
        breakdown: &Breakdown,
        index: Option<usize>,
    ) -> PyResult<()> {
        if self == IfMissing::None || breakdown.total.is_some() {
            return Ok(());
        }
        let reference = Reference::new(rubric.clone(), item.target, item.old_code);
        reference.check(item.length.is_some()).map_err(|missing| {
            let row = index.map_or(String::new(), |index| format!("row {index}: "));
            PyValueError::new_err(format!(
                "{row}{missing} (recode_reward.audit names such rows)"
            ))
        })
    }
}

/// How many threads; every core where it is not said.
pub fn threads(value: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    match value
        .map(|value| length(value, "threads", None))
        .transpose()?
    {
        None => Ok(crate::cores()),
        Some(0) => Err(PyValueError::new_err(
            "threads is 0: use 1 or more, or None for every core",
        )),
        Some(threads) => Ok(threads),
    }
}

/// Whether two lists stand side by side.
pub fn same_length(name: &str, got: usize, completions: usize) -> PyResult<()> {
    match got == completions {
        true => Ok(()),
        false => Err(PyValueError::new_err(format!(
            "{name} has {got} items, but there are {completions} completions: give one for each (repeat it where they share it)"
        ))),
    }
}
