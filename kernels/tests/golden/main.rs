//! The decoder against transformers and peft, on two tiny random models.
//!
//! The numbers and the script that made them stand in `tests/golden` of the repository; every case.json says with which
//! versions. The script computes a group of completions as whole sequences; here the same must come out of a shared prompt
//! and of a repeated one.

mod adapters;
mod case;
mod decoding;
mod handover;
mod invariants;
mod smollm2;
mod whole;
