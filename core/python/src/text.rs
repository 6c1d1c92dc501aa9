//! Texts and lengths from Python.
//!
//! A Python string may hold halves of surrogate pairs, which no UTF-8 text can. In a completion (what a policy wrote) a lone half is read as
//! U+FFFD, one for one, as every decoder does with what it cannot read. In a target or an old code it is an error: the data is broken, and
//! a reward counted from a repaired text would say nothing of it.

use std::ops::Deref;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyBytes, PyFrozenSet, PyInt, PyMapping, PySet, PyString};

/// A text; not copied where Python has it in UTF-8.
pub enum Text {
    /// Python's own bytes.
    Shared(PyBackedStr),
    /// Read from surrogates.
    Owned(String),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Shared(text) => text,
            Text::Owned(text) => text,
        }
    }
}

impl Text {
    /// A completion.
    pub fn lossy(value: &Bound<'_, PyAny>, name: &str, index: Option<usize>) -> PyResult<Self> {
        let string = string(value, name, index)?;
        match PyBackedStr::try_from(string.clone()) {
            Ok(text) => Ok(Text::Shared(text)),
            Err(_) => {
                let bytes = string.call_method1("encode", ("utf-16-le", "surrogatepass"))?;
                let units: Vec<u16> = bytes
                    .cast::<PyBytes>()?
                    .as_bytes()
                    .chunks_exact(2)
                    .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                    .collect();
                Ok(Text::Owned(String::from_utf16_lossy(&units)))
            }
        }
    }

    /// A target, an old code.
    pub fn exact(value: &Bound<'_, PyAny>, name: &str, index: Option<usize>) -> PyResult<Self> {
        let text = PyBackedStr::try_from(string(value, name, index)?);
        text.map(Text::Shared).map_err(|_| {
            let name = at(name, index);
            PyValueError::new_err(format!(
                "{name} has half a surrogate pair, so it is no text: mend the data, or leave the row out"
            ))
        })
    }
}

/// How an argument is named in a message.
fn at(name: &str, index: Option<usize>) -> String {
    match index {
        Some(index) => format!("{name}[{index}]"),
        None => name.to_owned(),
    }
}

/// The name of a value's type.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    match value.get_type().name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "something unnamed".to_owned(),
    }
}

fn string<'py>(
    value: &Bound<'py, PyAny>,
    name: &str,
    index: Option<usize>,
) -> PyResult<Bound<'py, PyString>> {
    value.cast::<PyString>().cloned().map_err(|_| {
        let (name, found) = (at(name, index), type_name(value));
        PyTypeError::new_err(format!("{name} is {found}, expected str"))
    })
}

/// The items of a list, a tuple, a column; texts, sets and dicts are none of these, though Python would walk through letters, through items in
/// no order, and through keys.
fn items<'py>(
    values: &Bound<'py, PyAny>,
    name: &str,
    what: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let refuse = |found: String| {
        PyTypeError::new_err(format!(
            "{name} is {found}, expected a list of {what}, one per completion"
        ))
    };
    if values.is_instance_of::<PyString>() || values.is_instance_of::<PyBytes>() {
        return Err(refuse(format!("one {}", type_name(values))));
    }
    if values.cast::<PyMapping>().is_ok()
        || values.is_instance_of::<PySet>()
        || values.is_instance_of::<PyFrozenSet>()
    {
        return Err(refuse(type_name(values)));
    }
    match values.try_iter() {
        Ok(items) => items.collect(),
        Err(_) => Err(refuse(type_name(values))),
    }
}

/// How a text is read: [`Text::lossy`] or [`Text::exact`].
type Read = fn(&Bound<'_, PyAny>, &str, Option<usize>) -> PyResult<Text>;

/// A list of texts.
pub fn texts(values: &Bound<'_, PyAny>, name: &str, read: Read) -> PyResult<Vec<Text>> {
    let items = items(values, name, "str")?;
    let texts = items.iter().enumerate();
    texts
        .map(|(index, value)| read(value, name, Some(index)))
        .collect()
}

/// A list of texts, or nothing, or a list with nothing here and there.
pub fn optional_texts(
    values: Option<&Bound<'_, PyAny>>,
    name: &str,
) -> PyResult<Option<Vec<Option<Text>>>> {
    let Some(values) = values else {
        return Ok(None);
    };
    let items = items(values, name, "str or None")?;
    let text = |(index, value): (usize, &Bound<'_, PyAny>)| match value.is_none() {
        true => Ok(None),
        false => Text::exact(value, name, Some(index)).map(Some),
    };
    items
        .iter()
        .enumerate()
        .map(text)
        .collect::<PyResult<_>>()
        .map(Some)
}

/// The completions' lengths, or nothing, or a list with nothing here and there.
pub fn lengths(values: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<Option<usize>>>> {
    let Some(values) = values else {
        return Ok(None);
    };
    let items = items(values, "lengths", "int or None")?;
    let one = |(index, value): (usize, &Bound<'_, PyAny>)| match value.is_none() {
        true => Ok(None),
        false => length(value, "lengths", Some(index)).map(Some),
    };
    items
        .iter()
        .enumerate()
        .map(one)
        .collect::<PyResult<_>>()
        .map(Some)
}

/// One length: an int, or what counts as one (numpy's); a truth value is none.
pub fn length(value: &Bound<'_, PyAny>, name: &str, index: Option<usize>) -> PyResult<usize> {
    let is_truth = value.is_instance_of::<PyBool>();
    match value.extract::<usize>() {
        Ok(length) if !is_truth => Ok(length),
        Err(_) if value.is_instance_of::<PyInt>() => Err(PyValueError::new_err(format!(
            "{} is {value}, expected a whole number from 0 to {}",
            at(name, index),
            usize::MAX
        ))),
        _ => Err(PyTypeError::new_err(format!(
            "{} is {}, expected int",
            at(name, index),
            type_name(value)
        ))),
    }
}
