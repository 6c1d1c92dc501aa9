//! The reward as a waterfall: each part goes on from where the one before it ended, and the last bar is the total.

use super::{Judgement, SCALE};

/// A bar from one value to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Where it would end at best.
    pub best: f64,
}

/// All bars, on a scale from `-SCALE` to `SCALE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    /// The parts of the total, in order.
    pub bars: Vec<Bar>,
    /// The total; `None` where a part could not be had.
    pub total: Option<f64>,
}

impl Waterfall {
    /// Of a judgement.
    pub fn of(judgement: &Judgement) -> Self {
        let mut from = 0.0;
        let parts = judgement.explanation.components.iter();
        let bars = parts
            .filter(|component| component.weight != 0.0)
            .filter_map(|component| {
                let to = from + component.weight * component.value?;
                let bar = Bar {
                    name: component.part.to_string(),
                    from,
                    to,
                    best: from + component.weight * component.best,
                };
                from = to;
                Some(bar)
            });
        Waterfall {
            bars: bars.collect(),
            total: judgement.explanation.breakdown.total,
        }
    }

    /// The same in a sentence.
    pub fn in_words(&self) -> String {
        let parts: Vec<String> = self
            .bars
            .iter()
            .map(|bar| format!("{} {}", bar.name, signed(bar.to - bar.from)))
            .collect();
        match self.total {
            Some(total) => format!(
                "{} gives a total of {}, on a scale from -{SCALE} to {SCALE}",
                parts.join(", "),
                signed(total)
            ),
            None => "there is no total: a part with a weight could not be had".to_owned(),
        }
    }
}

/// A value with its sign and three places: `+1.222`, `0.000`, `-0.800`.
pub fn signed(value: f64) -> String {
    // What rounds to nothing has no sign.
    match (value * 1000.0).round() == 0.0 {
        true => "0.000".to_owned(),
        false => format!("{value:+.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Rules, with_tags};
    use super::*;

    #[test]
    fn bars_add_up_to_the_total() {
        let case = Case {
            answer: with_tags("t", "np.row_stack(rows)"),
            target: "np.vstack(rows)".into(),
            ..Case::default()
        };
        let waterfall = Waterfall::of(&Judgement::of(&case, Rules::Strict).unwrap());
        let names: Vec<&str> = waterfall.bars.iter().map(|bar| &*bar.name).collect();
        assert_eq!(names, ["format", "es_star"]);
        assert_eq!(waterfall.bars[1].from, waterfall.bars[0].to);
        assert_eq!(Some(waterfall.bars[1].to), waterfall.total);
        // 1 and 3.5 · (1 - 4/18) - 1.5
        assert_eq!(
            waterfall.in_words(),
            "format +1.000, es_star +1.222 gives a total of +2.222, on a scale from -3 to 3"
        );
    }

    #[test]
    fn nothing_has_no_sign() {
        assert_eq!(
            [-0.0, -1e-9, 0.0004, -0.0006].map(signed),
            ["0.000", "0.000", "0.000", "-0.001"]
        );
    }
}
