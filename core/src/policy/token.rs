//! One token's loss and its derivative, in f64: the clipped surrogate and the KL term, before any aggregation.

use super::LossConfig;

/// Where [`k3`] goes on along its tangent. exp(20) = 4.9e8: a reference that finds a sampled token this much likelier than the policy is
/// wrong by any measure, and the gradient there (-4.9e8 before `beta`) is already more than gradient clipping lets through.
pub const KL_TANGENT_START: f64 = 20.0;

/// The k3 estimate of KL(policy || reference) at a sampled token and its derivative by `logprob`.
///
/// With `d = ref_logprob - logprob`: `kl = exp(d) - d - 1 >= 0` and `d kl / d logprob = 1 - exp(d)`. Above [`KL_TANGENT_START`] both
/// follow the tangent at that point, so nothing overflows, the derivative is the derivative of the value everywhere, and it never
/// turns zero, as it does where `d` is clamped.
///
/// ```
/// use recode_core::policy::k3;
/// assert_eq!(k3(-1.5, -1.5), (0.0, 0.0));
/// // d = 1: e - 2 and 1 - e
/// assert!((k3(-2.0, -1.0).0 - (std::f64::consts::E - 2.0)).abs() < 1e-15);
/// assert!((k3(-2.0, -1.0).1 - (1.0 - std::f64::consts::E)).abs() < 1e-15);
/// ```
pub fn k3(logprob: f64, ref_logprob: f64) -> (f64, f64) {
    let delta = ref_logprob - logprob;
    let slope = delta.min(KL_TANGENT_START).exp_m1();
    // exp_m1(d) - d loses at most an ulp of d where d is small; exp(d) - 1 - d would lose all of it.
    let kl = if delta <= KL_TANGENT_START {
        slope - delta
    } else {
        slope - KL_TANGENT_START + slope * (delta - KL_TANGENT_START)
    };
    (kl, -slope)
}

/// Which bound holds a token, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clip {
    None,
    Low,
    High,
    Dual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TokenLoss {
    pub loss: f64,
    pub d_logprob: f64,
    pub kl: f64,
    pub ratio: f64,
    pub clip: Clip,
}

/// `-min(ratio A, clip(ratio, 1 - low, 1 + high) A) + beta k3`, and for a negative advantage at most `-c A` with dual-clip `c`.
///
/// Where the loss is flat the gradient is zero; on the kink itself it is the unclipped side's.
pub(super) fn token_loss(
    logprob: f64,
    old_logprob: f64,
    ref_logprob: Option<f64>,
    advantage: f64,
    config: &LossConfig,
) -> TokenLoss {
    let ratio = (logprob - old_logprob).exp();
    let (low, high) = (1.0 - config.clip_ratio_low, 1.0 + config.clip_ratio_high);
    let dual = config.dual_clip.unwrap_or(f64::INFINITY);
    let (clip, held_at) = if advantage > 0.0 && ratio > high {
        (Clip::High, high)
    } else if advantage < 0.0 && ratio < low {
        (Clip::Low, low)
    } else if advantage < 0.0 && ratio > dual {
        (Clip::Dual, dual)
    } else {
        (Clip::None, ratio)
    };
    // Advantage zero: 0 x an infinite ratio would be NaN, and there is nothing to learn.
    let (mut loss, mut d_logprob) = match (advantage == 0.0, clip) {
        (true, _) => (0.0, 0.0),
        (false, Clip::None) => (-held_at * advantage, -ratio * advantage),
        (false, _) => (-held_at * advantage, 0.0),
    };
    let mut kl = 0.0;
    if let Some(ref_logprob) = ref_logprob {
        let (value, slope) = k3(logprob, ref_logprob);
        kl = value;
        loss += config.beta * value;
        d_logprob += config.beta * slope;
    }
    TokenLoss {
        loss,
        d_logprob,
        kl,
        ratio,
        clip,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::LossAggMode;

    fn config(dual_clip: Option<f64>, beta: f64) -> LossConfig {
        LossConfig {
            clip_ratio_low: 0.2,
            clip_ratio_high: 0.28,
            dual_clip,
            beta,
            loss_agg_mode: LossAggMode::TokenMean,
        }
    }

    fn surrogate(ratio: f64, advantage: f64, dual_clip: Option<f64>) -> (f64, f64, Clip) {
        let token = token_loss(ratio.ln(), 0.0, None, advantage, &config(dual_clip, 0.0));
        (token.loss, token.d_logprob, token.clip)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn a_good_token_is_pulled_up_until_the_high_bound() {
        // A = 2: inside -ratio A = -2.4, and so is the gradient; beyond 1.28 the loss is flat at -2.56
        let (loss, gradient, clip) = surrogate(1.2, 2.0, None);
        assert!(close(loss, -2.4) && close(gradient, -2.4) && clip == Clip::None);
        assert_eq!(surrogate(1.5, 2.0, None), (-2.56, 0.0, Clip::High));
        // fallen far below, it is pulled up all the same: the low bound is for bad tokens
        let (loss, gradient, clip) = surrogate(0.5, 2.0, None);
        assert!(close(loss, -1.0) && close(gradient, -1.0) && clip == Clip::None);
    }

    #[test]
    fn a_bad_token_is_pushed_down_until_the_low_bound() {
        // A = -2: beyond 0.8 the loss is flat at 1.6; risen to 3 it costs 6 and is pushed down by 6, unless dual-clip 2.5 holds it at 5
        assert_eq!(surrogate(0.5, -2.0, None), (1.6, 0.0, Clip::Low));
        let (loss, gradient, clip) = surrogate(3.0, -2.0, None);
        assert!(close(loss, 6.0) && close(gradient, 6.0) && clip == Clip::None);
        assert_eq!(surrogate(3.0, -2.0, Some(2.5)), (5.0, 0.0, Clip::Dual));
        assert_eq!(surrogate(2.51, -2.0, Some(2.5)), (5.0, 0.0, Clip::Dual));
    }

    #[test]
    fn dual_clip_leaves_good_tokens_alone() {
        assert_eq!(surrogate(30.0, 2.0, Some(10.0)), surrogate(30.0, 2.0, None));
    }

    #[test]
    fn kl_neither_overflows_nor_loses_its_slope() {
        for delta in [20.0, 21.0, 100.0, 800.0, 1e6] {
            let (kl, slope) = k3(-delta, 0.0);
            assert!(kl.is_finite() && kl > 4e8, "{delta}: {kl}");
            assert_eq!(slope, -(20.0_f64.exp_m1()), "{delta}");
        }
        // ref far less likely: exp(-800) = 0, kl = 800 - 1, slope 1
        assert_eq!(k3(0.0, -800.0), (799.0, 1.0));
        // tiny differences: d^2 / 2, not rounding noise
        let (kl, _) = k3(-1.0, -1.0 + 1e-6);
        assert!((kl - 0.5e-12).abs() < 1e-15, "{kl}");
    }

    proptest! {
        #[test]
        fn the_gradient_is_the_central_difference(
            logprob in -8.0..0.0_f64, moved in -1.5..1.5_f64, delta in -6.0..25.0_f64, advantage in -3.0..3.0_f64,
            dual in prop::option::of(1.5..4.0_f64), beta in 0.0..0.5_f64,
        ) {
            let config = config(dual, beta);
            let (old, reference) = (logprob - moved, Some(logprob + delta));
            let h = 1e-5;
            // Not across a kink, where no difference equals a derivative.
            for bound in [0.8, 1.28, dual.unwrap_or(1.28)] {
                prop_assume!((moved - bound.ln()).abs() > 2.0 * h);
            }
            let at = |logprob| token_loss(logprob, old, reference, advantage, &config).loss;
            let difference = (at(logprob + h) - at(logprob - h)) / (2.0 * h);
            let gradient = token_loss(logprob, old, reference, advantage, &config).d_logprob;
            prop_assert!((gradient - difference).abs() <= 1e-6 * (1.0 + gradient.abs()), "{gradient} {difference}");
        }

        #[test]
        fn kl_is_never_negative(logprob in -30.0..0.0_f64, reference in -30.0..0.0_f64) {
            let (kl, slope) = k3(logprob, reference);
            prop_assert!(kl >= 0.0);
            prop_assert!(slope <= 1.0);
        }
    }
}
