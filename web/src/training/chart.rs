//! The charts of a run: those of the metrics that `recode-trainer` logs, in the order in which one looks at them, and after them one for whatever
//! else a log has.

use crate::run::Metrics;

/// What is drawn around a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// As much as another metric, above and below.
    Spread(&'static str),
    /// From one metric to another.
    Between(&'static str, &'static str),
}

/// A metric as a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The metric.
    pub metric: String,
    /// What the chart says it is.
    pub title: String,
    /// What it is measured in; empty for what has no unit.
    pub unit: &'static str,
    /// What is drawn around it.
    pub band: Option<Band>,
}

/// Metric, title, unit, band.
type Known = (&'static str, &'static str, &'static str, Option<Band>);

/// The metrics that have a chart of their own, in order.
pub const CHARTS: &[Known] = &[
    (
        "reward",
        "reward",
        "mean ± std",
        Some(Band::Spread("reward_std")),
    ),
    (
        "rewards/es_star/mean",
        "es_star",
        "mean ± std",
        Some(Band::Spread("rewards/es_star/std")),
    ),
    (
        "rewards/edit_gain/mean",
        "edit_gain",
        "mean ± std",
        Some(Band::Spread("rewards/edit_gain/std")),
    ),
    (
        "rewards/em_star/mean",
        "em_star",
        "mean ± std",
        Some(Band::Spread("rewards/em_star/std")),
    ),
    (
        "rewards/format/mean",
        "format",
        "mean ± std",
        Some(Band::Spread("rewards/format/std")),
    ),
    (
        "rewards/api_adopted/mean",
        "api_adopted",
        "mean ± std",
        Some(Band::Spread("rewards/api_adopted/std")),
    ),
    (
        "rewards/api_left/mean",
        "api_left",
        "mean ± std",
        Some(Band::Spread("rewards/api_left/std")),
    ),
    (
        "rewards/repetition/mean",
        "repetition",
        "mean ± std",
        Some(Band::Spread("rewards/repetition/std")),
    ),
    (
        "rewards/overlong/mean",
        "overlong",
        "mean ± std",
        Some(Band::Spread("rewards/overlong/std")),
    ),
    (
        "frac_reward_zero_std",
        "groups without spread",
        "share",
        None,
    ),
    ("reward_group_std", "spread within a group", "std", None),
    ("kl", "KL to the reference", "nats", None),
    ("entropy", "entropy", "nats", None),
    (
        "completions/mean_length",
        "completion length",
        "tokens, min to max",
        Some(Band::Between(
            "completions/min_length",
            "completions/max_length",
        )),
    ),
    (
        "completions/clipped_ratio",
        "completions cut off",
        "share",
        None,
    ),
    (
        "completions/mean_terminated_length",
        "length of those that ended",
        "tokens",
        None,
    ),
    ("clip_ratio/region_mean", "tokens clipped", "share", None),
    ("clip_ratio/low_mean", "tokens clipped below", "share", None),
    (
        "clip_ratio/high_mean",
        "tokens clipped above",
        "share",
        None,
    ),
    (
        "clip_ratio/dual_mean",
        "tokens clipped twice",
        "share",
        None,
    ),
    ("loss", "loss", "", None),
    ("grad_norm", "gradient norm", "", None),
    ("learning_rate", "learning rate", "", None),
    (
        "sampling/sampling_logp_difference/mean",
        "sampling against training",
        "nats, mean",
        None,
    ),
    (
        "sampling/sampling_logp_difference/max",
        "sampling against training",
        "nats, max",
        None,
    ),
];

/// What says nothing that the steps do not say.
const COUNTERS: [&str; 2] = ["epoch", "num_tokens"];

/// The charts of runs: a metric has one where any of them has a value of it.
pub fn charts<'a>(runs: impl Iterator<Item = &'a Metrics> + Clone) -> Vec<Chart> {
    let has_values = |name: &str| {
        let mut columns = runs.clone().filter_map(|run| run.column(name));
        columns.any(|column| column.iter().any(|value| value.is_finite()))
    };
    let known = CHARTS.iter().filter(|(metric, ..)| has_values(metric));
    let mut charts: Vec<Chart> = known
        .map(|&(metric, title, unit, band)| Chart {
            metric: metric.to_owned(),
            title: title.to_owned(),
            unit,
            band,
        })
        .collect();
    let is_known = |name: &str| {
        COUNTERS.contains(&name)
            || CHARTS.iter().any(|&(metric, _, _, band)| {
                metric == name
                    || match band {
                        Some(Band::Spread(std)) => std == name,
                        Some(Band::Between(low, high)) => low == name || high == name,
                        None => false,
                    }
            })
    };
    for name in runs.clone().flat_map(Metrics::names) {
        let is_there = charts.iter().any(|chart| chart.metric == *name);
        if !is_there && !is_known(name) && has_values(name) {
            charts.push(Chart {
                metric: name.clone(),
                title: name.clone(),
                unit: "",
                band: None,
            });
        }
    }
    charts
}

/// The one value that a metric has at every step of every run; `None` where there are several, or fewer than two steps to say it of.
pub fn constant<'a>(metric: &str, runs: impl Iterator<Item = &'a Metrics>) -> Option<f64> {
    let mut values = runs
        .filter_map(|run| run.column(metric))
        .flatten()
        .copied()
        .filter(|value| !value.is_nan());
    let first = values.next()?;
    let mut others = 0;
    let same = values.inspect(|_| others += 1).all(|value| value == first);
    (same && others > 0).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::MetricsReader;

    fn metrics(text: &str) -> Metrics {
        let mut reader = MetricsReader::default();
        reader.push(text.as_bytes());
        reader.metrics
    }

    #[test]
    fn known_metrics_come_in_order_and_unknown_ones_after_them() {
        let runs = [
            metrics(
                "{\"step\":1,\"mine\":1,\"entropy\":2,\"epoch\":0.1,\"reward_std\":1,\"kl\":null}\n",
            ),
            metrics("{\"step\":1,\"reward\":1,\"yours\":1,\"mine\":2}\n"),
        ];
        let found: Vec<String> = charts(runs.iter())
            .into_iter()
            .map(|chart| chart.metric)
            .collect();
        assert_eq!(found, ["reward", "entropy", "mine", "yours"]);
    }

    #[test]
    fn what_never_changes_is_said_and_not_drawn() {
        let runs = [
            metrics("{\"step\":1,\"a\":0,\"b\":1,\"c\":1}\n{\"step\":2,\"a\":0,\"b\":1}\n"),
            metrics("{\"step\":1,\"a\":0,\"b\":2}\n"),
        ];
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| constant(name, runs.iter())),
            [Some(0.0), None, None, None]
        );
    }
}
