//! The characters of UTF-8 as numbers, without a branch for each.
//!
//! `str::chars` foresees what kind of character comes next; in a mixture of ASCII, accents and CJK it is wrong at every change, which
//! takes longer than comparing short texts does. An edit distance only asks whether two characters are equal, so that they need not be
//! decoded: a character's number is its bytes in a row, `'é'` being 0xC3A9.

/// Writes the number of each character of `text` to the beginning of `out`, which has room for one a byte; returns how many they are.
#[inline(never)] // a loop of its own, with all registers to itself
pub(super) fn number(text: &str, out: &mut [u32]) -> usize {
    let (mut count, mut character) = (0, 0);
    for byte in text.bytes() {
        let first = !is_continuation(byte);
        let begun = if first { 0 } else { character << 8 };
        character = begun | u32::from(byte);
        count += usize::from(first);
        // Written again after every byte; the last one completes it.
        out[count - 1] = character;
    }
    count
}

/// Whether a byte goes on with a character: 0b10xx_xxxx.
fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::number;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_the_bytes_of_a_character() {
        let mut out = [u32::MAX; 10];
        assert_eq!(number("aé漢🦀", &mut out), 4);
        assert_eq!(out[..4], [0x61, 0xC3A9, 0xE6_BCA2, 0xF09F_A680]);
    }

    proptest! {
        #[test]
        fn two_characters_have_one_number_where_chars_finds_them_equal(text in "[\0a\u{7f}\u{80}é\u{7ff}\u{800}漢\u{ffff}🦀\u{10ffff}]{0,80}") {
            let mut out = vec![u32::MAX; text.len()];
            let count = number(&text, &mut out);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(count, chars.len());
            for i in 0..count {
                for j in 0..count {
                    prop_assert_eq!(out[i] == out[j], chars[i] == chars[j]);
                }
            }
        }
    }
}
