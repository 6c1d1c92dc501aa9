//! The learning rate of every optimizer step: a linear warm-up, then constant, linear or cosine.
//!
//! Source: transformers, `optimization.py` (`get_*_schedule_with_warmup`) and `TrainingArguments.get_warmup_steps`. As there, the very
//! first step of a warm-up has learning rate 0.

use crate::config::{LrSchedulerType, OptimizerConfig};

/// The learning rate as a function of the optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    kind: LrSchedulerType,
    learning_rate: f64,
    /// The first steps, in which the rate rises.
    pub warmup_steps: u64,
    pub total_steps: u64,
}

impl Schedule {
    /// The schedule of `total_steps` optimizer steps, of which `ceil(warmup_ratio * total_steps)` are warm-up.
    pub fn new(config: &OptimizerConfig, total_steps: u64) -> Self {
        Self {
            kind: config.lr_scheduler_type,
            learning_rate: config.learning_rate,
            warmup_steps: (total_steps as f64 * config.warmup_ratio).ceil() as u64,
            total_steps,
        }
    }

    /// Whether the learning rate is 0 in every step: a single step of warm-up, which begins at 0.
    pub fn moves_nothing(&self) -> bool {
        self.total_steps == 1 && self.warmup_steps == 1
    }

    /// The learning rate of optimizer step `step`, counted from 0.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.learning_rate * self.factor(step)
    }

    fn factor(&self, step: u64) -> f64 {
        let Self {
            warmup_steps,
            total_steps,
            ..
        } = *self;
        if step < warmup_steps {
            return step as f64 / warmup_steps.max(1) as f64;
        }
        let decay_steps = total_steps.saturating_sub(warmup_steps).max(1) as f64;
        match self.kind {
            LrSchedulerType::ConstantWithWarmup => 1.0,
            LrSchedulerType::Linear => total_steps.saturating_sub(step) as f64 / decay_steps,
            LrSchedulerType::Cosine => {
                let progress = (step - warmup_steps) as f64 / decay_steps;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(kind: LrSchedulerType, warmup_ratio: f64, total: u64) -> Vec<f64> {
        let config = OptimizerConfig {
            learning_rate: 1.0,
            lr_scheduler_type: kind,
            warmup_ratio,
            ..OptimizerConfig::default()
        };
        let schedule = Schedule::new(&config, total);
        (0..=total)
            .map(|step| schedule.learning_rate(step))
            .collect()
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{got:?}, expected {expected:?}");
        }
    }

    /// Expected: `get_scheduler(name, AdamW(lr=1), num_warmup_steps=ceil(10 * 0.15) = 2, num_training_steps=10)` of transformers 5.23.
    #[test]
    fn every_schedule_is_that_of_transformers() {
        let cosine = [
            0.0,
            0.5,
            1.0,
            0.961_939_766_255_643_4,
            0.853_553_390_593_273_7,
            0.691_341_716_182_544_8,
            0.5,
            0.308_658_283_817_455_14,
            0.146_446_609_406_726_24,
            0.038_060_233_744_356_63,
            0.0,
        ];
        assert_close(&rates(LrSchedulerType::Cosine, 0.15, 10), &cosine);
        let linear = [
            0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0,
        ];
        assert_close(&rates(LrSchedulerType::Linear, 0.15, 10), &linear);
        let constant = [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_close(
            &rates(LrSchedulerType::ConstantWithWarmup, 0.15, 10),
            &constant,
        );
    }

    #[test]
    fn one_step_of_warm_up_moves_nothing_and_two_steps_do() {
        let schedule = |warmup_ratio, steps| {
            let config = OptimizerConfig {
                warmup_ratio,
                ..OptimizerConfig::default()
            };
            Schedule::new(&config, steps)
        };
        for (schedule, steps) in [
            (schedule(0.03, 1), 1),
            (schedule(0.0, 1), 1),
            (schedule(1.0, 2), 2),
            (schedule(0.03, 9), 9),
        ] {
            let still = (0..steps).all(|step| schedule.learning_rate(step) == 0.0);
            assert_eq!(schedule.moves_nothing(), still, "{schedule:?}");
        }
    }

    #[test]
    fn without_warm_up_the_first_step_has_the_full_rate() {
        for kind in [
            LrSchedulerType::Cosine,
            LrSchedulerType::Linear,
            LrSchedulerType::ConstantWithWarmup,
        ] {
            assert_eq!(rates(kind, 0.0, 4)[0], 1.0);
        }
        // A warm-up over everything never decays.
        assert_close(
            &rates(LrSchedulerType::Cosine, 1.0, 4),
            &[0.0, 0.25, 0.5, 0.75, 1.0],
        );
    }
}
