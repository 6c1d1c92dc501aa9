//! SiLU of the gate times up in f64; see [`crate::ops::silu_mul`].

/// `gate σ(gate) up`, element by element.
#[must_use]
pub fn silu_mul(gate: &[f64], up: &[f64]) -> Vec<f64> {
    gate.iter()
        .zip(up)
        .map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up)
        .collect()
}
