//! The words that Python's `json` writes for what JSON has no number for: `NaN`, `Infinity`, `-Infinity`.

const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// A line with `null` where it had such words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The line.
    pub text: String,
    /// Which fields had them, and which one: those of the line's object, not of objects within it.
    found: Vec<(String, &'static str)>,
}

impl Mended {
    /// Of a line; `None` where it has no such word outside its texts.
    pub fn of(line: &str) -> Option<Self> {
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
    pub fn remark(&self) -> String {
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

    #[test]
    fn words_outside_texts_become_null_and_their_field_is_named() {
        let line = r#"{"completion": "x = NaN \"Infinity\"", "total": NaN, "parts": {"a": [-Infinity]}, "NaN": 1}"#;
        let mended = Mended::of(line).unwrap();
        assert_eq!(
            mended.text,
            r#"{"completion": "x = NaN \"Infinity\"", "total": null, "parts": {"a": [null]}, "NaN": 1}"#
        );
        assert_eq!(
            mended.remark(),
            "total is NaN, and 1 more value like it, for which JSON has no number: read as if it were not there; write null or a number"
        );
        assert_eq!(Mended::of(r#"{"completion": "NaN", "total": 1}"#), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in "[NaInfity\"\\\\{}:é-]{0,40}") {
            let _ = Mended::of(&line);
        }
    }
}
