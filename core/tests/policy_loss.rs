//! The policy loss as a whole: numbers worked out by hand, TRL's own numbers, central differences, and splits into micro-batches.

use std::ops::Range;

use proptest::prelude::*;
use recode_core::policy::{
    LossAggMode, LossConfig, LossStats, PolicyError, PolicyLoss, ScaleRewards, StepTotals,
    TokenLogprobs, group_advantages, policy_loss,
};

/// A batch that owns its slices; [`Batch::part`] cuts whole completions out of it.
#[derive(Debug, Clone)]
struct Batch {
    logprobs: Vec<f32>,
    old_logprobs: Vec<f32>,
    ref_logprobs: Vec<f32>,
    entropy: Vec<f32>,
    lengths: Vec<usize>,
    advantages: Vec<f64>,
    counted: Vec<bool>,
}

impl Batch {
    fn ranges(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let next = |&length: &usize| {
            end += length;
            end - length..end
        };
        self.lengths.iter().map(next).collect()
    }

    fn totals(&self) -> StepTotals {
        StepTotals::of(
            self.lengths
                .iter()
                .copied()
                .zip(self.counted.iter().copied()),
        )
    }

    fn part(&self, sequences: Range<usize>) -> Self {
        let ranges = self.ranges();
        let end = ranges.last().map_or(0, |range| range.end);
        let at = |index: usize| ranges.get(index).map_or(end, |range| range.start);
        let tokens = at(sequences.start)..at(sequences.end);
        Self {
            logprobs: self.logprobs[tokens.clone()].to_vec(),
            old_logprobs: self.old_logprobs[tokens.clone()].to_vec(),
            ref_logprobs: self.ref_logprobs[tokens.clone()].to_vec(),
            entropy: self.entropy[tokens].to_vec(),
            lengths: self.lengths[sequences.clone()].to_vec(),
            advantages: self.advantages[sequences.clone()].to_vec(),
            counted: self.counted[sequences].to_vec(),
        }
    }

    fn loss(&self, totals: &StepTotals, config: &LossConfig) -> Result<PolicyLoss, PolicyError> {
        let batch = TokenLogprobs {
            logprobs: &self.logprobs,
            old_logprobs: &self.old_logprobs,
            ref_logprobs: (config.beta > 0.0).then_some(&self.ref_logprobs),
            entropy: &self.entropy,
            sequence: &self.ranges(),
            advantages: &self.advantages,
            counted: &self.counted,
        };
        policy_loss(&batch, totals, config)
    }
}

fn config(loss_agg_mode: LossAggMode, beta: f64, dual_clip: Option<f64>) -> LossConfig {
    LossConfig {
        clip_ratio_low: 0.2,
        clip_ratio_high: 0.28,
        dual_clip,
        beta,
        loss_agg_mode,
    }
}

/// Two completions of 1 and 3 tokens, advantages 1 and -2, every ratio 1 but the last, which is 2.
fn small() -> Batch {
    Batch {
        logprobs: vec![-1.0, -2.0, -0.5, -1.0 + std::f32::consts::LN_2],
        old_logprobs: vec![-1.0, -2.0, -0.5, -1.0],
        ref_logprobs: vec![-1.0, -2.0, -1.5, -1.0 + std::f32::consts::LN_2],
        entropy: vec![0.5, 1.0, 1.5, 2.0],
        lengths: vec![1, 3],
        advantages: vec![1.0, -2.0],
        counted: vec![true, true],
    }
}

fn assert_close(got: f64, expected: f64) {
    assert!(
        (got - expected).abs() < 1e-6,
        "got {got}, expected {expected}"
    );
}

#[test]
fn token_mean_by_hand() {
    let batch = small();
    // -1 + 2 + 2 + 2 x 2 = 7, over 4 tokens; gradients -ratio A / 4 = -1/4, 2/4, 2/4, 4/4
    let result = batch
        .loss(&batch.totals(), &config(LossAggMode::TokenMean, 0.0, None))
        .unwrap();
    assert_close(result.loss, 7.0 / 4.0);
    for (got, expected) in result.d_logprobs.iter().zip([-0.25, 0.5, 0.5, 1.0]) {
        assert_close((*got).into(), expected);
    }
    assert_close(result.stats.entropy().unwrap(), 5.0 / 4.0);
    assert_close(result.stats.ratio_mean().unwrap(), 5.0 / 4.0);
    assert_close(result.stats.ratio_max, 2.0);
}

#[test]
fn seq_mean_token_mean_by_hand() {
    let batch = small();
    // (-1 + (2 + 2 + 4) / 3) / 2 = 5/6; gradients -1/2 and 2/6, 2/6, 4/6
    let result = batch
        .loss(
            &batch.totals(),
            &config(LossAggMode::SeqMeanTokenMean, 0.0, None),
        )
        .unwrap();
    assert_close(result.loss, 5.0 / 6.0);
    for (got, expected) in result
        .d_logprobs
        .iter()
        .zip([-0.5, 1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0])
    {
        assert_close((*got).into(), expected);
    }
}

#[test]
fn dual_clip_and_kl_by_hand() {
    let batch = small();
    // The last token is held at 1.5 x 2 = 3 and its gradient vanishes: -1 + 2 + 2 + 3 = 6. The third token's reference is 1 below the
    // policy: k3 = exp(-1) + 1 - 1 = exp(-1), slope 1 - exp(-1).
    let beta = 0.5;
    let result = batch
        .loss(
            &batch.totals(),
            &config(LossAggMode::TokenMean, beta, Some(1.5)),
        )
        .unwrap();
    let inverse_e = (-1.0_f64).exp();
    assert_close(result.loss, (6.0 + beta * inverse_e) / 4.0);
    assert_close(
        result.d_logprobs[2].into(),
        (2.0 + beta * (1.0 - inverse_e)) / 4.0,
    );
    assert_eq!(result.d_logprobs[3], 0.0);
    assert_close(result.stats.kl().unwrap(), inverse_e / 4.0);
    assert_eq!(
        (
            result.stats.clipped_dual,
            result.stats.clipped_low,
            result.stats.clipped_high
        ),
        (1, 0, 0)
    );
}

#[test]
fn a_masked_completion_is_as_if_absent() {
    let mut batch = small();
    batch.counted[1] = false;
    // NaN in a masked completion is nobody's business.
    batch.logprobs[2] = f32::NAN;
    for mode in [LossAggMode::TokenMean, LossAggMode::SeqMeanTokenMean] {
        let masked = batch
            .loss(&batch.totals(), &config(mode, 0.1, None))
            .unwrap();
        let alone = batch
            .part(0..1)
            .loss(&batch.part(0..1).totals(), &config(mode, 0.1, None))
            .unwrap();
        assert_eq!((masked.loss, masked.stats), (alone.loss, alone.stats));
        assert_eq!(masked.d_logprobs, [alone.d_logprobs[0], 0.0, 0.0, 0.0]);
    }
}

#[test]
fn a_step_of_masked_and_empty_completions_moves_nothing() {
    let mut batch = small();
    batch.counted = vec![false, false];
    let empty = Batch {
        lengths: vec![0, 0],
        counted: vec![true, true],
        ..batch.part(0..0)
    };
    let empty = Batch {
        advantages: vec![1.0, -1.0],
        ..empty
    };
    for (batch, tokens) in [(&batch, 4), (&empty, 0), (&batch.part(0..0), 0)] {
        for mode in [LossAggMode::TokenMean, LossAggMode::SeqMeanTokenMean] {
            let result = batch
                .loss(&batch.totals(), &config(mode, 0.1, None))
                .unwrap();
            assert_eq!(
                result,
                PolicyLoss {
                    loss: 0.0,
                    d_logprobs: vec![0.0; tokens],
                    stats: LossStats::default()
                }
            );
        }
    }
}

#[test]
fn bad_batches_are_errors() {
    let good = small();
    let fail = |change: &dyn Fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        batch
            .loss(&good.totals(), &config(LossAggMode::TokenMean, 0.1, None))
            .unwrap_err()
    };
    assert!(matches!(
        fail(&|b| b.logprobs[2] = f32::NAN),
        PolicyError::TokenNotFinite {
            what: "logprobs",
            token: 2,
            ..
        }
    ));
    assert!(matches!(
        fail(&|b| b.ref_logprobs[1] = f32::NEG_INFINITY),
        PolicyError::TokenNotFinite {
            what: "ref_logprobs",
            token: 1,
            ..
        }
    ));
    assert!(matches!(
        fail(&|b| b.entropy[0] = f32::INFINITY),
        PolicyError::TokenNotFinite {
            what: "entropy",
            ..
        }
    ));
    assert!(matches!(
        fail(&|b| b.advantages[1] = f64::NAN),
        PolicyError::AdvantageNotFinite { index: 1, .. }
    ));
    assert!(matches!(
        fail(&|b| b.logprobs[3] = 900.0),
        PolicyError::RatioNotFinite { token: 3, .. }
    ));
    // exp(500) is a number, as a gradient in f32 it is none.
    assert!(matches!(
        fail(&|b| b.logprobs[3] = 500.0),
        PolicyError::LossNotFinite { token: 3, .. }
    ));
    assert!(matches!(
        fail(&|b| b.lengths = vec![1, 2]),
        PolicyError::Length {
            expected: 4,
            got: 3,
            ..
        }
    ));
    assert!(matches!(
        fail(&|b| b.lengths = vec![1, 4]),
        PolicyError::Sequence {
            index: 1,
            end: 5,
            tokens: 4,
            ..
        }
    ));
    assert!(matches!(
        fail(&|b| b.entropy.truncate(3)),
        PolicyError::Length {
            what: "entropy",
            got: 3,
            expected: 4
        }
    ));
    assert!(matches!(
        fail(&|b| b.counted.truncate(1)),
        PolicyError::Length {
            what: "counted",
            got: 1,
            expected: 2
        }
    ));

    let totals = StepTotals {
        tokens: 3,
        sequences: 2,
    };
    assert!(matches!(
        good.loss(&totals, &config(LossAggMode::TokenMean, 0.1, None)),
        Err(PolicyError::Totals { tokens: 4, .. })
    ));
    for (change, name) in [
        (
            LossConfig {
                clip_ratio_low: 1.1,
                ..config(LossAggMode::TokenMean, 0.1, None)
            },
            "clip_ratio_low",
        ),
        (
            LossConfig {
                clip_ratio_high: f64::NAN,
                ..config(LossAggMode::TokenMean, 0.1, None)
            },
            "clip_ratio_high",
        ),
        (config(LossAggMode::TokenMean, -0.1, None), "beta"),
        (config(LossAggMode::TokenMean, 0.1, Some(1.0)), "dual_clip"),
    ] {
        assert!(
            good.loss(&good.totals(), &change)
                .unwrap_err()
                .to_string()
                .contains(name)
        );
    }
    let no_reference = TokenLogprobs {
        logprobs: &[-1.0],
        old_logprobs: &[-1.0],
        ref_logprobs: None,
        entropy: &[0.0],
        sequence: std::slice::from_ref(&(0..1)),
        advantages: &[1.0],
        counted: &[true],
    };
    let totals = StepTotals {
        tokens: 1,
        sequences: 1,
    };
    assert_eq!(
        policy_loss(
            &no_reference,
            &totals,
            &config(LossAggMode::TokenMean, 0.1, None)
        ),
        Err(PolicyError::ReferenceMissing(0.1))
    );
}

#[test]
fn the_loss_is_trls() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/policy_loss.json")).unwrap();
    let numbers = |value: &serde_json::Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect::<Vec<f64>>()
    };
    let singles = |value: &serde_json::Value| {
        numbers(value)
            .into_iter()
            .map(|x| x as f32)
            .collect::<Vec<f32>>()
    };
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let lengths: Vec<usize> = numbers(&case["lengths"])
            .into_iter()
            .map(|x| x as usize)
            .collect();
        let batch = Batch {
            logprobs: singles(&case["logprobs"]),
            old_logprobs: singles(&case["old_logprobs"]),
            ref_logprobs: singles(&case["ref_logprobs"]),
            entropy: singles(&case["entropy"]),
            counted: vec![true; lengths.len()],
            advantages: numbers(&case["advantages"]),
            lengths,
        };
        let config = LossConfig {
            clip_ratio_low: case["clip_ratio_low"].as_f64().unwrap(),
            clip_ratio_high: case["clip_ratio_high"].as_f64().unwrap(),
            dual_clip: case["dual_clip"].as_f64(),
            beta: case["beta"].as_f64().unwrap(),
            loss_agg_mode: serde_json::from_value(case["loss_agg_mode"].clone()).unwrap(),
        };
        let result = batch.loss(&batch.totals(), &config).unwrap();
        let expected = case["loss"].as_f64().unwrap();
        assert!(
            (result.loss - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{} {expected}",
            result.loss
        );
        let gradients = numbers(&case["d_logprobs"]);
        assert_eq!(result.d_logprobs.len(), gradients.len());
        for (got, expected) in result.d_logprobs.iter().zip(&gradients) {
            // f32 keeps 2^-24 of a value
            assert!(
                (f64::from(*got) - expected).abs() <= 1e-7 * expected.abs(),
                "{got} {expected}"
            );
        }
        let stats = result.stats;
        for (name, got) in [
            ("entropy", stats.entropy()),
            ("clip_ratio/low_mean", stats.clip_low()),
            ("clip_ratio/high_mean", stats.clip_high()),
            ("clip_ratio/region_mean", stats.clip_region()),
        ] {
            let (got, expected) = (got.unwrap(), case["metrics"][name].as_f64().unwrap());
            // TRL takes the clip shares in f32
            assert!((got - expected).abs() < 1e-7, "{name}: {got} {expected}");
        }
        if config.beta > 0.0 {
            assert!((stats.kl().unwrap() - case["metrics"]["kl"].as_f64().unwrap()).abs() < 1e-12);
        }
    }
    let given = &golden["advantages"];
    let advantages = group_advantages(&numbers(&given["rewards"]), 5, ScaleRewards::Group).unwrap();
    for (got, expected) in advantages.iter().zip(numbers(&given["advantages"])) {
        assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    }
}

prop_compose! {
    /// Log-probabilities are multiples of 2^-12, so that a step of 2^-11 in f32 is exact.
    fn batches()(lengths in prop::collection::vec(0..6_usize, 1..7))(
        old in prop::collection::vec(-16384..0_i32, lengths.iter().sum::<usize>()),
        moved in prop::collection::vec(-4096..4096_i32, lengths.iter().sum::<usize>()),
        away in prop::collection::vec(-4096..8192_i32, lengths.iter().sum::<usize>()),
        advantages in prop::collection::vec(-2.0..2.0_f64, lengths.len()),
        counted in prop::collection::vec(prop::bool::weighted(0.8), lengths.len()),
        lengths in Just(lengths),
    ) -> Batch {
        let grid = |k: i32| k as f32 / 4096.0;
        Batch {
            logprobs: old.iter().zip(&moved).map(|(a, b)| grid(a + b)).collect(),
            ref_logprobs: old.iter().zip(&away).map(|(a, b)| grid(a + b)).collect(),
            entropy: old.iter().map(|a| -grid(*a)).collect(),
            old_logprobs: old.into_iter().map(grid).collect(),
            lengths, advantages, counted,
        }
    }
}

fn modes() -> impl Strategy<Value = LossAggMode> {
    prop_oneof![
        Just(LossAggMode::TokenMean),
        Just(LossAggMode::SeqMeanTokenMean)
    ]
}

proptest! {
    #[test]
    fn the_gradient_is_the_central_difference_of_the_batch_loss(batch in batches(), mode in modes(), dual in prop::option::of(1.5..2.0_f64)) {
        let (totals, config) = (batch.totals(), config(mode, 0.05, dual));
        let gradient = batch.loss(&totals, &config).unwrap().d_logprobs;
        let h = 1.0 / 2048.0;
        for (token, &gradient) in gradient.iter().enumerate() {
            let moved = f64::from(batch.logprobs[token]) - f64::from(batch.old_logprobs[token]);
            // A difference across a kink is no derivative.
            if [0.8, 1.28, dual.unwrap_or(1.28)].iter().any(|bound: &f64| (moved - bound.ln()).abs() <= 2.0 * h) {
                continue;
            }
            let at = |step: f64| {
                let mut batch = batch.clone();
                batch.logprobs[token] += step as f32;
                batch.loss(&totals, &config).unwrap().loss
            };
            // The central difference's own error is h^2 / 6 of the third derivative, here at most 3 e + 0.05 e^2.
            let difference = (at(h) - at(-h)) / (2.0 * h);
            prop_assert!((f64::from(gradient) - difference).abs() < 2e-6, "{} {difference}", gradient);
        }
    }

    #[test]
    fn no_split_into_micro_batches_changes_anything(batch in batches(), mode in modes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let (totals, config) = (batch.totals(), config(mode, 0.05, Some(3.0)));
        let whole = batch.loss(&totals, &config).unwrap();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(batch.lengths.len() + 1)).chain([0, batch.lengths.len()]).collect();
        at.sort_unstable();
        let (mut loss, mut d_logprobs, mut stats) = (0.0, Vec::new(), LossStats::default());
        for window in at.windows(2) {
            let part = batch.part(window[0]..window[1]).loss(&totals, &config).unwrap();
            loss += part.loss;
            d_logprobs.extend(part.d_logprobs);
            stats += part.stats;
        }
        prop_assert_eq!(d_logprobs, whole.d_logprobs, "gradients are the same bits");
        prop_assert!((loss - whole.loss).abs() < 1e-12);
        prop_assert_eq!((stats.tokens, stats.sequences), (whole.stats.tokens, whole.stats.sequences));
        prop_assert_eq!((stats.clipped_low, stats.clipped_high, stats.clipped_dual), (whole.stats.clipped_low, whole.stats.clipped_high, whole.stats.clipped_dual));
        prop_assert_eq!((stats.ratio_min, stats.ratio_max), (whole.stats.ratio_min, whole.stats.ratio_max));
        prop_assert!((stats.kl_sum - whole.stats.kl_sum).abs() < 1e-12 && (stats.entropy_sum - whole.stats.entropy_sum).abs() < 1e-12);
    }
}
