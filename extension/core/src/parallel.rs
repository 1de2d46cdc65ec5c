//! The same work over many items, by several threads, safe inside a server's process.
//!
//! The threads compute and nothing else: they start with all signals blocked, call nothing of the process around
//! them, and end before [`map`] returns. Only the calling thread runs the caller's checkpoint, every
//! [`POLL`]; where that unwinds, the others are told to stop and unwind at their next one.
//!
//! Results stand in the order of the items, and of several failures the first item's is returned: what comes out
//! does not depend on the number of threads.

use crate::error::Error;
use crate::{Checkpoint, signals};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Most threads.
pub const MAX_WORKERS: usize = 64;
/// How long the caller's checkpoint waits for its turn.
const POLL: Duration = Duration::from_millis(50);
/// As much as a main thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// Unwound by a thread that was told to stop.
struct Stopped;

type Outcome<R> = Result<Result<R, Error>, Box<dyn Any + Send>>;

/// `work` on every item, by at most `workers` threads; one alone is the calling thread.
pub fn map<T: Sync, R: Send>(
    items: &[T],
    workers: usize,
    checkpoint: Checkpoint<'_>,
    work: impl Fn(&T, Checkpoint<'_>) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    check_workers(workers)?;
    if workers.min(items.len()) <= 1 {
        return items.iter().map(|item| work(item, checkpoint)).collect();
    }
    let next = AtomicUsize::new(0);
    // Items from this one on are not wanted any more.
    let limit = Limit(AtomicUsize::new(usize::MAX));
    let (sender, results) = mpsc::channel();
    let run = |sender: mpsc::Sender<(usize, Outcome<R>)>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at).filter(|_| limit.allows(at)) else { break };
            let mut stop = || {
                if !limit.allows(at) {
                    // Not a panic: no hook of the process around runs in this thread.
                    resume_unwind(Box::new(Stopped));
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| work(item, &mut stop)));
            if !matches!(outcome, Ok(Ok(_))) {
                limit.lower(at);
            }
            if sender.send((at, outcome)).is_err() {
                break;
            }
        }
    };
    let mut outcomes: Vec<Option<Outcome<R>>> = items.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let mut team = Team { limit: &limit, threads: Vec::new() };
        signals::blocked(|| {
            for _ in 0..workers.min(items.len()) {
                let sender = sender.clone();
                let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || run(sender));
                team.threads.push(
                    thread.map_err(|error| Error::NotSupported(format!("a thread could not be started: {error}")))?,
                );
            }
            Ok(())
        })?;
        drop(sender);
        loop {
            match results.recv_timeout(POLL) {
                Ok((at, outcome)) => outcomes[at] = Some(outcome),
                Err(mpsc::RecvTimeoutError::Timeout) => (),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
            checkpoint();
        }
    })?;
    // Items are taken in order, so that all before the first failure have come to their end.
    outcomes.into_iter().flatten().map(|outcome| outcome.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

/// Refuses no worker and too many.
pub fn check_workers(workers: usize) -> Result<(), Error> {
    if (1..=MAX_WORKERS).contains(&workers) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!("workers is {workers}, not between 1 and {MAX_WORKERS}")))
}

/// The first item that is not wanted.
struct Limit(AtomicUsize);

impl Limit {
    fn allows(&self, at: usize) -> bool {
        at < self.0.load(Ordering::Relaxed)
    }

    /// Items after `at` are not wanted: it failed.
    fn lower(&self, at: usize) {
        self.0.fetch_min(at + 1, Ordering::Relaxed);
    }
}

/// The threads. They are told to stop and waited for when it goes out of scope, also where the caller unwinds: until
/// the last of them has left the process, with what it kept for itself.
struct Team<'scope, 'limit> {
    limit: &'limit Limit,
    threads: Vec<thread::ScopedJoinHandle<'scope, ()>>,
}

impl Drop for Team<'_, '_> {
    fn drop(&mut self) {
        self.limit.0.store(0, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What a thread unwound with stands among the outcomes.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;

    fn failure(at: usize) -> Error {
        Error::Internal(at.to_string())
    }

    #[test]
    fn a_checkpoint_that_unwinds_stops_the_threads_and_nothing_else_is_begun() {
        let begun = AtomicUsize::new(0);
        let asked = Instant::now();
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            let mut polls = 0;
            let mut checkpoint = || {
                polls += 1;
                if polls == 2 {
                    resume_unwind(Box::new("cancelled"));
                }
            };
            map(&[(); 100], 4, &mut checkpoint, |(), checkpoint| -> Result<(), Error> {
                begun.fetch_add(1, Ordering::Relaxed);
                loop {
                    checkpoint();
                    thread::sleep(Duration::from_millis(1));
                }
            })
        }));
        assert_eq!(stopped.unwrap_err().downcast_ref(), Some(&"cancelled"));
        assert_eq!(begun.into_inner(), 4);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }

    #[test]
    fn of_several_failures_the_first_items_is_returned_even_if_it_comes_last() {
        for workers in [1, 4] {
            let failed = map(&[0, 1, 2, 3, 4, 5], workers, &mut || (), |at: &usize, _| match at {
                1 => {
                    thread::sleep(Duration::from_millis(100));
                    Err(failure(1))
                }
                3 => Err(failure(3)),
                _ => Ok(()),
            });
            assert_eq!(failed, Err(failure(1)));
        }
    }

    #[test]
    fn a_panic_in_a_thread_is_one_of_the_caller() {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            map(&[1, 2], 2, &mut || (), |at: &i32, _| if *at == 2 { resume_unwind(Box::new("bug")) } else { Ok(*at) })
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"bug"));
    }

    #[test]
    fn no_worker_and_too_many_are_refused() {
        for workers in [0, MAX_WORKERS + 1] {
            let refused = map(&[()], workers, &mut || (), |(), _| Ok(()));
            assert_eq!(refused, Err(Error::InvalidArgument(format!("workers is {workers}, not between 1 and 64"))));
        }
    }

    proptest! {
        #[test]
        fn the_number_of_threads_changes_nothing(
            items in proptest::collection::vec((0..50_u32, any::<bool>()), 0..40), workers in 2..9_usize
        ) {
            let work = |(value, _): &(u32, bool), _: Checkpoint<'_>| match value {
                0 => Err(failure(0)),
                1 => Err(failure(1)),
                value => Ok(value * 2),
            };
            prop_assert_eq!(map(&items, 1, &mut || (), work), map(&items, workers, &mut || (), work));
        }
    }
}
