//! The kernels' checks, one by one, in a browser's worker: for tests.

#[path = "../../src/start.rs"]
mod start;

use recode_kernels::Device;
use recode_kernels::checks::{ALL, openings};
use recode_kernels::gpu::Gpu;
use wasm_bindgen::prelude::*;

/// The names of all checks.
#[wasm_bindgen(js_name = checkNames)]
pub fn check_names() -> Vec<String> {
    ALL.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Runs a check on the processor, or on the GPU, opened as this one of [`openings`]; a trap where it fails.
#[wasm_bindgen]
pub async fn check(name: String, opening: Option<usize>) -> Result<(), JsError> {
    let device = match opening {
        Some(index) => Device::Gpu(Gpu::open_with(0, openings()[index]).await?),
        None => Device::Cpu,
    };
    let (_, check) = ALL
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| JsError::new("no such check"))?;
    check(&device).await;
    Ok(())
}
