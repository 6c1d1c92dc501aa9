//! The transformer decoder's forward and backward pass, op by op, hand-written. Knows no text and no reward.
#![deny(missing_docs)]
