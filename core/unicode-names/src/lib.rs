//! Characters by their Unicode names, for `"\N{DIGIT ONE}"` in Python.
//!
//! It stands in for the crate `unicode_names2` 1.3.0, which ruff's parser asks for the same: what that gives, this gives. Its tables are made
//! for speed in both directions and hardly compress: 380 KB of what a browser downloads, two thirds of all that the reward is. Here names are
//! text, which `build.rs` writes and of which gzip leaves 136 KB, and an index is made when a first name is asked for, in a few milliseconds.
//!
//! # Differences
//! Some names longer than Unicode's that the original takes (`COMBINING BREVE-MACRO`) are none.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod computed;

use std::collections::HashMap;
use std::sync::OnceLock;

static NAMES: &str = include_str!(concat!(env!("OUT_DIR"), "/names.txt"));

/// The character of that name or alias, in any case; `None` where there is none.
///
/// ```
/// assert_eq!(unicode_names2::character("latin small letter sharp s"), Some('ß'));
/// assert_eq!(unicode_names2::character("LATIN SMALL LETTER"), None);
/// ```
pub fn character(name: &str) -> Option<char> {
    static INDEX: OnceLock<Index> = OnceLock::new();
    let index = INDEX.get_or_init(Index::new);
    if name.len() > index.longest {
        return None;
    }
    let name = name.to_ascii_uppercase();
    match computed::character(&name) {
        Some(found) => found,
        None => index.characters.get(name.as_str()).copied(),
    }
}

struct Index {
    characters: HashMap<&'static str, char>,
    /// In bytes.
    longest: usize,
}

impl Index {
    fn new() -> Self {
        let mut characters = HashMap::with_capacity(NAMES.len() / 20);
        let mut longest = 0;
        for (character, name) in names() {
            longest = longest.max(name.len());
            // Some aliases are the names of others.
            characters.entry(name).or_insert(character);
        }
        Index {
            characters,
            longest,
        }
    }
}

/// What `names.txt` says.
fn names() -> impl Iterator<Item = (char, &'static str)> {
    let mut next = 0;
    NAMES.lines().filter_map(move |line| {
        if let Some(start) = line.strip_prefix('@') {
            next = u32::from_str_radix(start, 16).expect("names.txt has hexadecimal digits");
            return None;
        }
        next += 1;
        let character = char::from_u32(next - 1).expect("names.txt has characters");
        Some((character, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a.
    fn digest(lines: impl Iterator<Item = (char, String)>) -> (usize, u64) {
        lines.fold((0, 0xcbf2_9ce4_8422_2325), |(count, hash), (c, name)| {
            let line = format!("{:X} {name}\n", u32::from(c));
            let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            (count + 1, line.bytes().fold(hash, step))
        })
    }

    #[test]
    fn every_character_is_found_by_the_name_that_unicode_names2_gives_it() {
        // The same digest over all characters with `unicode_names2::name` of 1.3.0, those aside whose names are computed.
        let named = names().take_while(|(c, name)| (*c, *name) != ('\0', "NULL"));
        assert_eq!(
            digest(named.map(|(c, name)| (c, name.to_owned()))),
            (40_013, 0xb0bc_3990_47fd_5477)
        );
        for (c, name) in names() {
            let found = character(name).unwrap();
            assert!(
                found == c || names().any(|other| other == (found, name)),
                "{name}"
            );
            assert_eq!(character(&name.to_ascii_lowercase()), Some(found));
        }
    }

    #[test]
    fn what_is_no_name_is_not_found() {
        for name in [
            "",
            "x",
            "öäå",
            "SPAACE",
            "@20",
            "SPACE ",
            "CJK UNIFIED IDEOGRAPH-",
            "CJK UNIFIED IDEOGRAPH-A000",
        ] {
            assert_eq!(character(name), None, "{name}");
        }
        assert_eq!(character(&"X".repeat(1 << 20)), None);
    }
}
