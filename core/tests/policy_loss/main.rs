//! The policy loss as a whole: numbers worked out by hand, here; TRL's own numbers, central differences and splits into micro-batches in
//! files of their own.

mod batch;
mod properties;
mod trl;

use batch::{Batch, config};
use recode_core::policy::{
    LossAggMode, LossConfig, LossStats, PolicyError, PolicyLoss, StepTotals, TokenLogprobs,
    policy_loss,
};

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
