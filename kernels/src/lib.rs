//! The transformer decoder's forward and backward pass, op by op, hand-written. Knows no text and no reward.
#![deny(missing_docs)]

pub mod batch;
#[cfg(any(test, feature = "checks"))]
pub mod checks;
pub mod decoder;
pub mod device;
pub mod error;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod ops;
pub mod oracle;
mod packed;
mod product;
pub mod profile;
pub mod random;
pub mod tensor;

pub use batch::{Segment, Span, TokenBatch};
pub use device::Device;
pub use error::{Error, Result};
pub use packed::{PackedBf16, PackedF32};
pub use tensor::{Tensor, Weight, WeightData};
