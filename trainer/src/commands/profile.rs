//! `recode-trainer profile`: where the time of training steps goes, op by op.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use recode_kernels::Device;
use recode_kernels::profile::{self, Rates, Record, Totals, Work};

use crate::config::ConfigArgs;
use crate::device::DeviceArgs;
use crate::inputs::{Inputs, reward};
use crate::interrupt::Interrupt;
use crate::report::Table;
use crate::threads;
use crate::train::Run;

/// Show where the time of training steps goes, op by op, beside what the device can do.
///
/// Runs steps of the configuration's run and leaves nothing behind; the first is not counted. Each op of a GPU is waited for, so that its time is its own, the
/// waiting included: together they take longer than a run's step. Shares are of the rates measured at the start: multiply-adds in registers, and a copy.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Steps to look at
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let device = args.device.open()?;
    let (rates, record, seconds, reads) = threads::with(config.threads, || {
        let inputs = Inputs::read(&config, &device)?;
        let rates = profile::rates(&device)?;
        let run = Run {
            inputs: &inputs,
            config: &config,
            reward: &reward(&config),
            interrupt: &Interrupt::default(),
        };
        let (mut before, mut begun) = (0, Instant::now());
        run.rehearse(|step| {
            if step == 1 {
                (before, begun) = (reads(&device), Instant::now());
                profile::begin();
            }
            match step > args.steps {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        anyhow::Ok((rates, profile::end(), seconds, reads(&device) - before))
    })?;
    let mut out = std::io::stdout();
    write(&mut out, &rates, &record, args.steps, seconds, reads)
}

/// Of a second, in thousands of millions; nothing where nobody said how much it is.
fn rate(of: f64) -> String {
    match of > 0.0 {
        true => format!("{:.2}", of / 1e9),
        false => "-".to_owned(),
    }
}

fn share(of: f64) -> String {
    match of > 0.0 {
        true => format!("{:.0} %", 100.0 * of),
        false => "-".to_owned(),
    }
}

fn reads(device: &Device) -> u64 {
    match device {
        Device::Cpu => 0,
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => gpu.reads(),
    }
}

fn write(
    out: &mut impl Write,
    rates: &Rates,
    record: &Record,
    steps: u64,
    seconds: f64,
    reads: u64,
) -> anyhow::Result<()> {
    let Rates { operations, bytes } = *rates;
    writeln!(
        out,
        "the device: {:.1} G multiplications and additions a second, {:.1} GB a second copied",
        operations / 1e9,
        bytes / 1e9
    )?;
    let all: f64 = record.ops.values().map(|op| op.time.as_secs_f64()).sum();
    let mut table = Table::new([
        "phase", "op", "calls", "launches", "ms", "share", "Gop/s", "of it", "GB/s", "of it",
    ]);
    let mut ops: Vec<_> = record.ops.iter().collect();
    ops.sort_by_key(|(_, totals)| std::cmp::Reverse(totals.time));
    for ((phase, op), totals) in ops {
        let Totals {
            calls,
            launches,
            time,
            work:
                Work {
                    operations: done,
                    bytes: moved,
                },
        } = *totals;
        let own = time.as_secs_f64();
        let (done, moved) = (done as f64 / own, moved as f64 / own);
        table.row([
            (*phase).to_owned(),
            (*op).to_owned(),
            (calls / steps).to_string(),
            (launches / steps).to_string(),
            format!("{:.2}", 1e3 * own / steps as f64),
            format!("{:.1} %", 100.0 * own / all),
            rate(done),
            share(done / operations),
            rate(moved),
            share(moved / bytes),
        ]);
    }
    write!(out, "{table}")?;
    writeln!(
        out,
        "a step: {:.1} s, {:.1} of them in ops; what is left draws tokens, scores, lays out batches, and moves numbers",
        seconds / steps as f64,
        all / steps as f64
    )?;
    let launches: u64 = record.ops.values().map(|op| op.launches).sum();
    let rounds = record.phases.get("decode").copied().unwrap_or(0);
    if launches > 0 {
        let decoding: u64 = record
            .ops
            .iter()
            .filter(|((phase, _), _)| *phase == "decode")
            .map(|(_, op)| op.launches)
            .sum();
        writeln!(
            out,
            "a step: {} launches by ops and {} reads, {} of which end a round of decoding, at {} launches a round",
            launches / steps,
            reads / steps,
            rounds / steps,
            decoding / rounds.max(1)
        )?;
    }
    Ok(())
}
