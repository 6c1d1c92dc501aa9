//! How the policy should move: group advantages, the clipped policy loss with its KL term, and d loss / d logprob.
//!
//! Plain slices in, plain vectors out. Knows no model, no tokenizer, no batch layout beyond "these tokens are one completion": the
//! trainer, the tests and the page share this one implementation.
//!
//! Sources: GRPO (DeepSeekMath, arXiv 2402.03300, equations 3 and 4), PPO's clipped surrogate (arXiv 1707.06347, equation 7), dual-clip
//! (arXiv 1912.09729, equation 5), the k3 estimator (Schulman, "Approximating KL Divergence", 2020), clip-higher and the token-mean
//! (DAPO, arXiv 2503.14476). Words and the group scaling's constant are TRL's. Each item states where it differs.

mod advantage;
mod loss;
mod stats;
mod token;

pub use advantage::{GROUP_STD_EPSILON, GroupSpread, ScaleRewards, group_advantages, group_spread};
pub use loss::{LossAggMode, LossConfig, PolicyLoss, StepTotals, TokenLogprobs, policy_loss};
pub use stats::LossStats;
pub use token::{KL_TANGENT_START, k3};

/// Why advantages or a loss could not be computed. Nothing is repaired: a value that cannot be right stops the step.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The rewards are not whole groups.
    #[error("{rewards} rewards are not whole groups of num_generations {num_generations}")]
    PartialGroup {
        /// How many rewards came.
        rewards: usize,
        /// The size of a group.
        num_generations: usize,
    },
    /// A group of fewer than two has nothing to be compared with.
    #[error(
        "num_generations is {0}; a completion's advantage is measured against its group, so at least 2 are needed"
    )]
    GroupTooSmall(usize),
    /// A reward is NaN, infinite, or so large that the squares of its group are.
    #[error(
        "reward {index} is {value}; rewards must be finite, and so must the sum of their squares over a group"
    )]
    RewardNotFinite {
        /// Which reward, counted from 0 over all groups.
        index: usize,
        /// The reward.
        value: f64,
    },
    /// Two slices that describe the same tokens or completions have different lengths.
    #[error("{what} has {got} entries, expected {expected}")]
    Length {
        /// The slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it should have.
        expected: usize,
    },
    /// Completions must tile the tokens in order, without gap or overlap.
    #[error(
        "completion {index} covers tokens {start}..{end}, expected it to begin at {expected_start} and end at or before {tokens}"
    )]
    Sequence {
        /// Which completion.
        index: usize,
        /// Its first token.
        start: usize,
        /// One past its last token.
        end: usize,
        /// Where the completion before it ended.
        expected_start: usize,
        /// How many tokens there are.
        tokens: usize,
    },
    /// A log-probability or an entropy of a counted token is NaN or infinite.
    #[error("{what} of token {token} is {value}; it must be finite")]
    TokenNotFinite {
        /// The slice.
        what: &'static str,
        /// The token, counted over the batch.
        token: usize,
        /// The value.
        value: f64,
    },
    /// A counted completion's advantage is NaN or infinite.
    #[error("advantage of completion {index} is {value}; it must be finite")]
    AdvantageNotFinite {
        /// Which completion.
        index: usize,
        /// The advantage.
        value: f64,
    },
    /// The ratio left the range of numbers: the policy has run away from `old_logprobs`, and no bound on the loss brings it back.
    #[error(
        "the probability ratio of token {token} is not finite (logprob {logprob}, old_logprob {old_logprob}); \
         lower num_iterations or the learning rate"
    )]
    RatioNotFinite {
        /// The token, counted over the batch.
        token: usize,
        /// log-probability under the policy.
        logprob: f64,
        /// log-probability under the policy that sampled.
        old_logprob: f64,
    },
    /// The loss or a gradient left the range of numbers.
    #[error(
        "the loss at token {token} is {loss} and its gradient {gradient} (logprob {logprob}, old_logprob {old_logprob}); \
         set dual_clip, lower num_iterations or the learning rate"
    )]
    LossNotFinite {
        /// The token, counted over the batch.
        token: usize,
        /// The token's loss before aggregation.
        loss: f64,
        /// Its gradient.
        gradient: f64,
        /// log-probability under the policy.
        logprob: f64,
        /// log-probability under the policy that sampled.
        old_logprob: f64,
    },
    /// `beta` is not zero and there is no reference to measure the KL divergence against.
    #[error("beta is {0} but ref_logprobs are missing; compute them or set beta = 0")]
    ReferenceMissing(f64),
    /// A setting is outside of what the loss is defined for.
    #[error("{what} is {value}, expected {expected}")]
    Setting {
        /// The setting's name.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range in words.
        expected: &'static str,
    },
    /// A micro-batch holds more than the step it is said to be a part of.
    #[error(
        "the micro-batch counts {tokens} tokens in {sequences} completions, more than its step's {step_tokens} in {step_sequences}"
    )]
    Totals {
        /// Counted tokens of the micro-batch.
        tokens: usize,
        /// Counted completions of the micro-batch.
        sequences: usize,
        /// Counted tokens of the step.
        step_tokens: usize,
        /// Counted completions of the step.
        step_sequences: usize,
    },
}
