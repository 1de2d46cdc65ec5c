//! Fits that were made before, for a backtest that fits a strategy again and again on one series.
//!
//! The ensemble learns from forecasts of members that had not seen what came, so it fits each member a number of times,
//! up to ends a block apart. Where a backtest fits it anew after just such a block, all of these but one were made for
//! the fit before.

use super::Forecaster;
use crate::error::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The states of members fitted on one series with one spec and one set of parameters, by member, end of the
/// training and phase. May be shared between threads.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Fits>);

/// Which fit: the member, the end of its training set, and the slot of its first phase.
pub(super) type Key = (usize, usize, usize);
type Fits = HashMap<Key, Arc<Vec<u8>>>;

impl Memo {
    /// The state of a fit, where there was one.
    pub(super) fn recall(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Keeps a fit.
    pub(super) fn keep(&self, key: Key, fitted: &dyn Forecaster) -> Result<(), Error> {
        let state = Arc::new(fitted.state()?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
        Ok(())
    }

    /// Lets go of the fits before `end`, which no later training asks for.
    pub fn forget_before(&self, end: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, of, _), _| *of >= end);
    }
}
