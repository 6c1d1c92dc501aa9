//! cubek-matmul: the strategies that need no tensor cores, and the fastest of them for a product.

use std::time::{Duration, Instant};

use cubecl::client::Client;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::zspace::{shape, strides};
use cubek_matmul::definition::MatmulElems;
use cubek_matmul::launch::launch_ref;
use cubek_matmul::multi_level::Strategy as MultiLevel;
use cubek_matmul::strategy::Strategy;
use cubek_matmul::tiled::Strategy as Tiled;
use cubek_std::InputBinding;
use pollster::block_on;

use crate::Order;

pub struct Peer {
    client: Client,
    strategies: Vec<(&'static str, Strategy)>,
    chosen: usize,
    operands: Option<Operands>,
}

struct Operands {
    shape: [usize; 3],
    order: Order,
    a: Handle,
    b: Handle,
    out: Handle,
}

impl Peer {
    pub fn new() -> Self {
        Self {
            client: cubecl::Device::default().client(),
            strategies: vec![
                ("auto", Strategy::Auto),
                ("simple_unit", MultiLevel::SimpleUnit(Default::default()).into()),
                ("double_unit", MultiLevel::DoubleUnit(Default::default()).into()),
                ("gemm", MultiLevel::Gemm(Default::default()).into()),
                ("vecmat", MultiLevel::SimpleVecMat(Default::default()).into()),
                ("naive", MultiLevel::Naive.into()),
                ("cpu_gemm", Tiled::CpuGemm(Default::default()).into()),
            ],
            chosen: 0,
            operands: None,
        }
    }

    pub fn prepare(&mut self, shape: [usize; 3], order: Order, a: &[f32], b: &[f32]) {
        let bytes = |numbers: &[f32]| -> Vec<u8> {
            numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
        };
        self.operands = Some(Operands {
            shape,
            order,
            a: self.client.create_from_slice(&bytes(a)),
            b: self.client.create_from_slice(&bytes(b)),
            out: self.client.empty(4 * shape[0] * shape[2]),
        });
    }

    /// Tries every strategy, and keeps to the fastest.
    pub fn choose(&mut self) -> &'static str {
        let mut best = Duration::MAX;
        let mut fastest = None;
        for index in 0..self.strategies.len() {
            self.chosen = index;
            // The first time it is compiled. One that cannot do a product panics or says so.
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.tried()));
            let Ok(true) = tried else { continue };
            for _ in 0..2 {
                let begun = Instant::now();
                self.run();
                if begun.elapsed() < best {
                    (best, fastest) = (begun.elapsed(), Some(index));
                }
            }
        }
        self.chosen = fastest.expect("a strategy that can do the product");
        self.run();
        self.strategies[self.chosen].0
    }

    pub fn run(&self) {
        assert!(self.tried(), "{} did it before", self.strategies[self.chosen].0);
    }

    pub fn launch(&self) {
        self.launched();
    }

    pub fn wait(&self) {
        block_on(self.client.sync()).expect("computed");
    }

    fn tried(&self) -> bool {
        self.launched() && block_on(self.client.sync()).is_ok()
    }

    fn launched(&self) -> bool {
        let Operands {
            shape: [m, k, n],
            order,
            a,
            b,
            out,
        } = self.operands.as_ref().expect("prepared");
        let binding = |handle: &Handle, rows: usize, cols: usize, transposed: bool| {
            let strides = match transposed {
                true => strides![rows * cols, 1, rows],
                false => strides![rows * cols, cols, 1],
            };
            // SAFETY: the buffer has so many numbers.
            unsafe { TensorBinding::from_raw_parts(handle.clone(), strides, shape![1, rows, cols]) }
        };
        let f32s = f32::elem_type_native();
        let launched = launch_ref(
            &self.strategies[self.chosen].1,
            &self.client,
            InputBinding::new(binding(a, *m, *k, *order == Order::Tn), f32s),
            InputBinding::new(binding(b, *k, *n, *order == Order::Nt), f32s),
            binding(out, *m, *n, false),
            &mut MatmulElems::from_single_dtype(f32s),
        );
        launched.is_ok()
    }

    pub fn result(&self) -> Vec<f32> {
        let out = &self.operands.as_ref().expect("prepared").out;
        let bytes = self.client.read_one(out.clone()).expect("computed");
        bytes
            .chunks_exact(4)
            .map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]))
            .collect()
    }
}
