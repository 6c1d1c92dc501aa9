//! Smoothing as TensorBoard does it: an exponential mean whose beginning is not drawn to zero.

/// `s_t = w s_{t-1} + (1 - w) x_t`, divided by `1 - w^t`; a gap stays one and does not count. `weight` 0 leaves everything as it is.
pub fn smooth(values: &[f64], weight: f64) -> Vec<f64> {
    let (mut mean, mut share) = (0.0, 1.0);
    let step = |&value: &f64| {
        if !value.is_finite() {
            return f64::NAN;
        }
        mean = weight * mean + (1.0 - weight) * value;
        share *= weight;
        mean / (1.0 - share)
    };
    values.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_that_begins_with_the_first_value() {
        assert_eq!(smooth(&[2.0, -1.0], 0.0), [2.0, -1.0]);
        // (0.5·0.5·4 + 0.5·8) / (1 - 0.25)
        assert_eq!(smooth(&[4.0, 8.0], 0.5), [4.0, 5.0 / 0.75]);
        let with_gap = smooth(&[4.0, f64::NAN, 8.0], 0.5);
        assert!(with_gap[1].is_nan() && with_gap[2] == 5.0 / 0.75);
        assert!(
            smooth(&[7.0; 50], 0.97)
                .iter()
                .all(|value| (value - 7.0).abs() < 1e-9)
        );
    }
}
