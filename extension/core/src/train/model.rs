//! A trained model and its serialisation.

use crate::artifact::{self, Header};
use crate::clean::Implausible;
use crate::error::Error;
use crate::intervals::Intervals;
use crate::model::{Forecaster, OfLeadDay, Strategy};
use crate::origin::rows_per_day;
use serde_json::Value;

/// A model that can forecast and be serialised.
pub struct Model {
    pub(super) header: Header,
    pub(super) intervals: Intervals,
    pub(super) forecaster: Box<dyn Forecaster>,
    pub(super) held_out: Value,
    pub(super) vintage_shares: Vec<f64>,
    pub(super) implausible: Vec<Implausible>,
}

impl Model {
    /// The model as bytes; see [`artifact`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let state = postcard::to_allocvec(&(&self.intervals, self.forecaster.state()?));
        artifact::encode(&self.header, &state.map_err(|error| Error::Internal(error.to_string()))?)
    }

    /// The inverse of [`Self::to_bytes`]; also reads models of earlier releases.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (header, state) = artifact::decode(bytes)?;
        let damaged = |error: String| Error::DamagedArtifact(error);
        let strategy = Strategy::parse(&header.strategy).map_err(|error| damaged(error.to_string()))?;
        let (intervals, state): (Intervals, &[u8]) =
            postcard::from_bytes(&state).map_err(|error| damaged(error.to_string()))?;
        let day = rows_per_day(header.step_seconds);
        if !intervals.is_sound(day)
            || !header.phases.is_sound(day)
            || !header.plausible.is_sound()
            || !header.learnt.is_sound()
            || !header.intraday.is_sound(day)
        {
            return Err(damaged("it has invalid values".to_owned()));
        }
        let forecaster = strategy.restore(&header.features, &header.parameters, state)?;
        let (held_out, vintage_shares, implausible) = (Value::Null, Vec::new(), Vec::new());
        Ok(Self { header, intervals, forecaster, held_out, vintage_shares, implausible })
    }

    /// Everything a forecast needs besides the fitted state.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The features that it reads, in order.
    pub fn feature_names(&self) -> Vec<String> {
        self.forecaster.feature_names()
    }

    /// Its trees in XGBoost's own format; `None` unless the strategy consists of trees only.
    pub fn boosters(&self) -> Result<Vec<OfLeadDay>, Error> {
        self.forecaster.boosters()
    }

    /// Metrics on the held-out block: `model` and `seasonal_naive` with `rmse`, `mae`, `mape_pct`; of several series,
    /// those of series without history.
    pub fn held_out(&self) -> &Value {
        &self.held_out
    }

    /// By day of lead, the share of training hours whose regressors were forecast vintages; the others used actual
    /// values.
    pub fn vintage_shares(&self) -> &[f64] {
        &self.vintage_shares
    }

    /// Implausible regressor values in training.
    pub fn implausible(&self) -> &[Implausible] {
        &self.implausible
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Strategy;
    use crate::testing::hourly_frame;
    use crate::train::{Model, Recipe};
    use serde_json::json;

    #[test]
    fn every_strategy_round_trips_and_orders_its_interval() {
        let (frame, place) = (hourly_frame(1500), json!({"latitude": 47.4, "longitude": 8.5}));
        for strategy in Strategy::ALL {
            let parameters = if strategy.name() == "xgboost" { json!({"rounds": 40}) } else { json!({}) };
            let recipe = Recipe::new(strategy.name(), &parameters, &place, 48).unwrap();
            let model = Model::fit(&recipe, &frame, 1400, &mut || ()).unwrap();
            let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
            let forecasts = again.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9], &mut || ()).unwrap();
            assert_eq!(forecasts, model.forecast(&frame, &[1400, 1450], 48, &[0.1, 0.9], &mut || ()).unwrap());
            assert_eq!(forecasts.len(), 96);
            // Right after the training there are no residuals since, and fewer hours are requested.
            assert_eq!(again.forecast(&frame, &[1400], 24, &[], &mut || ()).unwrap().len(), 24);
            assert!(forecasts.iter().all(|f| f.lower <= f.yhat && f.yhat <= f.upper && f.yhat.is_finite()));
        }
    }
}
