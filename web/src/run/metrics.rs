//! metrics.jsonl: a line a step, kept as a column a metric.
//!
//! A value that is `null`, missing or no number is a gap (NaN). A step that stands twice, as after a resume that did not cut the file back,
//! counts as it stands last.

use crate::score::rows::{LineFaults, Lines, Raw, from_python_json};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The metrics of a run by step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    steps: Vec<u64>,
    names: Vec<String>,
    columns: BTreeMap<String, Vec<f64>>,
}

impl Metrics {
    /// The steps, ascending.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// The metrics' names, in the order in which the file brought them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A metric at every step, NaN where there is no value; `None` where the file has no such metric.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        self.columns.get(name).map(Vec::as_slice)
    }

    /// The index of the step that is nearest; of two that are as near, the first.
    pub fn nearest(&self, step: f64) -> Option<usize> {
        let after = self.steps.partition_point(|&at| (at as f64) < step);
        let near = |&index: &usize| (self.steps[index] as f64 - step).abs();
        [after.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter(|&index| index < self.steps.len())
            .min_by(|a, b| near(a).total_cmp(&near(b)))
    }

    /// Takes a step's values; says whether the step was there already.
    fn take(&mut self, step: u64, values: Map<String, Value>) -> bool {
        let place = self.steps.partition_point(|&at| at < step);
        let twice = self.steps.get(place) == Some(&step);
        if twice {
            self.columns
                .values_mut()
                .for_each(|column| column[place] = f64::NAN);
        } else {
            self.steps.insert(place, step);
            self.columns
                .values_mut()
                .for_each(|column| column.insert(place, f64::NAN));
        }
        for (name, value) in values {
            let (Some(value), false) = (value.as_f64(), name == "step") else {
                continue;
            };
            match self.columns.get_mut(&name) {
                Some(column) => column[place] = value,
                None => {
                    let mut column = vec![f64::NAN; self.steps.len()];
                    column[place] = value;
                    self.names.push(name.clone());
                    self.columns.insert(name, column);
                }
            }
        }
        twice
    }
}

/// Reads metrics.jsonl as it comes.
#[derive(Debug, Default)]
pub struct MetricsReader {
    lines: Lines,
    /// What was read.
    pub metrics: Metrics,
    /// The lines that could not be read.
    pub faults: LineFaults,
    /// How many lines brought a step once more.
    pub twice: usize,
}

impl MetricsReader {
    /// Takes the next piece of the file.
    pub fn push(&mut self, piece: &[u8]) {
        for raw in self.lines.push(piece) {
            self.read(raw);
        }
    }

    /// The number of the line that has begun and not ended.
    pub fn being_written(&self) -> Option<u32> {
        self.lines.unfinished()
    }

    /// Takes the last line of a file that does not end in a line end, where it is whole; otherwise it stays one that is being written.
    pub fn finish(&mut self) {
        if self.lines.waiting().is_some_and(|line| parse(line).is_ok())
            && let Some(raw) = self.lines.finish()
        {
            self.read(raw);
        }
    }

    fn read(&mut self, raw: Raw) {
        let parsed = match &raw.text {
            Ok(line) => parse(line),
            Err(error) => Err(error.to_string()),
        };
        match parsed {
            Ok((step, values)) => self.twice += usize::from(self.metrics.take(step, values)),
            Err(what) => self.faults.add_unread(raw.number, what),
        }
    }
}

const EXPECTED: &str = "expected a line of metrics.jsonl, {\"step\": 1, \"reward\": …}";

fn parse(line: &[u8]) -> Result<(u64, Map<String, Value>), String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("byte {} of the line is not UTF-8", error.valid_up_to() + 1))?;
    // A value that is no number is a gap, as null is.
    let (value, _) = from_python_json(text).map_err(|error| match error.is_eof() {
        true => "the line ends within its object: was the file cut off?".to_owned(),
        false => format!("not JSON, from column {} on: {EXPECTED}", error.column()),
    })?;
    let Value::Object(values) = value else {
        return Err(format!("not an object: {EXPECTED}"));
    };
    if values.contains_key("completion") {
        return Err(format!("a line of completions.jsonl: {EXPECTED}"));
    }
    let step = match values.get("step") {
        None => return Err(format!("step is missing: {EXPECTED}")),
        // Python's loggers write 3.0 for 3.
        Some(step) => step.as_u64().or_else(|| {
            step.as_f64()
                .filter(|step| step.fract() == 0.0 && (0.0..9e15).contains(step))
                .map(|step| step as u64)
        }),
    };
    let step = step.ok_or_else(|| format!("step is not a whole number from 0 on: {EXPECTED}"))?;
    match values
        .iter()
        .any(|(name, value)| name != "step" && (value.is_number() || value.is_null()))
    {
        true => Ok((step, values)),
        false => Err(format!("no number beside step: {EXPECTED}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> MetricsReader {
        let mut reader = MetricsReader::default();
        reader.push(text.as_bytes());
        reader.finish();
        reader
    }

    #[test]
    fn a_value_that_is_none_is_a_gap() {
        let read = read(
            "{\"step\":1,\"kl\":null,\"reward\":0.5}\n{\"step\":2.0,\"reward\":NaN,\"entropy\":-Infinity,\"loss\":1}\n{\"step\":3,\"kl\":2}",
        );
        assert_eq!(
            (read.metrics.steps(), &read.faults.first[..]),
            (&[1, 2, 3][..], &[][..])
        );
        let column = |name| read.metrics.column(name).map(|c| format!("{c:?}"));
        assert_eq!(column("reward").as_deref(), Some("[0.5, NaN, NaN]"));
        assert_eq!(column("kl").as_deref(), Some("[NaN, NaN, 2.0]"));
        assert_eq!(column("loss").as_deref(), Some("[NaN, 1.0, NaN]"));
        assert_eq!((column("entropy"), column("step")), (None, None));
        assert_eq!(read.metrics.names(), ["reward", "loss", "kl"]);
    }

    #[test]
    fn a_step_that_stands_twice_counts_as_it_stands_last() {
        let read = read(
            "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":2,\"b\":5}\n{\"step\":3,\"a\":3}\n{\"step\":2,\"a\":7}\n",
        );
        assert_eq!(read.metrics.steps(), [1, 2, 3]);
        assert_eq!(read.metrics.column("a"), Some(&[1.0, 7.0, 3.0][..]));
        assert!(read.metrics.column("b").unwrap()[1].is_nan());
        assert_eq!(read.twice, 1);
    }

    #[test]
    fn a_line_without_its_end_is_being_written() {
        let mut read = read("{\"step\":1,\"a\":1}\n{\"step\":2,\"a\"");
        assert_eq!((read.being_written(), read.faults.unread), (Some(2), 0));
        read.push(b":4}\n");
        assert_eq!(
            (read.being_written(), read.metrics.column("a")),
            (None, Some(&[1.0, 4.0][..]))
        );
    }

    #[test]
    fn what_is_no_line_of_metrics_is_named_with_its_line() {
        let read = read(concat!(
            "[1]\n",
            "{\"reward\":1}\n",
            "{\"step\":-1,\"a\":1}\n",
            "{\"step\":1,\"name\":\"x\"}\n",
            "nothing\n",
            "{\"step\":1,\"row\":3,\"completion\":\"c\"}\n",
            "{\"step\":1\n",
            "\n",
            "{\"step\":9,\"a\":1}\n",
        ));
        let said: Vec<(u32, &str)> = read
            .faults
            .first
            .iter()
            .map(|fault| (fault.line, fault.what.split(':').next().unwrap()))
            .collect();
        assert_eq!(
            said,
            [
                (1, "not an object"),
                (2, "step is missing"),
                (3, "step is not a whole number from 0 on"),
                (4, "no number beside step"),
                (5, "not JSON, from column 2 on"),
                (6, "a line of completions.jsonl"),
                (7, "the line ends within its object"),
            ]
        );
        assert_eq!(read.metrics.steps(), [9]);
    }

    #[test]
    fn the_nearest_step_is_found() {
        let read = read("{\"step\":10,\"a\":1}\n{\"step\":20,\"a\":1}\n");
        let nearest = |step| {
            read.metrics
                .nearest(step)
                .map(|at| read.metrics.steps()[at])
        };
        assert_eq!(
            [0.0, 15.0, 16.0, 99.0].map(nearest),
            [Some(10), Some(10), Some(20), Some(20)]
        );
        assert_eq!(Metrics::default().nearest(1.0), None);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(lines in prop::collection::vec("(\\{\"step\":[1-4],\"[ab]\":(NaN|[0-9])\\}|\\[1\\]|é|)\n?", 0..9), cut in 0usize..200) {
            let text = lines.concat();
            let (begin, end) = text.as_bytes().split_at(cut.min(text.len()));
            let mut pieces = MetricsReader::default();
            pieces.push(begin);
            pieces.push(end);
            pieces.finish();
            // As text: gaps are NaN, which equals nothing.
            prop_assert_eq!(format!("{pieces:?}"), format!("{:?}", read(&text)));
        }
    }
}
