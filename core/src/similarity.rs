//! Edit distance and what is derived from it.
//!
//! Levenshtein distance over code points, as Python's `len` counts them, by the bit-parallel algorithm of Myers (1999) in Hyyrö's form
//! (2003): 64 cells of the matrix in one machine word, O(⌈n/64⌉·m) time. The implementation is the crate `rapidfuzz`; property tests
//! hold it against `strsim` and against the three rules of the definition.

use rapidfuzz::distance::levenshtein as bit_parallel;

/// The least number of code points to insert, delete or replace to turn `a` into `b`.
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
        bit_parallel::distance(a.bytes(), b.bytes())
    } else {
        bit_parallel::distance(a.chars(), b.chars())
    }
}

/// How alike two texts are: `1 - levenshtein(a, b) / max(len a, len b)`, in [0, 1].
///
/// # Differences
/// Two empty texts are equal and score 1; the reference divides zero by zero.
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

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
