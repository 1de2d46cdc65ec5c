//! Signals stay with the thread that was there first.
//!
//! A thread inherits the mask of the one that starts it. In a database server's process, signals are handlers that
//! only the process' own thread may run; so whatever may start a thread runs with all of them blocked.

use std::ptr;

/// Runs `work` with all signals blocked in this thread, and puts its mask back, also where `work` unwinds.
pub(crate) fn blocked<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the mask is this thread's own, as it was before.
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
    fn a_thread_started_inside_gets_no_signal_and_the_starter_gets_them_again() {
        let inside = blocked(|| std::thread::spawn(|| is_blocked(libc::SIGINT) && is_blocked(libc::SIGUSR1)));
        assert!(inside.join().unwrap());
        assert!(!is_blocked(libc::SIGINT));
        let unwound = std::panic::catch_unwind(|| blocked(|| std::panic::resume_unwind(Box::new(()))));
        assert!(unwound.is_err() && !is_blocked(libc::SIGINT));
    }
}
