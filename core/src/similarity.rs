//! Edit distance and what is derived from it.
//!
//! Levenshtein distance over code points, as Python's `len` counts them, by the bit-parallel algorithm of Myers (1999) in Hyyrö's form
//! (2003): 64 cells of the matrix in one machine word, O(⌈n/64⌉·m) time. The implementation is the crate `rapidfuzz`; property tests
//! hold it against `strsim` and against the three rules of the definition.
//!
//! Time is bounded: what the two texts have in common at both ends costs a pass, and what lies between is compared only up to [`MAX_CELLS`]
//! pairs of code points (under a second); beyond, all of it counts as replaced. The result is then an upper bound of the distance, and
//! the same wherever it is computed.

use rapidfuzz::HashableChar;
use rapidfuzz::distance::levenshtein as bit_parallel;

/// The most pairs of code points that are compared: two texts of 65,536, different throughout.
pub const MAX_CELLS: u64 = 1 << 32;

/// The least number of code points to insert, delete or replace to turn `a` into `b`; beyond [`MAX_CELLS`] an upper bound of it.
///
/// ```
/// use recode_core::similarity::levenshtein;
///
/// assert_eq!(levenshtein("kitten", "sitting"), 3);
/// assert_eq!(levenshtein("naïve", "naive"), 1); // two bytes, one code point
/// assert_eq!(levenshtein("", "abc"), 3);
/// ```
pub fn levenshtein(a: &str, b: &str) -> usize {
    if a.is_ascii() && b.is_ascii() {
        distance(a.as_bytes(), b.as_bytes())
    } else {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        distance(&a, &b)
    }
}

/// [`levenshtein`] over any symbols.
pub(crate) fn distance<T: Copy + Eq + HashableChar>(a: &[T], b: &[T]) -> usize {
    bounded(a, b, MAX_CELLS)
}

fn bounded<'a, T: Copy + Eq + HashableChar>(
    mut a: &'a [T],
    mut b: &'a [T],
    max_cells: u64,
) -> usize {
    let cells = |a: &[T], b: &[T]| (a.len() as u64).saturating_mul(b.len() as u64);
    if cells(a, b) > max_cells {
        (a, b) = without_common_ends(a, b);
        if cells(a, b) > max_cells {
            return a.len().max(b.len());
        }
    }
    bit_parallel::distance(a.iter().copied(), b.iter().copied())
}

fn without_common_ends<'a, T: Eq>(a: &'a [T], b: &'a [T]) -> (&'a [T], &'a [T]) {
    let same = |(a, b): &(&T, &T)| a == b;
    let begin = a.iter().zip(b).take_while(same).count();
    let (a, b) = (&a[begin..], &b[begin..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    (&a[..a.len() - end], &b[..b.len() - end])
}

/// How alike two texts are: `1 - levenshtein(a, b) / max(len a, len b)`, in [0, 1].
///
/// # Differences
/// Two empty texts are equal and score 1; the reference divides zero by zero. Beyond [`MAX_CELLS`] the distance is an upper bound; the
/// reference would compute it for hours.
///
/// ```
/// use recode_core::similarity::similarity;
///
/// assert_eq!(similarity("np.vstack", "np.hstack"), 1.0 - 1.0 / 9.0);
/// assert_eq!(similarity("", ""), 1.0);
/// assert_eq!(similarity("abc", ""), 0.0);
/// ```
pub fn similarity(a: &str, b: &str) -> f64 {
    let longest = length(a).max(length(b));
    if longest == 0 {
        return 1.0;
    }
    1.0 - levenshtein(a, b) as f64 / longest as f64
}

/// Code points, Python's `len`.
fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_at_the_word_boundary_are_exact() {
        // 63, 64 and 65 code points: one word, one full word, two words.
        for n in [1, 63, 64, 65, 127, 128, 129, 1000] {
            let a = "ab".repeat(n)[..n].to_owned();
            assert_eq!(levenshtein(&a, &a), 0, "{n}");
            assert_eq!(levenshtein(&a, &format!("{a}c")), 1, "{n}");
            assert_eq!(levenshtein(&a, &format!("é{a}")), 1, "{n}");
            assert_eq!(levenshtein(&a, &"z".repeat(n)), n, "{n}");
        }
    }

    #[test]
    fn beyond_the_cap_what_lies_between_the_common_ends_counts_as_replaced() {
        // Without x and y: abc and b, 3 cells; the distance is 2 or, capped, 3.
        assert_eq!(bounded(b"xabcy", b"xby", 3), 2);
        assert_eq!(bounded(b"xabcy", b"xby", 2), 3);
        let (a, b) = ("ab".repeat(1 << 19), "cb".repeat(1 << 19));
        assert_eq!(levenshtein(&a, &b), (1 << 20) - 1, "all but the last b");
        assert_eq!(levenshtein(&a, &format!("{a}x")), 1, "however long");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_cap_only_ever_adds_and_never_beyond_the_longer_text(a in "[ab]{0,40}", b in "[ab]{0,40}", cells in 0u64..400) {
            let (free, capped) = (levenshtein(&a, &b), bounded(a.as_bytes(), b.as_bytes(), cells));
            prop_assert!(free <= capped && capped <= a.len().max(b.len()));
        }

        #[test]
        fn strsim_finds_the_same_distance(a in "[ab(é漢🦀\n]{0,200}", b in "[ab(é漢🦀\n]{0,200}") {
            prop_assert_eq!(levenshtein(&a, &b), strsim::levenshtein(&a, &b));
        }

        #[test]
        fn strsim_finds_the_same_distance_after_a_few_edits(a in "[a-d]{0,400}", at in 0usize..400, cut in 0usize..70, put in "[a-dé]{0,70}") {
            let at = at.min(a.len());
            let b = format!("{}{put}{}", &a[..at], &a[(at + cut).min(a.len())..]);
            prop_assert_eq!(levenshtein(&a, &b), strsim::levenshtein(&a, &b));
        }

        #[test]
        fn distance_is_a_metric(a in "\\PC{0,40}", b in "\\PC{0,40}", c in "\\PC{0,40}") {
            prop_assert_eq!(levenshtein(&a, &b), levenshtein(&b, &a));
            prop_assert_eq!(levenshtein(&a, &b) == 0, a == b);
            prop_assert!(levenshtein(&a, &c) <= levenshtein(&a, &b) + levenshtein(&b, &c));
        }

        #[test]
        fn similarity_lies_between_zero_and_one(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            let s = similarity(&a, &b);
            prop_assert!((0.0..=1.0).contains(&s), "{}", s);
            prop_assert_eq!(s == 1.0, a == b);
        }
    }
}
