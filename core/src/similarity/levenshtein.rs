//! The distance of two sequences of symbols, exact up to a limit that depends on their lengths alone.
//!
//! What both share at their ends is left out. A shorter text of up to 64 symbols is one machine word; a longer one is compared inside a
//! band around the diagonal ([`Strips::within`]), whose cutoff starts small and grows until the distance fits (Ukkonen, "Algorithms for
//! approximate string matching", Information and Control 64, 1985).
//!
//! # Differences
//! Ukkonen doubles the cutoff. Here a failed attempt also says how far down it came and what that had cost, and the next cutoff is at
//! least what that rate gives for the whole text: as a rule the second attempt finds the distance, and where the rate changes on the way
//! down, the doubling keeps all failed attempts together at about the cost of the last one.

use super::alphabet::Alphabet;
use super::column::ROWS;
use super::short;
use super::strips::{Outcome, Strips};

/// Patterns up to this many symbols are compared without a band: too little would be saved.
const NO_BAND: usize = 512;

/// The cutoff of the first attempt, beyond the difference in length.
const FIRST_CUTOFF: usize = 48;

/// The distance where it is at most [`limit`], otherwise the length of the longer text (both without their common ends).
pub(super) fn bounded<T: Copy + Eq + Into<u32>>(a: &[T], b: &[T], max_cells: u64) -> usize {
    let (begin, end) = common_ends(a, b);
    between_ends(
        &a[begin..a.len() - end],
        &b[begin..b.len() - end],
        max_cells,
    )
}

/// [`bounded`] for texts that have no ends in common.
pub(super) fn between_ends<T: Copy + Eq + Into<u32>>(a: &[T], b: &[T], max_cells: u64) -> usize {
    let (pattern, text) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (n, m) = (pattern.len(), text.len());
    let limit = limit(n, m, max_cells);
    if n == 0 || m - n > limit {
        return m;
    }
    let small = |&symbol: &T| symbol.into() < 256;
    let distance = if pattern.iter().all(small) && text.iter().all(small) {
        // Symbols are their own numbers; bytes always.
        if n <= ROWS {
            short::distance_of_small(pattern, text)
        } else {
            in_bands(Strips::new(pattern, text, 256), limit)
        }
    } else if n <= ROWS {
        short::distance(pattern, text)
    } else {
        let mut alphabet = Alphabet::new();
        let number = |symbol: &T| alphabet.number_or_add((*symbol).into()) as u32;
        let pattern: Vec<u32> = pattern.iter().map(number).collect();
        let number = |symbol: &T| alphabet.number((*symbol).into()) as u32;
        let text: Vec<u32> = text.iter().map(number).collect();
        in_bands(Strips::new(&pattern, &text, alphabet.len()), limit)
    };
    if distance <= limit { distance } else { m }
}

/// The largest distance that is looked for between texts of `n` and `m >= n` symbols without common ends: any, where they have at most
/// `max_cells` pairs; otherwise the widest band that has no more.
fn limit(n: usize, m: usize, max_cells: u64) -> usize {
    if (n as u64).saturating_mul(m as u64) <= max_cells {
        m
    } else {
        (max_cells / m as u64) as usize
    }
}

/// How many symbols `a` and `b` have in common at the beginning and, in the rest, at the end.
pub(super) fn common_ends<T: Eq>(a: &[T], b: &[T]) -> (usize, usize) {
    let same = |(a, b): &(&T, &T)| a == b;
    let begin = a.iter().zip(b).take_while(same).count();
    let (a, b) = (&a[begin..], &b[begin..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    (begin, end)
}

/// The distance if it is at most `limit`, otherwise something above; `limit` is at least the difference in length.
fn in_bands<T: Copy + Into<u32>>(mut strips: Strips<T>, limit: usize) -> usize {
    let (n, m) = (strips.pattern.len(), strips.text.len());
    let first = if n <= NO_BAND {
        m
    } else {
        m - n + FIRST_CUTOFF
    };
    let mut cutoff = first.min(limit);
    loop {
        let (cost, row) = match strips.within(cutoff) {
            Outcome::Distance(distance) => return distance,
            Outcome::Beyond { cost, row } => (cost, row),
        };
        if cutoff == limit {
            return limit + 1;
        }
        cutoff = if row == n {
            cost.min(limit) // of a path to the corner: the distance is at most that
        } else {
            // In 64 bits: where an index has 32, the estimate may be too large for one.
            let at_this_rate = cost as u64 * n as u64 / row as u64;
            let next = (2 * cutoff as u64).max(at_this_rate + at_this_rate / 8);
            next.min(limit as u64) as usize
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracle::{pairs, plain};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_length_around_the_words_and_strips_is_exact() {
        // One row less and more than 1, 2, 3, 4 and 8 words, against texts a little longer and much longer.
        for n in [
            1, 2, 63, 64, 65, 127, 128, 129, 191, 193, 255, 256, 257, 511, 512, 513, 577,
        ] {
            for m in [n, n + 1, n + 67, 2 * n + 300] {
                let symbol = |i: usize, salt: usize| ((i * i + salt * i / 7) % 5) as u8;
                let a: Vec<u8> = (0..n).map(|i| symbol(i, 1)).collect();
                let b: Vec<u8> = (0..m).map(|i| symbol(i, 3)).collect();
                assert_eq!(bounded(&a, &b, u64::MAX), plain(&a, &b), "{n} {m}");
            }
        }
    }

    #[test]
    fn a_change_of_rate_halfway_is_followed() {
        // Alike for 1,500 symbols and then not at all, and the other way round: the first estimate is far too small, or too large.
        let a: Vec<u8> = (0..3_000_usize).map(|i| (i * i % 251 % 7) as u8).collect();
        let mut b = a.clone();
        b[1_500..].iter_mut().for_each(|symbol| *symbol += 7);
        b.insert(0, 9);
        b.push(9);
        assert_eq!(bounded(&a, &b, u64::MAX), 1_502);
        let (a, b): (Vec<u8>, Vec<u8>) =
            (a.into_iter().rev().collect(), b.into_iter().rev().collect());
        assert_eq!(bounded(&a, &b, u64::MAX), 1_502);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn the_plain_recurrence_finds_the_same((a, b) in pairs(1_300)) {
            let expected = plain(&a, &b);
            prop_assert_eq!(bounded(&a, &b, u64::MAX), expected);
            // The same symbols as bytes, as characters beyond Latin-1 and as large numbers.
            let bytes = |text: &[u32]| text.iter().map(|&s| s as u8).collect::<Vec<_>>();
            prop_assert_eq!(bounded(&bytes(&a), &bytes(&b), u64::MAX), expected);
            let chars = |text: &[u32]| text.iter().map(|&s| char::from_u32('漢' as u32 + s).unwrap()).collect::<Vec<_>>();
            prop_assert_eq!(bounded(&chars(&a), &chars(&b), u64::MAX), expected);
            let large = |text: &[u32]| text.iter().map(|&s| u32::MAX - s * 0x0100_0001).collect::<Vec<_>>();
            prop_assert_eq!(bounded(&large(&a), &large(&b), u64::MAX), expected);
        }

        #[test]
        fn the_cap_leaves_what_it_promises((a, b) in pairs(700), part in 1_u64..400) {
            let (begin, end) = common_ends(&a, &b);
            let (n, m) = (a.len() - begin - end, b.len() - begin - end);
            let (n, m) = (n.min(m), n.max(m));
            let max_cells = (n * m) as u64 * part / 300;
            let distance = plain(&a, &b);
            let exact = (n * m) as u64 <= max_cells || distance as u64 <= max_cells / m as u64;
            prop_assert_eq!(bounded(&a, &b, max_cells), if exact { distance } else { m });
        }
    }
}
