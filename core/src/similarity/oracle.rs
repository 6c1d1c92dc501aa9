//! What the tests compare with: the recurrence itself, and pairs of texts of every kind.

use proptest::collection::vec;
use proptest::prelude::*;

/// `D(i, j) = min(D(i-1, j) + 1, D(i, j-1) + 1, D(i-1, j-1) + [a_i != b_j])`, a row at a time.
pub(super) fn plain<T: Eq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Two texts of up to `longest` symbols and a few more: unrelated, or one with some runs of the other cut out and others put in.
pub(super) fn pairs(longest: usize) -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    let text = move |symbols: u32| vec(0..symbols, 0..longest);
    let edit = move |symbols: u32| (0..=longest, 0..12_usize, vec(0..symbols, 0..12));
    let long_edit =
        move |symbols: u32| (0..=longest, 0..longest / 3, vec(0..symbols, 0..longest / 3));
    prop_oneof![Just(2_u32), Just(4), Just(30), Just(200)].prop_flat_map(move |symbols| {
        let edits = prop_oneof![
            4 => vec(edit(symbols), 0..60),
            1 => vec(long_edit(symbols), 0..3),
        ];
        prop_oneof![
            1 => (text(symbols), text(symbols)),
            3 => (text(symbols), edits).prop_map(|(a, edits)| {
                let mut b = a.clone();
                for (at, cut, put) in edits {
                    let at = at.min(b.len());
                    b.splice(at..(at + cut).min(b.len()), put);
                }
                (a, b)
            }),
        ]
    })
}
