//! Solar: forecasts the generation of a roof's panels.
//!
//! The position of the sun is known, and so is the irradiance on planes of any tilt ([`sky`]). Size and orientation of
//! the panels are usually not documented and are estimated from generation ([`panels`]), as are recent changes and
//! shading by hour ([`recent`]). Antonanzas and others, *Review of photovoltaic power forecasting*, 2016, call this a
//! hybrid of a physical and a statistical model.
//!
//! A forecast of irradiance may be accurate, or for the wrong location. So three forecasts are blended, for each day of
//! lead, with non-negative weights fitted on past days: the panels' output under the forecast irradiance; their output
//! under the usual sky, the clear-sky index of recent weeks at that hour; and the last day's deviation from it. Without
//! irradiance the latter two remain, a persistence of the clear-sky index (Bacher, Madsen and Nielsen, *Online
//! short-term solar power forecasting*, 2009).
//!
//! A forecast is never negative, is zero while the sun is down, and never exceeds the inverter limit.

mod panels;
mod recent;
mod sky;
#[cfg(test)]
mod tests;

use super::explanation::{BOUNDS, Explanation};
use super::linear::non_negative;
use super::{Definition, Forecaster, Origins, TrainingSet};
use crate::Checkpoint;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::{FeatureSpec, Place, Preset};
use crate::options;
use crate::origin::{Origin, origins};
use crate::series::{Frame, Regressor};
use ndarray::{Array1, Array2};
use panels::{Generated, Panels};
use recent::{FORECASTS, Recent, Seen, stood_still};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sky::{Sky, Weather};
use std::ops::Range;

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "solar",
    preset: Preset::Advanced,
    origins: Origins::Newest,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |_, _, grid| Ok(LEAST_DAYS * grid.rows_per_day()),
    fit: |training, checkpoint| Ok(Box::new(Solar::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Solar::restore(spec, parameters, state)?)),
    state_of_v5: None,
    space: || {
        json!({
            "half_life_days": {"low": 3, "high": 60, "log": true},
            "window_days": {"low": 84, "high": 1460, "log": true},
        })
    },
};

/// Minimum and maximum number of days before an origin that a forecast reads.
const LEAST_DAYS: usize = 14;
const RECENT_DAYS: usize = 56;
/// Minimum number of daylight hours with irradiance for it to be used.
const LEAST_KNOWN: usize = 48;
/// Ridge penalty of the blend, as a share of the mean of the Gram matrix' diagonal.
const RIDGE: f64 = 1e-3;
/// Prior probability that an outage continues the next day, and its weight in days.
const STAY: f64 = 0.8;
const STILL_DAYS: f64 = 3.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Half-life of the ratio of actual to expected generation, in days.
    half_life_days: f64,
    /// Maximum days of history used for training.
    window_days: u32,
}

impl Parameters {
    fn from_json(json: &Value) -> Result<Self, Error> {
        let read: Self = options::read("parameter", json, &Self { half_life_days: 14.0, window_days: 730 })?;
        options::check_ranges(
            "parameter",
            &[
                ("half_life_days", read.half_life_days, 1.0, 366.0),
                ("window_days", f64::from(read.window_days), 28.0, 3660.0),
            ],
        )?;
        Ok(read)
    }
}

struct Solar {
    spec: FeatureSpec,
    parameters: Parameters,
    place: Place,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    /// Fitted on generation under the actual irradiance; `None` if that is not known.
    in_weather: Option<Panels>,
    /// Fitted on generation as if the sky had always been clear.
    clear: Panels,
    by_lead_day: Vec<OfLeadDay>,
    feature_names: Vec<String>,
}

/// The fitted values for a day of lead.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct OfLeadDay {
    /// Weights of the blended forecasts.
    weights: [f64; FORECASTS],
    /// Probability that an outage continues, given one on the day before.
    stay: f64,
}

/// Expected generation in a range of rows.
struct Expected {
    sky: Sky,
    first: usize,
    /// Under the frame's weather; missing where the irradiance is.
    in_weather: Vec<f64>,
    clear: Vec<f64>,
}

fn place_of(spec: &FeatureSpec) -> Result<Place, Error> {
    Place::of(spec).ok_or_else(|| {
        Error::InvalidArgument(
            "strategy \"solar\" computes the position of the sun: give \"latitude\" and \"longitude\" of the panels in \
             features, in degrees north and east"
                .to_owned(),
        )
    })
}

/// The weather of each row of `rows`, given the regressors of the same rows.
fn weather_of(spec: &FeatureSpec, regressors: &[Regressor], rows: Range<usize>) -> Vec<Weather> {
    let column = |name: &String| {
        regressors
            .iter()
            .find(|regressor| regressor.name == *name && !spec.past.contains(name))
            .map(|found| &found.values)
    };
    let (irradiance, temperature) = (column(&spec.irradiance), column(&spec.temperature));
    let at =
        |column: Option<&Vec<f64>>, row: usize| column.and_then(|values| values.get(row)).copied().unwrap_or(f64::NAN);
    rows.map(|row| Weather { irradiance_w_m2: at(irradiance, row), temperature_c: at(temperature, row) }).collect()
}

impl Solar {
    fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let TrainingSet { frame, end, spec, .. } = training;
        let (place, parameters) = (place_of(spec)?, Parameters::from_json(training.parameters)?);
        let day = frame.grid.rows_per_day();
        let oldest = end.saturating_sub(parameters.window_days as usize * day);
        let known = (oldest..end).filter(|row| frame.target[*row].is_finite());
        if known.clone().map(|row| frame.target[row]).sum::<f64>() < 0.0 {
            return Err(Error::InvalidArgument(
                "generation must be given as positive numbers; it is negative".to_owned(),
            ));
        }
        let sky = Sky::new(place, &frame.grid, oldest..end, checkpoint);
        let weather = weather_of(spec, &frame.regressors, oldest..end);
        let came = known.filter(|row| sky.is_lit(*row)).map(|row| Generated {
            row,
            weather: weather[row - oldest],
            actual: frame.target[row],
        });
        let came: Vec<Generated> = came.collect();
        if came.is_empty() {
            return Err(Error::TooLittleHistory { need: LEAST_DAYS * day, have: 0 });
        }
        let in_weather: Vec<Generated> =
            came.iter().filter(|seen| seen.weather.irradiance_w_m2.is_finite()).copied().collect();
        let in_weather = (in_weather.len() >= LEAST_KNOWN).then(|| Panels::fit(&sky, &in_weather, day, checkpoint));
        let clear: Vec<Generated> =
            came.into_iter().map(|seen| Generated { weather: sky.clear(seen.row, seen.weather), ..seen }).collect();
        let clear = Panels::fit(&sky, &clear, day, checkpoint);
        let reads = [(&spec.irradiance, in_weather.is_some()), (&spec.temperature, true)];
        let reads = reads.into_iter().filter(|(name, read)| *read && spec.ahead(frame, name).is_some());
        let feature_names = reads.map(|(name, _)| name.clone()).collect();
        let state = State { in_weather, clear, by_lead_day: Vec::new(), feature_names };
        let mut solar = Self { spec: spec.clone(), parameters, place, state };
        solar.state.by_lead_day = solar.learn_blend(training, oldest, checkpoint);
        Ok(solar)
    }

    /// By day of lead, the optimal weights on past days that did not follow an outage.
    fn learn_blend(&self, training: TrainingSet<'_>, oldest: usize, checkpoint: Checkpoint<'_>) -> Vec<OfLeadDay> {
        let TrainingSet { frame, end, horizon, spec, phases, .. } = training;
        let day = frame.grid.rows_per_day();
        let expected = self.expected(frame, oldest..end, checkpoint);
        let clock = Clock::new(&frame.grid, spec.time_zone, end);
        let lead_days = horizon.div_ceil(day);
        let mut grams = vec![Array2::<f64>::zeros((FORECASTS, FORECASTS)); lead_days];
        let mut moments = vec![Array1::<f64>::zeros(FORECASTS); lead_days];
        let mut still = vec![(STILL_DAYS * STAY, STILL_DAYS); lead_days];
        for origin in origins(phases[0], frame, &clock, oldest + LEAST_DAYS * day..end) {
            checkpoint();
            let ahead = horizon.min(end - origin.row);
            let (stand_still, forecasts) = self.ahead(frame, &expected, origin, ahead);
            if stand_still {
                for (lead_day, (stayed, days)) in (0..ahead / day).zip(&mut still) {
                    let rows = (0..day).map(|n| origin.row + lead_day * day + n);
                    let known = rows.filter(|row| frame.target[*row].is_finite());
                    let [actual, clear] = known.fold([0.0; 2], |[actual, clear], row| {
                        [actual + frame.target[row], clear + expected.clear[row - oldest]]
                    });
                    *stayed += f64::from(u8::from(stood_still(actual, clear)));
                    *days += 1.0;
                }
                continue;
            }
            for (ahead, forecasts) in forecasts.into_iter().enumerate() {
                let actual = frame.target[origin.row + ahead];
                if actual.is_finite() {
                    let forecasts = Array1::from_iter(forecasts);
                    moments[ahead / day].scaled_add(actual, &forecasts);
                    let forecasts = forecasts.insert_axis(ndarray::Axis(1));
                    grams[ahead / day] += &forecasts.dot(&forecasts.t());
                }
            }
        }
        let mut by_lead_day = Vec::with_capacity(lead_days);
        // The forecast under the weather if available, else under the usual sky: the default without training data.
        let usual = usize::from(self.state.in_weather.is_none());
        let mut drawn_to = std::array::from_fn(|n| f64::from(u8::from(n == usual)));
        for ((gram, moments), (stayed, days)) in grams.iter_mut().zip(&mut moments).zip(still) {
            let ridge = RIDGE * gram.diag().mean().unwrap_or(0.0);
            if ridge > 0.0 {
                for (n, to) in drawn_to.iter().enumerate() {
                    gram[[n, n]] += ridge;
                    moments[n] += ridge * to;
                }
                let weights = non_negative(gram, moments);
                drawn_to = std::array::from_fn(|n| weights[n]);
            }
            by_lead_day.push(OfLeadDay { weights: drawn_to, stay: stayed / days });
        }
        by_lead_day
    }

    fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let damaged = |what: String| Error::DamagedArtifact(format!("solar's state: {what}"));
        let state: State = postcard::from_bytes(state).map_err(|error| damaged(error.to_string()))?;
        let weights = state.by_lead_day.iter().all(|of_day| {
            of_day.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
                && (0.0..=1.0).contains(&of_day.stay)
        });
        let sound = state.clear.is_sound() && state.in_weather.iter().all(Panels::is_sound);
        if !weights || !sound || state.by_lead_day.is_empty() {
            return Err(damaged("invalid values".to_owned()));
        }
        let place = place_of(spec).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, place, state })
    }

    fn expected(&self, frame: &Frame, rows: Range<usize>, checkpoint: Checkpoint<'_>) -> Expected {
        let sky = Sky::new(self.place, &frame.grid, rows.clone(), checkpoint);
        let weather = weather_of(&self.spec, &frame.regressors, rows.clone());
        let in_weather =
            rows.clone().zip(&weather).map(|(row, weather)| self.in_weather(&sky, row, *weather)).collect();
        let clear = self.clear(&sky, rows.clone(), &weather);
        Expected { first: rows.start, in_weather, clear, sky }
    }

    /// Generation under a clear sky, at the temperatures of the weather.
    fn clear(&self, sky: &Sky, rows: Range<usize>, weather: &[Weather]) -> Vec<f64> {
        let power = |(row, weather): (usize, &Weather)| self.state.clear.power(sky, row, sky.clear(row, *weather));
        rows.zip(weather).map(power).collect()
    }

    fn in_weather(&self, sky: &Sky, row: usize, weather: Weather) -> f64 {
        self.state.in_weather.as_ref().map_or(f64::NAN, |panels| panels.power(sky, row, weather))
    }

    /// Whether there was an outage on the last day before an origin, and the forecasts of each row ahead without one;
    /// zero while the sun is down.
    fn ahead(
        &self,
        frame: &Frame,
        expected: &Expected,
        origin: Origin,
        horizon: usize,
    ) -> (bool, Vec<[f64; FORECASTS]>) {
        let grid = &frame.grid;
        let (day, slot) = (grid.rows_per_day(), |row| grid.row_of_day(row));
        let first = origin.row.saturating_sub(RECENT_DAYS * day).max(expected.first);
        let target = frame.known_target(origin, first);
        let lit = (first..).zip(target.iter()).filter(|(row, actual)| actual.is_finite() && expected.sky.is_lit(*row));
        let seen = lit.map(|(row, actual)| Seen {
            slot: slot(row),
            days_ago: (origin.row - row) as f64 / day as f64,
            actual: *actual,
            in_weather: expected.in_weather[row - expected.first],
            clear: expected.clear[row - expected.first],
        });
        let recent = Recent::learn(day, self.parameters.half_life_days, &seen.collect::<Vec<_>>());
        let rows = origin.row..origin.row + horizon;
        let as_forecast = frame.vintages.as_ref().filter(|_| self.state.in_weather.is_some()).map(|_| {
            let regressors = frame.regressors_as_known(origin, origin.row..rows.end.min(grid.len()));
            weather_of(&self.spec, &regressors, 0..horizon)
        });
        let forecasts = rows.enumerate().map(|(ahead, row)| {
            if !expected.sky.is_lit(row) {
                return [0.0; FORECASTS];
            }
            let in_weather = match &as_forecast {
                Some(weather) => self.in_weather(&expected.sky, row, weather[ahead]),
                None => expected.in_weather[row - expected.first],
            };
            recent.forecasts(slot(row), in_weather, expected.clear[row - expected.first])
        });
        (recent.stood_still, forecasts.collect())
    }

    /// The contribution of each blended forecast.
    fn parts(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Array2<[f64; FORECASTS]> {
        let rows = || origins.iter().map(|origin| origin.row);
        let recent = RECENT_DAYS * frame.grid.rows_per_day();
        let first = rows().min().unwrap_or(0).saturating_sub(recent);
        let expected = self.expected(frame, first..rows().max().unwrap_or(0) + horizon, checkpoint);
        let mut parts = Array2::from_elem((origins.len(), horizon), [0.0; FORECASTS]);
        for (origin, mut leads) in origins.iter().zip(parts.rows_mut()) {
            checkpoint();
            let (stand_still, of_rows) = self.ahead(frame, &expected, *origin, horizon);
            for (ahead, (forecasts, into)) in of_rows.iter().zip(&mut leads).enumerate() {
                let lead_day = (ahead / frame.grid.rows_per_day()).min(self.state.by_lead_day.len() - 1);
                let OfLeadDay { weights, stay } = &self.state.by_lead_day[lead_day];
                let work = if stand_still { 1.0 - stay } else { 1.0 };
                *into = std::array::from_fn(|n| work * forecasts[n] * weights[n]);
            }
        }
        parts
    }

    /// The inverter limit.
    fn most(&self) -> f64 {
        self.state.clear.most().unwrap_or(f64::INFINITY)
    }
}

impl Forecaster for Solar {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let parts = self.parts(frame, origins, horizon, checkpoint);
        Ok(parts.mapv(|parts| parts.iter().sum::<f64>().clamp(0.0, self.most())))
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        let parts = self.parts(frame, origins, horizon, checkpoint);
        let names = Explanation::names_of(&[], &["(irradiance)", "(usual sky)", "(last day)", BOUNDS]);
        let mut explanation = Explanation::new(names, parts.len());
        for (row, parts) in explanation.contributions.rows_mut().into_iter().zip(&parts) {
            let sum: f64 = parts.iter().sum();
            let all = parts.iter().copied().chain([sum.clamp(0.0, self.most()) - sum]);
            row.into_iter().zip(all).for_each(|(into, part)| *into = part);
        }
        Ok(explanation)
    }

    fn feature_names(&self) -> Vec<String> {
        self.state.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn clear_sky(&self, frame: &Frame, rows: Range<usize>) -> Option<Vec<f64>> {
        let sky = Sky::new(self.place, &frame.grid, rows.clone(), &mut || ());
        Some(self.clear(&sky, rows.clone(), &weather_of(&self.spec, &frame.regressors, rows)))
    }

    fn bounds(&self, frame: &Frame, rows: Range<usize>) -> Option<Vec<(f64, f64)>> {
        let most = |row| if self.place.is_lit(&frame.grid, row) { self.most() } else { 0.0 };
        Some(rows.map(|row| (0.0, most(row))).collect())
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        postcard::to_allocvec(&self.state).map_err(|error| Error::Internal(error.to_string()))
    }
}
