//! A pattern of up to 64 symbols: one machine word a column, no band, nothing on the heap.

use super::column::{Across, ROWS, Word, advance};

/// Twice the symbols of a pattern: at most half full.
const SLOTS: usize = 2 * ROWS;

/// The distance of a pattern of 1 to 64 symbols, all below 256, and a text of such.
pub(super) fn distance_of_small<T: Copy + Into<u32>>(pattern: &[T], text: &[T]) -> usize {
    let mut equal = [0; 256];
    for (row, &symbol) in pattern.iter().enumerate() {
        equal[symbol.into() as usize] |= 1 << row;
    }
    let columns = text.iter().map(|&symbol| equal[symbol.into() as usize]);
    one_word(pattern.len(), columns)
}

/// The distance of a pattern of 1 to 64 symbols and a text.
pub(super) fn distance<T: Copy + Into<u32>>(pattern: &[T], text: &[T]) -> usize {
    let mut rows = Rows {
        symbols: [0; SLOTS],
        rows: [0; SLOTS],
    };
    for (row, &symbol) in pattern.iter().enumerate() {
        let (slot, standing) = rows.find(symbol.into());
        rows.symbols[slot] = symbol.into();
        rows.rows[slot] = standing | 1 << row;
    }
    let columns = text.iter().map(|&symbol| rows.find(symbol.into()).1);
    one_word(pattern.len(), columns)
}

/// Where each symbol of the pattern stands; a hash table with linear probing.
struct Rows {
    symbols: [u32; SLOTS],
    /// None where the slot is free.
    rows: [u64; SLOTS],
}

impl Rows {
    /// The slot of `symbol`, or the free one that it would take, and the rows there.
    #[inline(always)]
    fn find(&self, symbol: u32) -> (usize, u64) {
        // Fibonacci hashing: neighbours in the alphabet land far apart.
        let mut slot = (symbol.wrapping_mul(0x9E37_79B9) >> (u32::BITS - SLOTS.ilog2())) as usize;
        loop {
            let (at, rows) = (self.symbols[slot], self.rows[slot]);
            // It ends at the symbol or at a free slot, asked as one question: which of the two it is, no processor foresees.
            if u64::from(at ^ symbol).min(rows) == 0 {
                return (slot, rows);
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// The distance of `n` symbols to a text of which each symbol is given as the rows where it stands.
#[inline(always)]
fn one_word(n: usize, columns: impl ExactSizeIterator<Item = u64>) -> usize {
    let m = columns.len();
    let mut words = [Word::RISING];
    for equal in columns {
        advance(&mut words, &[equal], Across::RISING);
    }
    m.wrapping_add_signed(words[0].rise(n))
}

#[cfg(test)]
mod tests {
    use super::super::oracle::plain;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn sixty_four_symbols_of_one_slot_are_told_apart() {
        // 65 symbols that belong to slot 7; the last stands nowhere in the pattern.
        let own =
            |symbol: &u32| symbol.wrapping_mul(0x9E37_79B9) >> (u32::BITS - SLOTS.ilog2()) == 7;
        let crowded: Vec<u32> = (0..).filter(own).take(ROWS + 1).collect();
        let (pattern, absent) = (&crowded[..ROWS], crowded[ROWS]);
        let mut text = pattern.to_vec();
        assert_eq!(distance(pattern, &text), 0);
        text[17] = absent;
        text.swap(40, 50);
        assert_eq!(distance(pattern, &text), plain(pattern, &text));
    }

    proptest! {
        #[test]
        fn the_plain_recurrence_finds_the_same(pattern in vec(0_u8..5, 1..=64), text in vec(0_u8..5, 0..300), step in 1_u32..0x1000_0000) {
            let expected = plain(&pattern, &text);
            prop_assert_eq!(distance_of_small(&pattern, &text), expected);
            let large = |text: &[u8]| text.iter().map(|&s| u32::from(s).wrapping_mul(step)).collect::<Vec<_>>();
            prop_assert_eq!(distance(&large(&pattern), &large(&text)), expected);
        }
    }
}
