//! `recode-trainer devices`: what there is to compute on.

use std::io::Write;

use recode_kernels::gpu::{Adapter, AdapterKind, adapters};
use serde::Serialize;

use crate::device::automatic;
use crate::report::Table;

/// List the adapters that were found, and say which one `--device auto` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    adapters: Vec<Adapter>,
    /// The index that `--device auto` takes; null: the processor.
    auto: Option<usize>,
    threads: usize,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let adapters = pollster::block_on(adapters());
    let report = Report {
        auto: automatic(&adapters),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        adapters,
    };
    let mut out = std::io::stdout();
    if args.json {
        return super::write_line(&mut out, &report);
    }
    let mut table = Table::new([
        "device",
        "name",
        "kind",
        "by",
        "driver",
        "own memory",
        "largest buffer",
    ]);
    for adapter in &report.adapters {
        let memory = match adapter.memory_bytes {
            Some(bytes) => format!("{} MiB", bytes >> 20),
            None => String::new(),
        };
        table.row([
            format!("gpu:{}", adapter.index),
            adapter.name.clone(),
            kind(adapter.kind).to_owned(),
            adapter.backend.clone(),
            adapter.driver.clone(),
            memory,
            format!("{} MiB", adapter.limits.buffer_bytes >> 20),
        ]);
    }
    table.row([
        "cpu".to_owned(),
        format!("{} threads", report.threads),
        "processor".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]);
    write!(out, "{table}")?;
    let why = match (report.auto, report.adapters.is_empty()) {
        (Some(index), _) => format!("gpu:{index}, the first that is a GPU"),
        (None, false) => "cpu: there is no GPU, and a software adapter is slower than the processor itself".to_owned(),
        (None, true) => "cpu: no adapter was found (on Debian `mesa-vulkan-drivers` has the drivers of AMD and Intel)".to_owned(),
    };
    writeln!(out, "--device auto takes {why}")?;
    Ok(())
}

fn kind(kind: AdapterKind) -> &'static str {
    match kind {
        AdapterKind::Discrete => "discrete GPU",
        AdapterKind::Integrated => "integrated GPU",
        AdapterKind::Virtual => "virtual GPU",
        AdapterKind::Other => "unknown",
        AdapterKind::Software => "software",
    }
}
