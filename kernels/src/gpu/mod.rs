//! GPUs: which there are, how one is opened, and the memory of its numbers.
//!
//! Kernels are written in CubeCL and run on whatever wgpu reaches: Vulkan, Metal, DX12, and WebGPU in browsers. Each op's kernels stand
//! beside its CPU implementation, as `ops/<op>/gpu.rs`.
//!
//! # What every kernel keeps to
//! So that one source runs everywhere: at most 256 units a cube, 7 buffers and 16 KiB of shared memory; no float atomics, each result has one
//! owner; cube counts are folded below 65,536 an axis; sums in f32, bf16 weights as pairs in u32 words; no logic on NaN or infinity, which
//! compilers fold away.

mod adapter;
mod buffer;
pub(crate) mod columns;
mod device;
mod fill;
mod memory;
pub(crate) mod product;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod rates;
pub(crate) mod reduce;
mod refused;
mod registers;
mod side_by_side;
pub(crate) mod thin;
mod weight;

pub use adapter::{Adapter, AdapterKind, Limits, adapters};
pub use buffer::Buffer;
pub(crate) use device::{CUBE_UNITS, LAUNCH_ROUNDS, grid, unit_each};
pub use device::{Gpu, Opening};
pub use memory::Memory;
pub(crate) use side_by_side::joined;
pub use weight::GpuWeight;
