//! Dropout on the inputs of adapters, as PEFT trains them: `x_d = x keep / (1 - p)`, one mask for every linear map.
//!
//! A mask is counter-based: whether an element is kept depends on the seed, the layer, the target, the column and the
//! token's name, not on where the token stands in a batch. So a step that is split into micro-batches, or run again for the
//! backward pass, drops the same elements, and nothing is stored.
//!
//! # Differences
//! PEFT draws a mask for every copy of a prompt. Here a prompt that a group shares has one mask for the group.

#[cfg(feature = "gpu")]
mod gpu;

use rayon::prelude::*;

use super::target::Target;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::profile::{self, Work};
use crate::random::{philox, unit_f32};
use crate::tensor::{Tensor, common_device};

/// What training drops from the adapters' inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout {
    /// p, the share of elements set to zero; from 0 to below 1.
    pub probability: f32,
    /// Changes with the optimizer step (and with whatever else shall change the masks).
    pub seed: u64,
    /// The name of each row's token, `[N]`: (prompt, sample, position) folded into a number by the caller.
    pub tokens: Vec<u64>,
}

/// Rows of a task.
const ROWS: usize = 16;

impl Dropout {
    pub(super) fn check(&self, rows: usize) -> Result<()> {
        Error::check_shape("dropout", "tokens", &[rows], &[self.tokens.len()])?;
        if (0.0..1.0).contains(&self.probability) {
            return Ok(());
        }
        Err(Error::Argument {
            op: "dropout",
            what: "probability",
            reason: format!("is {}, but must be from 0 to below 1", self.probability),
        })
    }

    /// `dropped = x keep / (1 - p)` and `rest = x - dropped`: with an adapter a map is `W' dropped + W rest`.
    pub(super) fn split(
        &self,
        layer: usize,
        target: Target,
        x: &Tensor,
        dropped: &mut Tensor,
        rest: &mut Tensor,
    ) -> Result<()> {
        let cols = x.cols();
        dropped.reshape(x.rows(), cols)?;
        rest.reshape(x.rows(), cols)?;
        let device = common_device("dropout", [("x", x), ("dropped", dropped), ("rest", rest)])?;
        let _op = profile::op("dropout", &device, || Work::new(0, 3 * x.bytes()));
        match device {
            Device::Cpu => self.split_on_cpu(layer, target, x, dropped, rest),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => gpu::split(self, layer, target, x, dropped, rest)?,
        }
        Ok(())
    }

    fn split_on_cpu(
        &self,
        layer: usize,
        target: Target,
        x: &Tensor,
        dropped: &mut Tensor,
        rest: &mut Tensor,
    ) {
        let cols = x.cols();
        x.data()
            .par_chunks(ROWS * cols)
            .zip(dropped.data_mut().par_chunks_mut(ROWS * cols))
            .zip(rest.data_mut().par_chunks_mut(ROWS * cols))
            .zip(self.tokens.par_chunks(ROWS))
            .for_each(|(((x, dropped), rest), tokens)| {
                self.factors(layer, target, tokens, cols, |i, factor| {
                    dropped[i] = x[i] * factor;
                    rest[i] = x[i] - dropped[i];
                });
            });
    }

    /// The gradients of the two operands joined into that of x:
    /// `d_x (+)= keep / (1 - p) d_dropped + (1 - keep / (1 - p)) d_rest`.
    pub(super) fn join(
        &self,
        layer: usize,
        target: Target,
        d_dropped: &Tensor,
        d_rest: &Tensor,
        d_x: &mut Tensor,
        accumulate: bool,
    ) -> Result<()> {
        let operands = [("d_x", &*d_x), ("d_dropped", d_dropped), ("d_rest", d_rest)];
        let device = common_device("dropout", operands)?;
        let _op = profile::op("dropout_backward", &device, || {
            Work::new(0, 4 * d_x.bytes())
        });
        match device {
            Device::Cpu => self.join_on_cpu(layer, target, d_dropped, d_rest, d_x, accumulate),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => gpu::join(self, layer, target, d_dropped, d_rest, d_x, accumulate)?,
        }
        Ok(())
    }

    fn join_on_cpu(
        &self,
        layer: usize,
        target: Target,
        d_dropped: &Tensor,
        d_rest: &Tensor,
        d_x: &mut Tensor,
        accumulate: bool,
    ) {
        let cols = d_x.cols();
        d_x.data_mut()
            .par_chunks_mut(ROWS * cols)
            .zip(d_dropped.data().par_chunks(ROWS * cols))
            .zip(d_rest.data().par_chunks(ROWS * cols))
            .zip(self.tokens.par_chunks(ROWS))
            .for_each(|(((d_x, d_dropped), d_rest), tokens)| {
                self.factors(layer, target, tokens, cols, |i, factor| {
                    let sum = factor * d_dropped[i] + (1.0 - factor) * d_rest[i];
                    d_x[i] = if accumulate { d_x[i] + sum } else { sum };
                });
            });
    }

    /// Visits every element of the rows of `tokens` with its factor, 0 or 1 / (1 - p). Column j of a token takes word
    /// j % 4 of the Philox block (token, j / 4, map), map being the number of the linear map in the decoder.
    fn factors(
        &self,
        layer: usize,
        target: Target,
        tokens: &[u64],
        cols: usize,
        mut visit: impl FnMut(usize, f32),
    ) {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let map = (layer * Target::ALL.len() + target as usize) as u32;
        let scale = 1.0 / (1.0 - self.probability);
        for (row, &token) in tokens.iter().enumerate() {
            for block in 0..cols.div_ceil(4) {
                let counter = [token as u32, (token >> 32) as u32, block as u32, map];
                let place = 4 * block;
                for (lane, word) in philox(key, counter)
                    .into_iter()
                    .enumerate()
                    .take(cols - place)
                {
                    let keep = unit_f32(word) >= self.probability;
                    visit(row * cols + place + lane, if keep { scale } else { 0.0 });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropout() -> Dropout {
        Dropout {
            probability: 0.25,
            seed: 1 << 40 | 5,
            tokens: (0..37).map(|t| t << 31).collect(),
        }
    }

    fn dropped(dropout: &Dropout, layer: usize, target: Target, x: &Tensor) -> (Tensor, Tensor) {
        let (mut dropped, mut rest) = (Tensor::default(), Tensor::default());
        dropout
            .split(layer, target, x, &mut dropped, &mut rest)
            .unwrap();
        (dropped, rest)
    }

    #[test]
    fn a_quarter_is_dropped_and_the_mean_stays() {
        let x = Tensor::full(37, 61, 3.0);
        let (dropped, rest) = dropped(&dropout(), 2, Target::VProj, &x);
        let zeros = dropped.data().iter().filter(|&&v| v == 0.0).count() as f64;
        // 2257 elements, each zero with 1/4: five standard deviations are 5 sqrt(3/16 / 2257) = 0.046.
        assert!((zeros / 2257.0 - 0.25).abs() < 0.046, "{zeros}");
        assert!(dropped.data().iter().all(|&v| v == 0.0 || v == 4.0)); // 3 / (3/4)
        let whole: Vec<f32> = dropped
            .data()
            .iter()
            .zip(rest.data())
            .map(|(a, b)| a + b)
            .collect();
        assert_eq!(whole, x.data());
    }

    #[test]
    fn a_mask_belongs_to_the_token_and_the_map() {
        let x = Tensor::full(37, 61, 1.0);
        let (all, _) = dropped(&dropout(), 2, Target::VProj, &x);
        let mut alone = dropout();
        alone.tokens = vec![alone.tokens[20]];
        let (one, _) = dropped(&alone, 2, Target::VProj, &Tensor::full(1, 61, 1.0));
        assert_eq!(one.row(0), all.row(20));
        assert_ne!(all.row(20), all.row(21));
        for (layer, target) in [(2, Target::QProj), (1, Target::VProj)] {
            assert_ne!(dropped(&dropout(), layer, target, &x).0, all);
        }
        let mut later = dropout();
        later.seed += 1;
        assert_ne!(dropped(&later, 2, Target::VProj, &x).0, all);
    }

    /// <split(x), (a, b)> = <x, join(a, b)>: the backward pass is the forward's transpose.
    #[test]
    fn joining_is_the_transpose_of_splitting() {
        let numbers = |salt: u64| {
            let mut stream = crate::random::Stream::new(9, &[salt]);
            let data = (0..37 * 61).map(|_| stream.uniform() - 0.5).collect();
            Tensor::from_vec(37, 61, data).unwrap()
        };
        let (x, a, b) = (numbers(0), numbers(1), numbers(2));
        let (dropped, rest) = dropped(&dropout(), 0, Target::UpProj, &x);
        let mut joined = Tensor::full(37, 61, 7.0);
        dropout()
            .join(0, Target::UpProj, &a, &b, &mut joined, false)
            .unwrap();
        let dot = |a: &Tensor, b: &Tensor| -> f64 {
            a.data()
                .iter()
                .zip(b.data())
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        let (left, right) = (dot(&dropped, &a) + dot(&rest, &b), dot(&x, &joined));
        assert!((left - right).abs() < 1e-4, "{left} {right}");
        let once = joined.clone();
        dropout()
            .join(0, Target::UpProj, &a, &b, &mut joined, true)
            .unwrap();
        let doubled = once
            .data()
            .iter()
            .zip(joined.data())
            .all(|(a, b)| *b == a + a);
        assert!(doubled);
    }

    #[test]
    fn an_impossible_share_or_a_nameless_token_is_refused() {
        let mut all = dropout();
        all.probability = 1.0;
        assert!(
            all.check(37)
                .unwrap_err()
                .to_string()
                .contains("probability")
        );
        assert!(
            dropout()
                .check(38)
                .unwrap_err()
                .to_string()
                .contains("tokens")
        );
    }
}
