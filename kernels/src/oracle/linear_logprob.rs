//! Log-probabilities of wanted tokens in f64; see [`crate::ops::linear_logprob`].

use super::linear;

/// `(log p(token), entropy)` of each `(row, token)`, over the tokens that `kept(request, token)` holds for; `dims` are
/// [N, C, V].
#[must_use]
pub fn linear_logprob(
    dims @ [_, _, vocabulary]: [usize; 3],
    hidden: &[f64],
    w: &[f64],
    requests: &[(usize, usize)],
    temperature: f64,
    kept: impl Fn(usize, usize) -> bool,
) -> Vec<(f64, f64)> {
    let logits = linear::linear(dims, hidden, w, None);
    let one = |(q, &(row, token)): (usize, &(usize, usize))| {
        let z: Vec<(usize, f64)> = logits[row * vocabulary..][..vocabulary]
            .iter()
            .enumerate()
            .filter(|(v, _)| kept(q, *v))
            .map(|(v, logit)| (v, logit / temperature))
            .collect();
        let max = z.iter().fold(f64::NEG_INFINITY, |max, (_, z)| max.max(*z));
        let log_sum_exp = max + z.iter().map(|(_, z)| (z - max).exp()).sum::<f64>().ln();
        let wanted = z
            .iter()
            .find(|(v, _)| *v == token)
            .expect("the token is kept")
            .1;
        let entropy = -z
            .iter()
            .map(|(_, z)| (z - log_sum_exp).exp() * (z - log_sum_exp))
            .sum::<f64>();
        (wanted - log_sum_exp, entropy)
    };
    requests.iter().enumerate().map(one).collect()
}
