//! The transformer decoder's forward and backward pass, op by op, hand-written. Knows no text and no reward.
#![deny(missing_docs)]

pub mod error;
pub mod ops;
pub mod oracle;
pub mod tensor;

pub use error::{Error, Result};
pub use tensor::{Tensor, Weight, WeightData};
