//! What the pictures show: how many values of each side fall where, and which pairs lie on one spot.

use super::comparison::{Comparison, Outcome};

/// How many bars a histogram has.
pub const BINS: usize = 24;
/// How many spots a scatter has along each side.
const SPOTS: usize = 60;

/// A bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How many of A's values lie in it.
    pub a: usize,
    /// How many of B's.
    pub b: usize,
}

/// How many values of the pairs lie where on the measure's scale.
pub fn histogram(comparison: &Comparison) -> Vec<Bin> {
    let (low, high) = comparison.measure.scale();
    let width = (high - low) / BINS as f64;
    let edge = |at: usize| low + width * at as f64;
    let mut bins: Vec<Bin> = (0..BINS)
        .map(|at| Bin {
            from: edge(at),
            to: edge(at + 1),
            a: 0,
            b: 0,
        })
        .collect();
    let mut add = |value: Option<f64>, side: fn(&mut Bin) -> &mut usize| {
        let Some(value) = value else { return };
        // The same comparison as the filter's, so that a bar's count is what the filter shows.
        let at = bins.iter().rposition(|bin| bin.from <= value).unwrap_or(0);
        *side(&mut bins[at]) += 1;
    };
    for pair in &comparison.pairs {
        add(pair.a, |bin| &mut bin.a);
        add(pair.b, |bin| &mut bin.b);
    }
    bins
}

/// Pairs that a scatter shows as one dot.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// The mean of A's values.
    pub a: f64,
    /// The mean of B's.
    pub b: f64,
    /// How B did on them.
    pub outcome: Outcome,
    /// The pairs' indices.
    pub pairs: Vec<u32>,
}

/// The dots of a scatter, from left to right and from below.
pub fn scatter(comparison: &Comparison) -> Vec<Dot> {
    let (low, high) = comparison.measure.scale();
    let spot = |value: f64| ((value - low) / (high - low) * SPOTS as f64).round() as i64;
    let mut dots = std::collections::BTreeMap::new();
    for (at, pair) in (0..).zip(&comparison.pairs) {
        if let (Some(a), Some(b)) = (pair.a, pair.b) {
            // A tie never lies on one dot with a win.
            let place = (spot(a), spot(b), pair.outcome as usize);
            let dot = dots.entry(place).or_insert(Dot {
                a: 0.0,
                b: 0.0,
                outcome: pair.outcome,
                pairs: Vec::new(),
            });
            dot.a += a;
            dot.b += b;
            dot.pairs.push(at);
        }
    }
    let mut dots: Vec<Dot> = dots.into_values().collect();
    for dot in &mut dots {
        dot.a /= dot.pairs.len() as f64;
        dot.b /= dot.pairs.len() as f64;
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, Line, Measure, Record};
    use super::*;

    fn records(totals: &[f64]) -> Vec<Record> {
        let record = |(row, total): (usize, &f64)| {
            let line = serde_json::json!({"row": row, "completion": "c", "total": total});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        totals.iter().enumerate().map(record).collect()
    }

    #[test]
    fn every_value_is_in_one_bar_and_every_pair_on_one_dot() {
        let a = records(&[-3.0, -2.75, 3.0, 0.0, 0.0]);
        let b = records(&[3.0, -2.75, 3.0, 1.0, 1.0]);
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Logged);
        let bins = histogram(&comparison);
        let counts = |side: fn(&Bin) -> usize| bins.iter().map(side).collect::<Vec<_>>();
        let (a, b) = (counts(|bin| bin.a), counts(|bin| bin.b));
        assert_eq!((a[0], a[1], a[12], a[BINS - 1]), (1, 1, 2, 1));
        assert_eq!((b[1], b[16], b[BINS - 1]), (1, 2, 2));
        assert_eq!((a.iter().sum::<usize>(), b.iter().sum::<usize>()), (5, 5));
        let dots = scatter(&comparison);
        let places: Vec<_> = dots
            .iter()
            .map(|dot| (dot.a, dot.b, dot.pairs.len()))
            .collect();
        assert_eq!(
            places,
            [
                (-3.0, 3.0, 1),
                (-2.75, -2.75, 1),
                (0.0, 1.0, 2),
                (3.0, 3.0, 1)
            ]
        );
    }
}
