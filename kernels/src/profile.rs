//! Where time goes, op by op: [`begin`] and [`end`] around what is to be looked at, on one thread that calls the ops.
//!
//! While it is on, every op of a GPU is waited for, so that its time is its own; what the whole takes is longer for that. Off, it costs a load
//! an op.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
#[cfg(not(target_family = "wasm"))]
use std::time::Instant;

use crate::device::Device;

static ON: AtomicBool = AtomicBool::new(false);
static RECORD: Mutex<Option<Record>> = Mutex::new(None);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Record {
    phase: &'static str,
    /// An op is under way: ops that it calls are a part of it.
    #[cfg(not(target_family = "wasm"))]
    busy: bool,
    /// How often each phase was begun.
    pub phases: BTreeMap<&'static str, u64>,
    /// By phase and op.
    pub ops: BTreeMap<(&'static str, &'static str), Totals>,
}

/// All calls of an op in a phase.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Kernels launched on a GPU.
    pub launches: u64,
    /// Time from call to result.
    pub time: Duration,
    /// What had to be computed and moved.
    pub work: Work,
}

/// What an op has to do at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Multiplications and additions.
    pub operations: u64,
    /// Bytes of operands and results, each once.
    pub bytes: u64,
}

impl Work {
    pub(crate) fn new(operations: usize, bytes: u64) -> Self {
        Self {
            operations: operations as u64,
            bytes,
        }
    }
}

/// What a device can do at most, each by itself, in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Multiplications and additions of f32 vectors, in registers; a processor's matrix units may do more of bf16.
    pub operations: f64,
    /// Bytes read and written by a copy of 128 MiB.
    pub bytes: f64,
}

/// Measures what a device can do.
///
/// # Errors
/// What the device fails at.
#[cfg(not(target_family = "wasm"))]
pub fn rates(device: &Device) -> crate::Result<Rates> {
    match device {
        Device::Cpu => Ok(cpu::rates()),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => pollster::block_on(crate::gpu::rates::rates(gpu)),
    }
}

#[cfg(not(target_family = "wasm"))]
mod cpu {
    use std::time::{Duration, Instant};

    use pulp::{Arch, Simd, WithSimd};
    use rayon::prelude::*;

    use super::Rates;

    const ROUNDS: usize = 1 << 20;
    const SUMS: usize = 12;
    /// Numbers that are copied.
    const COPIED: usize = 32 << 20;

    /// Multiply-adds in registers, [`SUMS`] that do not wait for each other; returns the operations.
    struct MultiplyAdds;

    impl WithSimd for MultiplyAdds {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> usize {
            let factor = simd.splat_f32s(std::hint::black_box(0.5));
            let one = simd.splat_f32s(1.0);
            let mut sums = [one; SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = simd.mul_add_e_f32s(*sum, factor, one);
                }
            }
            std::hint::black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
            2 * ROUNDS * SUMS * S::F32_LANES
        }
    }

    pub(super) fn rates() -> Rates {
        let threads = rayon::current_num_threads();
        let mut operations = 0;
        let multiply_adds = best(|| {
            let each = rayon::broadcast(|_| Arch::new().dispatch(MultiplyAdds));
            operations = each.into_iter().sum();
        });
        let from = vec![1.0f32; COPIED];
        let mut to = vec![0.0f32; COPIED];
        let chunk = COPIED.div_ceil(threads);
        let copy = best(|| {
            let chunks = to.par_chunks_mut(chunk).zip(from.par_chunks(chunk));
            chunks.for_each(|(to, from)| to.copy_from_slice(from));
        });
        Rates {
            operations: operations as f64 / multiply_adds,
            bytes: (2 * size_of::<f32>() * COPIED) as f64 / copy,
        }
    }

    /// Seconds, of the best of four.
    fn best(mut run: impl FnMut()) -> f64 {
        let mut best = Duration::MAX;
        for _ in 0..4 {
            let begun = Instant::now();
            run();
            best = best.min(begun.elapsed());
        }
        best.as_secs_f64()
    }
}

/// Begins to record, from nothing.
pub fn begin() {
    *lock() = Some(Record::default());
    ON.store(true, Ordering::Relaxed);
}

/// Stops, and returns what was seen since [`begin`].
pub fn end() -> Record {
    ON.store(false, Ordering::Relaxed);
    lock().take().unwrap_or_default()
}

/// The ops from here on are of this phase.
pub fn phase(name: &'static str) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    if let Some(record) = lock().as_mut() {
        record.phase = name;
        *record.phases.entry(name).or_default() += 1;
    }
}

/// An op that is under way, until it is dropped.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug)]
pub(crate) struct Op {
    name: &'static str,
    device: Device,
    work: Work,
    launches: u64,
    begun: Instant,
}

/// Records an op's call from here until the result is dropped.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn op(name: &'static str, device: &Device, work: impl FnOnce() -> Work) -> Option<Op> {
    if !ON.load(Ordering::Relaxed) {
        return None;
    }
    let mut record = lock();
    let record = record.as_mut()?;
    if std::mem::replace(&mut record.busy, true) {
        return None;
    }
    wait(device);
    Some(Op {
        name,
        device: device.clone(),
        work: work(),
        launches: launches(device),
        begun: Instant::now(),
    })
}

/// A browser's GPU cannot be waited for here.
#[cfg(target_family = "wasm")]
pub(crate) fn op(_: &'static str, _: &Device, _: impl FnOnce() -> Work) -> Option<()> {
    None
}

#[cfg(not(target_family = "wasm"))]
impl Drop for Op {
    fn drop(&mut self) {
        wait(&self.device);
        let time = self.begun.elapsed();
        let launches = launches(&self.device) - self.launches;
        let Self { name, work, .. } = *self;
        let mut record = lock();
        let Some(record) = record.as_mut() else {
            return;
        };
        record.busy = false;
        let totals = record.ops.entry((record.phase, name)).or_default();
        totals.calls += 1;
        totals.launches += launches;
        totals.time += time;
        totals.work.operations += work.operations;
        totals.work.bytes += work.bytes;
    }
}

/// What went wrong on the device is said by whoever reads from it.
#[cfg(not(target_family = "wasm"))]
fn wait(device: &Device) {
    match device {
        Device::Cpu => {}
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => drop(pollster::block_on(gpu.wait())),
    }
}

#[cfg(not(target_family = "wasm"))]
fn launches(device: &Device) -> u64 {
    match device {
        Device::Cpu => 0,
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => gpu.launches(),
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Record>> {
    RECORD
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
