//! What an address carries of the page: its files, the two sides, the measure, the filters that are words, and the opened pair.

use super::comparison::Outcome;
use super::linked::LinkedFile;
use super::pairs::{Filter, toggle};
use super::record::{Basis, Key, Measure};

/// The page's state as far as it is small.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The files that it is about, in order; none are those that come with the page.
    pub files: Vec<LinkedFile>,
    /// Which file is A.
    pub a: usize,
    /// Which file is B.
    pub b: usize,
    /// What is compared.
    pub measure: Measure,
    /// Where its values come from; `None` leaves it to the files.
    pub basis: Option<Basis>,
    /// What pairs have to pass.
    pub filters: Vec<Filter>,
    /// The opened pair: its example.
    pub pair: Option<Key>,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            files: Vec::new(),
            a: 0,
            b: 1,
            measure: Measure::Total,
            basis: None,
            filters: Vec::new(),
            pair: None,
        }
    }
}

/// Filters that have a word in addresses.
const WORDS: [(&str, Filter); 6] = [
    ("win", Filter::Outcome(Outcome::Win)),
    ("loss", Filter::Outcome(Outcome::Loss)),
    ("tie", Filter::Outcome(Outcome::Tie)),
    ("no_value", Filter::Outcome(Outcome::NoValue)),
    ("other_answer", Filter::OtherAnswer),
    ("not_as_logged", Filter::NotAsLogged),
];

impl Query {
    /// What stands behind `?` in the address; empty where everything is as the page begins.
    pub fn write(&self) -> String {
        let usual = Query::default();
        let mut parts = Vec::new();
        for file in &self.files {
            parts.push(file.write());
        }
        if (self.a, self.b) != (usual.a, usual.b) {
            parts.push(format!("a={}&b={}", self.a, self.b));
        }
        if self.measure != usual.measure {
            parts.push(format!("by={}", self.measure.name()));
        }
        if let Some(basis) = self.basis {
            parts.push(format!("rules={}", basis.name()));
        }
        for (word, _) in WORDS
            .iter()
            .filter(|(_, filter)| self.filters.contains(filter))
        {
            parts.push(format!("only={word}"));
        }
        if let Some(pair) = self.pair {
            parts.push(format!("pair={}", pair.name()));
        }
        parts.join("&")
    }

    /// Reads an address. What is not understood is passed over: a link may come from a later version.
    pub fn read(query: &str) -> Self {
        let mut read = Query::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "file" | "own" => read.files.extend(LinkedFile::read(name, value)),
                "a" => read.a = value.parse().unwrap_or(read.a),
                "b" => read.b = value.parse().unwrap_or(read.b),
                "by" => read.measure = Measure::named(value).unwrap_or(read.measure),
                "rules" => read.basis = Basis::named(value),
                "pair" => read.pair = Key::named(value),
                "only" => {
                    if let Some((_, filter)) = WORDS.iter().find(|(word, _)| *word == value)
                        && !read.filters.contains(filter)
                    {
                        toggle(&mut read.filters, *filter);
                    }
                }
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Rules;
    use proptest::prelude::*;

    #[test]
    fn an_address_brings_back_the_page() {
        assert_eq!(Query::default().write(), "");
        let query = Query {
            files: vec![
                LinkedFile::Address("runs/a b/eval/after.jsonl".into()),
                LinkedFile::Own {
                    name: "x&y=%.jsonl".into(),
                    hash: "1a2b".into(),
                },
            ],
            a: 2,
            b: 0,
            measure: Measure::EditGain,
            basis: Some(Basis::Scored(Rules::Paper)),
            filters: vec![Filter::Outcome(Outcome::Loss), Filter::OtherAnswer],
            pair: Some(Key::Row(17)),
        };
        let written = query.write();
        assert_eq!(
            written,
            "file=runs/a%20b/eval/after.jsonl&own=1a2b/x%26y%3D%25.jsonl&a=2&b=0&by=edit_gain&rules=paper&only=loss&only=other_answer&pair=17"
        );
        assert_eq!(Query::read(&written), query);
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_panic(query in "\\PC{0,60}") {
            let read = Query::read(&query);
            prop_assert_eq!(Query::read(&read.write()), read);
        }
    }
}
