//! How much of a GPU's memory buffers take, now and at most.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of all buffers of a GPU.
#[derive(Debug, Default)]
pub struct Memory {
    in_use: AtomicU64,
    peak: AtomicU64,
}

impl Memory {
    /// Bytes of the buffers that there are.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }

    /// The most that there were at once since [`Memory::reset_peak`].
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Begins to look for a peak anew.
    pub fn reset_peak(&self) {
        self.peak.store(self.in_use(), Ordering::Relaxed);
    }

    pub(super) fn take(&self, bytes: u64) {
        let before = self.in_use.fetch_add(bytes, Ordering::Relaxed);
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.in_use.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_of_the_time_since_it_was_reset() {
        let memory = Memory::default();
        memory.take(8);
        memory.take(4);
        memory.give_back(8);
        assert_eq!((memory.in_use(), memory.peak()), (4, 12));
        memory.reset_peak();
        memory.take(1);
        assert_eq!((memory.in_use(), memory.peak()), (5, 5));
    }
}
