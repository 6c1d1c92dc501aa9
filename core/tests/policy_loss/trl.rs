//! The loss, its gradient and its statistics beside TRL's (`golden/policy_loss.json`).

use recode_core::policy::{LossConfig, ScaleRewards, group_advantages};

use crate::batch::Batch;

#[test]
fn the_loss_is_trls() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../golden/policy_loss.json")).unwrap();
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
