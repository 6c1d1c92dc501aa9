//! Our f32 products on a GPU beside those of cubek-matmul, on the same adapter, and beside what the adapter can do.
//!
//! usage: cargo run --release --manifest-path tests/peers/gpu_products/Cargo.toml [-- --quick]
//!
//! `nn`, `nt` and `tn` say which operand lies transposed: `nt` is a forward pass, `nn` the gradient of its input, `tn` that of its weight. Each of
//! the peer's strategies that needs no tensor cores is tried once; the fastest is then timed beside ours. Launches are timed many at a time, because
//! waiting for one takes longer than most of them, ours and theirs by turns, and of some rounds the shortest counts; results are compared with each
//! other before. A package by itself, because the peer's crates build for minutes.

mod peer;

use std::sync::Arc;
use std::time::Instant;

use pollster::block_on;
use recode_kernels::gpu::Gpu;
use recode_kernels::ops::linear::{linear, linear_backward_input, linear_backward_weight};
use recode_kernels::{Device, Tensor, Weight, profile};

use peer::Peer;

/// Which operand lies transposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    Nn,
    Nt,
    Tn,
}

const SHAPES: [[usize; 3]; 9] = [
    [256, 256, 256],
    [512, 512, 512],
    [1024, 1024, 1024],
    [240, 576, 576],
    [240, 576, 1536],
    [2048, 576, 192],
    [2048, 576, 1536],
    [2048, 1536, 576],
    [8, 576, 49_152],
];

/// Of each, by turns.
const ROUNDS: usize = 5;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let gpu = block_on(Gpu::open(0)).expect("an adapter");
    let rates = profile::rates(&Device::Gpu(Arc::clone(&gpu))).expect("an adapter that computes");
    println!(
        "{}: {:.1} GFLOP/s in registers, {:.1} GB/s copied",
        gpu.adapter().name,
        rates.operations / 1e9,
        rates.bytes / 1e9
    );
    println!(
        "{:>5} {:>5} {:>6} {:>3} | {:>9} {:>8} {:>6} | {:>9} {:>8} {:<12} | {:>6}",
        "M", "K", "N", "", "us", "GFLOP/s", "of it", "cubek us", "GFLOP/s", "by", "ratio"
    );
    let mut peer = Peer::new();
    let shapes = if quick { &SHAPES[..2] } else { &SHAPES[..] };
    for &shape in shapes {
        for order in [Order::Nn, Order::Nt, Order::Tn] {
            // The vocabulary's product is a forward pass alone.
            if shape[2] == 49_152 && order != Order::Nt {
                continue;
            }
            row(&gpu, &mut peer, shape, order, rates.operations);
        }
    }
}

fn row(gpu: &Arc<Gpu>, peer: &mut Peer, [m, k, n]: [usize; 3], order: Order, peak: f64) {
    let numbers = |count: usize, seed: usize| -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 2_654_435_761 + seed) % 1000) as f32 / 1000.0 - 0.5)
            .collect()
    };
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 7));
    let ours = Ours::new(gpu, [m, k, n], order, &a, &b);
    peer.prepare([m, k, n], order, &a, &b);

    ours.launch();
    let got = ours.result();
    let theirs = peer.choose();
    let expected = peer.result();
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert!(
            (got - expected).abs() < 1e-3 * (k as f32).sqrt(),
            "{order:?} {m} {k} {n}: ours is {got} at {i}, theirs {expected}"
        );
    }
    let launch = || ours.launch();
    let wait = || block_on(gpu.wait()).expect("computed");
    let peer_launch = || peer.launch();
    let peer_wait = || peer.wait();
    let launches = launches(launch, wait);
    let peer_launches = self::launches(peer_launch, peer_wait);
    let (mut best, mut peer_best) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best = best.min(seconds(launches, launch, wait));
        peer_best = peer_best.min(seconds(peer_launches, peer_launch, peer_wait));
    }
    let operations = 2.0 * (m * k * n) as f64;
    println!(
        "{m:>5} {k:>5} {n:>6} {:>3} | {:>9.1} {:>8.1} {:>4.0} % | {:>9.1} {:>8.1} {theirs:<12} | {:>6.2}",
        format!("{order:?}").to_lowercase(),
        best * 1e6,
        operations / best / 1e9,
        100.0 * operations / best / peak,
        peer_best * 1e6,
        operations / peer_best / 1e9,
        peer_best / best,
    );
}

/// Of one launch, in a round of so many.
fn seconds(launches: u32, launch: impl Fn(), wait: impl Fn()) -> f64 {
    let begun = Instant::now();
    (0..launches).for_each(|_| launch());
    wait();
    begun.elapsed().as_secs_f64() / f64::from(launches)
}

/// As many as take a tenth of a second, up to a hundred or so.
fn launches(launch: impl Fn(), wait: impl Fn()) -> u32 {
    let mut launches = 1;
    while launches < 100 && seconds(launches, &launch, &wait) * f64::from(launches) < 0.1 {
        launches *= 2;
    }
    launches
}

/// The product as the op that the passes call.
struct Ours {
    order: Order,
    left: Tensor,
    right: Right,
    out: std::cell::RefCell<Tensor>,
}

enum Right {
    Weight(Weight),
    Tensor(Tensor),
}

impl Ours {
    fn new(gpu: &Arc<Gpu>, [m, k, n]: [usize; 3], order: Order, a: &[f32], b: &[f32]) -> Self {
        let device = Device::Gpu(Arc::clone(gpu));
        let tensor = |rows, cols, data: &[f32]| {
            let tensor = Tensor::from_vec(rows, cols, data.to_vec()).expect("as many as said");
            tensor.to(&device).expect("fits")
        };
        let weight = |rows, cols, data: &[f32]| {
            let weight = Weight::f32(rows, cols, data.to_vec()).expect("as many as said");
            Right::Weight(weight.to(&device).expect("fits"))
        };
        let (left, right) = match order {
            Order::Nn => (tensor(m, k, a), weight(k, n, b)),
            Order::Nt => (tensor(m, k, a), weight(n, k, b)),
            Order::Tn => (tensor(k, m, a), Right::Tensor(tensor(k, n, b))),
        };
        Self {
            order,
            left,
            right,
            out: Tensor::zeros_on(&device, m, n).expect("fits").into(),
        }
    }

    fn launch(&self) {
        let mut out = self.out.borrow_mut();
        match (&self.right, self.order) {
            (Right::Weight(b), Order::Nt) => linear(&self.left, b, None, &mut out),
            (Right::Weight(b), _) => linear_backward_input(&self.left, b, &mut out, false),
            (Right::Tensor(b), _) => {
                // It adds to what is there, which its time includes.
                linear_backward_weight(b, &self.left, &mut out)
            }
        }
        .expect("shapes fit");
    }

    fn result(&self) -> Vec<f32> {
        let out = self.out.borrow();
        block_on(out.read()).expect("computed").into_vec()
    }
}
