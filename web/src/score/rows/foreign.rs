//! What a file is that is no JSON Lines, told by how it begins: said once, where every line of it would only be said to be wrong.

use super::from_python_json;
use serde_json::{Map, Value};

/// A kind of file that cannot be read line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Packed: its end, and what unpacks it.
    #[error("a packed file ({0}): unpack it first, as with {1}")]
    Packed(&'static str, &'static str),
    /// A table of columns.
    #[error(
        "a Parquet file: write it as JSON Lines first, as with pandas' to_json(…, orient=\"records\", lines=True)"
    )]
    Parquet,
    /// Text of two bytes a character.
    #[error("UTF-16 text: save it as UTF-8")]
    Utf16,
    /// No text, or one in another encoding.
    #[error(
        "not UTF-8 text: its first line has zero bytes, or others that are no UTF-8; save a text of another encoding as UTF-8"
    )]
    Binary,
    /// All objects in one list.
    #[error("one JSON list: write its objects a line each, as with jq -c '.[]' FILE")]
    List,
    /// An object over many lines.
    #[error("JSON over several lines: write an object a line, as with jq -c . FILE")]
    Spread,
    /// A run's metrics, which hold no answers.
    #[error("a run's metrics, which hold no answers: the page Training reads them")]
    Metrics,
}

const PACKED: [(&[u8], &str, &str); 4] = [
    (b"\x1f\x8b", "gzip", "gunzip FILE"),
    (b"PK\x03\x04", "zip", "unzip FILE"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd FILE"),
    (b"\xfd7zXZ", "xz", "unxz FILE"),
];

impl Foreign {
    /// The kind of a file that begins with these bytes; `None` where it may be lines.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        let packed = PACKED.iter().find(|(mark, ..)| beginning.starts_with(mark));
        if let Some((_, name, with)) = packed {
            return Some(Foreign::Packed(name, with));
        }
        match beginning {
            [b'P', b'A', b'R', b'1', ..] => return Some(Foreign::Parquet),
            // With a mark, or a bracket and its empty half.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..] => {
                return Some(Foreign::Utf16);
            }
            _ => {}
        }
        let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        let text = text.trim_ascii_start();
        let first = text.split(|&byte| byte == b'\n').next()?.trim_ascii();
        // A line of JSON in another encoding is one that is wrong among others.
        let is_json = matches!(first, [b'{' | b'[' | b'"', ..]);
        // What is cut off within a character is text.
        let is_text =
            |line| std::str::from_utf8(line).map_or_else(|e| e.error_len().is_none(), |_| true);
        if first.contains(&0) || !is_json && !is_text(first) {
            return Some(Foreign::Binary);
        }
        match text {
            // A line that is a list of something else is one that is wrong among others.
            [b'[', rest @ ..] if rest.trim_ascii_start().starts_with(b"{") => Some(Foreign::List),
            [b'{', ..] if first == b"{" => Some(Foreign::Spread),
            _ => {
                let first = std::str::from_utf8(first).ok()?;
                let Ok((Value::Object(fields), _)) = from_python_json(first) else {
                    return None;
                };
                is_of_metrics(&fields).then_some(Foreign::Metrics)
            }
        }
    }
}

/// Whether a line's fields are those of a run's metrics: of a step and its learning rate, and without any answer.
pub(crate) fn is_of_metrics(fields: &Map<String, Value>) -> bool {
    let has = |name: &str| fields.contains_key(name);
    let is_answer = ["completion", "target", "new_code"].into_iter().any(has);
    has("step") && has("learning_rate") && !is_answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_lines_is_named_by_how_it_begins() {
        for (bytes, said) in [
            (&b"\x1f\x8b\x08\0"[..], "a packed file (gzip)"),
            (b"PK\x03\x04", "a packed file (zip)"),
            (b"PAR1\x15", "a Parquet file"),
            (b"\xff\xfe{\0", "UTF-16 text"),
            (b"{\0\"\0", "UTF-16 text"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not UTF-8 text"),
            (b"\xef\xbb\xbf [\n  {\"a\": 1}", "one JSON list"),
            (b"[{\"a\": 1}]", "one JSON list"),
            (b"{\n  \"a\": 1", "JSON over several lines"),
            (b"{\"step\":1,\"learning_rate\":0.1}\n", "a run's metrics"),
            (
                b"{\"step\":1,\"learning_rate\":0.1,\"kl\":NaN}\n",
                "a run's metrics",
            ),
        ] {
            let found = Foreign::of(bytes).map(|foreign| foreign.to_string());
            assert!(
                found.as_ref().is_some_and(|found| found.starts_with(said)),
                "{said}: {found:?}"
            );
        }
        for lines in [
            &b""[..],
            b"\n\n",
            b"[1]\n{\"completion\": \"c\"}",
            b"{\"step\":1,\"completion\":\"c\",\"learning_rate\":1}",
            b"nothing",
            b"{\"completion\": \"c",
        ] {
            assert_eq!(Foreign::of(lines), None, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn objects_are_known_by_how_they_are_laid_out(
            objects in prop::collection::vec(prop::collection::btree_map("[a-c]{1,2}", "[a-z\"\\[{\n ]{0,6}", 1..4), 1..4),
            mark in any::<bool>(),
        ) {
            let mark = if mark { "\u{feff}" } else { "" };
            let kind = |text: String| Foreign::of(format!("{mark}{text}").as_bytes());
            let lines: Vec<String> = objects.iter().map(|object| serde_json::to_string(object).unwrap()).collect();
            prop_assert_eq!(kind(lines.join("\n")), None);
            prop_assert_eq!(kind(serde_json::to_string_pretty(&objects[0]).unwrap()), Some(Foreign::Spread));
            prop_assert_eq!(kind(serde_json::to_string(&objects).unwrap()), Some(Foreign::List));
            prop_assert_eq!(kind(serde_json::to_string_pretty(&objects).unwrap()), Some(Foreign::List));
            let utf16: Vec<u8> = lines.join("\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(Foreign::of(&utf16), Some(Foreign::Utf16));
        }

        #[test]
        fn what_follows_the_first_line_changes_nothing(first in "[ -~]{0,30}", rest in prop::collection::vec(any::<u8>(), 0..60)) {
            // A bracket alone may be the beginning of a list, whose first object stands below.
            prop_assume!(!first.trim().is_empty() && first.trim() != "[");
            let whole = [first.as_bytes(), b"\n", &rest].concat();
            prop_assert_eq!(Foreign::of(&whole), Foreign::of(format!("{first}\n").as_bytes()));
        }
    }
}
