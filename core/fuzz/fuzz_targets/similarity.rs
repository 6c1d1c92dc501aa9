#![no_main]

#[allow(dead_code, reason = "a target runs one of the oracles")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::similarity(bytes));
