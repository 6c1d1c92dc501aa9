//! A chart's data as CSV: a column a run.

use super::Chart;
use crate::csv::field;
use crate::run::Metrics;

/// The steps of all runs and each one's values, raw; a run without a value at a step leaves its field empty.
pub fn csv(chart: &Chart, runs: &[(&str, &Metrics)]) -> String {
    let mut steps: Vec<u64> = runs
        .iter()
        .flat_map(|(_, run)| run.steps())
        .copied()
        .collect();
    steps.sort_unstable();
    steps.dedup();
    let mut text = String::from("step");
    for (name, _) in runs {
        text.push(',');
        text.push_str(&field(&format!("{name} {}", chart.metric)));
    }
    text.push_str("\r\n");
    for step in steps {
        text.push_str(&step.to_string());
        for (_, run) in runs {
            text.push(',');
            let value = run
                .steps()
                .binary_search(&step)
                .ok()
                .and_then(|at| Some(run.column(&chart.metric)?[at]));
            if let Some(value) = value.filter(|value| value.is_finite()) {
                text.push_str(&value.to_string());
            }
        }
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::MetricsReader;
    use crate::training::charts;

    #[test]
    fn runs_stand_beside_each_other_by_step() {
        let metrics = |text: &str| {
            let mut reader = MetricsReader::default();
            reader.push(text.as_bytes());
            reader.metrics
        };
        let a = metrics("{\"step\":1,\"reward\":0.5}\n{\"step\":2,\"reward\":null}\n");
        let b = metrics("{\"step\":2,\"reward\":-1}\n");
        let chart = charts([&a].into_iter()).remove(0);
        assert_eq!(
            csv(&chart, &[("=a,\"", &a), ("b", &b)]),
            "step,\"'=a,\"\" reward\",b reward\r\n1,0.5,\r\n2,,-1\r\n"
        );
    }
}
