//! Every op once more, in f64 and plain loops: what the fast implementations and their gradients are compared with.
//!
//! Slow on purpose. Nothing here is called outside tests and benchmarks.

pub mod adamw;
pub mod adapter;
pub mod attention;
pub mod linear;
pub mod linear_logprob;
pub mod rms_norm;
pub mod rope;
pub mod silu_mul;

/// Numbers in [-1, 1) that depend on `seed` and nothing else (SplitMix64), for operands of tests and benchmarks.
#[must_use]
pub fn sample(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 40
    };
    (0..len)
        .map(|_| next() as f32 / (1 << 23) as f32 - 1.0)
        .collect()
}

/// The same numbers as f64.
#[must_use]
pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// `Ok` if every `got` is within `tolerance` of `expected`, relative to the largest expected magnitude (at least 1e-30).
///
/// Lengths are compared first, and NaN never passes.
///
/// # Errors
/// A message with the largest deviation and the first mismatches, each with its index and both numbers.
pub fn check_close(
    what: &str,
    got: &[f32],
    expected: &[f64],
    tolerance: f64,
) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!(
            "{what}: {} numbers, expected {}",
            got.len(),
            expected.len()
        ));
    }
    let scale = expected.iter().fold(1e-30, |max: f64, e| max.max(e.abs()));
    let off = |(g, e): (&f32, &f64)| (f64::from(*g) - e).abs() / scale;
    // "Not close" rather than "far", so that NaN on either side is a mismatch.
    let close = |pair| off(pair) <= tolerance;
    let wrong: Vec<usize> = got
        .iter()
        .zip(expected)
        .enumerate()
        .filter(|(_, pair)| !close(*pair))
        .map(|(i, _)| i)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let largest = got.iter().zip(expected).map(off).fold(0.0, f64::max);
    let first: Vec<String> = wrong
        .iter()
        .take(5)
        .map(|&i| format!("[{i}] {} for {}", got[i], expected[i]))
        .collect();
    Err(format!(
        "{what}: {} of {} differ by more than {tolerance:e} of {scale:e} (at most {largest:e}): {}",
        wrong.len(),
        got.len(),
        first.join(", ")
    ))
}

/// Compares `gradient` with central differences of `loss` at `parameters`, element by element.
///
/// Every parameter is moved by `step` both ways; in f64 a step of 1e-5 leaves an error near 1e-9 for losses of order 1.
///
/// # Errors
/// The message of [`check_close`].
pub fn check_gradient(
    what: &str,
    gradient: &[f32],
    parameters: &[f64],
    step: f64,
    tolerance: f64,
    mut loss: impl FnMut(&[f64]) -> f64,
) -> Result<(), String> {
    let mut moved = parameters.to_vec();
    let mut differences = Vec::with_capacity(parameters.len());
    for (i, &at) in parameters.iter().enumerate() {
        moved[i] = at + step;
        let above = loss(&moved);
        moved[i] = at - step;
        let below = loss(&moved);
        moved[i] = at;
        differences.push((above - below) / (2.0 * step));
    }
    check_close(what, gradient, &differences, tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_number_never_passes() {
        assert!(check_close("x", &[f32::NAN], &[f64::NAN], 1.0).is_err());
        assert!(check_close("x", &[1.0], &[f64::NAN], 1.0).is_err());
        assert!(check_close("x", &[f32::INFINITY], &[f64::INFINITY], 1.0).is_err());
    }

    #[test]
    fn a_message_names_the_mismatch() {
        let message = check_close("y", &[1.0, 2.5], &[1.0, 2.0], 1e-3).unwrap_err();
        assert!(message.starts_with("y: 1 of 2 differ"), "{message}");
        assert!(message.ends_with("[1] 2.5 for 2"), "{message}");
        assert_eq!(
            check_close("y", &[1.0], &[1.0, 2.0], 1.0).unwrap_err(),
            "y: 1 numbers, expected 2"
        );
    }

    #[test]
    fn a_wrong_gradient_is_found() {
        let square = |x: &[f64]| x[0] * x[0] + 3.0 * x[1];
        // At (2, 5): d/dx0 = 4, d/dx1 = 3.
        check_gradient("right", &[4.0, 3.0], &[2.0, 5.0], 1e-5, 1e-7, square).unwrap();
        check_gradient("wrong", &[4.0, 2.0], &[2.0, 5.0], 1e-5, 1e-7, square).unwrap_err();
    }

    #[test]
    fn samples_lie_in_their_interval_and_repeat() {
        let values = sample(7, 10_000);
        assert!(values.iter().all(|v| (-1.0..1.0).contains(v)));
        assert_eq!(values, sample(7, 10_000));
        assert_ne!(values, sample(8, 10_000));
    }
}
