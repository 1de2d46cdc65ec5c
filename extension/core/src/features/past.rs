//! Regressors known up to the issue time only, such as the generation of a solar roof: their newest values and means,
//! and the newest values at the target's hour of the day. Nothing from the issue time on is read.

use super::rolling::{column, mean_by_season, values, window};
use super::{Calendar, Feature, FeatureSpec, Known};
use crate::Checkpoint;
use crate::error::Error;
use crate::series::Frame;
use polars_time::prelude::SeriesOpsTime;

/// Days in the mean of the same hour.
const DAYS: usize = 7;

/// `{name}_recent_1h`, `{name}_mean_24h`, `{name}_last_day` and `{name}_mean_7d` for each of these regressors.
pub(super) fn features(
    spec: &FeatureSpec,
    frame: &Frame,
    calendar: &Calendar,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Feature>, Error> {
    let day = frame.grid.rows_per_day();
    let mut features = Vec::with_capacity(4 * spec.past.len());
    for known in spec.past.iter().filter_map(|name| frame.regressor(name)) {
        let newest = || known.values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        let mean = values(column(&known.values).rolling_mean(window(day)))?;
        let mut add = |what: &str, known_when, values| {
            features.push(Feature::new(format!("{}_{what}", known.name), "regressor", known_when, values));
        };
        add("recent_1h", Known::AtIssue, newest());
        add("mean_24h", Known::AtIssue, mean);
        add("last_day", Known::Newest { season: 1, older: 0 }, newest());
        add(
            "mean_7d",
            Known::Newest { season: 1, older: 0 },
            mean_by_season(&known.values, calendar, 1, DAYS, checkpoint),
        );
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::super::{Sample, Table};
    use super::*;
    use crate::origin::Origin;
    use crate::testing::hourly_frame;

    #[test]
    fn a_forecast_reads_the_newest_value_and_the_same_hour_of_the_newest_day() {
        let mut frame = hourly_frame(800);
        frame.regressors[0].name = "solar_kwh".to_owned();
        let spec = FeatureSpec { past: vec!["solar_kwh".to_owned()], ..FeatureSpec::default() };
        let table = Table::new(&spec, &frame, &mut || ()).unwrap();
        let row = table.matrix(&[Sample { origin: Origin::at(500), target: 530 }], &mut || ()).unwrap();
        let at = |name: &str| row[[0, table.names().iter().position(|of| of == name).unwrap()]];
        let solar = |row: usize| frame.regressors[0].values[row] as f32;
        assert_eq!([at("solar_kwh_recent_1h"), at("solar_kwh_last_day")], [solar(499), solar(530 - 48)]);
        let mean = |values: &mut dyn Iterator<Item = f32>, count: usize| values.sum::<f32>() / count as f32;
        assert!((at("solar_kwh_mean_24h") - mean(&mut (476..500).map(solar), 24)).abs() < 1e-4);
        assert!((at("solar_kwh_mean_7d") - mean(&mut (2..9).map(|back| solar(530 - 24 * back)), 7)).abs() < 1e-4);
        assert!(!table.names().contains(&"solar_kwh".to_owned()));
    }
}
