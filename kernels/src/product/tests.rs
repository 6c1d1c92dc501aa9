//! Every set of instructions against f64, in every arrangement of the operands.

use half::bf16;

use super::*;
use crate::oracle::{check_close, linear, sample, wide};
use crate::tensor::Weight;

/// [m, k, n] around the sizes of tiles (8, 6, 16, 48), of a block of k (192) and of a task (320 rows; 384 where A is transposed).
const SHAPES: [[usize; 3]; 16] = [
    [1, 1, 1],
    [7, 60, 18],
    [8, 192, 48],
    [9, 193, 49],
    [6, 33, 16],
    [13, 31, 95],
    [16, 385, 47],
    [3, 577, 200],
    [320, 5, 3],
    [321, 17, 33],
    [650, 3, 193],
    [5, 64, 400],
    [1, 32, 30],
    [35, 224, 100],
    [17, 416, 48],
    [337, 96, 670],
];

/// A matrix [rows, cols] as it stands or stored transposed, in f32 or bf16.
struct Operand {
    stored: Weight,
    transposed: bool,
}

impl Operand {
    fn all(seed: u64, rows: usize, cols: usize) -> Vec<Self> {
        let mut all = Vec::new();
        for transposed in [false, true] {
            let [r, c] = if transposed {
                [cols, rows]
            } else {
                [rows, cols]
            };
            let narrow: Vec<bf16> = sample(seed, r * c)
                .into_iter()
                .map(bf16::from_f32)
                .collect();
            let widened = narrow.iter().map(|v| v.to_f32()).collect();
            for stored in [
                Weight::f32(r, c, widened).unwrap(),
                Weight::bf16(r, c, narrow).unwrap(),
            ] {
                all.push(Self { stored, transposed });
            }
        }
        all
    }

    fn view(&self) -> View<'_> {
        let view = View::from(&self.stored);
        if self.transposed { view.t() } else { view }
    }

    /// The same in f32, for the left.
    fn dense(&self) -> Option<Dense<'_>> {
        match self.view() {
            View::Dense(dense) => Some(dense),
            View::Frozen(_) => None,
        }
    }

    fn element(&self) -> impl Fn(usize, usize) -> f64 {
        let (data, cols, transposed) = (
            wide(&self.stored.to_f32()),
            self.stored.cols(),
            self.transposed,
        );
        move |i, j| {
            if transposed {
                data[j * cols + i]
            } else {
                data[i * cols + j]
            }
        }
    }
}

#[test]
fn every_arrangement_agrees_with_f64_on_every_set_of_instructions() {
    for dims @ [m, k, n] in SHAPES {
        for (a, b) in Operand::all(1, m, k)
            .iter()
            .flat_map(|a| Operand::all(2, k, n).into_iter().map(move |b| (a, b)))
        {
            let Some(left) = a.dense() else { continue };
            let expected = linear::product(dims, a.element(), b.element());
            let added: Vec<f64> = expected.iter().map(|c| c + 0.5).collect();
            for isa in Isa::all() {
                let what = format!(
                    "{isa:?} {dims:?}, a transposed {}, b {:?} transposed {}",
                    a.transposed, b.stored, b.transposed
                );
                let mut c = vec![f32::NAN; m * n];
                product_on(isa, left, b.view(), &mut c, false);
                check_close(&what, &c, &expected, 1e-6).unwrap();
                c.fill(0.5);
                product_on(isa, left, b.view(), &mut c, true);
                check_close(&what, &c, &added, 1e-6).unwrap();
            }
        }
    }
}

/// Of sets of instructions with fused multiply-add, of precisions and of arrangements of the same numbers.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_same_numbers_give_the_same_bits() {
    for [m, k, n] in SHAPES {
        let a = sample(1, m * k);
        // b in all its forms holds the same matrix.
        let narrow: Vec<bf16> = sample(2, k * n).into_iter().map(bf16::from_f32).collect();
        let turned: Vec<bf16> = (0..k * n).map(|at| narrow[at % k * n + at / k]).collect();
        let widened = |data: &[bf16]| data.iter().map(|v| v.to_f32()).collect::<Vec<f32>>();
        let forms = [
            (Weight::f32(k, n, widened(&narrow)).unwrap(), false),
            (Weight::f32(n, k, widened(&turned)).unwrap(), true),
            (Weight::f32(k, n, widened(&narrow)).unwrap().frozen(), false),
            (Weight::f32(n, k, widened(&turned)).unwrap().frozen(), true),
            (Weight::bf16(k, n, narrow).unwrap(), false),
            (Weight::bf16(n, k, turned).unwrap(), true),
        ];
        let mut results = Vec::new();
        for isa in [Isa::Avx2, Isa::Avx512]
            .into_iter()
            .filter(|isa| Isa::all().contains(isa))
        {
            for (stored, transposed) in &forms {
                let b = View::from(stored);
                let mut c = vec![f32::NAN; m * n];
                product_on(
                    isa,
                    Dense::new(m, k, &a),
                    if *transposed { b.t() } else { b },
                    &mut c,
                    false,
                );
                results.push(c);
            }
        }
        assert!(
            results.windows(2).all(|pair| pair[0] == pair[1]),
            "{:?}",
            [m, k, n]
        );
    }
}

/// Shapes that fill the tile unit's blocks, beyond its rows, tasks and panels; other units have nothing to do with that.
#[test]
fn a_row_has_the_same_bits_in_any_company_and_arrangement() {
    let (m, k, n) = (341, 416, 650);
    let a = sample(1, m * k);
    let narrow: Vec<bf16> = sample(2, k * n).into_iter().map(bf16::from_f32).collect();
    let turned: Vec<bf16> = (0..k * n).map(|at| narrow[at % k * n + at / k]).collect();
    let (stands, lies) = (
        Weight::bf16(k, n, narrow).unwrap(),
        Weight::bf16(n, k, turned).unwrap(),
    );
    for isa in Isa::all() {
        let multiply = |rows: std::ops::Range<usize>, b: View<'_>| {
            let mut c = vec![f32::NAN; rows.len() * n];
            let a = Dense::new(rows.len(), k, &a[rows.start * k..rows.end * k]);
            product_on(isa, a, b, &mut c, false);
            c
        };
        let all = multiply(0..m, View::from(&lies).t());
        assert_eq!(all, multiply(0..m, View::from(&stands)), "{isa:?}");
        for rows in [0..1, 7..15, 16..33, 340..341] {
            let some = multiply(rows.clone(), View::from(&lies).t());
            assert_eq!(some, all[rows.start * n..rows.end * n], "{isa:?} {rows:?}");
        }
    }
}

#[test]
fn a_transposed_left_operand_gives_the_same_bits_on_any_number_of_threads() {
    for [m, k, n] in [[1, 1, 1], [13, 200, 7], [421, 195, 50], [9, 3, 800]] {
        let (a, b) = (sample(1, m * k), sample(2, k * n));
        let turned: Vec<f32> = (0..m * k).map(|at| a[at % m * k + at / m]).collect();
        let (b, turned) = (Dense::new(k, n, &b), Dense::new(k, m, &turned).t());
        for isa in Isa::all() {
            let multiply = |a: Dense<'_>| {
                let mut c = vec![f32::NAN; m * n];
                product_on(isa, a, b.into(), &mut c, false);
                c
            };
            let straight = multiply(Dense::new(m, k, &a));
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let c = pool.build().unwrap().install(|| multiply(turned));
                assert_eq!(c, straight, "{isa:?} {m} {k} {n} {threads}");
            }
        }
    }
}

#[test]
fn transposed_products_are_cut_so_that_every_thread_gets_as_many_tasks() {
    // [192, 576] on two threads: halved where it is longer. [1536, 576]: four times 384 rows. [7, 40] cannot be shared out.
    assert_eq!(packed_task([192, 576], 2), [192, 288]);
    assert_eq!(packed_task([1536, 576], 2), [384, 576]);
    assert_eq!(packed_task([7, 40], 16), [8, 48]);
    // 16 threads: 288 x 576 halves to 144 x 144, which is 4 by 4 tasks.
    assert_eq!(packed_task([576, 576], 16), [144, 144]);
}

/// Whatever the parts are that a number is cut into.
#[test]
fn what_is_not_finite_stays_so_and_what_is_tiny_or_huge_stays_near() {
    let weight = Weight::bf16(1, 32, vec![bf16::ONE; 32]).unwrap();
    for isa in Isa::all() {
        let sum = |number: f32| {
            let mut a = [0.0; 32];
            a[5] = number;
            let mut c = [0.0];
            product_on(
                isa,
                Dense::new(1, 32, &a),
                View::from(&weight).t(),
                &mut c,
                false,
            );
            c[0]
        };
        for number in [
            f32::NAN,
            f32::from_bits(0x7f80_0001),
            f32::INFINITY,
            f32::NEG_INFINITY,
        ] {
            assert!(!sum(number).is_finite(), "{isa:?} {number}");
        }
        for number in [f32::MAX, f32::MIN, 1.0 + f32::EPSILON, -0.1, 1e-30] {
            assert_eq!(sum(number), number, "{isa:?}");
        }
        assert!((sum(3e-38) - 3e-38).abs() < f32::MIN_POSITIVE, "{isa:?}");
    }
}

#[test]
fn nothing_to_sum_gives_zeros_or_what_was_there() {
    let (a, b) = (Dense::new(2, 0, &[]), Dense::new(0, 3, &[]));
    let mut c = [7.0; 6];
    product(a, b, &mut c, true);
    assert_eq!(c, [7.0; 6]);
    product(a, b, &mut c, false);
    assert_eq!(c, [0.0; 6]);
    product(Dense::new(0, 4, &[]), Dense::new(4, 0, &[]), &mut [], false);
}
