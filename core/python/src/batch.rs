//! Many completions at once, on threads of their own.
//!
//! The threads live as long as the call. A pool would outlast it, and a process that Python forks (`multiprocessing`, data loaders) would
//! wait for ever for threads that the fork left behind; starting one costs less than scoring ten completions.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use recode_core::reward::{Breakdown, Reference, Rubric};

/// How long a Ctrl-C may wait for the next look.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a thread has for its stack: as much as a main thread, whatever a caller's thread has.
const STACK_BYTES: usize = 8 << 20;

/// One completion, and what it is held against.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// What the policy wrote.
    pub completion: &'a str,
    /// What it should have written.
    pub target: &'a str,
    /// What it was to change.
    pub old_code: Option<&'a str>,
    /// How long the completion is, in the unit of the rubric's `overlong`.
    pub length: Option<usize>,
}

/// Why there is no result.
pub enum Stop<E> {
    /// The caller's reason.
    Interrupted(E),
    /// Scoring the completion of this index panicked.
    Panicked(usize),
    /// No thread could be started.
    NoThread(std::io::Error),
}

/// Completions that stand together and share a row, for one thread to score.
struct Piece {
    range: Range<usize>,
    /// Made by whoever comes first, gone with the row's last piece.
    reference: Arc<OnceLock<Reference>>,
}

/// Scores every item, on at most `threads` threads; `interrupted` is asked now and then whether to give up.
pub fn score<E>(
    rubric: &Rubric,
    items: &[Item<'_>],
    threads: usize,
    mut interrupted: impl FnMut() -> Result<(), E>,
) -> Result<Vec<Breakdown>, Stop<E>> {
    let pieces = pieces(items, threads);
    let threads = threads.min(pieces.len());
    let queue = Mutex::new(pieces.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<_>| {
        while let Some(piece) = next() {
            let mut scored = Vec::with_capacity(piece.range.len());
            for index in piece.range.clone() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let breakdown = catch_unwind(AssertUnwindSafe(|| {
                    score_item(rubric, &items[index], &piece.reference)
                }));
                scored.push(breakdown.ok());
            }
            // Nobody listens any more where another piece panicked.
            if sender.send((piece.range.start, scored)).is_err() {
                return;
            }
        }
    };
    let mut breakdowns: Vec<Option<Breakdown>> = vec![None; items.len()];
    thread::scope(|scope| {
        for started in 0..threads {
            let (work, sender) = (&work, sender.clone());
            let thread = thread::Builder::new()
                .name("score".into())
                .stack_size(STACK_BYTES);
            match thread.spawn_scoped(scope, move || work(sender)) {
                Ok(_) => {}
                Err(error) if started == 0 => return Err(Stop::NoThread(error)),
                // Those that run do the work of those that could not be started.
                Err(_) => break,
            }
        }
        drop(sender);
        let mut looked = Instant::now();
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok((start, scored)) => {
                    if let Some(place) = scored.iter().position(Option::is_none) {
                        stop.store(true, Ordering::Relaxed);
                        return Err(Stop::Panicked(start + place));
                    }
                    for (place, breakdown) in scored.into_iter().enumerate() {
                        breakdowns[start + place] = breakdown;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if looked.elapsed() >= PATIENCE {
                if let Err(error) = interrupted() {
                    stop.store(true, Ordering::Relaxed);
                    return Err(Stop::Interrupted(error));
                }
                looked = Instant::now();
            }
        }
    })?;
    Ok(breakdowns.into_iter().flatten().collect())
}

fn score_item(rubric: &Rubric, item: &Item<'_>, reference: &OnceLock<Reference>) -> Breakdown {
    let prepare = || Reference::new(rubric.clone(), item.target, item.old_code);
    reference
        .get_or_init(prepare)
        .score(item.completion, item.length)
}

/// Cuts the items where the row changes, and long rows so that every thread gets some of them.
fn pieces(items: &[Item<'_>], threads: usize) -> Vec<Piece> {
    let threads = threads.clamp(1, items.len().max(1));
    let longest = items.len().div_ceil(4 * threads).max(1);
    let mut pieces = Vec::new();
    let mut start = 0;
    for row in items.chunk_by(|a, b| (a.target, a.old_code) == (b.target, b.old_code)) {
        let reference = Arc::new(OnceLock::new());
        let end = start + row.len();
        while start < end {
            let range = start..end.min(start + longest);
            start = range.end;
            let reference = Arc::clone(&reference);
            pieces.push(Piece { range, reference });
        }
    }
    pieces
}
