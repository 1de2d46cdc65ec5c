//! Weather and all other regressors at the target hour, and features derived from temperature and irradiance.
//!
//! Heating degrees (the difference to the heating base) let a model extrapolate beyond the coldest hour of its history.
//! Walls delay the effect of the weather: demand follows an exponentially smoothed temperature, here with a half-life
//! in hours. Solar gain offsets cold, so the product of the two is a feature, as are heating degrees of the sol-air
//! temperature (ASHRAE Handbook), which adds the gain to the temperature: a cold bright day and a mild dull one need
//! similar heating, and a model that has seen only one of them can forecast the other.

use super::humidity::dew_point;
use super::rolling::ROWS_PER_CHECKPOINT;
use super::solar::clear_sky_index;
use super::{Calendar, Feature, FeatureSpec, Known};
use crate::Checkpoint;
use crate::error::Error;
use crate::series::Frame;

/// One feature per regressor that is known ahead. With a temperature also `hdd` and `cdd`, hourly and smoothed, and the
/// lags, windows, squares and interactions of the spec; with a humidity `dew_point_c`; with the `clear_sky` of each row
/// also that and the clear-sky index.
pub(super) fn features(
    spec: &FeatureSpec,
    frame: &Frame,
    calendar: &Calendar,
    clear_sky: Option<&[f64]>,
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<Feature>, Error> {
    let mut columns = Columns(Vec::new());
    for regressor in frame.regressors.iter().filter(|regressor| !spec.past.contains(&regressor.name)) {
        checkpoint();
        columns.add(&regressor.name, "regressor", regressor.values.iter().copied());
    }
    let temperature = spec.ahead(frame, &spec.temperature);
    let irradiance = spec.ahead(frame, &spec.irradiance);
    if let Some(clear_sky) = clear_sky {
        columns.add("clear_sky_w_m2", "W/m2", clear_sky.iter().copied());
        if let Some(irradiance) = irradiance {
            let both = irradiance.iter().zip(clear_sky);
            columns.add("clear_sky_index", "1", both.map(|(came, clear)| clear_sky_index(*came, *clear)));
        }
    }
    if let (Some(temperature), Some(humidity)) = (temperature, spec.ahead(frame, &spec.humidity)) {
        columns.add("dew_point_c", "degC", temperature.iter().zip(humidity).map(|(t, h)| dew_point(*t, *h)));
    }
    for (name, unit, values) in [("temperature", "degC", temperature), ("irradiance", "W/m2", irradiance)] {
        let Some(values) = values else { continue };
        for hours in &spec.weather_lags_h {
            checkpoint();
            let rows = frame.grid.rows_in_hours(*hours)?;
            let earlier = (0..values.len()).map(|row| row.checked_sub(rows).map_or(f64::NAN, |row| values[row]));
            columns.add(&format!("{name}_lag_{hours}h"), unit, earlier);
        }
        for hours in &spec.weather_windows_h {
            let rows = frame.grid.rows_in_hours(*hours)?;
            columns.add(&format!("{name}_mean_{hours}h"), unit, windows(values, rows, mean, checkpoint));
            if name == "temperature" {
                let (lowest, highest) = (|w: &[f64]| extreme(w, f64::min), |w: &[f64]| extreme(w, f64::max));
                columns.add(&format!("{name}_min_{hours}h"), unit, windows(values, rows, lowest, checkpoint));
                columns.add(&format!("{name}_max_{hours}h"), unit, windows(values, rows, highest, checkpoint));
            }
        }
    }
    let Some(temperature) = temperature else { return Ok(columns.0) };
    let heating = |t: &f64| heating_degrees(*t, spec.heating_base_c);
    let cooling = |t: &f64| cooling_degrees(*t, spec.cooling_base_c);
    columns.add("hdd", "degC", temperature.iter().map(heating));
    columns.add("cdd", "degC", temperature.iter().map(cooling));
    for hours in &spec.inertia_h {
        checkpoint();
        let smoothed = smooth(temperature, frame.grid.rows_in_hours(*hours)?);
        columns.add(&format!("hdd_smoothed_{hours}h"), "degC", smoothed.iter().map(heating));
        columns.add(&format!("cdd_smoothed_{hours}h"), "degC", smoothed.iter().map(cooling));
    }
    if spec.interactions {
        let on_weekends = |value: f64, row: usize| if calendar.is_weekend(row) { value } else { value * 0.0 };
        let rows = || temperature.iter().enumerate();
        columns.add("hdd_squared", "degC2", temperature.iter().map(|t| heating(t).powi(2)));
        columns.add("cdd_squared", "degC2", temperature.iter().map(|t| cooling(t).powi(2)));
        columns.add("hdd_weekend", "degC", rows().map(|(row, t)| on_weekends(heating(t), row)));
        columns.add("cdd_weekend", "degC", rows().map(|(row, t)| on_weekends(cooling(t), row)));
        if let Some(irradiance) = irradiance {
            columns.add("hdd_irradiance", "degC W/m2", rows().map(|(row, t)| heating(t) * irradiance[row]));
            let felt: Vec<f64> = rows().map(|(row, t)| t + spec.sun_gain_c * irradiance[row]).collect();
            for hours in spec.inertia_h.iter().filter(|_| spec.sun_gain_c > 0.0) {
                let smoothed = smooth(&felt, frame.grid.rows_in_hours(*hours)?);
                columns.add(&format!("hdd_sol_air_{hours}h"), "degC", smoothed.iter().map(heating));
                columns.add(&format!("cdd_sol_air_{hours}h"), "degC", smoothed.iter().map(cooling));
            }
        }
    }
    Ok(columns.0)
}

struct Columns(Vec<Feature>);

impl Columns {
    fn add(&mut self, name: &str, unit: &'static str, values: impl Iterator<Item = f64>) {
        let values = values.map(|value| value as f32).collect();
        self.0.push(Feature::new(name, unit, Known::Ahead, values));
    }
}

/// Degrees below the base; missing if the temperature is.
pub(crate) fn heating_degrees(temperature_c: f64, base_c: f64) -> f64 {
    degrees(base_c - temperature_c)
}

/// Degrees above the base; missing if the temperature is.
pub(crate) fn cooling_degrees(temperature_c: f64, base_c: f64) -> f64 {
    degrees(temperature_c - base_c)
}

/// The positive part; `f64::max` would turn a missing temperature into zero degrees.
fn degrees(difference: f64) -> f64 {
    if difference.is_nan() { f64::NAN } else { difference.max(0.0) }
}

/// `summary` of the known values of the window that ends at each row; missing if half of them are.
fn windows<'a>(
    values: &'a [f64],
    rows: usize,
    summary: impl Fn(&[f64]) -> f64 + 'a,
    checkpoint: Checkpoint<'a>,
) -> impl Iterator<Item = f64> + 'a {
    let mut known = Vec::with_capacity(rows);
    (1..=values.len()).map(move |end| {
        if end.is_multiple_of(ROWS_PER_CHECKPOINT) {
            checkpoint();
        }
        known.clear();
        known.extend(values[end.saturating_sub(rows)..end].iter().copied().filter(|value| !value.is_nan()));
        if 2 * known.len() < rows { f64::NAN } else { summary(&known) }
    })
}

fn mean(known: &[f64]) -> f64 {
    known.iter().sum::<f64>() / known.len() as f64
}

fn extreme(known: &[f64], of_two: impl Fn(f64, f64) -> f64) -> f64 {
    known.iter().copied().reduce(of_two).unwrap_or(f64::NAN)
}

/// Exponentially weighted mean up to each row, with the half-life in rows; missing values do not change it.
pub(crate) fn smooth(values: &[f64], half_life: usize) -> Vec<f64> {
    let keep = 0.5_f64.powf(1.0 / half_life as f64);
    values
        .iter()
        .scan(f64::NAN, |state, value| {
            *state = match (state.is_nan(), value.is_nan()) {
                (true, _) => *value,
                (false, true) => *state,
                (false, false) => keep * *state + (1.0 - keep) * value,
            };
            Some(*state)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    #[test]
    fn columns_follow_temperature_and_irradiance_at_the_target() {
        let mut frame = hourly_frame(200);
        frame.regressors[1].name = "ghi_w_m2".to_owned();
        frame.regressors[1].values = (0..200).map(|row| f64::from(row % 24) * 10.0).collect();
        frame.regressors[0].values[40] = f64::NAN;
        let spec = FeatureSpec {
            heating_base_c: 10.0,
            cooling_base_c: 5.0,
            sun_gain_c: 0.03,
            inertia_h: vec![6],
            weather_lags_h: vec![3],
            weather_windows_h: vec![2],
            interactions: true,
            time_zone: chrono_tz::UTC,
            ..FeatureSpec::default()
        };
        let of =
            |spec: &FeatureSpec| features(spec, &frame, &Calendar::new(spec, &frame, 200), None, &mut || ()).unwrap();
        let columns = of(&spec);
        let column = |name: &str| &columns.iter().find(|column| column.name == name).unwrap().values;
        let (temperature, irradiance) = (&frame.regressors[0].values, &frame.regressors[1].values);
        let felt: Vec<f64> = temperature.iter().zip(irradiance).map(|(t, ghi)| t + 0.03 * ghi).collect();
        let felt = smooth(&felt, 6);
        assert!(column("temperature_lag_3h")[2].is_nan());
        // A Tuesday and a Sunday.
        for row in [36, 156] {
            let (t, ghi) = (temperature[row], irradiance[row]);
            let (heating, cooling) = ((10.0 - t).max(0.0), (t - 5.0).max(0.0));
            let on_weekends = if row == 156 { 1.0 } else { 0.0 };
            for (name, expected) in [
                ("temperature_lag_3h", temperature[row - 3]),
                ("irradiance_mean_2h", (ghi + irradiance[row - 1]) / 2.0),
                ("temperature_min_2h", t.min(temperature[row - 1])),
                ("hdd", heating),
                ("cdd", cooling),
                ("hdd_squared", heating.powi(2)),
                ("cdd_squared", cooling.powi(2)),
                ("hdd_weekend", on_weekends * heating),
                ("cdd_weekend", on_weekends * cooling),
                ("hdd_irradiance", heating * ghi),
                ("hdd_sol_air_6h", (10.0 - felt[row]).max(0.0)),
                ("cdd_sol_air_6h", (felt[row] - 5.0).max(0.0)),
            ] {
                let ours = f64::from(column(name)[row]);
                assert!((ours - expected).abs() < 1e-5 * expected.abs().max(1.0), "{name} {row}: {ours} {expected}");
            }
        }
        assert!([36, 156].iter().any(|row| column("hdd")[*row] > 0.0 && column("cdd_sol_air_6h")[*row] > 0.0));
        // A missing temperature is not zero degrees on a weekend.
        assert!(column("hdd_weekend")[40].is_nan());
        let has = |columns: &[Feature], what: &str| columns.iter().any(|column| column.name.contains(what));
        assert!(!has(&columns, "irradiance_min") && !has(&of(&FeatureSpec { sun_gain_c: 0.0, ..spec }), "sol_air"));
    }

    #[test]
    fn half_of_a_step_is_reached_after_one_half_life() {
        let smoothed = smooth(&[0.0, 10.0, 10.0, f64::NAN], 2);
        assert!((smoothed[2] - 5.0).abs() < 1e-9, "{smoothed:?}");
        assert_eq!(smoothed[3], smoothed[2]);
    }

    #[test]
    fn a_window_ends_at_its_row_and_half_of_it_must_be_known() {
        let highest: Vec<f64> =
            windows(&[1.0, 5.0, 2.0, f64::NAN, f64::NAN], 2, |w| extreme(w, f64::max), &mut || ()).collect();
        assert_eq!(highest[..4], [1.0, 5.0, 5.0, 2.0]);
        assert!(highest[4].is_nan());
        let means: Vec<f64> = windows(&[1.0, 2.0, f64::NAN, f64::NAN], 4, mean, &mut || ()).collect();
        assert!(means[0].is_nan() && means[1..] == [1.5; 3], "{means:?}");
    }

    #[test]
    fn a_missing_temperature_is_not_zero_degrees() {
        assert!(degrees(f64::NAN).is_nan());
        assert_eq!(degrees(-3.0), 0.0);
    }
}
