//! How fast attention is, and how its memory grows with length.
//!
//! `cargo bench -p recode-kernels --bench attention`. Threads: `RAYON_NUM_THREADS`. Results are compared with the f64 oracle before
//! anything is timed. GFLOP/s count what the equation needs for the keys that a token sees: 4 D a pair of query head and
//! key forward, 10 D backward, nothing for what is recomputed or masked. A time is the shortest of many: other work on the
//! machine only adds. `tests/peers/attention.py` times PyTorch on the same shapes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use recode_kernels::TokenBatch;
use recode_kernels::ops::attention::{
    DecodeRow, Gradients, KeyValues, Operands, attention, attention_backward, attention_decode,
};
use recode_kernels::oracle::{attention as oracle, check_close, sample, wide};
use recode_kernels::{Span, Tensor};

fn main() {
    println!("threads {}", rayon::current_num_threads());
    speed();
    memory();
}

const SMOLLM2: oracle::Sizes = oracle::Sizes {
    heads: 9,
    kv_heads: 3,
    head_size: 64,
};
const QWEN2: oracle::Sizes = oracle::Sizes {
    heads: 14,
    kv_heads: 2,
    head_size: 64,
};

fn speed() {
    println!(
        "{:<38} {:>6} {:>10} {:>8}",
        "shape", "pass", "ms", "GFLOP/s"
    );
    let group = group(240, 8, 128);
    Case::new("SmolLM2, 240 + 8 x 128", SMOLLM2, group).run(true);
    let causal = |n: usize| TokenBatch::causal(&vec![0; n]);
    Case::new("SmolLM2, causal 368", SMOLLM2, causal(368)).run(true);
    Case::new("SmolLM2, causal 1024", SMOLLM2, causal(1024)).run(true);
    Case::new("SmolLM2, causal 4096", SMOLLM2, causal(4096)).run(false);
    Case::new("Qwen2.5-0.5B, causal 1024", QWEN2, causal(1024)).run(true);
    decode(SMOLLM2, 8, 240, 128);
    decode(SMOLLM2, 8, 1024, 1024);
}

fn group(prompt: usize, completions: usize, len: usize) -> TokenBatch {
    let completion = vec![0; len];
    let mut batch = TokenBatch::new();
    batch.push_group(&vec![0; prompt], &vec![&completion[..]; completions]);
    batch
}

struct Case {
    name: &'static str,
    sizes: oracle::Sizes,
    spans: Vec<Span>,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    d_out: Tensor,
    out: Tensor,
    log_sum_exp: Tensor,
    d: [Tensor; 3],
}

impl Case {
    fn new(name: &'static str, sizes: oracle::Sizes, batch: TokenBatch) -> Self {
        let n = batch.len();
        let q_cols = sizes.heads * sizes.head_size;
        let kv_cols = sizes.kv_heads * sizes.head_size;
        let tensor = |seed, cols| Tensor::from_vec(n, cols, sample(seed, n * cols)).unwrap();
        Self {
            name,
            sizes,
            spans: batch.spans,
            q: tensor(1, q_cols),
            k: tensor(2, kv_cols),
            v: tensor(3, kv_cols),
            d_out: tensor(4, q_cols),
            out: Tensor::full(n, q_cols, f32::NAN),
            log_sum_exp: Tensor::full(n, sizes.heads, f32::NAN),
            d: [q_cols, kv_cols, kv_cols].map(|cols| Tensor::full(n, cols, f32::NAN)),
        }
    }

    fn forward(&mut self) {
        let operands = operands(&self.q, &self.k, &self.v, &self.spans, self.sizes);
        attention(&operands, &mut self.out, &mut self.log_sum_exp).unwrap();
    }

    fn backward(&mut self) {
        let operands = operands(&self.q, &self.k, &self.v, &self.spans, self.sizes);
        let [d_q, d_k, d_v] = &mut self.d;
        let gradients = Gradients { d_q, d_k, d_v };
        attention_backward(
            &operands,
            &self.out,
            &self.log_sum_exp,
            &self.d_out,
            gradients,
        )
        .unwrap();
    }

    /// Checks against the oracle, all of it or the last row only, and times.
    fn run(mut self, check_all: bool) {
        self.forward();
        self.backward();
        let n = self.spans.len();
        if check_all {
            self.check(0..n, &self.spans);
        } else {
            self.check(n - 1..n, &[all(n)]);
        }
        let pairs: f64 = (self.spans.iter().enumerate())
            .map(|(i, span)| (span.prefix.len() + i + 1 - span.start as usize) as f64)
            .sum();
        let products = 2.0 * pairs * (self.sizes.heads * self.sizes.head_size) as f64;
        let (name, forward, backward) = (
            self.name,
            shortest(|| self.forward()),
            shortest(|| self.backward()),
        );
        line(name, "fwd", forward, 2.0 * products);
        line(name, "bwd", backward, 5.0 * products);
    }

    fn check(&self, rows: std::ops::Range<usize>, spans: &[Span]) {
        let [k, v] = [&self.k, &self.v].map(|x| wide(x.data()));
        let [q, d_out] = [&self.q, &self.d_out].map(|x| wide(x.rows_data(rows.clone())));
        let (out, log_sum_exp) = oracle::attention(self.sizes, &q, &k, &v, spans);
        let [d_q, d_k, d_v] = oracle::attention_backward(self.sizes, &q, &k, &v, spans, &d_out);
        let check = |what: &str, got: &Tensor, exact: &[f64]| {
            let got = got.rows_data(rows.clone());
            check_close(&format!("{}: {what}", self.name), got, exact, 1e-5).unwrap();
        };
        check("out", &self.out, &out);
        check("log_sum_exp", &self.log_sum_exp, &log_sum_exp);
        check("d_q", &self.d[0], &d_q);
        if rows.len() == self.k.rows() {
            check("d_k", &self.d[1], &d_k);
            check("d_v", &self.d[2], &d_v);
        }
    }
}

fn operands<'a>(
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    spans: &'a [Span],
    sizes: oracle::Sizes,
) -> Operands<'a> {
    Operands {
        q,
        k,
        v,
        spans,
        heads: sizes.heads,
        kv_heads: sizes.kv_heads,
    }
}

/// Caches that a decoding step walks: one a layer, so that they come from memory as in decoding.
const LAYERS: usize = 30;

/// Keys and values, [T, K·D] each.
type Cached = [Vec<f32>; 2];

fn key_values([k, v]: &Cached) -> KeyValues<'_> {
    KeyValues { k, v }
}

/// `sequences` rows behind one prompt, each with `own` tokens of its own, through all layers.
fn decode(sizes: oracle::Sizes, sequences: usize, prompt: usize, own: usize) {
    let cols = sizes.kv_heads * sizes.head_size;
    let q_cols = sizes.heads * sizes.head_size;
    let q = Tensor::from_vec(sequences, q_cols, sample(1, sequences * q_cols)).unwrap();
    let cached = |seed, tokens| [sample(seed, tokens * cols), sample(seed + 1, tokens * cols)];
    let layer: (Cached, Vec<Cached>) = (
        cached(2, prompt),
        (0..sequences as u64)
            .map(|i| cached(4 + 2 * i, own))
            .collect(),
    );
    let layers = vec![layer; LAYERS];
    let calls: Vec<_> = layers
        .iter()
        .map(|(prompt, own)| {
            let rows: Vec<_> = (own.iter().map(key_values))
                .map(|own| DecodeRow { prompt: 0, own })
                .collect();
            (key_values(prompt), rows)
        })
        .collect();
    let mut out = Tensor::full(sequences, q_cols, f32::NAN);
    let mut step = || {
        for (prompt, rows) in &calls {
            let (heads, kv_heads) = (sizes.heads, sizes.kv_heads);
            attention_decode(&q, &[*prompt], rows, heads, kv_heads, &mut out).unwrap();
        }
    };
    step();
    let time = shortest(&mut step);
    let (shared, rows) = &calls[0];
    for (m, row) in rows.iter().enumerate() {
        let [k, v] = [[shared.k, row.own.k], [shared.v, row.own.v]].map(|kv| wide(&kv.concat()));
        let (exact, _) = oracle::attention(sizes, &wide(q.row(m)), &k, &v, &[all(prompt + own)]);
        check_close("decode", out.row(m), &exact, 1e-5).unwrap();
    }
    let flops = 4.0 * (LAYERS * sequences * (prompt + own) * q_cols) as f64;
    let name = format!("{LAYERS} layers, {sequences} rows, {prompt} + {own} keys");
    line(&name, "decode", time, flops);
}

/// A span for the oracle's only row to see `n` rows.
fn all(n: usize) -> Span {
    Span {
        prefix: 0..n as u32,
        start: 1,
    }
}

/// The most that a call holds at once beyond its operands and results, by length.
fn memory() {
    println!(
        "\n{:<38} {:>12} {:>12} {:>12}",
        "SmolLM2, causal", "operands MiB", "fwd MiB", "bwd MiB"
    );
    for n in [1024, 2048, 4096, 8192] {
        let mut case = Case::new("", SMOLLM2, TokenBatch::causal(&vec![0; n]));
        let tensors = [
            &case.q,
            &case.k,
            &case.v,
            &case.d_out,
            &case.out,
            &case.log_sum_exp,
        ];
        let operands = tensors
            .into_iter()
            .chain(&case.d)
            .map(|x| 4 * x.data().len())
            .sum();
        let forward = peak(|| case.forward());
        let backward = peak(|| case.backward());
        let mib = |bytes: usize| bytes as f64 / (1 << 20) as f64;
        println!(
            "{n:<38} {:>12.1} {:>12.1} {:>12.1}",
            mib(operands),
            mib(forward),
            mib(backward)
        );
    }
}

/// Counts the bytes that are allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no memory of its callers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held at once while `run` runs, beyond those held before.
fn peak(run: impl FnOnce()) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    run();
    PEAK.load(Ordering::Relaxed) - before
}

fn line(name: &str, pass: &str, time: Duration, flops: f64) {
    println!(
        "{name:<38} {pass:>6} {:>10.3} {:>8.1}",
        time.as_secs_f64() * 1e3,
        flops / time.as_secs_f64() / 1e9
    );
}

/// The shortest of the times that one second holds, at least three.
fn shortest(mut run: impl FnMut()) -> Duration {
    let (begin, mut best, mut count) = (Instant::now(), Duration::MAX, 0);
    while count < 3 || begin.elapsed() < Duration::from_secs(1) {
        let one = Instant::now();
        run();
        best = best.min(one.elapsed());
        count += 1;
    }
    best
}
