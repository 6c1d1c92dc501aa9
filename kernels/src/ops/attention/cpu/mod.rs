//! On the CPU: tiles of queries in vector lanes against tiles of keys.
//!
//! Work is cut by shape, never by the number of threads; a task writes what no other task writes, and sums over tasks are
//! formed in a fixed order.

mod backward;
mod decode;
mod forward;
mod parts;
mod probabilities;
mod product;
mod tile;

pub(in crate::ops::attention) use backward::backward;
pub(in crate::ops::attention) use decode::decode;
pub(in crate::ops::attention) use forward::forward;
