//! Training and forecasting.
//!
//! [`Recipe`] defines a model, [`Model::fit`] trains it on one series and [`Model::fit_panel`] on several,
//! [`Model::forecast`] forecasts with it, [`Model::explain`] explains a forecast.

mod actuals;
mod bounds;
mod explain;
mod fit;
mod forecast;
mod levels;
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

/// The frame, extended to at least `rows` rows.
fn reaching(frame: Cow<'_, Frame>, rows: usize) -> Cow<'_, Frame> {
    if frame.grid.len() >= rows {
        return frame;
    }
    let mut longer = frame.into_owned();
    longer.extend(rows);
    Cow::Owned(longer)
}
