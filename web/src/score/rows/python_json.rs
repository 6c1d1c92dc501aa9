//! JSON as Python's `json` writes it, which has words for what JSON has no number for: `NaN`, `Infinity`, `-Infinity`.

use serde::de::DeserializeOwned;

const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Reads a line. Values that are no numbers count as `null`, and what is to be said of them comes with what was read.
///
/// # Errors
/// It is no JSON even so: serde_json's error, with the column in the line as it stands.
pub fn from_python_json<T: DeserializeOwned>(
    line: &str,
) -> serde_json::Result<(T, Option<String>)> {
    let error = match serde_json::from_str(line) {
        Ok(value) => return Ok((value, None)),
        Err(error) => error,
    };
    let Some(mended) = Mended::of(line) else {
        return Err(error);
    };
    match serde_json::from_str(&mended.text) {
        Ok(value) => Ok((value, Some(mended.remark()))),
        // Cut off is what the line is, whatever its values are.
        Err(cut_off) if cut_off.is_eof() => Err(cut_off),
        Err(_) => Err(error),
    }
}

/// A line with `null` where it had such words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mended {
    /// The line.
    text: String,
    /// Which fields had them, and which one: those of the line's object, not of objects within it.
    found: Vec<(String, &'static str)>,
}

impl Mended {
    /// Of a line; `None` where it has no such word outside its texts.
    fn of(line: &str) -> Option<Self> {
        let (mut text, mut found) = (String::with_capacity(line.len()), Vec::new());
        let (mut field, mut depth) = ("", 0usize);
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let word = WORDS.into_iter().find(|word| rest.starts_with(word));
            let taken = match (first, word) {
                ('"', _) => {
                    let end = end_of_text(rest);
                    if depth == 1 && rest[end..].trim_start().starts_with(':') {
                        field = rest[1..end].trim_end_matches('"');
                    }
                    end
                }
                (_, Some(word)) => {
                    found.push((field.to_owned(), word));
                    text.push_str("null");
                    rest = &rest[word.len()..];
                    continue;
                }
                ('{' | '[', _) => {
                    depth += 1;
                    1
                }
                ('}' | ']', _) => {
                    depth = depth.saturating_sub(1);
                    1
                }
                (other, _) => other.len_utf8(),
            };
            text.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        (!found.is_empty()).then_some(Mended { text, found })
    }

    /// What became of the line, and what to do.
    fn remark(&self) -> String {
        let (field, word) = &self.found[0];
        let others = match self.found.len() - 1 {
            0 => String::new(),
            1 => ", and 1 more value like it".to_owned(),
            n => format!(", and {n} more values like it"),
        };
        format!(
            "{field} is {word}{others}, for which JSON has no number: read as if it were not there; write null or a number"
        )
    }
}

/// Where the text that begins here ends, its quotes included.
fn end_of_text(rest: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use serde_json::{Map, Value};

    #[test]
    fn words_outside_texts_become_null_and_their_field_is_named() {
        let line = r#"{"completion": "x = NaN \"Infinity\"", "total": NaN, "parts": {"a": [-Infinity]}, "NaN": 1}"#;
        let (value, remark): (Value, _) = from_python_json(line).unwrap();
        let expected = serde_json::json!({"completion": "x = NaN \"Infinity\"", "total": null, "parts": {"a": [null]}, "NaN": 1});
        assert_eq!(value, expected);
        assert_eq!(
            remark.unwrap(),
            "total is NaN, and 1 more value like it, for which JSON has no number: read as if it were not there; write null or a number"
        );
    }

    #[test]
    fn an_error_is_that_of_the_line_as_it_stands_unless_it_is_cut_off() {
        let error = |line| from_python_json::<Value>(line).unwrap_err();
        let stands = error(r#"{"a": NaN, x}"#);
        assert_eq!((stands.column(), stands.is_eof()), (7, false));
        assert!(error(r#"{"a": NaN, "b": "#).is_eof());
    }

    /// A value as Python writes it beside the same value as JSON has it, and how many words are in it.
    #[derive(Debug, Clone)]
    struct Written {
        text: String,
        value: Value,
        words: usize,
    }

    impl Written {
        fn leaf(value: Value) -> Self {
            let text = value.to_string();
            Written {
                text,
                value,
                words: 0,
            }
        }

        fn word(word: &str) -> Self {
            Written {
                text: word.to_owned(),
                value: Value::Null,
                words: 1,
            }
        }

        fn list(items: Vec<Self>) -> Self {
            let texts: Vec<&str> = items.iter().map(|item| &*item.text).collect();
            Written {
                text: format!("[{}]", texts.join(", ")),
                words: items.iter().map(|item| item.words).sum(),
                value: items.into_iter().map(|item| item.value).collect(),
            }
        }

        fn object(fields: std::collections::BTreeMap<String, Self>) -> Self {
            let text = |(name, field): (&String, &Self)| {
                format!("{}: {}", Value::from(name.as_str()), field.text)
            };
            let texts: Vec<String> = fields.iter().map(text).collect();
            Written {
                text: format!("{{{}}}", texts.join(", ")),
                words: fields.values().map(|field| field.words).sum(),
                value: Value::Object(Map::from_iter(
                    fields.into_iter().map(|(name, field)| (name, field.value)),
                )),
            }
        }
    }

    fn written() -> impl Strategy<Value = Written> {
        let text = "(NaN|Infinity|[\"\\\\{}\\[\\]:,é -]){0,4}";
        let leaf = prop_oneof![
            prop::sample::select(&WORDS[..]).prop_map(Written::word),
            text.prop_map(|text| Written::leaf(text.into())),
            any::<i32>().prop_map(|number| Written::leaf(number.into())),
            any::<Option<bool>>().prop_map(|value| Written::leaf(value.into())),
        ];
        leaf.prop_recursive(3, 20, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Written::list),
                prop::collection::btree_map(text, inner, 0..4).prop_map(Written::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_word_is_null_and_all_else_is_as_json_has_it(written in written()) {
            let (value, remark): (Value, _) = from_python_json(&written.text).unwrap();
            prop_assert_eq!(value, written.value);
            prop_assert_eq!(remark.is_some(), written.words > 0);
            let others = match written.words {
                0 | 1 => "".to_owned(),
                2 => "and 1 more value like it".to_owned(),
                n => format!("and {} more values like it", n - 1),
            };
            prop_assert!(remark.unwrap_or_default().contains(&others));
        }
    }
}
