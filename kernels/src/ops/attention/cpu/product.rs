//! The one inner loop of attention: a small matrix product whose right operand and result lie in vectors of lanes.
//!
//! The only unsafe code of attention stands here: bounds are checked once a product instead of once a number.

use pulp::{Simd, WithSimd};

/// The left operand: element (row, step) stands at `row * row_stride + step * step_stride`, so that a matrix and its
/// transpose are the same to the loop.
#[derive(Clone, Copy)]
pub(super) struct Scalars<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub step_stride: usize,
}

/// `c[row, lane] = (add ? c[row, lane] : 0) + Σ_step a[row, step] b[step, lane]`, steps in order, for `vectors` vectors of
/// lanes. A lane's result depends on no other lane.
pub(super) struct Product<'a> {
    pub rows: usize,
    pub steps: usize,
    /// Vectors in a row of lanes, 1 to 3.
    pub vectors: usize,
    pub a: Scalars<'a>,
    /// Step s begins at `s * b_stride`.
    pub b: &'a [f32],
    pub b_stride: usize,
    /// Row r begins at `r * c_stride`.
    pub c: &'a mut [f32],
    pub c_stride: usize,
    pub add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.vectors {
            1 => self.run::<S, 1>(simd),
            2 => self.run::<S, 2>(simd),
            3 => self.run::<S, 3>(simd),
            other => unreachable!("{other} vectors of lanes"),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        if self.rows == 0 {
            return;
        }
        let lanes = V * S::F32_LANES;
        assert!((self.rows - 1) * self.c_stride + lanes <= self.c.len());
        if self.steps > 0 {
            let Scalars {
                data,
                row_stride,
                step_stride,
            } = self.a;
            let last = (self.rows - 1) * row_stride + (self.steps - 1) * step_stride;
            assert!(last < data.len());
            assert!((self.steps - 1) * self.b_stride + lanes <= self.b.len());
        }
        let mut row = 0;
        // As many rows at a time as leave registers for V vectors of b and one scalar.
        while S::REGISTER_COUNT >= 32 && row + 8 <= self.rows {
            // SAFETY: rows `row..row + 8` exist, and the asserts above bound every index of every row and step.
            unsafe { self.block::<S, 8, V>(simd, row) };
            row += 8;
        }
        while row + 4 <= self.rows {
            // SAFETY: rows `row..row + 4` exist; otherwise as above.
            unsafe { self.block::<S, 4, V>(simd, row) };
            row += 4;
        }
        while row < self.rows {
            // SAFETY: row `row` exists; otherwise as above.
            unsafe { self.block::<S, 1, V>(simd, row) };
            row += 1;
        }
    }

    /// Rows `first..first + R`, whose sums stay in registers.
    ///
    /// # Safety
    /// `(first + R - 1) * c_stride + V * LANES <= c.len()` and, if there are steps,
    /// `(first + R - 1) * row_stride + (steps - 1) * step_stride < a.len()` and
    /// `(steps - 1) * b_stride + V * LANES <= b.len()`.
    #[inline(always)]
    unsafe fn block<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, first: usize) {
        // SAFETY: `first` is a row of c and of a, so both offsets lie inside their slices (a's may be empty without steps,
        // then it is not read).
        let (a, b, c) = unsafe {
            (
                self.a.data.as_ptr().wrapping_add(first * self.a.row_stride),
                self.b.as_ptr(),
                self.c.as_mut_ptr().add(first * self.c_stride),
            )
        };
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if self.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: r < R and v < V: inside c by this function's contract; any address will do for the type.
                    *sum = unsafe {
                        let at = c.add(r * self.c_stride + v * S::F32_LANES);
                        at.cast::<S::f32s>().read_unaligned()
                    };
                }
            }
        }
        for step in 0..self.steps {
            let mut lanes = [simd.splat_f32s(0.0); V];
            for (v, lanes) in lanes.iter_mut().enumerate() {
                // SAFETY: step < steps and v < V: inside b by this function's contract.
                *lanes = unsafe {
                    let at = b.add(step * self.b_stride + v * S::F32_LANES);
                    at.cast::<S::f32s>().read_unaligned()
                };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: r < R and step < steps: inside a by this function's contract.
                let scalar = unsafe { *a.add(r * self.a.row_stride + step * self.a.step_stride) };
                let scalar = simd.splat_f32s(scalar);
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum = simd.mul_add_e_f32s(scalar, lanes, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: as where c was read.
                unsafe {
                    let at = c.add(r * self.c_stride + v * S::F32_LANES);
                    at.cast::<S::f32s>().write_unaligned(*sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::lanes::dispatch;
    use crate::oracle::{check_close, sample, wide};
    use pulp::Scalar;

    struct Call<'a> {
        rows: usize,
        steps: usize,
        vectors: usize,
        transposed: bool,
        add: bool,
        c: &'a mut Vec<f32>,
    }

    /// Runs a product on sampled numbers and returns what it should have given.
    impl WithSimd for Call<'_> {
        type Output = Vec<f64>;
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
            let Call { rows, steps, .. } = self;
            let lanes = self.vectors * S::F32_LANES;
            let (b_stride, c_stride) = (lanes + 3, lanes + 5);
            let a = sample(1, rows * steps);
            let b = sample(2, steps * b_stride);
            *self.c = sample(3, rows * c_stride);
            let mut expected = wide(self.c);
            let (row_stride, step_stride) = if self.transposed {
                (1, rows)
            } else {
                (steps, 1)
            };
            for row in 0..rows {
                for lane in 0..lanes {
                    let c = &mut expected[row * c_stride + lane];
                    *c *= f64::from(u8::from(self.add));
                    for step in 0..steps {
                        let a = a[row * row_stride + step * step_stride];
                        *c += f64::from(a) * f64::from(b[step * b_stride + lane]);
                    }
                }
            }
            simd.vectorize(Product {
                rows,
                steps,
                vectors: self.vectors,
                a: Scalars {
                    data: &a,
                    row_stride,
                    step_stride,
                },
                b: &b,
                b_stride,
                c: self.c,
                c_stride,
                add: self.add,
            });
            expected
        }
    }

    #[test]
    fn products_of_all_sizes_agree_with_plain_loops_and_leave_gaps_alone() {
        for (rows, steps) in [(1, 5), (8, 7), (23, 64), (13, 1), (0, 4), (5, 0)] {
            for vectors in 1..=3 {
                for (transposed, add) in [(false, false), (true, true), (false, true)] {
                    let mut c = vec![];
                    let mut call = |name, run: fn(Call<'_>) -> Vec<f64>| {
                        let expected = run(Call {
                            rows,
                            steps,
                            vectors,
                            transposed,
                            add,
                            c: &mut c,
                        });
                        check_close(name, &c, &expected, 1e-6).unwrap();
                    };
                    call("vector", |call| dispatch(call));
                    call("scalar", |call| Scalar.vectorize(call));
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "last < data.len()")]
    fn a_left_operand_that_is_too_short_is_refused() {
        struct Short;
        impl WithSimd for Short {
            type Output = ();
            fn with_simd<S: Simd>(self, simd: S) {
                simd.vectorize(Product {
                    rows: 2,
                    steps: 3,
                    vectors: 1,
                    a: Scalars {
                        data: &[0.0; 5],
                        row_stride: 3,
                        step_stride: 1,
                    },
                    b: &[0.0; 64],
                    b_stride: 1,
                    c: &mut [0.0; 64],
                    c_stride: 1,
                    add: false,
                });
            }
        }
        dispatch(Short);
    }
}
