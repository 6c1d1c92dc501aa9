//! From values to places on a chart: round ticks, and values as one writes them.

/// A range of values on a range of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The values at both ends.
    pub values: (f64, f64),
    /// Where these are.
    pub pixels: (f64, f64),
}

impl Scale {
    /// Where a value is.
    pub fn at(&self, value: f64) -> f64 {
        let ((from, to), (start, end)) = (self.values, self.pixels);
        // Halves: the whole of a span may be more than a number holds.
        start + (0.5 * value - 0.5 * from) / (0.5 * to - 0.5 * from) * (end - start)
    }

    /// Which value is there.
    pub fn value(&self, pixel: f64) -> f64 {
        let ((from, to), (start, end)) = (self.values, self.pixels);
        from + (pixel - start) / (end - start) * (to - from)
    }
}

/// Values with some room, so that no line lies on the edge; values that are all the same get room as well.
pub fn with_room(low: f64, high: f64) -> (f64, f64) {
    let room = match high > low {
        true => 0.06 * high - 0.06 * low,
        false => 0.5 * low.abs().max(f64::MIN_POSITIVE * 1e10).max(1e-12),
    };
    ((low - room).max(f64::MIN), (high + room).min(f64::MAX))
}

/// At most `most` + 1 round values from `from` to `to`: multiples of 1, 2 or 5 times a power of ten.
pub fn ticks(from: f64, to: f64, most: usize) -> Vec<f64> {
    // The whole of a span may be more than a number holds.
    let rough = to / most as f64 - from / most as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return Vec::new();
    }
    let power = 10f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|n| n * power)
        .into_iter()
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
    (first..=last.min(first + most as i64))
        .map(|n| n as f64 * step)
        .collect()
}

/// A value in at most ten characters: `0.683`, `128`, `1.2e-5`, `–` for none.
pub fn value(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = match size {
        0.0 => "0".to_owned(),
        s if !(1e-3..1e7).contains(&s) => {
            let text = format!("{value:.2e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            return format!(
                "{}e{power}",
                digits.trim_end_matches('0').trim_end_matches('.')
            )
            .replace('-', "−");
        }
        s if s >= 1000.0 => format!("{value:.0}"),
        s if s >= 100.0 => format!("{value:.1}"),
        s if s >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(0.0, 250.0, 5),
            [0.0, 50.0, 100.0, 150.0, 200.0, 250.0]
        );
        assert_eq!(ticks(-2.3, 1.1, 4), [-2.0, -1.0, 0.0, 1.0]);
        assert_eq!(ticks(1.0, 1.0, 4), [0.0; 0]);
        assert_eq!(ticks(1.0, 2.0, 0), [0.0; 0]);
    }

    #[test]
    fn the_largest_numbers_have_a_place() {
        let (low, high) = with_room(-1e308, 1e308);
        let scale = Scale {
            values: (low, high),
            pixels: (0.0, 100.0),
        };
        assert!((scale.at(0.0) - 50.0).abs() < 1e-9, "{}", scale.at(0.0));
        assert!(scale.at(low) == 0.0 && scale.at(high) == 100.0);
        assert_eq!(ticks(low, high, 4), [-1e308, 0.0, 1e308]);
    }

    #[test]
    fn values_are_written_short() {
        let of = |values: &[f64]| {
            values
                .iter()
                .map(|v| value(*v))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            of(&[
                0.0,
                0.68349,
                128.0,
                12.345,
                -1.5,
                2354.0,
                6.67e-5,
                1e-11,
                f64::NAN
            ]),
            "0 0.683 128 12.35 −1.5 2354 6.67e−5 1e−11 –"
        );
    }

    #[test]
    fn a_place_leads_back_to_its_value() {
        let scale = Scale {
            values: (10.0, 20.0),
            pixels: (100.0, 0.0),
        };
        assert_eq!((scale.at(12.5), scale.value(75.0)), (75.0, 12.5));
    }

    proptest! {
        #[test]
        fn ticks_stay_inside(from in -1e6f64..1e6, span in 1e-6f64..1e6, most in 1usize..9) {
            let ticks = ticks(from, from + span, most);
            prop_assert!(ticks.len() <= most + 1);
            prop_assert!(ticks.iter().all(|t| *t >= from - 1e-6 * span.max(from.abs() * 1e-6) && *t <= from + span * (1.0 + 1e-6) + from.abs() * 1e-9));
        }

        #[test]
        fn any_value_is_written(bits: u64) {
            prop_assert!(value(f64::from_bits(bits)).chars().count() <= 10);
        }
    }
}
