//! Keeps signals out of new threads.
//!
//! A thread inherits the signal mask of its creator. In a database server's process, only the main thread may run
//! signal handlers, so anything that may start a thread runs with all signals blocked.

use std::ptr;

/// Runs `work` with all signals blocked in this thread, and restores the mask, also if `work` unwinds.
pub(crate) fn blocked<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the mask is the previous mask of this thread.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
        }
    }
    // SAFETY: plain data, for which zeros are valid; both sets are filled before they are read.
    let _restore = unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        Restore(before)
    };
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: i32) -> bool {
        // SAFETY: the set is filled before it is read.
        unsafe {
            let mut now = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut now);
            libc::sigismember(&now, signal) == 1
        }
    }

    #[test]
    fn new_threads_have_signals_blocked_and_the_mask_is_restored() {
        let inside = blocked(|| std::thread::spawn(|| is_blocked(libc::SIGINT) && is_blocked(libc::SIGUSR1)));
        assert!(inside.join().unwrap());
        assert!(!is_blocked(libc::SIGINT));
        let unwound = std::panic::catch_unwind(|| blocked(|| std::panic::resume_unwind(Box::new(()))));
        assert!(unwound.is_err() && !is_blocked(libc::SIGINT));
    }
}
