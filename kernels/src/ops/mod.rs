//! The decoder's ops, one room each: `mod.rs` has the equation, the shapes, the checks and the choice of device, `cpu.rs` and `gpu.rs` the
//! two implementations.
//!
//! Two promises hold for every op. A result has the same bits for any number of threads: work is cut by shape, never by
//! thread count, and no sum's order depends on who finished first. And a backward pass adds into its gradients unless its
//! documentation says otherwise.

pub mod adamw;
pub mod adapter;
pub mod add;
pub mod attention;
pub mod embedding;
pub mod exp;
#[cfg(feature = "gpu")]
pub(crate) mod gather;
mod lanes;
pub mod linear;
pub mod linear_logprob;
pub mod rms_norm;
pub mod rope;
pub mod silu_mul;
