//! The files one by one against a baseline: the mean of each measure, and how far it is from the baseline's.

use super::join::Join;
use super::paired::Difference;
use super::record::{Basis, Measure, Record};
use recode_core::metrics::Mean;

/// A measure of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The mean over the answers that have it.
    pub mean: Option<f64>,
    /// How many those are.
    pub count: usize,
    /// The paired difference to the baseline; `None` for the baseline itself and where no pair has it.
    pub difference: Option<Difference>,
}

/// A file's measures, in the order of [`Measure::ALL`].
pub type Row = [Cell; Measure::ALL.len()];

/// A file against the baseline; `None` in its place is the baseline itself.
pub fn row(records: &[Record], baseline: Option<&[Record]>, basis: Basis) -> Row {
    let join = baseline.map(|baseline| (baseline, Join::of(baseline, records)));
    Measure::ALL.map(|measure| {
        let values = records
            .iter()
            .filter_map(|record| record.value(measure, basis));
        let mean: Mean = values.collect();
        let difference = join.as_ref().and_then(|(baseline, join)| {
            let difference = |at: &super::join::Shared| {
                let (a, b) = (&baseline[at.a as usize], &records[at.b as usize]);
                Some((
                    b.value(measure, basis)? - a.value(measure, basis)?,
                    a.update,
                ))
            };
            let differences: Vec<_> = join.shared.iter().filter_map(difference).collect();
            Difference::of(&differences)
        });
        Cell {
            mean: mean.value(),
            count: mean.count(),
            difference,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    #[test]
    fn a_mean_is_over_the_file_and_a_difference_over_what_is_shared() {
        let record = |(row, total): (u64, f64)| {
            let line = serde_json::json!({"row": row, "completion": "c", "total": total, "format": 1.0, "finish_reason": "eos"});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        let a: Vec<_> = [(1, 0.0), (2, 1.0), (3, 2.0)].map(record).into();
        let b: Vec<_> = [(2, 2.0), (3, 2.0), (9, -3.0)].map(record).into();
        let row = row(&b, Some(&a), Basis::Logged);
        let total = row[0];
        assert_eq!((total.mean, total.count), (Some(1.0 / 3.0), 3));
        let difference = total.difference.unwrap();
        assert_eq!((difference.mean, difference.pairs), (0.5, 2));
        assert_eq!((row[1].mean, row[1].difference), (None, None));
        assert_eq!((row[5].mean, row[6].mean), (Some(1.0), Some(0.0)));
    }
}
