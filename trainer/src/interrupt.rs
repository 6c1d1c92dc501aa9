//! Ctrl-C (and SIGTERM): the first asks the run to finish its step and save, and is acknowledged; the second ends the process at once (exit
//! code 128 + the signal's number).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Whether somebody asked to stop; the default listens to no signal.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C and SIGTERM from here on.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // Order matters: the flag is still down when the first signal passes the shutdown, and up when the second does.
            flag::register_conditional_shutdown(signal, 128 + signal, interrupt.0.clone())
                .and_then(|_| flag::register(signal, interrupt.0.clone()))
                .context("cannot listen for Ctrl-C")?;
        }
        // A step may take a minute, in which nothing else says that the wish was heard.
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for Ctrl-C")?;
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                let _ = writeln!(
                    std::io::stderr(),
                    "stopping as soon as this step is done and saved; once more stops at once, without saving"
                );
            }
        });
        Ok(interrupt)
    }

    /// Asks to stop, as Ctrl-C does.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets a file that would grow over the process's limit (`ulimit -f`) be a failed write, which names it, instead of a sudden end.
///
/// # Errors
/// The system refuses the handler.
pub fn survive_size_limit() -> anyhow::Result<()> {
    #[cfg(unix)]
    flag::register(signal_hook::consts::SIGXFSZ, Arc::default())
        .context("cannot listen for SIGXFSZ")?;
    Ok(())
}
