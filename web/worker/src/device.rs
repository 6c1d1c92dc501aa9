//! What a checkpoint computes on: WebGPU where the browser has a GPU to offer, else the processor.

use anyhow::{Result, bail};
use recode_kernels::Device;
use recode_kernels::gpu::{AdapterKind, Gpu, Opening, adapters};
use serde::Serialize;

/// The parts in which weights go to a GPU: on the way there they are copied twice, in memory that a module never gives back.
const PART_BYTES: u64 = 32 << 20;

/// What was taken, and why it is no GPU where it is none.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    /// `gpu` or `cpu`.
    device: &'static str,
    /// What the browser calls the GPU, where it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Why `auto` took the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Opens `auto`, `gpu` or `cpu`. `gpu` takes a software adapter, too; `auto` never does.
///
/// # Errors
/// Another word; `gpu` where the browser offers none.
pub async fn open(choice: &str) -> Result<(Device, Chosen)> {
    let taken = match choice {
        "cpu" => return Ok(processor(None)),
        "gpu" => gpu(true).await,
        "auto" => gpu(false).await,
        other => bail!("device is {other:?}, but must be auto, gpu or cpu"),
    };
    match taken {
        Ok(taken) => Ok(taken),
        Err(error) if choice == "auto" => Ok(processor(Some(error.to_string()))),
        Err(error) => Err(error),
    }
}

fn processor(reason: Option<String>) -> (Device, Chosen) {
    let chosen = Chosen {
        device: "cpu",
        name: None,
        reason,
    };
    (Device::Cpu, chosen)
}

async fn gpu(software: bool) -> Result<(Device, Chosen)> {
    let Some(adapter) = adapters().await.into_iter().next() else {
        bail!(
            "this browser offers no WebGPU adapter: it may be switched off, or the GPU's driver may be on the browser's list of faulty ones"
        );
    };
    if adapter.kind == AdapterKind::Software && !software {
        bail!("this browser's WebGPU adapter is no GPU: the processor plays one");
    }
    let opening = Opening {
        weight_bytes: PART_BYTES,
        ..Opening::default()
    };
    let gpu = Gpu::open_with(adapter.index, opening).await?;
    let name = Some(adapter.name).filter(|name| !name.is_empty());
    let chosen = Chosen {
        device: "gpu",
        name,
        reason: None,
    };
    Ok((Device::Gpu(gpu), chosen))
}
