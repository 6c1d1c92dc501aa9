//! Strings of JSON as they come: a `String`, unless one holds half a surrogate pair, which JSON may and UTF-8 may not.
//!
//! A policy may write such a half, where its tokens cut an emoji: one of them shall not spoil a batch, so in a completion it is U+FFFD. In a
//! target or an old code it says that the data is broken, and a reward by that would say nothing.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A string of JSON.
#[derive(Debug)]
pub struct JsonText(Vec<u8>);

impl JsonText {
    /// The text with U+FFFD for every half of a pair.
    #[must_use]
    pub fn lossy(self) -> String {
        let mut bytes = self.0;
        // The one thing in it that is no UTF-8 is half a pair, which has three bytes.
        for at in 0..bytes.len().saturating_sub(2) {
            if let [0xed, 0xa0..=0xbf, _] = bytes[at..at + 3] {
                bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The text, if it is one.
    ///
    /// # Errors
    /// It holds half a pair; in words, to which the caller adds where.
    pub fn exact(self) -> Result<String, String> {
        String::from_utf8(self.0).map_err(|_| {
            "has half a surrogate pair, so it is no text: mend the data, or leave the row out"
                .to_owned()
        })
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = JsonText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonText, E> {
                Ok(JsonText(text.as_bytes().to_vec()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<JsonText, E> {
                Ok(JsonText(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
