//! From a series to a model, and from a model to a forecast.
//!
//! [`Recipe`] says how a model is to be made, [`Model::fit`] makes it of one series and [`Model::fit_panel`] of
//! several, [`Model::forecast`] asks it, [`Model::explain`] says what its answer is made of.

mod actuals;
mod bounds;
mod explain;
mod fit;
mod forecast;
mod model;
mod panel;
mod recipe;

use crate::series::Frame;
pub use fit::{Imported, Purpose};
pub use forecast::{Forecast, issue_row};
pub use model::Model;
pub use panel::Member;
pub use recipe::{MAX_HORIZON, Recipe, check_horizon};
use std::borrow::Cow;

/// The frame with at least so many rows.
fn reaching(frame: Cow<'_, Frame>, rows: usize) -> Cow<'_, Frame> {
    if frame.grid.len() >= rows {
        return frame;
    }
    let mut longer = frame.into_owned();
    longer.extend(rows);
    Cow::Owned(longer)
}
