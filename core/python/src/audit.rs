//! What is wrong with a data set, for Python: rows are counted from 0.

use std::cell::RefCell;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyFloat, PyInt, PyMapping, PySequence, PyString};
use recode_core::audit::{AuditRow, Field, PromptBudget};
use recode_core::migration::Migration;

use crate::python_value::to_python;
use crate::text::{length, type_name};

/// What is wrong with a data set of migrations, row by row and summed.
///
/// The fields are those of `recode-trainer audit --json`, but for `row`, counted from 0, where a file has a line, and for `message`, a finding
/// in words. `prompt_length` counts a prompt for `max_prompt_length`; characters are counted where it is None.
#[pyfunction]
#[pyo3(signature = (rows, *, max_prompt_length=None, prompt_length=None))]
pub fn audit<'py>(
    py: Python<'py>,
    rows: &Bound<'py, PyAny>,
    max_prompt_length: Option<&Bound<'py, PyAny>>,
    prompt_length: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let refuse = || {
        PyTypeError::new_err(format!(
            "rows is {}, expected rows to walk through, each a dict",
            type_name(rows)
        ))
    };
    // A dict would be walked through by its keys.
    if rows.cast::<PyMapping>().is_ok() {
        return Err(refuse());
    }
    let max_prompt_length = max_prompt_length
        .map(|value| length(value, "max_prompt_length", None))
        .transpose()?;
    let rows: PyResult<Vec<AuditRow>> = rows
        .try_iter()
        .map_err(|_| refuse())?
        .enumerate()
        .map(|(index, row)| audit_row(&row?, index))
        .collect();
    let rows = rows?;
    let refused = RefCell::new(None);
    let prompt_length_of = |row: &Migration| {
        let prompt = row.prompt().chatml();
        match &prompt_length {
            None => prompt.chars().count(),
            Some(count) => {
                let counted = count
                    .call1((prompt,))
                    .and_then(|counted| length(&counted, "what prompt_length returns", None));
                counted.unwrap_or_else(|error: PyErr| {
                    refused.borrow_mut().get_or_insert(error);
                    0
                })
            }
        }
    };
    let budget = max_prompt_length.map(|max_prompt_length| PromptBudget {
        max_prompt_length,
        length: &prompt_length_of,
    });
    let report = recode_core::audit::audit(rows, budget.as_ref());
    if let Some(error) = refused.into_inner() {
        return Err(error);
    }
    to_python(py, &report.in_words())
}

fn audit_row(row: &Bound<'_, PyAny>, index: usize) -> PyResult<AuditRow> {
    let row = row.cast::<PyMapping>().map_err(|_| {
        PyTypeError::new_err(format!(
            "rows[{index}] is {}, expected a dict with the fields of a migration",
            type_name(row)
        ))
    })?;
    let field = |name: &str| match row.contains(name)? {
        true => row.get_item(name).map(|value| field(&value)),
        false => Ok(Field::Missing),
    };
    Ok(AuditRow {
        dependency: field("dependency")?,
        new_version: field("new_version")?,
        description: field("description")?,
        update_info: field("update_info")?,
        old_code: field("old_code")?,
        new_code: field("new_code")?,
    })
}

/// A field, in the words of the command line where JSON has them.
fn field(value: &Bound<'_, PyAny>) -> Field {
    if value.is_none() {
        return Field::Null;
    }
    if let Ok(text) = value.cast::<PyString>() {
        return match PyBackedStr::try_from(text.clone()) {
            Ok(text) => Field::Text(text.to_string()),
            Err(_) => Field::NotText("string with half a surrogate pair".to_owned()),
        };
    }
    Field::NotText(if value.is_instance_of::<PyBool>() {
        "truth value".to_owned()
    } else if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        "number".to_owned()
    } else if value.cast::<PyMapping>().is_ok() {
        "object".to_owned()
    } else if value.cast::<PySequence>().is_ok() {
        "list".to_owned()
    } else {
        type_name(value)
    })
}
