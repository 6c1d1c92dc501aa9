//! What of the page stands in its address: `smooth=0.6&from=10&to=80&run=demo&step=42`.

use crate::page;

/// How the charts are looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The weight of what was before, from 0 to [`View::MOST`].
    pub smoothing: f64,
    /// The steps in sight; `None` for all.
    pub steps: Option<(f64, f64)>,
}

impl Default for View {
    fn default() -> Self {
        View {
            smoothing: 0.6,
            steps: None,
        }
    }
}

impl View {
    /// The last step there can be: up to it, an f64 for every whole number.
    pub const FARTHEST: f64 = (1u64 << 53) as f64;

    /// The strongest smoothing there is.
    pub const MOST: f64 = 0.99;

    /// The end of the steps in sight that a text names: a number of at most [`View::FARTHEST`].
    pub fn step(text: &str) -> Option<f64> {
        let step = text.parse::<f64>().ok();
        step.filter(|step| step.abs() <= View::FARTHEST)
    }

    /// The smoothing that a text names: from 0 to [`View::MOST`].
    pub fn smoothing(text: &str) -> Option<f64> {
        let smoothing = text.parse::<f64>().ok();
        smoothing.filter(|smoothing| (0.0..=View::MOST).contains(smoothing))
    }

    /// What stands behind the page's name in its address; empty for the view that the page opens with.
    pub fn to_query(self) -> String {
        let mut parts = Vec::new();
        if self.smoothing != View::default().smoothing {
            parts.push(format!("smooth={}", self.smoothing));
        }
        if let Some((from, to)) = self.steps {
            parts.push(format!("from={from:.1}&to={to:.1}"));
        }
        parts.join("&")
    }

    /// The view of an address; what is not understood is passed over.
    pub fn from_query(query: &str) -> Self {
        let value = |wanted: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
            Some(value)
        };
        let number = |wanted| value(wanted).and_then(View::step);
        let steps = number("from")
            .zip(number("to"))
            .filter(|(from, to)| from < to);
        let smoothing = value("smooth").and_then(View::smoothing);
        View {
            smoothing: smoothing.unwrap_or(View::default().smoothing),
            steps,
        }
    }

    /// Looks closer (`factor` below 1) or from farther off, around a step; all there is, where that is less.
    pub fn zoomed(self, around: f64, factor: f64, all: (f64, f64)) -> Self {
        let (from, to) = self.steps.unwrap_or(all);
        let (from, to) = (
            around - (around - from) * factor,
            around + (to - around) * factor,
        );
        let steps = (from.max(all.0), to.min(all.1));
        let whole = steps == all || steps.1 - steps.0 >= all.1 - all.0;
        // Closer than two steps there is nothing to see.
        match whole || steps.1 - steps.0 < 2.0 {
            true if !whole => self,
            true => View {
                steps: None,
                ..self
            },
            false => View {
                steps: Some(steps),
                ..self
            },
        }
    }
}

/// A step whose completions are open, as an address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedStep {
    /// The run's name.
    pub run: String,
    /// The step.
    pub step: u64,
}

impl LinkedStep {
    /// What stands behind the view in an address; empty where the name is too long for one.
    pub fn to_query(&self) -> String {
        let step = self.step.to_string();
        page::to_query(&[("run", &self.run), ("step", &step)]).unwrap_or_default()
    }

    /// The step of an address, where it has one.
    pub fn from_query(query: &str) -> Option<Self> {
        let field = |wanted: &str| page::fields(query).find(|(name, _)| *name == wanted);
        Some(LinkedStep {
            run: field("run")?.1,
            step: field("step")?.1.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_brings_back_its_view() {
        for view in [
            View::default(),
            View {
                smoothing: 0.0,
                steps: None,
            },
            View {
                smoothing: 0.9,
                steps: Some((10.5, 80.0)),
            },
        ] {
            assert_eq!(View::from_query(&view.to_query()), view);
        }
        assert_eq!(View::default().to_query(), "");
        for query in [
            "smooth=x",
            "smooth=7",
            "from=5&to=2",
            "from=NaN&to=9",
            "from=1",
            "a=b&&=",
        ] {
            assert_eq!(View::from_query(query), View::default(), "{query}");
        }
    }

    #[test]
    fn an_address_brings_back_its_step() {
        let step = LinkedStep {
            run: "runs & more (2)".to_owned(),
            step: 42,
        };
        let query = format!("{}&{}", View::default().to_query(), step.to_query());
        assert_eq!(LinkedStep::from_query(&query), Some(step));
        for query in ["", "run=a", "step=4", "run=a&step=x"] {
            assert_eq!(LinkedStep::from_query(query), None, "{query}");
        }
    }

    #[test]
    fn looking_closer_and_back_ends_with_all_of_it() {
        let all = (1.0, 101.0);
        let close = View::default().zoomed(51.0, 0.5, all);
        assert_eq!(close.steps, Some((26.0, 76.0)));
        assert_eq!(close.zoomed(51.0, 2.0, all).steps, None);
        let closest = (0..99).fold(close, |view, _| view.zoomed(51.0, 0.5, all));
        assert!(closest.steps.is_some_and(|(from, to)| to - from >= 2.0));
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_panic(query in "\\PC{0,60}") {
            let _ = View::from_query(&query);
        }
    }
}
