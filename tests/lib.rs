//! What crosses crates: golden parity, whole runs through the binary.
