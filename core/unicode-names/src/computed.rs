//! Names that follow a rule instead of standing in a table: Hangul syllables and unified ideographs (Unicode 16.0, section 4.8).

/// Jamo.txt: the short names of what a syllable is made of, in the order of their numbers.
const INITIALS: [&str; 19] = [
    "G", "GG", "N", "D", "DD", "R", "M", "B", "BB", "S", "SS", "", "J", "JJ", "C", "K", "T", "P",
    "H",
];
const MEDIALS: [&str; 21] = [
    "A", "AE", "YA", "YAE", "EO", "E", "YEO", "YE", "O", "WA", "WAE", "OE", "YO", "U", "WEO", "WE",
    "WI", "YU", "EU", "YI", "I",
];
const FINALS: [&str; 28] = [
    "", "G", "GG", "GS", "N", "NJ", "NH", "D", "L", "LG", "LM", "LB", "LS", "LT", "LP", "LH", "M",
    "B", "BS", "S", "SS", "NG", "J", "C", "K", "T", "P", "H",
];

/// Where the unified ideographs stand.
const IDEOGRAPHS: [(char, char); 10] = [
    ('\u{3400}', '\u{4DBF}'),
    ('\u{4E00}', '\u{9FFF}'),
    ('\u{20000}', '\u{2A6DF}'),
    ('\u{2A700}', '\u{2B739}'),
    ('\u{2B740}', '\u{2B81D}'),
    ('\u{2B820}', '\u{2CEA1}'),
    ('\u{2CEB0}', '\u{2EBE0}'),
    ('\u{2EBF0}', '\u{2EE5D}'),
    ('\u{30000}', '\u{3134A}'),
    ('\u{31350}', '\u{323AF}'),
];

/// The character of a name in capital letters that begins as computed ones do, if there is one; `None` for other names.
pub(super) fn character(name: &str) -> Option<Option<char>> {
    if let Some(syllable) = name.strip_prefix("HANGUL SYLLABLE ") {
        return Some(hangul(syllable));
    }
    name.strip_prefix("CJK UNIFIED IDEOGRAPH-").map(ideograph)
}

fn hangul(syllable: &str) -> Option<char> {
    let (initial, rest) = longest_prefix(&INITIALS, syllable)?;
    let (medial, rest) = longest_prefix(&MEDIALS, rest)?;
    let last = FINALS.iter().position(|&name| name == rest)?;
    char::from_u32((0xAC00 + (initial * MEDIALS.len() + medial) * FINALS.len() + last) as u32)
}

/// Which of the names `text` begins with, and what is left of it.
fn longest_prefix<'a>(names: &[&str], text: &'a str) -> Option<(usize, &'a str)> {
    let fitting = names.iter().enumerate().filter_map(|(number, name)| {
        let rest = text.strip_prefix(name)?;
        Some((number, rest))
    });
    fitting.min_by_key(|(_, rest)| rest.len())
}

fn ideograph(digits: &str) -> Option<char> {
    let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
    if digits.len() > 5 || !digits.bytes().all(is_hex) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    let within = |&(first, last): &(char, char)| (first..=last).contains(&character);
    IDEOGRAPHS.iter().any(within).then_some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_found_by_their_parts() {
        for (name, c) in [
            ("GA", '\u{AC00}'),
            ("BWELG", '\u{BDC1}'),
            ("HIH", '\u{D7A3}'),
        ] {
            assert_eq!(hangul(name), Some(c));
        }
        let (mut count, mut next) = (0, 0xAC00);
        for initial in INITIALS {
            for medial in MEDIALS {
                for last in FINALS {
                    let found = hangul(&format!("{initial}{medial}{last}"));
                    assert_eq!(found, char::from_u32(next), "{initial}{medial}{last}");
                    (count, next) = (count + 1, next + 1);
                }
            }
        }
        assert_eq!(count, 11_172);
        assert_eq!(["", "G", "BLAH", "GAA"].map(hangul), [None; 4]);
    }

    #[test]
    fn ideographs_are_found_within_their_ranges_alone() {
        for (first, last) in IDEOGRAPHS {
            for c in [first, last] {
                assert_eq!(ideograph(&format!("{:X}", u32::from(c))), Some(c));
            }
        }
        assert_eq!(
            ["", "3399", "4DC0", "04E00", "+4E00", "004E00"].map(ideograph),
            [None, None, None, Some('\u{4E00}'), None, None]
        );
    }
}
