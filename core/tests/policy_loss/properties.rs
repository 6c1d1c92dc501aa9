//! What holds for every batch.

use proptest::prelude::*;
use recode_core::policy::{LossAggMode, LossStats};

use crate::batch::{Batch, config};

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
