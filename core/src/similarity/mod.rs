//! Edit distance and what is derived from it.
//!
//! Levenshtein distance over code points, as Python's `len` counts them: bit-parallel, 64 cells of the matrix in one machine word
//! (`column`), and for longer texts only in a band around the diagonal (`strips`), so that two texts that are alike cost little more
//! than their length. Property tests hold it against the plain recurrence, `strsim` and the three rules of the definition.
//!
//! Time is bounded, and so is what is promised. Take away what the two texts have in common at both ends; what remains has `n` and
//! `m >= n` code points. The distance is exact if `n m` is at most [`MAX_CELLS`], and otherwise if it is at most `MAX_CELLS / m`, the
//! widest band of so many cells; beyond that, all `m` count as replaced. This says nothing about how the distance is found, so it is the
//! same wherever it is computed. Two texts of 1 MiB take under a second, and are compared exactly if their distance is at most 4,096.

mod alphabet;
mod characters;
mod column;
mod levenshtein;
#[cfg(test)]
mod oracle;
mod short;
mod strips;

use levenshtein::{between_ends, bounded, common_ends};

/// The most pairs of code points that are compared: two texts of 65,536, different throughout, or a band 4,096 wide along 2^20.
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
    let (a, b) = without_common_ends(a, b);
    if a.is_ascii() && b.is_ascii() {
        return between_ends(a.as_bytes(), b.as_bytes(), MAX_CELLS);
    }
    // Short texts are compared faster than memory for them is found.
    let (mut on_stack, mut on_heap) = ([0; 512], Vec::new());
    let characters = if a.len() + b.len() <= on_stack.len() {
        &mut on_stack[..]
    } else {
        on_heap.resize(a.len() + b.len(), 0);
        &mut on_heap[..]
    };
    let (in_a, in_b) = characters.split_at_mut(a.len());
    let (n, m) = (characters::number(a, in_a), characters::number(b, in_b));
    between_ends(&in_a[..n], &in_b[..m], MAX_CELLS)
}

/// [`levenshtein`] over any symbols: bytes, code points, token ids.
pub(crate) fn distance<T: Copy + Eq + Into<u32>>(a: &[T], b: &[T]) -> usize {
    bounded(a, b, MAX_CELLS)
}

/// Both texts without what they share at their ends, in whole code points.
fn without_common_ends<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let (mut begin, mut end) = common_ends(a.as_bytes(), b.as_bytes());
    while !a.is_char_boundary(begin) || !b.is_char_boundary(begin) {
        begin -= 1;
    }
    while !a.is_char_boundary(a.len() - end) || !b.is_char_boundary(b.len() - end) {
        end -= 1;
    }
    (&a[begin..a.len() - end], &b[begin..b.len() - end])
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

    #[test]
    fn beyond_the_cap_a_small_distance_is_still_exact() {
        // 2^20 squared is 2^40 pairs; in a band of 2^32 / 2^20 = 4,096 the distance is found up to 4,096.
        let text: Vec<u32> = (0..1 << 20)
            .map(|i: u32| i.wrapping_mul(0x9E37_79B9) >> 13)
            .collect();
        let changed = |every: usize| {
            let mut changed = text.clone();
            changed
                .iter_mut()
                .step_by(every)
                .for_each(|symbol| *symbol ^= 1 << 30);
            changed
        };
        assert_eq!(distance(&text, &changed(256)), 4_096);
        // Every 255th symbol are 4,113 of them, the last of which is number 1,048,560.
        assert_eq!(distance(&text, &changed(255)), 1_048_561);
    }

    #[test]
    fn ends_in_common_are_whole_characters() {
        // é is C3 A9, è C3 A8 and ũ C5 A9: one byte in common before, or behind.
        assert_eq!(levenshtein("é", "è"), 1);
        assert_eq!(levenshtein("é", "ũ"), 1);
        assert_eq!(levenshtein("aéb", "aèéb"), 1);
        assert_eq!(levenshtein("éé", "é"), 1);
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
