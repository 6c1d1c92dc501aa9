//! Log-probabilities on a GPU: logits of some distinct rows at a time, over the whole vocabulary, reduced by a cube a request.

use cubecl::prelude::*;

use super::plan::Plan;
use super::{CHUNK_BYTES, KeptTokens, LogprobRequest, Sampling};
use crate::gpu::product::{Left, Order, Out, Right, product};
use crate::gpu::reduce::{cube_max, cube_sum};
use crate::gpu::{Buffer, CUBE_UNITS, grid, unit_each};
use crate::ops::gather::gather;
use crate::{Result, Tensor, Weight};

/// Stands for the logit of a token that is not kept: far below any logit, and finite.
const NOT_KEPT: f32 = -1e30;

/// Adds rows, each to one of its own: `out[rows[i]] += from[i]`.
#[cube(launch_unchecked)]
fn scatter_kernel(from: &[f32], rows: &[u32], out: &mut [f32], cols: u32) {
    if ABSOLUTE_POS < from.len() {
        let place = ABSOLUTE_POS as u32;
        let row = rows[(place / cols) as usize];
        out[(row * cols + place % cols) as usize] += from[ABSOLUTE_POS];
    }
}

#[cube]
fn kept_logit(
    logit: f32,
    kept: &[u32],
    request: u32,
    v: u32,
    words: u32,
    #[comptime] all: bool,
) -> f32 {
    let mut z = logit;
    if comptime!(!all) {
        let word = kept[(request * words + v / 32) as usize];
        if (word >> (v % 32)) & 1 == 0 {
            z = comptime!(NOT_KEPT).runtime();
        }
    }
    z
}

/// One cube a request: `out[request] = [log p, entropy, log-sum-exp]`.
///
/// `requests` has for each its index, the row of its logits, and its token.
#[cube(launch_unchecked)]
fn reduce_kernel(
    logits: &[f32],
    requests: &[u32],
    kept: &[u32],
    out: &mut [f32],
    count: u32,
    vocabulary: u32,
    inverse_temperature: f32,
    #[comptime] all: bool,
    #[comptime] units: u32,
    #[comptime] planes: bool,
) {
    let cube = CUBE_POS as u32;
    if cube < count {
        let at = (cube * 3) as usize;
        let request = requests[at];
        let first = requests[at + 1] * vocabulary;
        let token = requests[at + 2];
        let words = vocabulary.div_ceil(32);
        let mut most = comptime!(NOT_KEPT).runtime();
        let mut v = UNIT_POS;
        while v < vocabulary {
            let z = logits[(first + v) as usize] * inverse_temperature;
            most = max(most, kept_logit(z, kept, request, v, words, all));
            v += units;
        }
        let most = cube_max(most, units, planes);
        let mut sum = 0.0f32;
        let mut weighted = 0.0f32;
        let mut v = UNIT_POS;
        while v < vocabulary {
            let z = logits[(first + v) as usize] * inverse_temperature;
            let below = kept_logit(z, kept, request, v, words, all) - most;
            let e = below.exp();
            sum += e;
            weighted += below * e;
            v += units;
        }
        let sum = cube_sum(sum, units, planes);
        let weighted = cube_sum(weighted, units, planes);
        if UNIT_POS == 0 {
            let wanted = logits[(first + token) as usize] * inverse_temperature;
            let log_sum = sum.ln();
            let place = (request * 3) as usize;
            out[place] = (wanted - most) - log_sum;
            out[place + 1] = log_sum - weighted / sum;
            out[place + 2] = most + log_sum;
        }
    }
}

/// Logits into their gradients, in place: `d_z[v] = Σ_q d[q] ([v = t_q] - p_qv) / temperature` over the requests of the row.
///
/// `slots` has for each row its first request and the end, `requests` for each its index and its token.
#[cube(launch_unchecked)]
fn gradient_kernel(
    logits: &mut [f32],
    slots: &[u32],
    requests: &[u32],
    kept: &[u32],
    log_sum_exp: &[f32],
    d_logprobs: &[f32],
    vocabulary: u32,
    inverse_temperature: f32,
    #[comptime] all: bool,
) {
    if ABSOLUTE_POS < logits.len() {
        let place = ABSOLUTE_POS as u32;
        let row = (place / vocabulary) as usize;
        let v = place % vocabulary;
        let words = vocabulary.div_ceil(32);
        let z = logits[ABSOLUTE_POS] * inverse_temperature;
        let mut sum = 0.0f32;
        for at in slots[2 * row]..slots[2 * row + 1] {
            let request = requests[(2 * at) as usize];
            let d = d_logprobs[request as usize];
            let z = kept_logit(z, kept, request, v, words, all);
            let below = z - log_sum_exp[request as usize];
            sum -= d * below.exp();
            if v == requests[(2 * at + 1) as usize] {
                sum += d;
            }
        }
        logits[ABSOLUTE_POS] = sum * inverse_temperature;
    }
}

/// What a call works on.
struct Call<'a> {
    hidden: &'a Tensor,
    w: &'a Weight,
    requests: &'a [LogprobRequest],
    plan: Plan,
    kept: Buffer,
    all: bool,
    inverse_temperature: f32,
}

/// Some distinct rows, their hidden states and their logits.
struct Chunk {
    slots: std::ops::Range<usize>,
    rows: Buffer,
    hidden: Tensor,
    logits: Buffer,
}

impl<'a> Call<'a> {
    fn new(
        hidden: &'a Tensor,
        w: &'a Weight,
        requests: &'a [LogprobRequest],
        sampling: &Sampling<'_>,
        plan: Plan,
    ) -> Result<Self> {
        let words = sampling.kept.map(KeptTokens::to_words).unwrap_or_default();
        Ok(Self {
            hidden,
            w,
            requests,
            plan,
            kept: Buffer::from_words(hidden.buffer().gpu(), &words)?,
            all: sampling.kept.is_none(),
            inverse_temperature: 1.0 / sampling.temperature,
        })
    }

    /// Slots at a time.
    fn step(&self) -> usize {
        let gpu = self.hidden.buffer().gpu();
        let bytes = CHUNK_BYTES.min(gpu.logit_bytes());
        (bytes as usize / 4 / self.w.rows().max(1)).max(1)
    }

    fn chunk(&self, first: usize) -> Result<Chunk> {
        let gpu = self.hidden.buffer().gpu();
        let slots = first..self.plan.slots.len().min(first + self.step());
        let rows: Vec<u32> = self.plan.slots[slots.clone()]
            .iter()
            .map(|(row, _)| *row)
            .collect();
        let (n, c, v) = (rows.len(), self.hidden.cols(), self.w.rows());
        let hidden = gather(self.hidden, &rows)?;
        let rows = Buffer::from_words(gpu, &rows)?;
        let logits = Buffer::empty(gpu, n * v)?;
        let weight = self.w.gpu();
        for part in &weight.parts {
            product(
                [n, c, part.rows.len()],
                Left::new(hidden.buffer(), Order::Rows, c),
                Right::part(weight, part, c, Order::Transposed),
                None,
                Out::new(&logits, v, false).from(part.rows.start),
            );
        }
        Ok(Chunk {
            slots,
            rows,
            hidden,
            logits,
        })
    }
}

/// [log p, entropy, log-sum-exp] of each request.
pub(super) fn forward(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
) -> Result<Buffer> {
    let gpu = hidden.buffer().gpu();
    let call = Call::new(hidden, w, requests, sampling, Plan::new(requests, |_| true))?;
    let found = Buffer::empty(gpu, 3 * requests.len())?;
    for first in (0..call.plan.slots.len()).step_by(call.step()) {
        let chunk = call.chunk(first)?;
        let mut table = Vec::new();
        for (slot, (_, range)) in call.plan.slots[chunk.slots.clone()].iter().enumerate() {
            for &q in &call.plan.order[range.clone()] {
                table.extend([q, slot as u32, requests[q as usize].token]);
            }
        }
        let count = table.len() / 3;
        let table = Buffer::from_words(gpu, &table)?;
        // SAFETY: rows and tokens are those of checked requests.
        unsafe {
            reduce_kernel::launch_unchecked(
                gpu.launcher(),
                grid(count),
                CubeDim::new_1d(CUBE_UNITS),
                chunk.logits.arg(),
                table.arg(),
                call.kept.arg(),
                found.arg(),
                count as u32,
                w.rows() as u32,
                call.inverse_temperature,
                call.all,
                CUBE_UNITS,
                gpu.planes(),
            );
        }
    }
    Ok(found)
}

#[allow(
    clippy::too_many_arguments,
    reason = "the forward's arguments, its result, and a gradient for each"
)]
pub(super) fn backward(
    hidden: &Tensor,
    w: &Weight,
    requests: &[LogprobRequest],
    sampling: &Sampling<'_>,
    log_sum_exp: &[f32],
    d_logprobs: &[f32],
    d_hidden: &Tensor,
    d_w: Option<&Tensor>,
) -> Result<()> {
    let gpu = hidden.buffer().gpu();
    let plan = Plan::new(requests, |q| d_logprobs[q] != 0.0);
    let call = Call::new(hidden, w, requests, sampling, plan)?;
    let (c, v) = (hidden.cols(), w.rows());
    let log_sum_exp = Buffer::from_f32(gpu, log_sum_exp)?;
    let d_logprobs = Buffer::from_f32(gpu, d_logprobs)?;
    for first in (0..call.plan.slots.len()).step_by(call.step()) {
        let chunk = call.chunk(first)?;
        let n = chunk.slots.len();
        let (mut slots, mut table) = (Vec::new(), Vec::new());
        for (_, range) in &call.plan.slots[chunk.slots.clone()] {
            let before = table.len() / 2;
            for &q in &call.plan.order[range.clone()] {
                table.extend([q, call.requests[q as usize].token]);
            }
            slots.extend([before as u32, (table.len() / 2) as u32]);
        }
        let slots = Buffer::from_words(gpu, &slots)?;
        let table = Buffer::from_words(gpu, &table)?;
        let Some(each_logit) = unit_each(n * v) else {
            continue;
        };
        // SAFETY: as in `forward`.
        unsafe {
            gradient_kernel::launch_unchecked(
                gpu.launcher(),
                each_logit,
                CubeDim::new_1d(CUBE_UNITS),
                chunk.logits.arg(),
                slots.arg(),
                table.arg(),
                call.kept.arg(),
                log_sum_exp.arg(),
                d_logprobs.arg(),
                v as u32,
                call.inverse_temperature,
                call.all,
            );
        }
        let d_rows = Buffer::empty(gpu, n * c)?;
        let weight = w.gpu();
        for (index, part) in weight.parts.iter().enumerate() {
            product(
                [n, part.rows.len(), c],
                Left::new(&chunk.logits, Order::Rows, v).from(part.rows.start),
                Right::part(weight, part, c, Order::Rows),
                None,
                Out::new(&d_rows, c, index > 0),
            );
        }
        if let Some(grid) = unit_each(n * c) {
            // SAFETY: the rows are distinct, so that each number has one owner.
            unsafe {
                scatter_kernel::launch_unchecked(
                    gpu.launcher(),
                    grid,
                    CubeDim::new_1d(CUBE_UNITS),
                    d_rows.arg(),
                    chunk.rows.arg(),
                    d_hidden.buffer().arg(),
                    c as u32,
                );
            }
        }
        if let Some(d_w) = d_w {
            let rows = Right::new(chunk.hidden.buffer(), Order::Rows, c);
            product(
                [v, n, c],
                Left::new(&chunk.logits, Order::Transposed, v),
                rows,
                None,
                Out::new(d_w.buffer(), c, true),
            );
        }
    }
    Ok(())
}
