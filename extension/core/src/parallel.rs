//! Parallel map over items, safe inside a server process.
//!
//! The threads only compute: they start with all signals blocked, call nothing in the surrounding process, and end
//! before [`map`] returns. Only the calling thread runs the caller's checkpoint, every [`POLL`]; if that unwinds, the
//! others are told to stop and unwind at their next checkpoint.
//!
//! Results are in the order of the items, and if several items fail, the first item's error is returned: the result
//! does not depend on the number of threads.

use crate::error::Error;
use crate::{Checkpoint, signals};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Maximum number of threads.
pub const MAX_WORKERS: usize = 64;
/// Interval of the caller's checkpoint.
const POLL: Duration = Duration::from_millis(50);
/// The usual stack size of a main thread.
const STACK_BYTES: usize = 8 << 20;

/// The payload with which a stopped thread unwinds.
struct Stopped;

type Outcome<R> = Result<Result<R, Error>, Box<dyn Any + Send>>;

/// Runs `work` on every item, in at most `workers` threads; a single worker is the calling thread.
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
    // Items from this one on are skipped.
    let limit = Limit(AtomicUsize::new(usize::MAX));
    let (sender, results) = mpsc::channel();
    let run = |sender: mpsc::Sender<(usize, Outcome<R>)>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at).filter(|_| limit.allows(at)) else { break };
            let mut stop = || {
                if !limit.allows(at) {
                    // Not a panic: the process' panic hook does not run in this thread.
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
    // Items are taken in order, so all items before the first failure are complete.
    outcomes.into_iter().flatten().map(|outcome| outcome.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

/// Rejects zero workers and too many.
pub fn check_workers(workers: usize) -> Result<(), Error> {
    if (1..=MAX_WORKERS).contains(&workers) {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!("workers is {workers}, not between 1 and {MAX_WORKERS}")))
}

/// The first item to skip.
struct Limit(AtomicUsize);

impl Limit {
    fn allows(&self, at: usize) -> bool {
        at < self.0.load(Ordering::Relaxed)
    }

    /// Skips the items after the failed item `at`.
    fn lower(&self, at: usize) {
        self.0.fetch_min(at + 1, Ordering::Relaxed);
    }
}

/// The threads. Dropping it, also on unwinding, stops and joins them, including their thread-local destructors.
struct Team<'scope, 'limit> {
    limit: &'limit Limit,
    threads: Vec<thread::ScopedJoinHandle<'scope, ()>>,
}

impl Drop for Team<'_, '_> {
    fn drop(&mut self) {
        self.limit.0.store(0, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // The payload of an unwound thread is among the outcomes.
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
    fn an_unwinding_checkpoint_stops_the_threads_and_no_further_item_starts() {
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
    fn the_first_items_error_is_returned_even_if_it_occurs_last() {
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
    fn a_panic_in_a_thread_propagates_to_the_caller() {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            map(&[1, 2], 2, &mut || (), |at: &i32, _| if *at == 2 { resume_unwind(Box::new("bug")) } else { Ok(*at) })
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"bug"));
    }

    #[test]
    fn zero_and_too_many_workers_are_rejected() {
        for workers in [0, MAX_WORKERS + 1] {
            let refused = map(&[()], workers, &mut || (), |(), _| Ok(()));
            assert_eq!(refused, Err(Error::InvalidArgument(format!("workers is {workers}, not between 1 and 64"))));
        }
    }

    proptest! {
        #[test]
        fn results_do_not_depend_on_the_number_of_threads(
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
