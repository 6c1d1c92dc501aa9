//! Which of a run's files a file is, by its first line.

use crate::score::rows::{Foreign, from_python_json};
use serde_json::Value;

/// How much of a file is looked at.
pub const SNIFF_BYTES: usize = 256 << 10;

/// A file that the page reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// metrics.jsonl: a line a step.
    Metrics,
    /// completions.jsonl: a line a completion.
    Completions,
    /// The rows that were trained on, whose targets the completions are held against.
    Rows,
}

/// Why a file is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOfARun {
    /// Nothing in it yet.
    #[error("empty: a run that has not finished its first step has such a file")]
    Empty,
    /// Held-out answers.
    #[error("held-out answers of an evaluation, which have no steps; the page Score reads them")]
    Evaluation,
    /// No JSON Lines.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// Something else.
    #[error(
        "not a file of a run: its first line should be an object with step (metrics.jsonl), with step and completion (completions.jsonl), or \
         with new_code (training rows){}",
        and_has(found)
    )]
    Other {
        /// The names that the first line has instead, where it is an object.
        found: Vec<String>,
    },
}

/// At most as many names as are read at a glance.
fn and_has(found: &[String]) -> String {
    const MOST: usize = 6;
    let more = if found.len() > MOST { ", …" } else { "" };
    let names = found[..found.len().min(MOST)].join(", ");
    match names.is_empty() {
        true => String::new(),
        false => format!(", and has {names}{more}"),
    }
}

impl Kind {
    /// The kind of a file that begins with these bytes.
    ///
    /// # Errors
    /// What it is instead.
    pub fn of(beginning: &[u8]) -> Result<Self, NotOfARun> {
        let beginning = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
        let mut lines = beginning
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::trim_ascii);
        let first = lines
            .find(|line| !line.is_empty())
            .ok_or(NotOfARun::Empty)?;
        let value = std::str::from_utf8(first).ok();
        let value = value.and_then(|text| from_python_json::<Value>(text).ok());
        let has = |name: &str| match &value {
            Some((Value::Object(fields), _)) => fields.contains_key(name),
            Some(_) => false,
            // Cut off, as the first line of a file is that is being written: its names have to do.
            None => {
                let name = format!("\"{name}\":");
                let text = String::from_utf8_lossy(first);
                text.starts_with('{') && text.replace("\": ", "\":").contains(&name)
            }
        };
        match (has("step"), has("completion"), has("new_code")) {
            (true, true, _) => Ok(Kind::Completions),
            (true, false, _) => Ok(Kind::Metrics),
            (false, false, true) => Ok(Kind::Rows),
            (false, true, _) => Err(NotOfARun::Evaluation),
            (false, false, false) => {
                let found = match value {
                    Some((Value::Object(fields), _)) => {
                        fields.into_iter().map(|(name, _)| name).collect()
                    }
                    _ => Vec::new(),
                };
                let other = NotOfARun::Other { found };
                Err(Foreign::of(beginning).map_or(other, NotOfARun::Foreign))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_known_by_its_first_line() {
        for (text, kind) in [
            ("\n{\"step\": 1, \"reward\": 2}\n", Ok(Kind::Metrics)),
            ("{\"step\":1,\"reward\":NaN}\n", Ok(Kind::Metrics)),
            (
                "{\"step\":1,\"row\":2,\"completion\":\"c",
                Ok(Kind::Completions),
            ),
            (
                "\u{feff}{\"old_code\":\"o\",\"new_code\":\"n\"}\r\n",
                Ok(Kind::Rows),
            ),
            (
                "{\"row\":1,\"new_code\":\"n\",\"completion\":\"c\"}",
                Err(NotOfARun::Evaluation),
            ),
            ("\n \n", Err(NotOfARun::Empty)),
            ("[\"step\"]", Err(NotOfARun::Other { found: Vec::new() })),
            (
                "{\"global_step\":1,\"reward\":NaN}",
                Err(NotOfARun::Other {
                    found: vec!["global_step".to_owned(), "reward".to_owned()],
                }),
            ),
            ("[{\"step\":1}]", Err(NotOfARun::Foreign(Foreign::List))),
            (
                "name = \"run\"",
                Err(NotOfARun::Other { found: Vec::new() }),
            ),
        ] {
            assert_eq!(Kind::of(text.as_bytes()), kind, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_first_line_that_is_cut_off_behind_its_names_has_the_same_kind(
            names in prop::collection::btree_set("step|completion|new_code|row|x", 1..5),
            space in "[ ]?",
        ) {
            let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\":{space}1")).collect();
            let fields = fields.join(", ");
            // Which names there are instead is only said of a whole one.
            let of = |text: String| Kind::of(text.as_bytes()).map_err(|why| std::mem::discriminant(&why));
            let whole = of(format!("{{{fields}}}\n"));
            prop_assert_eq!(of(format!("{{{fields}")), whole);
            let has = |name: &str| names.contains(name);
            prop_assert_eq!(whole.is_ok(), has("step") || has("new_code") && !has("completion"));
        }
    }
}
