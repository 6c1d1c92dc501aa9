//! Requests by the hidden row they share: a row's logits are formed once.

use std::ops::Range;

use super::LogprobRequest;

/// Requests by the hidden row they share.
pub(super) struct Plan {
    /// Indices of requests, ordered by row, those of a row in their own order.
    pub order: Vec<u32>,
    /// A distinct row each: its index and its requests in `order`.
    pub slots: Vec<(u32, Range<usize>)>,
}

impl Plan {
    pub fn new(requests: &[LogprobRequest], wanted: impl Fn(usize) -> bool) -> Self {
        let mut order: Vec<u32> = (0..requests.len())
            .filter(|&q| wanted(q))
            .map(|q| q as u32)
            .collect();
        order.sort_by_key(|&q| requests[q as usize].row);
        let mut slots: Vec<(u32, Range<usize>)> = Vec::new();
        for (at, &q) in order.iter().enumerate() {
            let row = requests[q as usize].row;
            match slots.last_mut() {
                Some((last, range)) if *last == row => range.end = at + 1,
                _ => slots.push((row, at..at + 1)),
            }
        }
        Self { order, slots }
    }
}
