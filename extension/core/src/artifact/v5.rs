//! Models in format 5, written by release 0.1.0: fitted for one time of day without data delays, with slots in UTC.

use super::Header;
use crate::clock::Clock;
use crate::error::Error;
use crate::features::FeatureSpec;
use crate::grid::Grid;
use crate::intervals::Intervals;
use crate::model::Strategy;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The format's version number.
pub(super) const VERSION: u16 = 5;

/// Converts a header and a state from format 5 to the current one.
pub(super) fn read(mut header: Value, state: &[u8]) -> Result<(Header, Cow<'_, [u8]>), Error> {
    let damaged = |error: &dyn std::fmt::Display| Error::DamagedArtifact(format!("of format 5: {error}"));
    let step = header["step_seconds"].as_i64().filter(|step| (1..=86_400).contains(step));
    let until = header["trained_until"].as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let zone = header["features"]["time_zone"].as_str().and_then(|zone| zone.parse::<chrono_tz::Tz>().ok());
    let (Some(step), Some(until), Some(zone)) = (step, until, zone) else {
        return Err(damaged(&"its header has invalid values"));
    };
    // Settings that format 5 lacked, set to the behaviour it had.
    header["features"]["lag_days"] = json!([]);
    header["features"]["year"] = json!(true);
    header["features"]["non_negative"] = json!(false);
    if let Some(parameters) = header["parameters"].as_object_mut() {
        // The feature calendar now defines holidays.
        parameters.retain(|name, _| name != "holiday" && name != "holidays");
    }
    if let Some(members) = header["parameters"].get_mut("members").and_then(Value::as_array_mut) {
        for parameters in members.iter_mut().filter_map(|member| member.get_mut("parameters")?.as_object_mut()) {
            parameters.retain(|name, _| name != "holiday" && name != "holidays");
        }
    }
    let grid = Grid::from_times(&[until, until + TimeDelta::seconds(step)])?;
    let clock = Clock::new(&grid, zone, 1);
    let (slot, day) = (clock.slot(0), clock.rows_per_day());
    header["phases"] = json!([{"slot": slot, "delay": 0}]);
    header["availability_seconds"] = Value::Null;
    header["floor"] = Value::Null;
    header["plausible"] = json!([]);
    header["intraday"] = json!({"spread": [], "covariance": [], "gain": []});
    header["learnt"] = json!({"target": null, "regressors": []});
    let header: Header = serde_json::from_value(header).map_err(|error| damaged(&error))?;
    let strategy = Strategy::parse(&header.strategy).map_err(|error| damaged(&error))?;
    let (intervals, state): (Intervals, &[u8]) = postcard::from_bytes(state).map_err(|error| damaged(&error))?;
    let intervals = intervals.turned((slot + day - grid.row_of_day(0)) % day);
    let state = strategy.state_of_v5(&header.features, &header.parameters, state, slot)?;
    let state = postcard::to_allocvec(&(intervals, state)).map_err(|error| Error::Internal(error.to_string()))?;
    Ok((header, Cow::Owned(state)))
}

impl FeatureSpec {
    /// The linear preset of format 5 for the same place, which ensemble members were trained with.
    pub(crate) fn linear_of_v5(&self) -> Self {
        let days = |days: std::ops::RangeInclusive<u32>| days.map(|day| 24 * day);
        Self {
            lags_h: days(1..=7).chain(156..=167).chain(169..=180).chain(days(8..=14)).collect(),
            lag_days: Vec::new(),
            ..self.with_preset(crate::features::Preset::Linear)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::hourly_frame;
    use crate::train::Model;
    use serde_json::Value;

    /// Models and forecasts written by release 0.1.0: one of each strategy, trained on the first 1500 hours.
    #[test]
    fn models_of_format_5_forecast_as_they_did() {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/tests/golden/format-5";
        let mut read = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "edfm") {
                continue;
            }
            let model = Model::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
            let expected: Vec<Value> =
                serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
            let forecasts =
                model.forecast(&hourly_frame(1700), &[1500, 1524, 1596], 24, &[0.1, 0.9], &mut || ()).unwrap();
            assert_eq!(forecasts.len(), expected.len());
            // The ensemble refits its corrections by local hour.
            let near = if model.header().strategy == "ensemble" { 0.6 } else { 1e-4 };
            for (ours, theirs) in forecasts.iter().zip(&expected) {
                assert_eq!([ours.issued, ours.lead].map(|n| n as u64), [0, 1].map(|at| theirs[at].as_u64().unwrap()));
                let yhat = theirs[2].as_f64().unwrap();
                assert!((ours.yhat - yhat).abs() < near, "{}: {ours:?} for {theirs}", path.display());
                let width = [ours.upper - ours.lower, theirs[4].as_f64().unwrap() - theirs[3].as_f64().unwrap()];
                assert!((width[0] / width[1] - 1.0).abs() < 0.5, "{}: {ours:?} for {theirs}", path.display());
            }
            // It can be stored in the current format.
            let again = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
            let again = again.forecast(&hourly_frame(1700), &[1500, 1524, 1596], 24, &[0.1, 0.9], &mut || ()).unwrap();
            assert_eq!(again, forecasts);
            read += 1;
        }
        assert_eq!(read, 9);
    }
}
