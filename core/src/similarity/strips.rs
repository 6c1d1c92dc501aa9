//! The distance matrix inside a band around its diagonal, four machine words of rows at a time.
//!
//! A path from corner to corner that costs at most the cutoff `k` stays close to the diagonal: on diagonal `d` (column minus row) it has
//! already paid for the way there and must still pay `|d - (m - n)|` for the way back. A strip of [`WORDS`] words is taken through all of
//! its columns before the next one begins, so that its state lives in registers; what goes from strip to strip is the row of
//! horizontal differences between them. Each word of a strip has columns of its own, so that the band has the slope of the diagonal.
//!
//! Cells outside the band count as one more than their neighbour inside. Each value is then the cost of some path: never too small, and
//! right for every cell on a path that stays inside. So a result up to `k` is the distance.
//!
//! Sources: Ukkonen (1985) for the band; Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances" (2003) for
//! words on top of one another.
//!
//! # Differences
//! The band is cut anew under every strip, by what the cells there have really cost.

use super::column::{Across, ROWS, Word, advance};

/// Words in a strip: their state still fits the registers, and the carries of one column hide behind those of the next.
const WORDS: usize = 4;

/// What became of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The distance; it is at most the cutoff.
    Distance(usize),
    /// The distance is above the cutoff: no path inside the band that comes down to `row` costs less than `cost`, what it must still
    /// pay for the way back included. In the last row that is the cost of a path.
    Beyond { cost: usize, row: usize },
}

/// Two texts and the tables for comparing them.
#[derive(Debug)]
pub(super) struct Strips<'a, T> {
    pub(super) pattern: &'a [T],
    pub(super) text: &'a [T],
    /// For each symbol [`WORDS`] words: the rows of the strip where it stands. // [symbols, WORDS]
    equal: Vec<u64>,
    /// The horizontal differences along the lowest row that was computed. // [m]
    across: Vec<Across>,
}

/// The part of a row that a path may still go through: columns `begin..=end`, and the matrix's values at these two.
#[derive(Debug, Clone, Copy)]
struct Row {
    row: usize,
    begin: usize,
    at_begin: isize,
    end: usize,
    at_end: isize,
}

impl<'a, T: Copy + Into<u32>> Strips<'a, T> {
    /// `pattern` down, `text` across; the pattern is the shorter one, not empty, and every symbol is below `symbols`.
    pub(super) fn new(pattern: &'a [T], text: &'a [T], symbols: usize) -> Self {
        Self {
            pattern,
            text,
            equal: vec![0; symbols * WORDS],
            across: vec![Across::RISING; text.len()],
        }
    }

    /// The distance, if it is at most `cutoff`, which is at least the difference in length.
    pub(super) fn within(&mut self, cutoff: usize) -> Outcome {
        let (n, m) = (self.pattern.len(), self.text.len());
        let k = cutoff as isize;
        let corner = (m - n) as isize; // its diagonal
        self.across.fill(Across::RISING);
        // Above the first row each column costs one more; beyond this one, too much.
        let end = m.min(((k + corner) / 2) as usize);
        let mut row = Row {
            row: 0,
            begin: 0,
            at_begin: 0,
            end,
            at_end: end as isize,
        };
        loop {
            let top = row.row as isize;
            // The last diagonals to left and right that a path from this row may still reach.
            let left = (row.at_begin + row.begin as isize - top + corner - k + 1).div_euclid(2);
            let right = (k + corner - row.at_end + row.end as isize - top).div_euclid(2);
            row = self.strip(row, left, right);
            if row.row == n {
                let distance = row.at_end as usize;
                return if distance <= cutoff {
                    Outcome::Distance(distance)
                } else {
                    Outcome::Beyond {
                        cost: distance,
                        row: n,
                    }
                };
            }
            row = match self.alive(row, k) {
                Ok(row) => row,
                Err(cost) => return Outcome::Beyond { cost, row: row.row },
            };
        }
    }

    /// Goes down one strip, between two diagonals.
    fn strip(&mut self, from: Row, left: isize, right: isize) -> Row {
        let (n, m) = (self.pattern.len(), self.text.len());
        let to = n.min(from.row + WORDS * ROWS);
        let count = (to - from.row).div_ceil(ROWS);
        let rows = |w: usize| ROWS.min(to - from.row - w * ROWS);
        let top = |w: usize| (from.row + w * ROWS) as isize;
        let starts: [usize; WORDS] =
            std::array::from_fn(|w| from.begin.max((top(w) + left).max(0) as usize));
        let ends: [usize; WORDS] =
            std::array::from_fn(|w| m.min((top(w + 1) + right).max(0) as usize));

        for (i, &symbol) in self.pattern[from.row..to].iter().enumerate() {
            self.equal[symbol.into() as usize * WORDS + i / ROWS] |= 1 << (i % ROWS);
        }
        let mut words = [Word::RISING; WORDS];
        let (mut first, mut last) = (0, 1); // the words at work
        let (mut column, mut at_begin) = (from.begin, from.at_begin);
        loop {
            if last < count && column == starts[last] {
                // Down the left edge of the word above, then along its lowest row.
                let passed = &self.across[starts[last - 1]..column];
                at_begin +=
                    ROWS as isize + passed.iter().map(|across| across.rise()).sum::<isize>();
                last += 1;
            } else if column == ends[first] {
                first += 1;
                if first == count {
                    break;
                }
            } else {
                let until = if last < count {
                    ends[first].min(starts[last])
                } else {
                    ends[first]
                };
                self.sweep(&mut words, first..last, column..until);
                column = until;
            }
        }
        for &symbol in &self.pattern[from.row..to] {
            self.equal[symbol.into() as usize * WORDS..][..WORDS].fill(0);
        }

        // Down the right edges: what lies between the end of a word and that of the next one rises by one a column.
        let (mut end, mut at_end) = (from.end, from.at_end);
        for w in 0..count {
            at_end += (ends[w] - end) as isize + words[w].rise(rows(w));
            end = ends[w];
        }
        Row {
            row: to,
            begin: starts[count - 1],
            at_begin: at_begin + rows(count - 1) as isize,
            end,
            at_end,
        }
    }

    /// Takes some words of the strip through some columns.
    fn sweep(
        &mut self,
        words: &mut [Word; WORDS],
        active: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
    ) {
        let equal = &self.equal[active.start..];
        let text = &self.text[columns.clone()];
        let across = &mut self.across[columns];
        let words = &mut words[active];
        match words.len() {
            1 => sweep::<1, T>(equal, text, across, words),
            2 => sweep::<2, T>(equal, text, across, words),
            3 => sweep::<3, T>(equal, text, across, words),
            _ => sweep::<WORDS, T>(equal, text, across, words),
        }
    }

    /// Cuts off at both ends what no path of cost `k` goes through; if that is everything, the least cost of a path.
    fn alive(&mut self, mut row: Row, k: isize) -> Result<Row, usize> {
        let (n, m) = (self.pattern.len(), self.text.len());
        let total = |value: isize, column: usize| {
            value + (((n - row.row) as isize) - (m - column) as isize).abs()
        };
        let mut least = isize::MAX;
        loop {
            let cost = total(row.at_begin, row.begin);
            if cost <= k {
                break;
            }
            least = least.min(cost);
            if row.begin == row.end {
                return Err(least as usize);
            }
            row.at_begin += self.across[row.begin].rise();
            row.begin += 1;
        }
        while total(row.at_end, row.end) > k {
            row.end -= 1;
            row.at_end -= self.across[row.end].rise();
            self.across[row.end] = Across::RISING;
        }
        Ok(row)
    }
}

/// `equal` begins with the first of the `K` words of the first symbol. A loop for each `K`, so that the words stay in registers.
#[inline(never)]
fn sweep<const K: usize, T: Copy + Into<u32>>(
    equal: &[u64],
    text: &[T],
    across: &mut [Across],
    words: &mut [Word],
) {
    let words: &mut [Word; K] = words.try_into().expect("as many words as at work");
    let mut state = *words;
    for (&symbol, across) in text.iter().zip(across) {
        let equal = equal[symbol.into() as usize * WORDS..]
            .first_chunk()
            .expect("a row of the table");
        *across = advance(&mut state, equal, *across);
    }
    *words = state;
}

#[cfg(test)]
mod tests {
    use super::super::oracle::{pairs, plain};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_with_itself_costs_nothing_in_the_narrowest_band() {
        // 2,000 rows: seven strips of 256 and one of 208, its last word of 16.
        let text: Vec<u8> = (0..2_000_usize).map(|i| (i * i % 251) as u8).collect();
        assert_eq!(
            Strips::new(&text, &text, 256).within(0),
            Outcome::Distance(0)
        );
        assert_eq!(
            Strips::new(&text[3..], &text, 256).within(3),
            Outcome::Distance(3)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn a_cutoff_at_the_distance_finds_it_and_one_below_does_not((a, b) in pairs(900), below in 1_usize..60) {
            let (pattern, text) = if a.len() <= b.len() { (a, b) } else { (b, a) };
            prop_assume!(!pattern.is_empty());
            let shift = text.len() - pattern.len();
            let distance = plain(&pattern, &text);
            // The tables are used again from one cutoff to the next.
            let mut strips = Strips::new(&pattern, &text, 256);
            for cutoff in [distance.saturating_sub(below), distance.saturating_sub(1), distance, distance + 1, distance + below, text.len()] {
                if cutoff < shift {
                    continue;
                }
                match strips.within(cutoff) {
                    Outcome::Distance(found) => prop_assert_eq!((found, cutoff >= distance), (distance, true), "{}", cutoff),
                    Outcome::Beyond { cost, row } => {
                        prop_assert!(cutoff < distance, "{} {}", cutoff, distance);
                        prop_assert!(cost > cutoff && (1..=pattern.len()).contains(&row));
                        prop_assert!(row < pattern.len() || cost >= distance);
                    }
                }
            }
        }
    }
}
