//! Symbols numbered in the order in which they come, so that what is known of one stands in a small table.
//!
//! A hash table with linear probing, at most a quarter full. Its time is bounded for every input: no symbol stands further than [`REACH`]
//! slots from where it belongs, because the table doubles until that holds. Among 2^22 slots it holds for all code points at once, so that
//! no text can be chosen to collide.

/// The number of a symbol that was not numbered.
pub(super) const ELSEWHERE: usize = 0;

/// How many slots from its own a symbol may stand.
const REACH: usize = 16;

/// With so many slots (of 8 bytes) the table grows for want of room alone; only symbols that are no characters can bring it there.
const MOST_SLOTS_FOR_REACH: usize = 1 << 22;

/// Numbers from 1 on for symbols.
#[derive(Debug)]
pub(super) struct Alphabet {
    /// Symbol and number, a power of two of them; a free slot has the number [`ELSEWHERE`].
    slots: Vec<(u32, u32)>,
    numbered: usize,
    /// The furthest that a symbol stands from its slot.
    reach: usize,
}

impl Alphabet {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![(0, 0); 256],
            numbered: 0,
            reach: 0,
        }
    }

    /// All numbers are below this.
    pub(super) fn len(&self) -> usize {
        self.numbered + 1
    }

    /// The number of `symbol`, [`ELSEWHERE`] if it has none.
    #[inline(always)]
    pub(super) fn number(&self, symbol: u32) -> usize {
        let own = self.slot(symbol);
        for step in 0..=self.reach {
            let (at, number) = self.slots[(own + step) & (self.slots.len() - 1)];
            // It ends at the symbol or at a free slot, asked as one question: which of the two it is, no processor foresees.
            if (at ^ symbol).min(number) == ELSEWHERE as u32 {
                return number as usize;
            }
        }
        ELSEWHERE
    }

    /// The number of `symbol`, a new one if it has none.
    #[inline(always)]
    pub(super) fn number_or_add(&mut self, symbol: u32) -> usize {
        match self.number(symbol) {
            ELSEWHERE => self.add(symbol),
            number => number,
        }
    }

    #[inline(never)]
    fn add(&mut self, symbol: u32) -> usize {
        self.numbered += 1;
        let number = self.numbered;
        if 4 * number > self.slots.len() {
            self.grow();
        }
        while !self.put(symbol, number as u32) {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        let taken = |slot: &&(u32, u32)| slot.1 as usize != ELSEWHERE;
        let mut size = 2 * old.len();
        loop {
            (self.slots, self.reach) = (vec![(0, 0); size], 0);
            if old
                .iter()
                .filter(taken)
                .all(|&(symbol, number)| self.put(symbol, number))
            {
                return;
            }
            size *= 2;
        }
    }

    /// Whether there was a slot within reach.
    fn put(&mut self, symbol: u32, number: u32) -> bool {
        let (own, mask) = (self.slot(symbol), self.slots.len() - 1);
        let mut step = 0;
        while self.slots[(own + step) & mask].1 as usize != ELSEWHERE {
            step += 1;
        }
        if step > REACH && self.slots.len() < MOST_SLOTS_FOR_REACH {
            return false;
        }
        self.reach = self.reach.max(step);
        self.slots[(own + step) & mask] = (symbol, number);
        true
    }

    /// Fibonacci hashing: neighbours among the symbols land far apart.
    #[inline(always)]
    fn slot(&self, symbol: u32) -> usize {
        let shift = u32::BITS - self.slots.len().trailing_zeros();
        (symbol.wrapping_mul(0x9E37_79B9) >> shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_keeps_its_number_and_no_two_share_one() {
        let mut alphabet = Alphabet::new();
        // 0 and the largest, neighbours, and multiples of a power of two; enough to grow several times.
        let symbols: Vec<u32> = (0..700)
            .chain((1..700).map(|i| i << 20))
            .chain([u32::MAX])
            .collect();
        assert_eq!(alphabet.number(0), ELSEWHERE);
        for (i, &symbol) in symbols.iter().enumerate() {
            assert_eq!(alphabet.number(symbol), ELSEWHERE);
            assert_eq!(alphabet.number_or_add(symbol), i + 1);
            assert_eq!(alphabet.len(), i + 2);
        }
        for (i, &symbol) in symbols.iter().enumerate() {
            assert_eq!(alphabet.number(symbol), i + 1);
            assert_eq!(alphabet.number_or_add(symbol), i + 1);
        }
        assert_eq!(alphabet.number(700), ELSEWHERE);
    }

    #[test]
    fn characters_that_were_chosen_to_collide_move_apart() {
        // Of all code points, as they are and as their bytes in a row, those that a table of 2^14 slots would crowd into a 64th of it.
        let bytes = |c: char| {
            let mut bytes = [0; 4];
            let encoded = c.encode_utf8(&mut bytes).bytes();
            encoded.fold(0, |number, byte| number << 8 | u32::from(byte))
        };
        for spell in [bytes, u32::from] {
            let mut alphabet = Alphabet::new();
            ('\0'..=char::MAX)
                .map(spell)
                .filter(|symbol| symbol.wrapping_mul(0x9E37_79B9) >> 26 == 5)
                .take(4096)
                .for_each(|symbol| {
                    alphabet.number_or_add(symbol);
                });
            assert_eq!(alphabet.numbered, 4096);
            assert!(alphabet.reach <= REACH, "{}", alphabet.reach);
            assert!(alphabet.slots.len() < MOST_SLOTS_FOR_REACH);
        }
    }
}
