//! The kernels' checks, one by one, in a browser's worker: for tests.

#[path = "../../src/start.rs"]
mod start;

use recode_kernels::Device;
use recode_kernels::checks::ALL;
use recode_kernels::gpu::Gpu;
use wasm_bindgen::prelude::*;

/// The names of all checks.
#[wasm_bindgen(js_name = checkNames)]
pub fn check_names() -> Vec<String> {
    ALL.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Runs a check on the processor, or on the GPU; a trap where it fails.
#[wasm_bindgen]
pub async fn check(name: String, gpu: bool) -> Result<(), JsError> {
    let device = if gpu {
        Device::Gpu(Gpu::open(0).await?)
    } else {
        Device::Cpu
    };
    let (_, check) = ALL
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| JsError::new("no such check"))?;
    check(&device).await;
    Ok(())
}
