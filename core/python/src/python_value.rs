//! Python's values of what serde can write: whatever the command line writes as JSON, a caller gets under the same names.
//!
//! A serializer of our own rather than a detour over `serde_json::Value`: this runs with the GIL, where a batch has one core.

use std::fmt;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use serde::ser::{self, Serialize};

/// A dict, a list, a number, a text: what `value` is in JSON.
pub fn to_python<'py>(
    py: Python<'py>,
    value: &(impl Serialize + ?Sized),
) -> PyResult<Bound<'py, PyAny>> {
    value.serialize(ToPython(py)).map_err(|Failed(error)| error)
}

/// What Python, or a type's `Serialize`, complained of.
#[derive(Debug)]
struct Failed(PyErr);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl ser::Error for Failed {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failed(PyRuntimeError::new_err(format!(
            "cannot hand over the result: {message}"
        )))
    }
}

impl<E: Into<PyErr>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed(error.into())
    }
}

type Value<'py> = Result<Bound<'py, PyAny>, Failed>;

#[derive(Clone, Copy)]
struct ToPython<'py>(Python<'py>);

impl<'py> ToPython<'py> {
    fn fields(self, name: Option<&'static str>) -> Fields<'py> {
        Fields {
            py: self.0,
            dict: PyDict::new(self.0),
            key: None,
            variant: name,
        }
    }

    fn items(self, length: usize, name: Option<&'static str>) -> Items<'py> {
        Items {
            py: self.0,
            values: Vec::with_capacity(length),
            variant: name,
        }
    }
}

/// A value inside `{variant: value}`, where it is one of an enum.
fn named<'py>(
    py: Python<'py>,
    variant: Option<&'static str>,
    value: Bound<'py, PyAny>,
) -> Value<'py> {
    let Some(variant) = variant else {
        return Ok(value);
    };
    let dict = PyDict::new(py);
    dict.set_item(PyString::intern(py, variant), value)?;
    Ok(dict.into_any())
}

macro_rules! simple {
    ($($method:ident($type:ty),)+) => {
        $(fn $method(self, value: $type) -> Value<'py> {
            Ok(value.into_pyobject(self.0)?.to_owned().into_any())
        })+
    };
}

impl<'py> ser::Serializer for ToPython<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;
    type SerializeSeq = Items<'py>;
    type SerializeTuple = Items<'py>;
    type SerializeTupleStruct = Items<'py>;
    type SerializeTupleVariant = Items<'py>;
    type SerializeMap = Fields<'py>;
    type SerializeStruct = Fields<'py>;
    type SerializeStructVariant = Fields<'py>;

    simple! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
    }

    fn serialize_bytes(self, value: &[u8]) -> Value<'py> {
        Ok(PyList::new(self.0, value)?.into_any())
    }

    fn serialize_none(self) -> Value<'py> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Value<'py> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Value<'py> {
        Ok(self.0.None().into_bound(self.0))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Value<'py> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Value<'py> {
        Ok(PyString::intern(self.0, variant).into_any())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Value<'py> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Value<'py> {
        named(self.0, Some(variant), value.serialize(self)?)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'py>, Failed> {
        Ok(self.items(length.unwrap_or(0), None))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'py>, Failed> {
        Ok(self.items(length, None))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items<'py>, Failed> {
        Ok(self.items(length, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'py>, Failed> {
        Ok(self.items(length, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'py>, Failed> {
        Ok(self.fields(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'py>, Failed> {
        Ok(self.fields(None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'py>, Failed> {
        Ok(self.fields(Some(variant)))
    }
}

/// A list on the way.
struct Items<'py> {
    py: Python<'py>,
    values: Vec<Bound<'py, PyAny>>,
    variant: Option<&'static str>,
}

impl<'py> Items<'py> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.values.push(value.serialize(ToPython(self.py))?);
        Ok(())
    }

    fn finish(self) -> Value<'py> {
        let list = PyList::new(self.py, self.values)?.into_any();
        named(self.py, self.variant, list)
    }
}

macro_rules! as_items {
    ($($trait:ident::$method:ident,)+) => {
        $(impl<'py> ser::$trait for Items<'py> {
            type Ok = Bound<'py, PyAny>;
            type Error = Failed;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
                self.add(value)
            }

            fn end(self) -> Value<'py> {
                self.finish()
            }
        })+
    };
}

as_items! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// A dict on the way.
struct Fields<'py> {
    py: Python<'py>,
    dict: Bound<'py, PyDict>,
    key: Option<Bound<'py, PyAny>>,
    variant: Option<&'static str>,
}

impl<'py> Fields<'py> {
    fn add<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failed> {
        // One text for all the dicts of a batch.
        let name = PyString::intern(self.py, name);
        self.dict
            .set_item(name, value.serialize(ToPython(self.py))?)?;
        Ok(())
    }

    fn finish(self) -> Value<'py> {
        named(self.py, self.variant, self.dict.into_any())
    }
}

macro_rules! as_fields {
    ($($trait:ident,)+) => {
        $(impl<'py> ser::$trait for Fields<'py> {
            type Ok = Bound<'py, PyAny>;
            type Error = Failed;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Failed> {
                self.add(name, value)
            }

            fn end(self) -> Value<'py> {
                self.finish()
            }
        })+
    };
}

as_fields! { SerializeStruct, SerializeStructVariant, }

impl<'py> ser::SerializeMap for Fields<'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.key = Some(key.serialize(ToPython(self.py))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let key = self.key.take();
        self.dict
            .set_item(key, value.serialize(ToPython(self.py))?)?;
        Ok(())
    }

    fn end(self) -> Value<'py> {
        self.finish()
    }
}
