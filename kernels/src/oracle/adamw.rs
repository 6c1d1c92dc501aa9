//! AdamW in f64; see [`crate::ops::adamw`].

use crate::ops::adamw::AdamW;

/// One step on `param`, `m` and `v`.
pub fn adamw(param: &mut [f64], grad: &[f64], m: &mut [f64], v: &mut [f64], step: u64, c: &AdamW) {
    for (((param, grad), m), v) in param.iter_mut().zip(grad).zip(m).zip(v) {
        *param -= c.learning_rate * c.weight_decay * *param;
        *m = c.beta1 * *m + (1.0 - c.beta1) * grad;
        *v = c.beta2 * *v + (1.0 - c.beta2) * grad * grad;
        let m_hat = *m / (1.0 - c.beta1.powf(step as f64));
        let v_hat = *v / (1.0 - c.beta2.powf(step as f64));
        *param -= c.learning_rate * m_hat / (v_hat.sqrt() + c.epsilon);
    }
}
