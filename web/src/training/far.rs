//! Steps that stand so far from all others that a chart of everything shows the way between them and nothing else: one wrong line of a log is enough.

/// How many times wider than what the others take the way there is.
const FAR: u64 = 10;

/// A few steps far from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Far {
    /// The farthest on its side.
    pub step: u64,
    /// How many there are.
    pub count: usize,
    /// The first and the last of the others.
    pub others: (u64, u64),
}

impl Far {
    /// Of ascending steps, each once; no more than one in fifty is far, or one or two of a few, and always fewer than the others.
    pub fn of(steps: &[u64]) -> Option<Self> {
        let most = (steps.len() / 50)
            .max(2)
            .min(steps.len().saturating_sub(1) / 2);
        let last = steps.len().checked_sub(1)?;
        // Where steps are far, the next one lies eleven times as far from the middle, which at least stays: of all steps that fit into 64
        // bits no more than some twenty on a side are such.
        let begins = (0..=most).filter(|&begin| is_far_before(steps, begin, last - most));
        let ends = (0..=most).filter(|&end| is_far_behind(steps, most, last - end));
        let ends: Vec<usize> = ends.collect();
        let both = begins.flat_map(|begin| ends.iter().map(move |&end| (begin, end)));
        // So many at the beginning and so many at the end, as few as will do.
        let (begin, end) = both
            .filter(|&(begin, end)| (1..=most).contains(&(begin + end)))
            .filter(|&(begin, end)| {
                is_far_before(steps, begin, last - end) && is_far_behind(steps, begin, last - end)
            })
            .min_by_key(|&(begin, end)| (begin + end, begin))?;
        let others = &steps[begin..steps.len() - end];
        Some(Far {
            step: *if begin > 0 {
                steps.first()
            } else {
                steps.last()
            }?,
            count: begin + end,
            others: (*others.first()?, *others.last()?),
        })
    }
}

/// Whether the steps before `first` are far from those up to `last`, or there are none.
fn is_far_before(steps: &[u64], first: usize, last: usize) -> bool {
    first == 0 || steps[first] - steps[first - 1] > far_from(steps, first, last)
}

/// Whether the steps behind `last` are far from those down to `first`, or there are none.
fn is_far_behind(steps: &[u64], first: usize, last: usize) -> bool {
    last + 1 == steps.len() || steps[last + 1] - steps[last] > far_from(steps, first, last)
}

fn far_from(steps: &[u64], first: usize, last: usize) -> u64 {
    FAR.saturating_mul(steps[last] - steps[first])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_far_from_all_others_is_found() {
        let mut steps: Vec<u64> = (1..=250).collect();
        assert_eq!(Far::of(&steps), None);
        steps.push(1_000_000_000);
        let far = |step, count| Far {
            step,
            count,
            others: (1, 250),
        };
        assert_eq!(Far::of(&steps), Some(far(1_000_000_000, 1)));
        steps.push(5_000_000_000);
        assert_eq!(Far::of(&steps), Some(far(5_000_000_000, 2)));
        // And at the beginning.
        let late: Vec<u64> = std::iter::once(0).chain(1_000_000..1_000_100).collect();
        assert_eq!(
            Far::of(&late).map(|far| (far.step, far.others)),
            Some((0, (1_000_000, 1_000_099)))
        );
        assert_eq!(Far::of(&[1, 2, 9000]).map(|far| far.others), Some((1, 2)));
        // Runs of two ranges are none, nor is a run that logs seldom.
        let ranges: Vec<u64> = (1..=50).chain(9000..9050).collect();
        assert_eq!(Far::of(&ranges), None);
        assert_eq!(Far::of(&[100, 200, 1100]), None);
        assert_eq!(Far::of(&[1, 2, 9000, 9001]), None);
        assert_eq!((Far::of(&[]), Far::of(&[7])), (None, None));
    }

    /// The definition, tried on every number of steps at either end.
    fn by_trying_all(steps: &[u64]) -> Option<(usize, usize)> {
        let most = (steps.len() / 50)
            .max(2)
            .min(steps.len().saturating_sub(1) / 2);
        let all = (1..=most).flat_map(|count| (0..=count).map(move |begin| (begin, count - begin)));
        let mut far = all.filter(|&(begin, end)| {
            let others = &steps[begin..steps.len() - end];
            let (first, last) = (others[0], others[others.len() - 1]);
            let is_far = |gap: u64| u128::from(gap) > 10 * u128::from(last - first);
            (begin == 0 || is_far(first - steps[begin - 1]))
                && (end == 0 || is_far(steps[steps.len() - end] - last))
        });
        far.next()
    }

    proptest! {
        #[test]
        fn the_fewest_steps_that_are_far_are_found(
            near in prop::collection::btree_set(0u64..300, 0..250),
            exponents in prop::collection::vec(0u32..64, 0..8),
        ) {
            // Distances of all sizes, so that steps are far from each other by chance.
            let far = exponents.iter().map(|&exponent| 1u64 << exponent);
            let steps: std::collections::BTreeSet<u64> = near.iter().map(|step| step + (1 << 20)).chain(far).collect();
            let steps: Vec<u64> = steps.into_iter().collect();
            let expected = by_trying_all(&steps).map(|(begin, end)| (begin + end, steps[begin], steps[steps.len() - 1 - end]));
            prop_assert_eq!(Far::of(&steps).map(|far| (far.count, far.others.0, far.others.1)), expected);
        }
    }
}
