//! The loop that the memory-bound ops share: one function on vectors of f32, applied along slices.
//!
//! Whole vectors first, then one partial vector for the rest, so every element goes through the same instructions and its
//! result depends on its own operands only.

use pulp::{Arch, Simd, WithSimd};

/// Runs `op` on the widest vectors that this machine has, found out at run time.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(test)]
    return narrower::dispatch(op);
    #[cfg(not(test))]
    Arch::new().dispatch(op)
}

/// Applies `f` to the vectors of `inputs` and the old values of `outputs`, and stores what it returns in `outputs`.
///
/// # Panics
/// Where the slices differ in length.
#[inline(always)]
pub(crate) fn lanewise<S: Simd, const I: usize, const O: usize>(
    simd: S,
    inputs: [&[f32]; I],
    outputs: [&mut [f32]; O],
    f: impl Fn([S::f32s; I], [S::f32s; O]) -> [S::f32s; O],
) {
    let len = outputs[0].len();
    assert!(inputs.iter().all(|x| x.len() == len) && outputs.iter().all(|y| y.len() == len));
    let inputs = inputs.map(
        #[inline(always)]
        |x| S::as_simd_f32s(x),
    );
    let outputs = outputs.map(
        #[inline(always)]
        |y| S::as_mut_simd_f32s(y),
    );
    for i in 0..len / S::F32_LANES {
        let x = std::array::from_fn(
            #[inline(always)]
            |k| inputs[k].0[i],
        );
        let y = std::array::from_fn(
            #[inline(always)]
            |k| outputs[k].0[i],
        );
        let new = f(x, y);
        for k in 0..O {
            outputs[k].0[i] = new[k];
        }
    }
    if len.is_multiple_of(S::F32_LANES) {
        return;
    }
    let x = std::array::from_fn(
        #[inline(always)]
        |k| simd.partial_load_f32s(inputs[k].1),
    );
    let y = std::array::from_fn(
        #[inline(always)]
        |k| simd.partial_load_f32s(outputs[k].1),
    );
    let new = f(x, y);
    for k in 0..O {
        simd.partial_store_f32s(outputs[k].1, new[k]);
    }
}

/// The sum over all elements of what `f` makes of `inputs`: four running vectors, then their sum, then its lanes; the
/// order of additions depends on the length only.
///
/// `f` must give 0 for operands of 0, which pad the last vector.
///
/// # Panics
/// Where the slices differ in length.
#[inline(always)]
pub(crate) fn lanewise_sum<S: Simd, const I: usize>(
    simd: S,
    inputs: [&[f32]; I],
    f: impl Fn([S::f32s; I]) -> S::f32s,
) -> f32 {
    let len = inputs[0].len();
    assert!(inputs.iter().all(|x| x.len() == len));
    let inputs = inputs.map(
        #[inline(always)]
        |x| S::as_simd_f32s(x),
    );
    let at = |i: usize| {
        f(std::array::from_fn(
            #[inline(always)]
            |k| inputs[k].0[i],
        ))
    };
    let mut sums = [simd.splat_f32s(0.0); 4];
    let whole = len / S::F32_LANES;
    for i in (0..whole / 4 * 4).step_by(4) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum = simd.add_f32s(*sum, at(i + lane));
        }
    }
    for i in whole / 4 * 4..whole {
        sums[i % 4] = simd.add_f32s(sums[i % 4], at(i));
    }
    if !len.is_multiple_of(S::F32_LANES) {
        let rest = f(std::array::from_fn(
            #[inline(always)]
            |k| simd.partial_load_f32s(inputs[k].1),
        ));
        sums[whole % 4] = simd.add_f32s(sums[whole % 4], rest);
    }
    let sum = simd.add_f32s(
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    );
    simd.reduce_sum_f32s(sum)
}

/// The instruction sets of lesser machines, for tests.
#[cfg(test)]
pub(crate) mod narrower {
    use super::*;
    use pulp::Scalar;
    use std::cell::Cell;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Set {
        Widest,
        Avx2,
        None,
    }

    thread_local! {
        static SET: Cell<Set> = const { Cell::new(Set::Widest) };
    }

    pub(super) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
        match SET.get() {
            Set::None => Scalar.vectorize(op),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => match pulp::x86::V3::try_new() {
                Some(simd) => Simd::vectorize(simd, op),
                None => Scalar.vectorize(op),
            },
            _ => Arch::new().dispatch(op),
        }
    }

    /// Runs `test` on two threads without vectors, and on two with AVX2 where this machine has it.
    pub(crate) fn each(test: impl Fn() + Sync) {
        for set in [Set::Avx2, Set::None] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(2)
                .start_handler(move |_| SET.set(set))
                .build()
                .unwrap();
            pool.install(&test);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Both<'a>(&'a [f32], &'a mut [f32]);
    impl WithSimd for Both<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let sum = lanewise_sum(
                simd,
                [self.0],
                #[inline(always)]
                |[x]| x,
            );
            lanewise(
                simd,
                [self.0],
                [self.1],
                #[inline(always)]
                |[x], [y]| [simd.add_f32s(x, y)],
            );
            sum
        }
    }

    #[test]
    fn every_element_is_visited_once_for_any_length() {
        visits();
        narrower::each(visits);
    }

    /// Lengths around one, four and eight vectors of any width; whole numbers, so every order gives the exact sum.
    fn visits() {
        for len in 0..140usize {
            let x: Vec<f32> = (0..len).map(|i| (i + 1) as f32).collect();
            let mut y = vec![1000.0; len];
            let sum = dispatch(Both(&x, &mut y));
            assert_eq!(sum, (len * (len + 1) / 2) as f32, "length {len}");
            assert!(
                y.iter().zip(&x).all(|(y, x)| *y == 1000.0 + x),
                "length {len}"
            );
        }
    }
}
