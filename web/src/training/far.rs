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
        // So many at the beginning and so many at the end, as few as will do.
        let left_out =
            (1..=most).flat_map(|count| (0..=count).map(move |begin| (begin, count - begin)));
        let mut left_out = left_out.filter(|&(begin, end)| is_far(steps, begin, end));
        let (begin, end) = left_out.next()?;
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

/// Whether as many steps at the beginning and at the end are both far from what is between.
fn is_far(steps: &[u64], begin: usize, end: usize) -> bool {
    let (first, last) = (begin, steps.len() - end - 1);
    let far = FAR.saturating_mul(steps[last] - steps[first]);
    let before = begin == 0 || steps[first] - steps[first - 1] > far;
    let behind = end == 0 || steps[last + 1] - steps[last] > far;
    before && behind
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

    proptest! {
        #[test]
        fn any_steps_are_looked_at_without_panic(steps in prop::collection::btree_set(any::<u64>(), 0..40)) {
            let steps: Vec<u64> = steps.into_iter().collect();
            let _ = Far::of(&steps);
        }
    }
}
