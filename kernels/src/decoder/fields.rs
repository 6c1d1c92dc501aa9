//! Reading a JSON object so that no field goes unnoticed: every field is taken out once, and what is left at the end nobody
//! has understood. A `null` is an absent field, as for the files' authors.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// No size of a real decoder comes near; with this bound no product of two sizes overflows.
pub(super) const LARGEST: u64 = 1 << 30;

/// The error for a field, with what is wrong with it.
pub(super) fn refused(field: impl Into<String>, reason: impl ToString) -> Error {
    Error::Config {
        field: field.into(),
        reason: reason.to_string(),
    }
}

/// What is left of a JSON object.
pub(super) struct Fields {
    /// The path of the object with its dot, `rope_scaling.`; empty for the outermost.
    within: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of the file `name`, whose text is given.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self {
                within: String::new(),
                map,
            }),
            Ok(_) => Err(refused(name, "is not a JSON object")),
            Err(error) => Err(refused(name, error)),
        }
    }

    /// The error for one of these fields.
    pub(super) fn refused(&self, name: &str, reason: impl ToString) -> Error {
        refused(format!("{}{name}", self.within), reason)
    }

    /// The path of the object itself.
    pub(super) fn path(&self) -> &str {
        self.within.trim_end_matches('.')
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    /// The field as `read` understands it.
    pub(super) fn typed<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.refused(name, format!("is {value}, expected {expected}"))),
            },
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        self.typed(name, "text", |value| value.as_str().map(str::to_string))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", Value::as_f64)
    }

    pub(super) fn optional_size(&mut self, name: &str) -> Result<Option<usize>> {
        let expected = format!("a whole number from 1 to {LARGEST}");
        self.typed(name, &expected, |value| {
            value
                .as_u64()
                .filter(|size| (1..=LARGEST).contains(size))
                .map(|size| size as usize)
        })
    }

    pub(super) fn size(&mut self, name: &str) -> Result<usize> {
        self.optional_size(name)?
            .ok_or_else(|| self.refused(name, "is missing"))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields>> {
        let within = format!("{}{name}.", self.within);
        let map = self.typed(name, "an object", |value| value.as_object().cloned())?;
        Ok(map.map(|map| Fields { within, map }))
    }

    /// Absent, or a value for which what is implemented is right.
    pub(super) fn must_be(&mut self, name: &str, neutral: impl Fn(&Value) -> bool) -> Result<()> {
        match self.take(name) {
            Some(value) if !neutral(&value) => Err(self.refused(
                name,
                format!("{value} changes the computation and is not implemented"),
            )),
            _ => Ok(()),
        }
    }

    /// The end: whatever is left must be harmless. A leading or trailing `*` of a pattern stands for any text.
    pub(super) fn finish(self, ignored: &[&str]) -> Result<()> {
        for (name, value) in &self.map {
            if !value.is_null() && !ignored.iter().any(|pattern| matches(pattern, name)) {
                return Err(self.refused(
                    name,
                    format!(
                        "it is unknown here and may change the computation; remove it if it does not (its value is {value})"
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}
