//! Completions that are the same, folded: a policy that has made up its mind writes one answer again and again.

use super::CompletionLine;
use serde::Serialize;

/// A completion, and how often the step has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fold {
    /// The first of them.
    #[serde(flatten)]
    pub line: CompletionLine,
    /// How many there are.
    #[serde(rename = "times")]
    pub count: usize,
}

/// Folds as lines of JSON: what was logged of the first of each, and how many there are.
pub fn to_json_lines(folds: &[Fold]) -> String {
    let line = |fold| serde_json::to_string(fold).expect("texts and numbers") + "\n";
    folds.iter().map(line).collect()
}

/// Folds the completions of a step: those that answer the same row in the same words. Rows stay in the order in which the step has them; of a row, the
/// highest reward comes first.
pub fn fold(lines: Vec<CompletionLine>) -> Vec<Fold> {
    let mut rows: Vec<(Option<u64>, Vec<Fold>)> = Vec::new();
    for line in lines {
        let row = line.row;
        let place = rows.iter().position(|(known, _)| *known == row);
        let folds = match place {
            Some(place) => &mut rows[place].1,
            None => {
                rows.push((row, Vec::new()));
                &mut rows.last_mut().expect("it was pushed").1
            }
        };
        match folds.iter_mut().find(|fold| is_same(&fold.line, &line)) {
            Some(fold) => fold.count += 1,
            None => folds.push(Fold { line, count: 1 }),
        }
    }
    for (_, folds) in &mut rows {
        let total = |fold: &Fold| fold.line.total.unwrap_or(f64::NEG_INFINITY);
        folds.sort_by(|a, b| total(b).total_cmp(&total(a)));
    }
    rows.into_iter().flat_map(|(_, folds)| folds).collect()
}

/// Words, reward and advantage: the same words may have run into the limit in one place, where the reward counts lengths.
fn is_same(a: &CompletionLine, b: &CompletionLine) -> bool {
    a.completion == b.completion && a.total == b.total && a.advantage == b.advantage
}

#[cfg(test)]
mod tests {
    use super::super::of_step;
    use super::*;

    #[test]
    fn the_same_answer_to_the_same_row_is_one() {
        let line = |row: u64, text: &str, total: f64| {
            format!("{{\"step\":1,\"row\":{row},\"completion\":\"{text}\",\"total\":{total}}}\n")
        };
        let text = [
            line(5, "a", 1.0),
            line(3, "a", 0.0),
            line(5, "b", 2.0),
            line(5, "a", 1.0),
        ]
        .concat();
        let folds = fold(of_step(text.as_bytes(), 1, 1).unwrap());
        let seen: Vec<_> = folds
            .iter()
            .map(|fold| (fold.line.row, &*fold.line.completion, fold.count))
            .collect();
        assert_eq!(
            seen,
            [(Some(5), "b", 1), (Some(5), "a", 2), (Some(3), "a", 1)]
        );
    }
}
