//! `recode-trainer`: train, generate, score, audit, migrate.
fn main() {}
