//! Caches fits for a backtest that refits a strategy on one series.
//!
//! The ensemble learns from out-of-sample forecasts of its members, so it fits each member several times, on training
//! sets whose ends are a block apart. If a backtest refits it after exactly one block, all but one of these fits can be
//! reused.

use super::Forecaster;
use crate::error::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The states of members fitted on one series with one spec and one set of parameters, by member, end of the training
/// set and phase. May be shared between threads.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Fits>);

/// Key of a fit: the member, the end of its training set, and the slot of its first phase.
pub(super) type Key = (usize, usize, usize);
type Fits = HashMap<Key, Arc<Vec<u8>>>;

impl Memo {
    /// The state of a cached fit.
    pub(super) fn recall(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Caches a fit.
    pub(super) fn keep(&self, key: Key, fitted: &dyn Forecaster) -> Result<(), Error> {
        let state = Arc::new(fitted.state()?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
        Ok(())
    }

    /// Drops the fits before `end`, which no later training reuses.
    pub fn forget_before(&self, end: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, of, _), _| *of >= end);
    }
}
