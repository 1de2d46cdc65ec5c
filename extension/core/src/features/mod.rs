//! Features: one spec, one code path for training and service.
//!
//! A forecast from an origin for row `target` (so `lead = target - origin.row + 1` steps ahead) may only read targets
//! before `origin.row` that were known when it was issued. Each feature is a column on the frame's grid and a [`Known`]
//! that selects which row of it a forecast reads. The row is computed only here, in [`Table::fill`], so that no feature
//! can look ahead.
//!
//! One file per family: [`lags`], [`rolling`], [`past`], [`weather`] with [`humidity`] and [`solar`], [`calendar`].

mod bases;
mod calendar;
mod humidity;
mod known;
mod lags;
mod past;
mod rolling;
mod solar;
mod spec;
mod weather;

pub(crate) use calendar::{Calendar, DayType};
pub use known::Known;
pub(crate) use solar::{Place, Sun};
pub use spec::{FeatureSpec, Preset, SEASON_H};
pub(crate) use weather::{cooling_degrees, heating_degrees, smooth};

use crate::Checkpoint;
use crate::error::Error;
use crate::origin::Origin;
use crate::series::{Frame, Regressor};
use ndarray::{Array2, ArrayViewMut1};
use std::ops::Range;

/// Maximum number of values in one table or matrix: 600 MB.
pub(crate) const MOST_CELLS: usize = 150_000_000;

/// Rejects a table or matrix that is too large.
fn check_size(rows: usize, columns: usize) -> Result<(), Error> {
    if rows.saturating_mul(columns) <= MOST_CELLS {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "{rows} rows of up to {columns} features are more than {MOST_CELLS} numbers: give fewer rows, lags or windows, \
         or a shorter horizon"
    )))
}

/// One named column and when it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Name, stable across model versions.
    pub name: String,
    /// Unit of the value; `target` means the unit of the target.
    pub unit: &'static str,
    /// When it is known.
    pub known: Known,
    /// One value per row of the frame; NaN is missing.
    values: Vec<f32>,
}

impl Feature {
    fn new(name: impl Into<String>, unit: &'static str, known: Known, values: Vec<f32>) -> Self {
        Self { name: name.into(), unit, known, values }
    }
}

/// One sample: an origin and the target row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The forecast origin.
    pub origin: Origin,
    /// The target row; not before the origin's row.
    pub target: usize,
}

impl Sample {
    /// Steps from the last known row to the target: 1 for the first row ahead.
    pub fn lead(&self) -> usize {
        self.target - self.origin.row + 1
    }
}

/// Every feature of a spec over one frame.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    spec: &'a FeatureSpec,
    frame: &'a Frame,
    features: Vec<Feature>,
    /// Positions of the features derived from the target and from regressors known up to the issue only.
    measured: Range<usize>,
    /// Positions of the features derived from regressors.
    weather: Range<usize>,
    clear_sky: Option<Vec<f64>>,
    calendar: Calendar,
    history: usize,
}

/// The features of a family as known at one origin, and the row at which their columns start.
struct AsKnown {
    family: Range<usize>,
    first: usize,
    features: Vec<Feature>,
}

impl<'a> Table<'a> {
    /// Computes the columns of `spec` over `frame`, four bytes per row and feature; rejects tables that are too large.
    pub fn new(spec: &'a FeatureSpec, frame: &'a Frame, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        spec.check_past(frame)?;
        check_size(frame.grid.len(), spec.most_columns(frame.regressors.len()))?;
        let clear_sky = solar::clear_sky_of(spec, &frame.grid);
        let calendar = Calendar::new(spec, frame, frame.grid.len());
        let mut features = vec![Feature::new("lead", "h", Known::Lead, Vec::new())];
        features.extend(measured(spec, frame, &calendar, checkpoint)?);
        let measured = 1..features.len();
        features.extend(weather::features(spec, frame, &calendar, clear_sky.as_deref(), checkpoint)?);
        let weather = measured.end..features.len();
        features.extend(calendar::features(spec, frame, &calendar));
        tell_apart(&mut features, &weather);
        let history = spec.history(&frame.grid)?;
        Ok(Self { spec, frame, features, measured, weather, clear_sky, calendar, history })
    }

    /// The features, in matrix column order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The names, in matrix column order.
    pub fn names(&self) -> Vec<String> {
        self.features.iter().map(|feature| feature.name.clone()).collect()
    }

    /// The calendar of the frame's rows.
    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Rows of history that the longest feature reads.
    pub fn history(&self) -> usize {
        self.history
    }

    /// The matrix of `samples` (rows) by features (columns); NaN is missing. Samples of the same origin must be
    /// adjacent. Four bytes per sample and feature; rejects matrices that are too large.
    pub fn matrix(&self, samples: &[Sample], checkpoint: Checkpoint<'_>) -> Result<Array2<f32>, Error> {
        check_size(samples.len(), self.features.len())?;
        let mut matrix = Array2::from_elem((samples.len(), self.features.len()), f32::NAN);
        let mut rows = matrix.rows_mut().into_iter();
        for ahead in samples.chunk_by(|a, b| a.origin == b.origin) {
            let last = ahead.iter().map(|sample| sample.target).max().unwrap_or(0);
            let as_known = [
                self.measured_as_known(ahead[0].origin, checkpoint)?,
                self.weather_as_known(ahead[0].origin, last, checkpoint)?,
            ];
            checkpoint();
            for (sample, row) in ahead.iter().zip(rows.by_ref()) {
                self.fill(*sample, &as_known, row);
            }
        }
        Ok(matrix)
    }

    /// The target's features without rows that were not known at the issue; `None` if all were known.
    fn measured_as_known(&self, origin: Origin, checkpoint: Checkpoint<'_>) -> Result<Option<AsKnown>, Error> {
        let first = origin.row.saturating_sub(self.spec.target_memory(&self.frame.grid)?);
        let late = self.frame.late_rows(origin, first..origin.row);
        if late.is_empty() || origin.row < first + 2 {
            return Ok(None);
        }
        let rows = first..origin.row;
        let without_late = |values: &[f64]| {
            let mut values = values[rows.clone()].to_vec();
            late.iter().for_each(|row| values[row - first] = f64::NAN);
            values
        };
        let past = self.frame.regressors.iter().filter(|regressor| self.spec.past.contains(&regressor.name));
        let window = Frame {
            grid: self.frame.grid.window(first, origin.row),
            target: without_late(&self.frame.target),
            regressors: past.map(|r| Regressor { name: r.name.clone(), values: without_late(&r.values) }).collect(),
            vintages: None,
            known_at: None,
            spikes: Vec::new(),
        };
        let features = measured(self.spec, &window, &self.calendar.window(rows), checkpoint)?;
        Ok(Some(AsKnown { family: self.measured.clone(), first, features }))
    }

    /// The regressors' features as known at the issue; `None` if the frame has no forecast vintages.
    fn weather_as_known(
        &self,
        origin: Origin,
        last: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Option<AsKnown>, Error> {
        if self.frame.vintages.is_none() {
            return Ok(None);
        }
        let first = origin.row.saturating_sub(self.spec.weather_memory(&self.frame.grid)?);
        let end = (last + 1).min(self.frame.grid.len());
        let window = Frame {
            grid: self.frame.grid.window(first, end),
            target: Vec::new(),
            regressors: self.frame.regressors_as_known(origin, first..end),
            vintages: None,
            known_at: None,
            spikes: Vec::new(),
        };
        let clear_sky = self.clear_sky.as_ref().map(|values| &values[first..end]);
        let calendar = self.calendar.window(first..end);
        let features = weather::features(self.spec, &window, &calendar, clear_sky, checkpoint)?;
        Ok(Some(AsKnown { family: self.weather.clone(), first, features }))
    }

    fn fill(&self, sample: Sample, as_known: &[Option<AsKnown>; 2], mut row: ArrayViewMut1<f32>) {
        let Sample { origin, target } = sample;
        let clock = &self.calendar.clock;
        // Several features may read the same row.
        let newest = |season: usize| self.seasons_to_newest(sample, season);
        let (newest_day, newest_week) = (newest(1), newest(7));
        let newest_of_type = self.newest_of_type(sample, newest_day);
        for (at, (feature, cell)) in self.features.iter().zip(row.iter_mut()).enumerate() {
            let read = match feature.known {
                Known::Lead => {
                    *cell = self.frame.grid.lead_hours(sample.lead()) as f32;
                    continue;
                }
                Known::AtIssue => origin.row.checked_sub(1),
                Known::Lag { days, rows } => clock
                    .days_before(target, days)
                    .and_then(|day| day.checked_add_signed(-rows))
                    .filter(|at| *at < origin.row),
                Known::Newest { season, older } => {
                    let seasons = match season {
                        1 => newest_day,
                        7 => newest_week,
                        season => newest(season),
                    };
                    clock.days_before(target, (seasons + older) * season)
                }
                Known::NewestOfType => newest_of_type,
                Known::Ahead => Some(target),
            };
            let own = as_known.iter().flatten().find(|known| known.family.contains(&at));
            let (first, values) = match own {
                Some(known) => (known.first, &known.features[at - known.family.start].values),
                None => (0, &feature.values),
            };
            if let Some(value) = read.and_then(|read| values.get(read.checked_sub(first)?)) {
                *cell = *value;
            }
        }
    }

    /// Number of seasons of `season` days from the target back to the newest row before the origin.
    fn seasons_to_newest(&self, sample: Sample, season: usize) -> usize {
        let rows = season * self.frame.grid.rows_per_day();
        let near = (sample.lead().div_ceil(rows)).max(2) - 1;
        let before = |seasons: &usize| {
            self.calendar.clock.days_before(sample.target, seasons * season).is_none_or(|row| row < sample.origin.row)
        };
        (near..near + 3).find(before).unwrap_or(near + 1)
    }

    fn newest_of_type(&self, sample: Sample, newest_day: usize) -> Option<usize> {
        let off = self.calendar.is_off(sample.target);
        let days = newest_day..newest_day + 14;
        let mut rows = days.map_while(|days| self.calendar.clock.days_before(sample.target, days));
        rows.find(|row| self.calendar.is_off(*row) == off)
    }
}

/// Features of measured values: the target, and regressors known up to the issue only.
fn measured(
    spec: &FeatureSpec,
    frame: &Frame,
    calendar: &Calendar,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Feature>, Error> {
    let mut features = lags::features(spec, frame)?;
    features.extend(rolling::features(spec, frame, calendar, checkpoint)?);
    features.extend(past::features(spec, frame, calendar, checkpoint)?);
    Ok(features)
}

/// Adds a suffix to a regressor that has the name of a feature.
fn tell_apart(features: &mut [Feature], weather: &Range<usize>) {
    for at in weather.clone().filter(|at| features[*at].unit == "regressor").collect::<Vec<_>>() {
        let others = features.iter().enumerate().filter(|(other, _)| *other != at);
        if others.map(|(_, other)| &other.name).any(|name| *name == features[at].name) {
            features[at].name = format!("{} (regressor)", features[at].name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;
    use crate::vintages::{Versions, Vintages};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    /// The presets with a place for the solar features, and a last one with temperature known up to the issue only.
    static PRESETS: [LazyLock<FeatureSpec>; 4] = [
        LazyLock::new(|| placed(Preset::Basic, &[])),
        LazyLock::new(|| placed(Preset::Advanced, &[])),
        LazyLock::new(|| placed(Preset::Linear, &[])),
        LazyLock::new(|| placed(Preset::Linear, &["temperature_c"])),
    ];

    fn placed(preset: Preset, past: &[&str]) -> FeatureSpec {
        let past = past.iter().map(|name| (*name).to_owned()).collect();
        FeatureSpec { latitude: Some(47.4), longitude: Some(8.5), past, ..FeatureSpec::preset(preset) }
    }

    fn matrix(preset: usize, frame: &Frame, sample: Sample) -> Vec<u32> {
        let matrix = Table::new(&PRESETS[preset], frame, &mut || ()).unwrap().matrix(&[sample], &mut || ()).unwrap();
        matrix.iter().map(|value| value.to_bits()).collect()
    }

    fn table(frame: &Frame) -> Table<'_> {
        Table::new(&PRESETS[1], frame, &mut || ()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn later_targets_do_not_change_features(
            preset in 0_usize..4, origin in 400_usize..700, ahead in 0_usize..72,
            noise in proptest::collection::vec(-1e3..1e3_f64, 800)
        ) {
            let frame = hourly_frame(800);
            let mut later = frame.clone();
            for (value, noise) in later.target.iter_mut().zip(noise).skip(origin) {
                *value += noise;
            }
            let sample = Sample { origin: Origin::at(origin), target: origin + ahead };
            prop_assert_eq!(matrix(preset, &frame, sample), matrix(preset, &later, sample));
        }

        #[test]
        fn training_and_service_see_the_same_features(
            preset in 0_usize..4, origin in 400_usize..700, ahead in 0_usize..72
        ) {
            let frame = hourly_frame(800);
            let mut service = frame.clone();
            service.target[origin..].fill(f64::NAN);
            let sample = Sample { origin: Origin::at(origin), target: origin + ahead };
            prop_assert_eq!(matrix(preset, &frame, sample), matrix(preset, &service, sample));
        }

        #[test]
        fn later_values_of_past_regressors_do_not_change_features(
            origin in 400_usize..700, ahead in 0_usize..72, change in -30.0..30.0_f64, gone in proptest::bool::ANY
        ) {
            let frame = hourly_frame(800);
            let mut later = frame.clone();
            let changed = |value: &mut f64| if gone { *value = f64::NAN } else { *value += change };
            later.regressors[0].values[origin..].iter_mut().for_each(changed);
            let sample = Sample { origin: Origin::at(origin), target: origin + ahead };
            prop_assert_eq!(matrix(3, &frame, sample), matrix(3, &later, sample));
            later.regressors[0].values[origin - 1] += 1.0;
            prop_assert_ne!(matrix(3, &frame, sample), matrix(3, &later, sample));
        }

        #[test]
        fn weather_beyond_the_target_or_received_later_does_not_change_features(
            preset in 0_usize..4, origin in 400_usize..700, ahead in 0_usize..72, change in -30.0..30.0_f64
        ) {
            let frame = with_vintages(|_, value| value);
            let mut later = with_vintages(|received, value| if received > origin { value + change } else { value });
            let sample = Sample { origin: Origin::at(origin), target: origin + ahead };
            later.regressors[0].values[sample.target + 1..].iter_mut().for_each(|value| *value += change);
            // Actual weather differs from the forecast: ahead of the origin only the forecast is read.
            later.regressors[0].values[origin..].iter_mut().for_each(|value| *value += change);
            prop_assert_eq!(matrix(preset, &frame, sample), matrix(preset, &later, sample));
        }
    }

    /// Temperature forecasts for every hour, made 72, 48, 24 and 0 hours before.
    fn with_vintages(forecast: impl Fn(usize, f64) -> f64) -> Frame {
        let mut frame = hourly_frame(800);
        let (mut times, mut received, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for row in 72..800 {
            for age in [72, 48, 24, 0] {
                times.push(frame.grid.time(row));
                received.push(frame.grid.time(row - age));
                values.push(Some(forecast(row - age, frame.regressors[0].values[row] + age as f64 / 24.0)));
            }
        }
        let names = ["temperature_c".to_owned()];
        let versions = Versions { times: &times, received: &received, names: &names, values: &values };
        frame.vintages = Some(Vintages::new(&frame.grid, &frame.regressor_names(), &versions).unwrap());
        frame
    }

    #[test]
    fn weather_is_the_forecast_of_the_same_lead() {
        let frame = with_vintages(|_, value| value);
        let column = table(&frame).names().iter().position(|name| name == "temperature_c").unwrap();
        let at = |ahead: usize| {
            let sample = Sample { origin: Origin::at(500), target: 500 + ahead };
            f64::from(table(&frame).matrix(&[sample], &mut || ()).unwrap()[[0, column]])
                - frame.regressors[0].values[500 + ahead]
        };
        for (ahead, error) in [(0, 0.0), (1, 1.0), (24, 1.0), (25, 2.0), (49, 3.0)] {
            assert!((at(ahead) - error).abs() < 1e-5, "{ahead} rows ahead: {}", at(ahead));
        }
    }

    #[test]
    fn a_lag_is_used_wherever_it_is_known_at_that_lead() {
        let frame = hourly_frame(800);
        let table = Table::new(&PRESETS[0], &frame, &mut || ()).unwrap();
        let column = table.names().iter().position(|name| name == "lag_24h").unwrap();
        let at = |ahead: usize| {
            table.matrix(&[Sample { origin: Origin::at(500), target: 500 + ahead }], &mut || ()).unwrap()[[0, column]]
        };
        assert_eq!(at(23), frame.target[499] as f32);
        assert!(at(24).is_nan());
    }

    #[test]
    fn names_are_unique() {
        for preset in &PRESETS {
            let frame = hourly_frame(800);
            let mut names = Table::new(preset, &frame, &mut || ()).unwrap().names();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
