//! A run's line on a chart: smoothed, the raw one under it, and the band, as paths that have no more points than the chart has pixels.
//!
//! Where several steps share a pixel, the path goes from their lowest to their highest value there, so that no peak is lost.

use super::chart::{Band, Chart};
use super::scale::{Scale, with_room};
use super::smooth::smooth;
use crate::run::Metrics;
use std::fmt::Write;

/// What a line is made of: values at steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineOf {
    steps: Vec<f64>,
    raw: Vec<f64>,
    smoothed: Vec<f64>,
    band: Option<(Vec<f64>, Vec<f64>)>,
}

/// A line as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The smoothed values.
    pub line: String,
    /// The values as they are; empty without smoothing, where they are the line.
    pub raw: String,
    /// What is around it; empty where nothing is.
    pub band: String,
}

/// Where a chart's values are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Steps.
    pub x: Scale,
    /// Values.
    pub y: Scale,
}

impl LineOf {
    /// A run's line on a chart; `None` where the run has no value of it.
    pub fn of(run: &Metrics, chart: &Chart, smoothing: f64) -> Option<Self> {
        let raw = run.column(&chart.metric)?.to_vec();
        if !raw.iter().any(|value| value.is_finite()) {
            return None;
        }
        let smoothed = smooth(&raw, smoothing);
        let band = match chart.band {
            None => None,
            Some(Band::Spread(std)) => run.column(std).map(|std| {
                let std = smooth(std, smoothing);
                let around = |sign: f64| {
                    smoothed
                        .iter()
                        .zip(&std)
                        .map(|(mean, std)| mean + sign * std)
                        .collect()
                };
                (around(-1.0), around(1.0))
            }),
            Some(Band::Between(low, high)) => run
                .column(low)
                .zip(run.column(high))
                .map(|(low, high)| (smooth(low, smoothing), smooth(high, smoothing))),
        };
        Some(LineOf {
            steps: run.steps().iter().map(|&step| step as f64).collect(),
            raw,
            smoothed,
            band,
        })
    }

    /// The raw and the smoothed value at an index of the run's steps.
    pub fn at(&self, index: usize) -> Option<(f64, f64)> {
        Some((*self.raw.get(index)?, *self.smoothed.get(index)?))
    }

    /// The lowest and the highest value between two steps, the band's included.
    pub fn extent(&self, steps: (f64, f64)) -> Option<(f64, f64)> {
        let inside = self.inside(steps);
        let mut columns = vec![&self.raw[inside.clone()], &self.smoothed[inside.clone()]];
        if let Some((low, high)) = &self.band {
            columns.extend([&low[inside.clone()], &high[inside.clone()]]);
        }
        let values = columns
            .into_iter()
            .flatten()
            .copied()
            .filter(|value| value.is_finite());
        values.fold(None, |extent, value| {
            let (low, high) = extent.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })
    }

    /// The values' range with room for all lines.
    pub fn range<'a>(lines: impl Iterator<Item = &'a LineOf>, steps: (f64, f64)) -> (f64, f64) {
        let extents = lines.filter_map(|line| line.extent(steps));
        let whole = extents.reduce(|(a, b), (low, high)| (low.min(a), high.max(b)));
        whole.map_or((0.0, 1.0), |(low, high)| with_room(low, high))
    }

    /// The line as paths.
    pub fn draw(&self, place: Place, smoothing: f64) -> Line {
        let inside = self.inside(place.x.values);
        // One step more on either side, so that the line leaves the chart at its edge.
        let shown = inside.start.saturating_sub(1)..(inside.end + 1).min(self.steps.len());
        let path = |values: &[f64]| self.path(values, shown.clone(), place);
        Line {
            line: path(&self.smoothed),
            raw: if smoothing > 0.0 {
                path(&self.raw)
            } else {
                String::new()
            },
            band: self.band.as_ref().map_or(String::new(), |(low, high)| {
                self.area(low, high, shown.clone(), place)
            }),
        }
    }

    fn inside(&self, (from, to): (f64, f64)) -> std::ops::Range<usize> {
        let start = self.steps.partition_point(|&step| step < from);
        start..self.steps.partition_point(|&step| step <= to).max(start)
    }

    fn path(&self, values: &[f64], shown: std::ops::Range<usize>, place: Place) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for column in self.columns(values, shown, place.x) {
            let Some(Column {
                x,
                first,
                low,
                high,
                last,
            }) = column
            else {
                pen = 'M';
                continue;
            };
            let mut to = |value: f64| {
                // A String takes whatever is written.
                let _ = write!(path, "{pen}{x:.1} {:.1}", place.y.at(value));
                pen = 'L';
            };
            to(first);
            if low < high {
                to(low);
                to(high);
                to(last);
            }
        }
        // A single point is a line of no length, which a round cap shows.
        if !path.is_empty() && !path.contains('L') {
            path.push_str("h0");
        }
        path
    }

    fn area(
        &self,
        low: &[f64],
        high: &[f64],
        shown: std::ops::Range<usize>,
        place: Place,
    ) -> String {
        let mut path = String::new();
        let mut edges = (Edge::new(), Edge::new());
        let lows = self.columns(low, shown.clone(), place.x);
        let highs = self.columns(high, shown, place.x);
        let mut close = |edges: &mut (Edge, Edge)| {
            let mut pen = 'M';
            for (x, y) in edges.0.drain(..).chain(edges.1.drain(..).rev()) {
                let _ = write!(path, "{pen}{x:.1} {:.1}", place.y.at(y));
                pen = 'L';
            }
            if pen == 'L' {
                path.push('Z');
            }
        };
        for (low, high) in lows.into_iter().zip(highs) {
            match (low, high) {
                (Some(low), Some(high)) => {
                    edges.0.push((low.x, low.low));
                    edges.1.push((high.x, high.high));
                }
                _ => close(&mut edges),
            }
        }
        close(&mut edges);
        path
    }

    /// The values by pixel; `None` is a gap.
    fn columns(
        &self,
        values: &[f64],
        shown: std::ops::Range<usize>,
        x: Scale,
    ) -> Vec<Option<Column>> {
        let mut columns: Vec<Option<Column>> = Vec::new();
        for index in shown {
            let value = values[index];
            let at = x.at(self.steps[index]);
            match columns.last_mut() {
                _ if !value.is_finite() => {
                    if !matches!(columns.last(), Some(None)) {
                        columns.push(None);
                    }
                }
                Some(Some(column)) if column.x.floor() == at.floor() => {
                    column.low = column.low.min(value);
                    column.high = column.high.max(value);
                    column.last = value;
                }
                _ => columns.push(Some(Column {
                    x: at,
                    first: value,
                    low: value,
                    high: value,
                    last: value,
                })),
            }
        }
        columns
    }
}

/// A side of a band: pixels and values.
type Edge = Vec<(f64, f64)>;

/// The values that share a pixel.
#[derive(Debug, Clone, Copy)]
struct Column {
    x: f64,
    first: f64,
    low: f64,
    high: f64,
    last: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::MetricsReader;
    use crate::training::charts;

    fn line(text: &str, smoothing: f64) -> LineOf {
        let mut reader = MetricsReader::default();
        reader.push(text.as_bytes());
        let chart = charts(std::iter::once(&reader.metrics)).remove(0);
        LineOf::of(&reader.metrics, &chart, smoothing).unwrap()
    }

    fn place(steps: (f64, f64), pixels: f64) -> Place {
        Place {
            x: Scale {
                values: steps,
                pixels: (0.0, pixels),
            },
            y: Scale {
                values: (0.0, 10.0),
                pixels: (100.0, 0.0),
            },
        }
    }

    #[test]
    fn a_line_breaks_where_there_is_no_value_and_has_its_band() {
        let text = "{\"step\":0,\"reward\":1,\"reward_std\":1}\n{\"step\":1,\"reward\":2,\"reward_std\":1}\n{\"step\":2,\"reward\":null}\n{\"step\":3,\"reward\":4}\n";
        let line = line(text, 0.0);
        let drawn = line.draw(place((0.0, 3.0), 30.0), 0.0);
        assert_eq!(drawn.line, "M0.0 90.0L10.0 80.0M30.0 60.0");
        assert_eq!(drawn.band, "M0.0 100.0L10.0 90.0L10.0 70.0L0.0 80.0Z");
        assert_eq!(
            (line.extent((0.0, 3.0)), line.extent((5.0, 9.0))),
            (Some((0.0, 4.0)), None)
        );
        assert_eq!(line.at(1), Some((2.0, 2.0)));
    }

    #[test]
    fn many_steps_have_no_more_points_than_pixels_and_keep_their_peaks() {
        let steps = (0..5000).map(|step| {
            format!(
                "{{\"step\":{step},\"reward\":{}}}\n",
                if step == 2501 { 9 } else { 5 }
            )
        });
        let line = line(&steps.collect::<String>(), 0.6);
        let drawn = line.draw(place((0.0, 4999.0), 400.0), 0.6);
        assert!(
            drawn.raw.contains(" 10.0"),
            "the peak of 9 stands at pixel 10"
        );
        assert!(drawn.raw.matches(['L', 'M']).count() <= 4 * 401);
    }

    #[test]
    fn a_single_step_is_a_point() {
        let drawn = line("{\"step\":7,\"reward\":5}\n", 0.0).draw(place((6.5, 7.5), 10.0), 0.0);
        assert_eq!(drawn.line, "M5.0 50.0h0");
    }
}
