//! The bit-parallel step: one column of the distance matrix, 64 rows in a machine word.
//!
//! Neighbours in the matrix `D` differ by -1, 0 or 1, so a column is its top value and two bits a row. With `P` and `N` the rows where
//! the vertical difference is +1 and -1, `E` the rows whose symbol equals the column's, and `h` the horizontal difference above the word:
//!
//! ```text
//! E'  = E, and in its lowest row also h = -1       S   = (E' & P) + P          the carry runs down a diagonal of equal symbols
//! H-  = P & ((S ^ P) | E')                         H+  = N | !(S | P | E')     horizontal differences under each row
//! P'  = (H- << 1 | h = -1) | !(E' | N | (H+ << 1 | h = +1))
//! N'  = (E' | N) & (H+ << 1 | h = +1)
//! ```
//!
//! Source: Myers, "A fast bit-vector algorithm for approximate string matching based on dynamic programming" (J. ACM 46, 1999), §4; the
//! step for several words is Hyyrö's (2003).
//!
//! # Differences
//! - `N` and `H+` are held as complements: `!H+ = (S | P | E') & !N` and `!N' = !(E' | N) | !(H+ << 1 | ...)` need fewer operations, and
//!   fewer of them wait for one another.
//! - `(S ^ P) | P` is `S | P`, so `H+` does not wait for the exclusive or.
//! - Several words are one long integer: the sum's carry goes from word to word as a carry flag, not by way of the horizontal differences.

/// Rows in a word.
pub(super) const ROWS: usize = u64::BITS as usize;

/// The vertical differences of 64 rows in one column, the lowest bit on top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Rows with +1.
    plus: u64,
    /// Rows without -1.
    not_minus: u64,
}

impl Word {
    /// Every row is one more than the row above: the column before the first.
    pub(super) const RISING: Self = Self {
        plus: !0,
        not_minus: !0,
    };

    /// The difference from the top of the word down to its `rows`-th row.
    pub(super) fn rise(self, rows: usize) -> isize {
        let rows = !0 >> (ROWS - rows);
        (self.plus & rows).count_ones() as isize - (!self.not_minus & rows).count_ones() as isize
    }
}

/// A horizontal difference: bit 0 says that it is not +1, bit 1 that it is -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Across(u8);

impl Across {
    /// +1: each column of the row above the first, and whatever is left of a row that ends early.
    pub(super) const RISING: Self = Self(0);

    /// The difference as a number.
    pub(super) fn rise(self) -> isize {
        1 - (self.0 & 1) as isize - (self.0 >> 1) as isize
    }
}

/// Takes `K` words on top of one another from one column to the next: `equal` marks the rows whose symbol is the new column's, `above` is
/// the horizontal difference over the first row; returns the one under the last row.
#[inline(always)]
pub(super) fn advance<const K: usize>(
    words: &mut [Word; K],
    equal: &[u64; K],
    above: Across,
) -> Across {
    let (mut not_plus, mut minus) = ((above.0 & 1) as u64, (above.0 >> 1) as u64);
    let mut carry = false;
    let (mut entered, mut sums) = ([0; K], [0; K]);
    for w in 0..K {
        // Only the first word's lowest row lies under `above`; further down the carry has already told of a -1.
        entered[w] = if w == 0 { equal[w] | minus } else { equal[w] };
        (sums[w], carry) = (entered[w] & words[w].plus).carrying_add(words[w].plus, carry);
    }
    for w in 0..K {
        let Word { plus, not_minus } = words[w];
        let (equal, sum) = (entered[w], sums[w]);
        let h_not_plus = (sum | (plus | equal)) & not_minus;
        let h_minus = plus & ((sum ^ plus) | equal);
        let neither = not_minus & !equal;
        let shifted_not_plus = h_not_plus << 1 | not_plus;
        let shifted_minus = h_minus << 1 | minus;
        words[w] = Word {
            plus: shifted_minus | (shifted_not_plus & neither),
            not_minus: shifted_not_plus | neither,
        };
        (not_plus, minus) = (h_not_plus >> (ROWS - 1), h_minus >> (ROWS - 1));
    }
    Across((not_plus | minus << 1) as u8)
}

#[cfg(test)]
mod tests {
    use super::super::oracle::plain;
    use super::*;

    /// Compares every column of `K` words with the matrix, `D(i, j)` being the distance of the first `i` and the first `j` symbols.
    fn every_column_is_that_of_the_matrix<const K: usize>() {
        let symbol = |i: usize| i * i % 11 % 4;
        let pattern: Vec<usize> = (0..K * ROWS).map(symbol).collect();
        let text: Vec<usize> = (0..150).map(|j| symbol(j + 5)).collect();
        let mut words = [Word::RISING; K];
        let mut bottom = (K * ROWS) as isize;
        for j in 0..text.len() {
            let mut equal = [0; K];
            for (i, &symbol) in pattern.iter().enumerate() {
                equal[i / ROWS] |= u64::from(symbol == text[j]) << (i % ROWS);
            }
            bottom += advance(&mut words, &equal, Across::RISING).rise();
            assert_eq!(bottom as usize, plain(&pattern, &text[..=j]), "{K} {j}");
            for rows in [1, 2, 63, 64] {
                let above: isize = words[..K - 1].iter().map(|word| word.rise(ROWS)).sum();
                let value = (j + 1) as isize + above + words[K - 1].rise(rows);
                let pattern = &pattern[..(K - 1) * ROWS + rows];
                assert_eq!(
                    value as usize,
                    plain(pattern, &text[..=j]),
                    "{K} {j} {rows}"
                );
            }
        }
    }

    #[test]
    fn a_column_is_that_of_the_matrix_whatever_the_number_of_words() {
        every_column_is_that_of_the_matrix::<1>();
        every_column_is_that_of_the_matrix::<2>();
        every_column_is_that_of_the_matrix::<3>();
        every_column_is_that_of_the_matrix::<4>();
    }

    #[test]
    fn words_one_at_a_time_are_words_together() {
        let symbol = |i: usize| i * i % 11 % 4;
        let (mut apart, mut together) = ([Word::RISING; 2], [Word::RISING; 2]);
        for j in 0..200 {
            let equal = [0, ROWS].map(|top| {
                (0..ROWS).fold(0, |rows, i| {
                    rows | u64::from(symbol(top + i) == symbol(j + 3)) << i
                })
            });
            // -1, 0 and +1 above, in turn.
            let above = [Across(3), Across(1), Across(0)][j % 3];
            let [upper, lower] = &mut apart;
            let between = advance(std::array::from_mut(upper), &[equal[0]], above);
            let below = advance(std::array::from_mut(lower), &[equal[1]], between);
            assert_eq!(advance(&mut together, &equal, above).rise(), below.rise());
            assert_eq!(
                together.map(|word| word.rise(ROWS)),
                apart.map(|word| word.rise(ROWS))
            );
        }
    }
}
