//! Group-relative advantages: how much better a completion is than its siblings.
//!
//! Source: GRPO (arXiv 2402.03300, section 4.1.2), with TRL's constant in the denominator.

use serde::{Deserialize, Serialize};

use super::PolicyError;

/// Added to a group's standard deviation before it divides, as TRL does; rewards here span a few units.
pub const GROUP_STD_EPSILON: f64 = 1e-4;

/// Rewards of a group that differ by no more than this, relative to the largest of them (or to 1), differ by rounding alone. Two
/// edit similarities of strings below 10,000 characters are either equal or at least 1e-8 apart.
const ROUNDING: f64 = 1e-10;

/// What a group's centred rewards are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScaleRewards {
    /// The group's standard deviation (with n - 1) plus [`GROUP_STD_EPSILON`].
    #[default]
    Group,
    /// Nothing: the advantage is the reward less the group's mean (Dr. GRPO, arXiv 2503.20783).
    None,
}

/// The advantage of every completion, in the order of `rewards`: `num_generations` neighbours are one group.
///
/// `A_i = (r_i - mean(r)) / (std(r) + 1e-4)` with `std` over n - 1, or without the division for [`ScaleRewards::None`]. A group whose
/// rewards differ by rounding alone has advantage zero, exactly.
///
/// ```
/// use recode_core::policy::{ScaleRewards, group_advantages};
/// // mean 2, centred -1 and 1
/// assert_eq!(group_advantages(&[1.0, 3.0], 2, ScaleRewards::None).unwrap(), [-1.0, 1.0]);
/// assert_eq!(group_advantages(&[0.1 + 0.2, 0.3], 2, ScaleRewards::Group).unwrap(), [0.0, 0.0]);
/// ```
///
/// # Errors
/// Rewards that are not whole groups, groups of fewer than two, a reward that is not finite.
///
/// # Differences
/// TRL divides the noise of an even group by 1e-4 and trains on it; here such a group is silent.
pub fn group_advantages(
    rewards: &[f64],
    num_generations: usize,
    scale: ScaleRewards,
) -> Result<Vec<f64>, PolicyError> {
    check(rewards, num_generations)?;
    let mut advantages = Vec::with_capacity(rewards.len());
    for group in rewards.chunks_exact(num_generations) {
        let Moments { mean, std, even } = Moments::of(group);
        let divisor = match scale {
            ScaleRewards::Group => std + GROUP_STD_EPSILON,
            ScaleRewards::None => 1.0,
        };
        advantages.extend(
            group
                .iter()
                .map(|reward| if even { 0.0 } else { (reward - mean) / divisor }),
        );
    }
    Ok(advantages)
}

/// How much the groups of a step have to teach, for the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupSpread {
    /// Mean over the groups of the standard deviation within a group (with n - 1).
    pub std: f64,
    /// Share of the groups whose rewards are all equal but for rounding: they move nothing.
    pub frac_zero_std: f64,
}

/// Mean spread within the groups and the share of groups without any.
///
/// # Errors
/// As [`group_advantages`]; no group at all is a partial group too.
pub fn group_spread(rewards: &[f64], num_generations: usize) -> Result<GroupSpread, PolicyError> {
    check(rewards, num_generations)?;
    if rewards.is_empty() {
        return Err(PolicyError::PartialGroup {
            rewards: 0,
            num_generations,
        });
    }
    let groups = (rewards.len() / num_generations) as f64;
    let (mut std, mut even) = (0.0, 0.0);
    for group in rewards.chunks_exact(num_generations) {
        let moments = Moments::of(group);
        std += moments.std;
        even += f64::from(u8::from(moments.even));
    }
    Ok(GroupSpread {
        std: std / groups,
        frac_zero_std: even / groups,
    })
}

struct Moments {
    mean: f64,
    std: f64,
    even: bool,
}

impl Moments {
    /// Two passes: a one-pass variance of near-equal rewards is all cancellation.
    fn of(group: &[f64]) -> Self {
        let low = group.iter().copied().fold(f64::INFINITY, f64::min);
        let high = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let even = high - low <= ROUNDING * high.abs().max(low.abs()).max(1.0);
        // Centred on the lowest reward first, so that the mean of large equal rewards is that reward.
        let mean = low + group.iter().map(|reward| reward - low).sum::<f64>() / group.len() as f64;
        let squares: f64 = group.iter().map(|reward| (reward - mean).powi(2)).sum();
        let std = if even {
            0.0
        } else {
            (squares / (group.len() - 1) as f64).sqrt()
        };
        Self { mean, std, even }
    }
}

fn check(rewards: &[f64], num_generations: usize) -> Result<(), PolicyError> {
    if num_generations < 2 {
        return Err(PolicyError::GroupTooSmall(num_generations));
    }
    if !rewards.len().is_multiple_of(num_generations) {
        return Err(PolicyError::PartialGroup {
            rewards: rewards.len(),
            num_generations,
        });
    }
    // The farthest two rewards of this size can be apart is twice it; NaN is not finite either.
    let fits = |reward: &f64| (4.0 * reward * reward * num_generations as f64).is_finite();
    match rewards.iter().position(|reward| !fits(reward)) {
        Some(index) => Err(PolicyError::RewardNotFinite {
            index,
            value: rewards[index],
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_group_is_centred_and_divided_by_its_standard_deviation() {
        // mean 2; squares 4 + 0 + 0 + 4 = 8; std = sqrt(8 / 3) = 1.632993; 2 / (1.632993 + 0.0001) = 1.224670
        let advantages = group_advantages(&[0.0, 2.0, 2.0, 4.0], 4, ScaleRewards::Group).unwrap();
        let expected = 2.0 / ((8.0_f64 / 3.0).sqrt() + 1e-4);
        assert_eq!(advantages, [-expected, 0.0, 0.0, expected]);
        assert!((expected - 1.224_670).abs() < 1e-6);
    }

    #[test]
    fn groups_do_not_see_each_other() {
        let together = group_advantages(&[0.0, 1.0, 10.0, 30.0], 2, ScaleRewards::None).unwrap();
        assert_eq!(together, [-0.5, 0.5, -10.0, 10.0]);
    }

    #[test]
    fn rounding_noise_is_no_advantage() {
        // 3.5 (1 - 1/3) - 1.5 and 3.5 (1 - 2/6) - 1.5 are one similarity; 0.1 + 0.2 and 0.3 differ in the last bit.
        for scale in [ScaleRewards::Group, ScaleRewards::None] {
            let rewards = [0.1 + 0.2, 0.3, 3.0 * 0.1, 0.3];
            assert_eq!(group_advantages(&rewards, 4, scale).unwrap(), [0.0; 4]);
            assert_eq!(
                group_advantages(&[1e17, 1e17 + 16.0], 2, scale).unwrap(),
                [0.0; 2]
            );
        }
        // The smallest real difference of two 5,000-character answers is not noise.
        let close = [1.0, 1.0 + 3.5 / 5000.0 / 5001.0];
        assert!(group_advantages(&close, 2, ScaleRewards::Group).unwrap()[1] > 0.0);
    }

    #[test]
    fn a_tiny_spread_does_not_explode() {
        // std = 1e-6 / sqrt(2) = 7.1e-7, far below 1e-4: the advantage stays near spread / 2 / 1e-4 = 0.005 and not 0.7
        let advantages = group_advantages(&[0.0, 1e-6], 2, ScaleRewards::Group).unwrap();
        assert!(advantages[1] < 0.005, "{advantages:?}");
    }

    #[test]
    fn bad_rewards_are_errors() {
        let group =
            |rewards: &[f64], n| group_advantages(rewards, n, ScaleRewards::Group).unwrap_err();
        assert_eq!(
            group(&[1.0; 7], 4),
            PolicyError::PartialGroup {
                rewards: 7,
                num_generations: 4
            }
        );
        assert_eq!(group(&[1.0], 1), PolicyError::GroupTooSmall(1));
        assert_eq!(group(&[], 0), PolicyError::GroupTooSmall(0));
        assert!(matches!(
            group(&[1.0, f64::NAN], 2),
            PolicyError::RewardNotFinite { index: 1, .. }
        ));
        assert!(matches!(
            group(&[f64::INFINITY, 0.0], 2),
            PolicyError::RewardNotFinite { index: 0, .. }
        ));
        // Finite, but the square of their distance is not.
        assert!(matches!(
            group(&[1.0, -1e308], 2),
            PolicyError::RewardNotFinite { index: 1, .. }
        ));
        assert_eq!(
            group_advantages(&[], 4, ScaleRewards::Group).unwrap(),
            Vec::<f64>::new()
        );
        assert!(group_spread(&[], 4).is_err());
    }

    #[test]
    fn spread_counts_even_groups() {
        // group 1: std of (0, 2) = sqrt(2); group 2: even
        let spread = group_spread(&[0.0, 2.0, 5.0, 5.0], 2).unwrap();
        assert!((spread.std - 2.0_f64.sqrt() / 2.0).abs() < 1e-15);
        assert_eq!(spread.frac_zero_std, 0.5);
    }

    proptest! {
        #[test]
        fn advantages_of_a_group_sum_to_zero(rewards in prop::collection::vec(-3.0..3.0_f64, 8 * 3), group in any::<bool>()) {
            let scale = if group { ScaleRewards::Group } else { ScaleRewards::None };
            let advantages = group_advantages(&rewards, 8, scale).unwrap();
            for (group, of) in advantages.chunks(8).zip(rewards.chunks(8)) {
                prop_assert!(group.iter().sum::<f64>().abs() < 1e-12, "{group:?}");
                for (a, b) in (0..8).zip(1..8) {
                    prop_assert_eq!(of[a] < of[b], group[a] < group[b], "order is kept");
                }
            }
        }

        #[test]
        fn shifting_rewards_moves_no_advantage(rewards in prop::collection::vec(-3.0..3.0_f64, 5), shift in -100.0..100.0_f64) {
            let shifted: Vec<f64> = rewards.iter().map(|r| r + shift).collect();
            let (a, b) = (group_advantages(&rewards, 5, ScaleRewards::Group).unwrap(), group_advantages(&shifted, 5, ScaleRewards::Group).unwrap());
            for (a, b) in a.iter().zip(&b) {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
