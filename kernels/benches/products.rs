//! How fast the linear ops are, beside PyTorch and beside what the machine can do.
//!
//! `cargo bench -p recode-kernels --bench products [-- --peer PYTHON] [--only WORD] [--seconds S]`
//!
//! `f32 p` stands for frozen f32 weights, in panels.
//!
//! `PYTHON` is an interpreter that has torch; `tests/peers/products.py` then times the same products, each right after ours, so
//! that both see the same load. Results are checked against the f64 oracle before anything is timed, on a few rows. A time
//! is the shortest of many: other work on the machine only adds. Threads: `RAYON_NUM_THREADS`, for both.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use half::bf16;
use rayon::prelude::*;
use recode_kernels::ops::linear::{linear, linear_backward_input, linear_backward_weight};
use recode_kernels::ops::linear_logprob::{
    LogprobRequest, Sampling, linear_logprob, linear_logprob_backward,
};
use recode_kernels::oracle::{self, check_close, sample, wide};
use recode_kernels::{Tensor, Weight};

fn main() {
    // On a thread of the pool, as the trainer calls them: from outside every product would be handed over and waited for.
    rayon::scope(|_| run(Options::parse()));
}

fn run(options: Options) {
    let mut bench = Bench {
        peer: options.peer.as_deref().map(Peer::start),
        options,
    };
    println!("{}", machine());
    println!(
        "{:<22} {:>5} {:>5} {:>6} {:>5} | {:>9} {:>8} {:>7} | {:>9} {:>8} | {:>6}",
        "op", "N", "I", "O", "w", "ms", "GFLOP/s", "GB/s", "torch ms", "GFLOP/s", "ratio"
    );
    for n in [240, 1264, 2048] {
        for [i, o] in [[576, 576], [576, 192], [576, 1536], [1536, 576]] {
            for precision in [Precision::F32, Precision::FrozenF32, Precision::Bf16] {
                bench.forward([n, i, o], precision, 1);
            }
            bench.backward_input([n, i, o]);
            bench.backward_weight([n, i, o]);
        }
    }
    // As many weights as a decoder has layers, so that they come from memory as in decoding.
    for n in [1, 8, 32] {
        for (shape, weights) in [
            ([n, 576, 576], 60),
            ([n, 576, 1536], 60),
            ([n, 1536, 576], 60),
            ([n, 576, 49152], 4),
        ] {
            for precision in [Precision::F32, Precision::FrozenF32, Precision::Bf16] {
                bench.forward(shape, precision, weights);
            }
        }
    }
    bench.logprob([1024, 576, 49152]);
}

struct Options {
    peer: Option<String>,
    only: Option<String>,
    seconds: f64,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self {
            peer: None,
            only: None,
            seconds: 0.3,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .unwrap_or_else(|| panic!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--peer" => options.peer = Some(value()),
                "--only" => options.only = Some(value()),
                "--seconds" => options.seconds = value().parse().expect("--seconds needs a number"),
                "--bench" => {} // cargo's own
                _ => panic!("unknown option {argument}: --peer, --only and --seconds there are"),
            }
        }
        options
    }
}

#[derive(Clone, Copy)]
enum Precision {
    F32,
    /// In panels, as adapters are merged into weights.
    FrozenF32,
    Bf16,
}

impl Precision {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::FrozenF32 => "f32 p",
            Self::Bf16 => "bf16",
        }
    }

    /// What PyTorch has for it.
    fn dtype(self) -> &'static str {
        match self {
            Self::F32 | Self::FrozenF32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::FrozenF32 => 4,
            Self::Bf16 => 2,
        }
    }

    fn weight(self, seed: u64, rows: usize, cols: usize) -> Weight {
        let narrow: Vec<bf16> = sample(seed, rows * cols)
            .into_iter()
            .map(bf16::from_f32)
            .collect();
        match self {
            Self::F32 => {
                Weight::f32(rows, cols, narrow.iter().map(|v| v.to_f32()).collect()).unwrap()
            }
            Self::FrozenF32 => Self::F32.weight(seed, rows, cols).frozen(),
            Self::Bf16 => Weight::bf16(rows, cols, narrow).unwrap(),
        }
    }
}

struct Bench {
    options: Options,
    peer: Option<Peer>,
}

/// One line of the table.
struct Line<'a> {
    op: &'a str,
    dims: [usize; 3],
    precision: Precision,
    /// Products of a whole [N, I] x [I, O] in a run.
    products: usize,
    /// Bytes of weights read in a run.
    bytes: usize,
}

impl Bench {
    fn wanted(&self, op: &str) -> bool {
        self.options
            .only
            .as_ref()
            .is_none_or(|only| op.contains(only.as_str()))
    }

    fn line(&mut self, line: &Line<'_>, run: impl FnMut()) {
        let Line {
            op,
            dims: [n, i, o],
            precision,
            products,
            bytes,
        } = *line;
        let seconds = shortest(self.options.seconds, run);
        let gflop = (2 * n * i * o * products) as f64 / 1e9;
        let ours = format!(
            "{:>9.3} {:>8.1} {:>7.1}",
            seconds * 1e3,
            gflop / seconds,
            bytes as f64 / 1e9 / seconds
        );
        let theirs = match &mut self.peer {
            None => format!("{:>9} {:>8} | {:>6}", "-", "-", "-"),
            Some(peer) => {
                let theirs = peer.time(op, line.dims, precision, products, self.options.seconds);
                format!(
                    "{:>9.3} {:>8.1} | {:>6.2}",
                    theirs * 1e3,
                    gflop / theirs,
                    theirs / seconds
                )
            }
        };
        println!(
            "{op:<22} {n:>5} {i:>5} {o:>6} {:>5} | {ours} | {theirs}",
            precision.name()
        );
    }

    fn forward(&mut self, dims @ [n, i, o]: [usize; 3], precision: Precision, weights: usize) {
        let op = if n <= 64 {
            "linear (decoding)"
        } else {
            "linear"
        };
        if !self.wanted(op) {
            return;
        }
        let x = tensor(1, n, i);
        let weights: Vec<Weight> = (0..weights)
            .map(|w| precision.weight(2 + w as u64, o, i))
            .collect();
        let mut y = Tensor::full(n, o, f32::NAN);
        linear(&x, &weights[0], None, &mut y).unwrap();
        check_rows(
            "y",
            &y,
            [n, i, o],
            |r, k| f64::from(x.row(r)[k]),
            &wide(&weights[0].to_f32()),
            [1, i],
        );
        let bytes = weights.len() * o * i * precision.bytes();
        self.line(
            &Line {
                op,
                dims,
                precision,
                products: weights.len(),
                bytes,
            },
            || {
                for w in &weights {
                    linear(&x, w, None, &mut y).unwrap();
                }
            },
        );
    }

    fn backward_input(&mut self, dims @ [n, i, o]: [usize; 3]) {
        let op = "linear_backward_input";
        if !self.wanted(op) {
            return;
        }
        let (d_y, w) = (tensor(1, n, o), Precision::Bf16.weight(2, o, i));
        let mut d_x = Tensor::full(n, i, f32::NAN);
        linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
        check_rows(
            "d_x",
            &d_x,
            [n, o, i],
            |r, k| f64::from(d_y.row(r)[k]),
            &wide(&w.to_f32()),
            [i, 1],
        );
        self.line(
            &Line {
                op,
                dims,
                precision: Precision::Bf16,
                products: 1,
                bytes: o * i * 2,
            },
            || {
                linear_backward_input(&d_y, &w, &mut d_x, false).unwrap();
            },
        );
    }

    fn backward_weight(&mut self, dims @ [n, i, o]: [usize; 3]) {
        let op = "linear_backward_weight";
        if !self.wanted(op) {
            return;
        }
        let (x, d_y) = (tensor(1, n, i), tensor(2, n, o));
        let mut d_w = Tensor::zeros(o, i);
        linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
        check_rows(
            "d_w",
            &d_w,
            [o, n, i],
            |r, k| f64::from(d_y.row(k)[r]),
            &wide(x.data()),
            [i, 1],
        );
        self.line(
            &Line {
                op,
                dims,
                precision: Precision::F32,
                products: 1,
                bytes: 0,
            },
            || {
                linear_backward_weight(&x, &d_y, &mut d_w).unwrap();
            },
        );
    }

    fn logprob(&mut self, dims @ [n, c, v]: [usize; 3]) {
        if !self.wanted("linear_logprob") {
            return;
        }
        let precision = Precision::Bf16;
        let (hidden, w) = (tensor(1, n, c), precision.weight(2, v, c));
        let requests: Vec<LogprobRequest> = (0..n)
            .map(|q| LogprobRequest {
                row: q as u32,
                token: (q * 7919 % v) as u32,
            })
            .collect();
        let sampling = Sampling::default();
        let forward =
            || pollster::block_on(linear_logprob(&hidden, &w, &requests, &sampling)).unwrap();
        let mut out = forward();
        let (some, h64, w64) = ([0, n / 2, n - 1], wide(hidden.data()), wide(&w.to_f32()));
        for q in some {
            let request = [(0, requests[q].token as usize)];
            let expected = oracle::linear_logprob::linear_logprob(
                [1, c, v],
                &h64[q * c..][..c],
                &w64,
                &request,
                1.0,
                |_, _| true,
            );
            check_close("logprobs", &out.logprobs[q..=q], &[expected[0].0], 1e-6).unwrap();
        }
        let bytes = v * c * precision.bytes();
        self.line(
            &Line {
                op: "linear_logprob",
                dims,
                precision,
                products: 1,
                bytes,
            },
            || out = forward(),
        );
        let d_logprobs = sample(3, n);
        let mut d_hidden = Tensor::zeros(n, c);
        // Two products: the logits once more, and their gradient times the weight.
        self.line(
            &Line {
                op: "linear_logprob_backward",
                dims,
                precision,
                products: 2,
                bytes,
            },
            || {
                linear_logprob_backward(
                    &hidden,
                    &w,
                    &requests,
                    &sampling,
                    &out,
                    &d_logprobs,
                    &mut d_hidden,
                    None,
                )
                .unwrap();
            },
        );
    }
}

fn tensor(seed: u64, rows: usize, cols: usize) -> Tensor {
    Tensor::from_vec(rows, cols, sample(seed, rows * cols)).unwrap()
}

/// Three rows of `c [m, n] = a [m, k] b [k, n]` against f64, b's strides given.
fn check_rows(
    what: &str,
    c: &Tensor,
    [m, k, n]: [usize; 3],
    a: impl Fn(usize, usize) -> f64,
    b: &[f64],
    [b_row, b_col]: [usize; 2],
) {
    for r in [0, m / 2, m - 1] {
        let expected =
            oracle::linear::product([1, k, n], |_, i| a(r, i), |i, j| b[i * b_row + j * b_col]);
        check_close(what, c.row(r), &expected, 1e-6).unwrap();
    }
}

/// The shortest of the runs that fit into `seconds`, at least three.
fn shortest(seconds: f64, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut shortest = Duration::MAX;
    let mut runs = 0;
    while runs < 3 || start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        run();
        shortest = shortest.min(start.elapsed());
        runs += 1;
    }
    shortest.as_secs_f64()
}

/// Processor, threads, and how fast they read memory.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("unknown");
    let data = vec![1u64; 256 << 17];
    let seconds = shortest(1.0, || {
        let sum: u64 = data
            .par_chunks(1 << 17)
            .map(|chunk| chunk.iter().fold(0, |sum: u64, v| sum.wrapping_add(*v)))
            .sum();
        assert_eq!(sum, 256 << 17);
    });
    let gigabytes = (data.len() * 8) as f64 / 1e9;
    let threads = rayon::current_num_threads();
    format!(
        "{cpu}, {threads} threads, reads {:.1} GB/s from memory",
        gigabytes / seconds
    )
}

/// `tests/peers/products.py`, which answers a line that names a product with its shortest time in seconds.
struct Peer {
    _process: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/products.py");
        let mut process = Command::new(python)
            .args([script, &rayon::current_num_threads().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{python} does not start: {error}"));
        let (ask, answer) = (
            process.stdin.take().unwrap(),
            BufReader::new(process.stdout.take().unwrap()),
        );
        Self {
            _process: process,
            ask,
            answer,
        }
    }

    fn time(
        &mut self,
        op: &str,
        [n, i, o]: [usize; 3],
        precision: Precision,
        products: usize,
        seconds: f64,
    ) -> f64 {
        let op = op.split(' ').next().unwrap();
        writeln!(
            self.ask,
            "{op} {n} {i} {o} {} {products} {seconds}",
            precision.dtype()
        )
        .expect("the peer is gone");
        let mut line = String::new();
        self.answer.read_line(&mut line).expect("the peer is gone");
        line.trim()
            .parse()
            .unwrap_or_else(|_| panic!("the peer answered {line:?}"))
    }
}
