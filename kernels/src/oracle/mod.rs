//! Every op once more, in f64 and plain loops: what the fast implementations and their gradients are compared with.
//!
//! Slow on purpose. Nothing here is called outside tests and benchmarks.
