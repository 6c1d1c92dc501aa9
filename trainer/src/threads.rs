//! The threads a command computes with.

use anyhow::Context;

/// Runs `work` on `threads` threads; 0 takes every core.
///
/// # Errors
/// The threads cannot be started; what `work` returns.
pub fn with<T: Send>(
    threads: usize,
    work: impl FnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .with_context(|| format!("cannot start {threads} threads"))?
        .install(work)
}
