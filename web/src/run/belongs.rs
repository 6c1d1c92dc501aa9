//! Whose completions are these? Files of a run that were opened one by one say nothing of each other but by their numbers: a step's reward in
//! metrics.jsonl is the mean of the step's totals in completions.jsonl.

use super::{CompletionLine, Metrics};
use crate::score::rows::from_python_json;
use crate::score::signed;

/// How much of a file is looked at: some hundred steps.
pub const COMPARED_BYTES: u64 = 2 << 20;
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

/// Whether completions that begin with these lines are those of a run with these metrics, by every step that has all of its lines there: runs of one
/// seed begin alike.
pub fn belongs(metrics: &Metrics, beginning: &[u8], is_whole: bool) -> Belongs {
    let mut steps = steps_of(beginning);
    // The last one may go on behind what was looked at.
    if !is_whole {
        steps.pop();
    }
    let mut found = Belongs::Unknown;
    for step in steps.iter().filter(|step| step.is_whole) {
        match step.belongs(metrics) {
            Belongs::Yes => found = Belongs::Yes,
            Belongs::Unknown => {}
            no => return no,
        }
    }
    found
}

/// The rewards of a step, whose lines stand one after the other.
struct Step {
    step: u64,
    totals: Vec<f64>,
    /// None of its lines is missing, as far as that can be seen.
    is_whole: bool,
}

impl Step {
    fn belongs(&self, metrics: &Metrics) -> Belongs {
        let step = self.step;
        let Ok(at) = metrics.steps().binary_search(&step) else {
            // A step's metrics are written behind its completions.
            return match metrics.steps().last() < Some(&step) {
                true => Belongs::Unknown,
                false => Belongs::No(format!("step {step} is not among the steps of the metrics")),
            };
        };
        let logged = metrics
            .column("reward")
            .map_or(f64::NAN, |column| column[at]);
        let mean = self.totals.iter().sum::<f64>() / self.totals.len() as f64;
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
}

/// The steps of these lines; one that comes again later, as after a resume, is the later one.
fn steps_of(lines: &[u8]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_behind_unread = false;
    let lines = lines.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    for line in lines.filter(|line| !line.is_empty()) {
        let read = std::str::from_utf8(line).map(from_python_json::<CompletionLine>);
        let Ok(Ok((line, _))) = read else {
            // It may be of the step before it, or of the one behind it.
            if let Some(before) = steps.last_mut() {
                before.is_whole = false;
            }
            is_behind_unread = true;
            continue;
        };
        match steps.last_mut().filter(|last| last.step == line.step) {
            Some(own) => own.totals.extend(line.total),
            None => {
                steps.retain(|before| before.step != line.step);
                steps.push(Step {
                    step: line.step,
                    totals: line.total.into_iter().collect(),
                    is_whole: !is_behind_unread,
                });
            }
        }
        is_behind_unread = false;
    }
    steps
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

    #[test]
    fn runs_of_one_seed_begin_alike_and_go_on_apart() {
        let metrics = metrics("{\"step\":1,\"reward\":1.0}\n{\"step\":2,\"reward\":2.0}\n");
        let of = |lines: &[&str], is_whole| belongs(&metrics, lines.concat().as_bytes(), is_whole);
        let (first, same, other) = (
            "{\"step\":1,\"completion\":\"c\",\"total\":1.0}\n",
            "{\"step\":2,\"completion\":\"c\",\"total\":2.0}\n",
            "{\"step\":2,\"completion\":\"c\",\"total\":-3.0}\n",
        );
        assert_eq!(of(&[first, same], true), Belongs::Yes);
        let Belongs::No(why) = of(&[first, other], true) else {
            panic!("another run's")
        };
        assert!(why.starts_with("at step 2 the metrics have"), "{why}");
        // It may go on, and come again.
        assert_eq!(of(&[first, other], false), Belongs::Yes);
        assert_eq!(of(&[first, other, first, same], true), Belongs::Yes);
        // Of a step with a line that cannot be read nothing is known, nor of one without its metrics.
        assert_eq!(of(&[first, "{\n", other], true), Belongs::Unknown);
        let third = "{\"step\":3,\"completion\":\"c\",\"total\":9.0}\n";
        assert_eq!(of(&[first, third], true), Belongs::Yes);
    }
}
