//! Whose completions are these? Files of a run that were opened one by one say nothing of each other but by their numbers: a step's reward in
//! metrics.jsonl is the mean of the step's totals in completions.jsonl.

use super::{Metrics, of_step};
use crate::score::signed;

/// The most by which both may differ: logs are rounded, to four digits at least.
const SAME: f64 = 1e-3;

/// Whether completions are those of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belongs {
    /// Their rewards are the run's.
    Yes,
    /// They are not: what differs.
    No(String),
    /// Nothing tells.
    Unknown,
}

/// Whether completions that begin with these lines are those of a run with these metrics, by the first step that has all of its lines there.
pub fn belongs(metrics: &Metrics, beginning: &[u8], is_whole: bool) -> Belongs {
    let end = match is_whole {
        true => beginning.len(),
        false => beginning
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1),
    };
    let lines = &beginning[..end];
    let steps = || lines.split(|&byte| byte == b'\n').filter_map(step_of);
    let Some(step) = steps().next() else {
        return Belongs::Unknown;
    };
    let Ok(at) = metrics.steps().binary_search(&step) else {
        return Belongs::No(format!("step {step} is not among the steps of the metrics"));
    };
    if !is_whole && steps().all(|other| other == step) {
        return Belongs::Unknown;
    }
    let totals: Vec<f64> = match of_step(lines, step, 1) {
        Ok(found) => found.iter().filter_map(|line| line.total).collect(),
        Err(_) => return Belongs::Unknown,
    };
    let logged = metrics
        .column("reward")
        .map_or(f64::NAN, |column| column[at]);
    let mean = totals.iter().sum::<f64>() / totals.len() as f64;
    match (mean - logged).abs() <= SAME * logged.abs().max(1.0) {
        true => Belongs::Yes,
        // Of no rewards there is no mean.
        false if mean.is_nan() || logged.is_nan() => Belongs::Unknown,
        false => Belongs::No(format!(
            "at step {step} the metrics have the mean reward {}, the completions {}",
            signed(logged),
            signed(mean)
        )),
    }
}

fn step_of(line: &[u8]) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    line.get("step")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::super::MetricsReader;
    use super::*;

    fn metrics(text: &str) -> Metrics {
        let mut reader = MetricsReader::default();
        reader.push(text.as_bytes());
        reader.metrics
    }

    #[test]
    fn completions_of_another_run_are_known_by_their_rewards() {
        let line = |step: u64, total: f64| {
            format!("{{\"step\":{step},\"row\":1,\"completion\":\"c\",\"total\":{total}}}\n")
        };
        let completions = [line(1, 1.0), line(1, 2.0), line(2, -1.0)].concat();
        let of = |text: &str| belongs(&metrics(text), completions.as_bytes(), false);
        // (1 + 2) / 2, in the digits of a log.
        assert_eq!(of("{\"step\":1,\"reward\":1.5002}\n"), Belongs::Yes);
        assert_eq!(
            of("{\"step\":1,\"reward\":0.25}\n"),
            Belongs::No(
                "at step 1 the metrics have the mean reward +0.250, the completions +1.500"
                    .to_owned()
            )
        );
        assert_eq!(
            of("{\"step\":7,\"reward\":0.25}\n"),
            Belongs::No("step 1 is not among the steps of the metrics".to_owned())
        );
        assert_eq!(of("{\"step\":1,\"loss\":0.25}\n"), Belongs::Unknown);
        // A step that goes on behind what was looked at.
        let beginning = &completions.as_bytes()[..line(1, 1.0).len() + 9];
        let metrics = metrics("{\"step\":1,\"reward\":1.0}\n");
        assert_eq!(belongs(&metrics, beginning, false), Belongs::Unknown);
        assert_eq!(
            belongs(&metrics, line(1, 1.0).as_bytes(), true),
            Belongs::Yes
        );
        assert_eq!(belongs(&metrics, b"", true), Belongs::Unknown);
    }
}
