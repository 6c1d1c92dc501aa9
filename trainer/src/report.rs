//! What a person sees of a run: a progress bar on a terminal, plain lines elsewhere, and tables.
//!
//! Progress goes to standard error, results to standard output, so that `recode-trainer … > file` keeps the results alone. This module
//! measures no time but the wall clock of the steps it is shown.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is written where one a step would be noise.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// How far a loop has come.
#[derive(Debug)]
pub struct Progress {
    what: String,
    done: u64,
    total: u64,
    last: Instant,
    last_line: Option<Instant>,
    /// Seconds a step takes: a mean that forgets, as the first steps are not like the others.
    step_seconds: Option<f64>,
    each: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A loop of `total` steps of which `done` are done already (a resumed run). `what` names a step: "step", "row".
    pub fn new(what: &str, done: u64, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix} {pos}/{len} {bar:12} {wide_msg}")
                .expect("the template is a constant")
                .progress_chars("━╸ ");
            bar.set_style(style);
            bar.set_prefix(what.to_owned());
            bar.set_position(done);
            bar
        });
        Self {
            what: what.to_owned(),
            done,
            total,
            last: Instant::now(),
            last_line: None,
            step_seconds: None,
            each: false,
            bar,
        }
    }

    /// Writes a line for every step: above the bar on a terminal, and without a pause elsewhere.
    pub fn with_a_line_each(mut self) -> Self {
        self.each = true;
        self
    }

    /// `done` steps are done by now; `status` says how the last one went.
    pub fn advance(&mut self, done: u64, status: &impl fmt::Display) {
        let now = Instant::now();
        let steps = done.saturating_sub(self.done).max(1) as f64;
        let seconds = (now - self.last).as_secs_f64() / steps;
        let seconds = self
            .step_seconds
            .map_or(seconds, |mean| 0.8 * mean + 0.2 * seconds);
        (self.done, self.last, self.step_seconds) = (done, now, Some(seconds));

        let left = seconds * self.total.saturating_sub(done) as f64;
        let left = Clock(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX));
        let width = self.total.to_string().len();
        let line = format!("{} {done:>width$}/{}  {status}", self.what, self.total);
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                // A narrow terminal cuts the end off: what matters most comes first.
                bar.set_message(format!("{left} left  {status}"));
                if self.each {
                    bar.println(line);
                }
            }
            None => {
                let due = self
                    .last_line
                    .is_none_or(|last| now - last >= PLAIN_INTERVAL);
                if self.each || due || done == self.total {
                    self.last_line = Some(now);
                    remark(&format!("{line}  {left} left"));
                }
            }
        }
    }

    /// A line between steps: a checkpoint was written, an evaluation begins.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => remark(text),
        }
    }

    /// Takes the bar away; what was printed stays.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line for the person at the terminal, on standard error; one that nobody reads is no reason to stop.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What a training step has to say in one line.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStatus {
    /// Mean total reward of the step's completions.
    pub reward: f64,
    /// Standard deviation of their rewards.
    pub reward_std: f64,
    /// Mean KL from the reference; `None` where beta is 0 and it is not computed.
    pub kl: Option<f64>,
    /// Tokens sampled and trained on per second of the step.
    pub tokens_per_second: f64,
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reward {:+.3} ± {:.3}", self.reward, self.reward_std)?;
        if let Some(kl) = self.kl {
            write!(f, "  kl {kl:.5}")?;
        }
        write!(f, "  {:.0} tok/s", self.tokens_per_second)
    }
}

/// A duration as people say it: `45s`, `3m10s`, `2h05m`.
struct Clock(Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s @ 0..60 => write!(f, "{s}s"),
            s @ 60..3600 => write!(f, "{}m{:02}s", s / 60, s % 60),
            s => write!(f, "{}h{:02}m", s / 3600, s / 60 % 60),
        }
    }
}

/// How a measure is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Three decimals.
    Number,
    /// A share of one, in percent.
    Share,
}

impl Unit {
    fn text(self, value: f64) -> String {
        match self {
            Unit::Number => format!("{value:.3}"),
            Unit::Share => format!("{:.1} %", 100.0 * value),
        }
    }

    fn change(self, before: f64, after: f64) -> String {
        match self {
            Unit::Number => format!("{:+.3}", after - before),
            Unit::Share => format!("{:+.1} pp", 100.0 * (after - before)),
        }
    }
}

/// A table for people: the first column to the left, the others to the right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        let mut table = Self::default();
        table.row(header);
        table
    }

    /// The table of a training run: columns for before, after and the change.
    pub fn before_after() -> Self {
        Self::new(["", "before", "after", "change"])
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// A row of a [`Table::before_after`].
    pub fn measure(&mut self, name: &str, before: f64, after: f64, unit: Unit) -> &mut Self {
        self.row([
            name.to_owned(),
            unit.text(before),
            unit.text(after),
            unit.change(before, after),
        ])
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (i, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line += &format!("{cell:<width$}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
            if i == 0 {
                writeln!(
                    f,
                    "{}",
                    "─".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1))
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_before_after_table_lines_up_and_signs_its_changes() {
        let mut table = Table::before_after();
        table.measure("reward", -1.25, 0.5, Unit::Number).measure(
            "valid format",
            0.125,
            0.0625,
            Unit::Share,
        );
        // 6.25 - 12.5 = -6.25 percentage points.
        let expected = [
            "              before  after   change",
            "────────────────────────────────────",
            "reward        -1.250  0.500   +1.750",
            "valid format  12.5 %  6.2 %  -6.2 pp",
            "",
        ]
        .join("\n");
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_step_says_reward_spread_kl_and_speed() {
        let mut status = StepStatus {
            reward: 0.5,
            reward_std: 1.25,
            kl: Some(0.00125),
            tokens_per_second: 153.6,
        };
        assert_eq!(
            status.to_string(),
            "reward +0.500 ± 1.250  kl 0.00125  154 tok/s"
        );
        status.kl = None;
        assert_eq!(status.to_string(), "reward +0.500 ± 1.250  154 tok/s");
    }

    #[test]
    fn a_loop_of_the_largest_number_of_steps_has_a_time_left() {
        let mut progress = Progress::new("step", 0, u64::MAX);
        std::thread::sleep(Duration::from_millis(2));
        progress.advance(1, &"x");
        progress.step_seconds = Some(1e9);
        progress.advance(2, &"x");
        progress.finish();
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let text = |seconds| Clock(Duration::from_secs(seconds)).to_string();
        assert_eq!(
            [text(0), text(59), text(60), text(190), text(7500)],
            ["0s", "59s", "1m00s", "3m10s", "2h05m"]
        );
    }
}
