//! Variants of a migration: the same change told about other names, so that the policy has to read the note instead of knowing it.
//!
//! Names are replaced in the note, the old and the new code alike. A variant's facts are made up; only its shape is real: what the note says
//! happened to a name is what happens to it between the old code and the new.

use std::collections::{BTreeMap, BTreeSet};

use recode_core::migration::Migration;
use recode_kernels::random::Stream;

use super::text::{in_the_case_of, is_keyword, is_word, pieces, stems};

/// Share of a variant's names that are replaced: one of these, each as likely.
const RATES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];
/// Share of variants that get a line of another row's code around the change.
const CONTEXT: f64 = 0.3;
/// Share of variants whose names are replaced stem by stem (`from_numpy_matrix` and `from_numpy_array` keep what they have in common)
/// rather than whole.
const BY_STEM: f64 = 0.6;
/// Share of new stems that are taken from the rows; the others are syllables at random.
const KNOWN_STEM: f64 = 0.5;

/// Makes variants of rows; holds what it takes from all of them.
#[derive(Debug)]
pub struct Augmenter {
    rows: Vec<Migration>,
    /// Lower-case stems of the rows' names, sorted.
    stems: Vec<String>,
    /// The rows' libraries, sorted.
    libraries: Vec<String>,
    /// Lines of old code that can stand before or behind other code.
    lines: Vec<String>,
}

impl Augmenter {
    /// An augmenter that knows `rows` and nothing else.
    pub fn new(rows: Vec<Migration>) -> Self {
        let mut known = BTreeSet::new();
        let mut libraries = BTreeSet::new();
        let mut lines = BTreeSet::new();
        for row in &rows {
            libraries.insert(row.dependency.clone());
            for word in pieces(&row.old_code)
                .into_iter()
                .chain(pieces(&row.new_code))
            {
                let fit = |stem: &&str| {
                    stem.len() > 2
                        && stem.bytes().all(|b| b.is_ascii_alphabetic())
                        && !is_keyword(stem)
                };
                if is_word(word) && !is_keyword(word) {
                    known.extend(
                        stems(word)
                            .into_iter()
                            .filter(fit)
                            .map(str::to_ascii_lowercase),
                    );
                }
            }
            lines.extend(
                row.old_code
                    .lines()
                    .filter(|line| stands_alone(line))
                    .map(str::to_owned),
            );
        }
        known.retain(|stem| !is_keyword(stem));
        Self {
            rows,
            stems: known.into_iter().collect(),
            libraries: libraries.into_iter().collect(),
            lines: lines.into_iter().collect(),
        }
    }

    /// The rows it was made of.
    pub fn rows(&self) -> &[Migration] {
        &self.rows
    }

    /// A variant of `row`, drawn from `random`; the row itself where the draw changes nothing or would leave no change to make.
    pub fn variant(&self, row: &Migration, random: &mut Stream) -> Migration {
        let rate = *choose(random, &RATES);
        let mut variant = row.clone();
        if chance(random, CONTEXT) && !self.lines.is_empty() {
            let line = choose::<String>(random, &self.lines);
            if !uses_what_goes(row, line) {
                add_line(&mut variant, line, random);
            }
        }
        if chance(random, rate) {
            variant.dependency = match chance(random, 0.5) {
                true => choose(random, &self.libraries).clone(),
                false => self.stem(random),
            };
        }
        if chance(random, rate) {
            variant.new_version = format!(
                "=={}.{}.{}",
                random.below(6),
                random.below(30),
                random.below(10)
            );
        }
        let names = self.new_names(&variant, rate, random);
        for text in [
            &mut variant.update_info,
            &mut variant.old_code,
            &mut variant.new_code,
        ] {
            *text = pieces(text)
                .into_iter()
                .map(|piece| names.get(piece).map_or(piece, String::as_str))
                .collect();
        }
        match variant.old_code == variant.new_code {
            true => row.clone(),
            false => variant,
        }
    }

    /// What the names and the small numbers of `row` are called in its variant.
    fn new_names(
        &self,
        row: &Migration,
        rate: f64,
        random: &mut Stream,
    ) -> BTreeMap<String, String> {
        let by_stem = chance(random, BY_STEM);
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut kept = BTreeSet::new();
        let mut new_stems: BTreeMap<String, String> = BTreeMap::new();
        let code = [row.old_code.as_str(), row.new_code.as_str()];
        for piece in code.into_iter().flat_map(pieces) {
            let number = piece.len() <= 2 && piece.bytes().all(|b| b.is_ascii_digit());
            if !(number || is_word(piece) && !is_keyword(piece))
                || names.contains_key(piece)
                || kept.contains(piece)
            {
                continue;
            }
            if !chance(random, rate) {
                kept.insert(piece);
                continue;
            }
            let name = if number {
                (1 + random.below(99)).to_string()
            } else if by_stem {
                stems(piece)
                    .into_iter()
                    .map(|stem| self.new_stem(stem, &mut new_stems, random))
                    .collect()
            } else {
                self.whole_name(piece, random)
            };
            if !is_keyword(&name) {
                names.insert(piece.to_owned(), name);
            }
        }
        names
    }

    /// The stem that takes the place of `stem`, the same one within a variant; digits, underscores and single letters stay.
    fn new_stem(
        &self,
        stem: &str,
        new_stems: &mut BTreeMap<String, String>,
        random: &mut Stream,
    ) -> String {
        if stem.len() < 2 || !stem.bytes().all(|b| b.is_ascii_alphabetic()) {
            return stem.to_owned();
        }
        let new = new_stems
            .entry(stem.to_ascii_lowercase())
            .or_insert_with(|| self.stem(random));
        in_the_case_of(stem, new)
    }

    fn whole_name(&self, word: &str, random: &mut Stream) -> String {
        let mut name = self.stem(random);
        let second = chance(random, 0.3).then(|| self.stem(random));
        if word.starts_with(|c: char| c.is_ascii_uppercase()) {
            name = in_the_case_of("Name", &name);
            name.extend(second.map(|second| in_the_case_of("Name", &second)));
        } else if let Some(second) = second {
            name += "_";
            name += &second;
        }
        name
    }

    fn stem(&self, random: &mut Stream) -> String {
        match chance(random, KNOWN_STEM) && !self.stems.is_empty() {
            true => choose(random, &self.stems).clone(),
            false => syllables(random),
        }
    }
}

/// Whether `line` has a name that the change removes: it would have to be migrated as well.
fn uses_what_goes(row: &Migration, line: &str) -> bool {
    let (old, new) = (pieces(&row.old_code), pieces(&row.new_code));
    pieces(line)
        .into_iter()
        .any(|piece| is_word(piece) && old.contains(&piece) && !new.contains(&piece))
}

/// Puts `line` before or behind the code of both sides.
fn add_line(row: &mut Migration, line: &str, random: &mut Stream) {
    let before = line.starts_with("import ") || line.starts_with("from ") || chance(random, 0.3);
    for code in [&mut row.old_code, &mut row.new_code] {
        *code = match before {
            true => format!("{line}\n{code}"),
            false => format!("{code}\n{line}"),
        };
    }
}

/// Whether a line of code is a whole statement at the outermost level.
fn stands_alone(line: &str) -> bool {
    const OPENS: [&str; 13] = [
        "class", "def", "with", "for", "while", "if", "else", "try", "except", "async", "@",
        "return", "yield",
    ];
    let first = line.starts_with(|c: char| c.is_ascii_alphabetic());
    let balanced = |open, close| line.matches(open).count() == line.matches(close).count();
    first
        && !line.ends_with(':')
        && !OPENS.iter().any(|opens| line.starts_with(opens))
        && balanced('(', ')')
        && balanced('[', ']')
        && balanced('{', '}')
}

/// One to three syllables, none of them a word of any library.
fn syllables(random: &mut Stream) -> String {
    const COUNTS: [u32; 4] = [1, 2, 2, 3];
    let mut text = String::new();
    for _ in 0..*choose(random, &COUNTS) {
        text.push(*choose(random, b"bcdfghjklmnprstvwz") as char);
        text.push(*choose(random, b"aeiou") as char);
        if chance(random, 0.4) {
            text.push(*choose(random, b"nrslkt") as char);
        }
    }
    text
}

pub(super) fn chance(random: &mut Stream, probability: f64) -> bool {
    random.uniform_f64() < probability
}

pub(super) fn choose<'a, T>(random: &mut Stream, from: &'a [T]) -> &'a T {
    &from[random.below(from.len() as u32) as usize]
}

#[cfg(test)]
mod tests {
    use recode_core::python::{Grammar, check_syntax};

    use super::*;

    fn row() -> Migration {
        Migration {
            dependency: "networkx".into(),
            new_version: "==3.0".into(),
            description: "A graph of a matrix.".into(),
            update_info: "from_numpy_matrix was removed in favour of from_numpy_array.".into(),
            old_code: "import networkx as nx\n\ng = nx.from_numpy_matrix(adjacency, 2)".into(),
            new_code: "import networkx as nx\n\ng = nx.from_numpy_array(adjacency, 2)".into(),
        }
    }

    fn variants(count: u64) -> impl Iterator<Item = Migration> {
        let mut other = row();
        other.old_code =
            "nx.from_numpy_matrix(m)\ns = pd.Series([1, 2])\nfor x in s:\n    print(x)".into();
        let augmenter = Augmenter::new(vec![row(), other]);
        (0..count).map(move |i| augmenter.variant(&row(), &mut Stream::new(3, &[i])))
    }

    #[test]
    fn a_variant_tells_the_same_change_about_other_names() {
        let mut renamed = 0;
        for variant in variants(300) {
            // Whatever it is called now, the note names the old function first and then the new one, and the code calls them.
            let names: Vec<&str> = pieces(&variant.update_info)
                .into_iter()
                .filter(|piece| is_word(piece))
                .collect();
            let (old, new) = (names[0], names[names.len() - 1]);
            assert!(
                variant.old_code.contains(&format!(".{old}(")),
                "{variant:?}"
            );
            assert!(
                variant.new_code.contains(&format!(".{new}(")),
                "{variant:?}"
            );
            assert_eq!(
                variant
                    .old_code
                    .replace(&format!(".{old}("), &format!(".{new}(")),
                variant.new_code,
                "{variant:?}"
            );
            renamed += usize::from(old != "from_numpy_matrix");
        }
        // 25, 50, 75 and 100 % of a quarter of the variants each: 62.5 %.
        assert!((155..220).contains(&renamed), "{renamed} of 300 renamed");
    }

    #[test]
    fn variants_are_valid_python_and_never_without_a_change() {
        for variant in variants(300) {
            for code in [&variant.old_code, &variant.new_code] {
                check_syntax(code, Grammar::Latest).unwrap_or_else(|e| panic!("{e}\n{code}"));
            }
            assert_ne!(variant.old_code, variant.new_code);
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_variant() {
        let twice: [Vec<Migration>; 2] = [variants(20).collect(), variants(20).collect()];
        assert_eq!(twice[0], twice[1]);
        let different: std::collections::BTreeSet<String> =
            twice[0].iter().map(|v| v.old_code.clone()).collect();
        assert!(different.len() > 8, "{different:?}");
    }

    #[test]
    fn only_whole_statements_are_lent_to_other_rows() {
        for fit in ["x = f(1)", "import os", "print(\"a\")"] {
            assert!(stands_alone(fit), "{fit}");
        }
        for unfit in [
            "",
            "    x = 1",
            "for a in b:",
            "f(",
            ")",
            "return x",
            "@route",
            "x = [",
        ] {
            assert!(!stands_alone(unfit), "{unfit}");
        }
    }
}
