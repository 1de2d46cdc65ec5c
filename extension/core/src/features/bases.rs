//! Estimates heating and cooling base temperatures from the history.
//!
//! As a function of the daily mean temperature, the daily demand of a building is flat between two points, rises with
//! cold below the lower one and with heat above the upper one: the change-point models of PRISM (Fels, *PRISM: an
//! introduction*, 1986) and of ASHRAE Guideline 14, here with a step for days off. All pairs on a grid of half degrees
//! are tried by least squares. A base is accepted if its slope explains enough of the residual variance and there are
//! enough days on both sides.

use super::{Calendar, FeatureSpec};
use crate::series::Frame;

/// Minimum number of days with temperature and demand, and minimum number on each side of a base.
const DAYS: usize = 60;
const SIDE_DAYS: usize = 14;
/// Minimum known share of a day.
const KNOWN: f64 = 0.75;
/// Minimum share of the squared error that a slope must explain.
const EVIDENCE: f64 = 0.05;
/// Search ranges of the heating and the cooling base, and the grid step.
const HEATING: (f64, f64) = (5.0, 22.0);
const COOLING: (f64, f64) = (12.0, 30.0);
const STEP: f64 = 0.5;

struct Day {
    temperature: f64,
    off: f64,
    demand: f64,
}

/// The bases estimated from the rows before `end`; those of the spec if the rows are not informative.
pub(super) fn fit(spec: &FeatureSpec, frame: &Frame, end: usize) -> (f64, f64) {
    let configured = (spec.heating_base_c, spec.cooling_base_c);
    let days = days(spec, frame, end);
    if days.len() < DAYS {
        return configured;
    }
    let heating = candidates(HEATING, &days);
    let cooling = candidates(COOLING, &days);
    let best = |pairs: &mut dyn Iterator<Item = (Option<f64>, Option<f64>)>| {
        let tried = pairs.filter_map(|pair| Some((error(&days, pair.0, pair.1)?, pair)));
        tried.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let some = |bases: &[f64]| bases.iter().copied().map(Some).collect::<Vec<_>>();
    let (heating, cooling) = (some(&heating), some(&cooling));
    let flat = best(&mut std::iter::once((None, None)));
    let cold = best(&mut heating.iter().map(|base| (*base, None)));
    let warm = best(&mut cooling.iter().map(|base| (None, *base)));
    let apart = |pair: &(Option<f64>, Option<f64>)| pair.0 <= pair.1;
    let grid = heating.iter().flat_map(|cold| cooling.iter().map(move |warm| (*cold, *warm)));
    let both = best(&mut grid.filter(apart));
    // From the simplest model to the richest: each must improve the fit enough.
    let Some(mut chosen) = flat else { return configured };
    let simple = [cold, warm].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
    for richer in [simple, both].into_iter().flatten() {
        if richer.0 < (1.0 - EVIDENCE) * chosen.0 {
            chosen = richer;
        }
    }
    let (heating, cooling) = (chosen.1.0.unwrap_or(configured.0), chosen.1.1.unwrap_or(configured.1));
    // A configured base may lie beyond the estimated one.
    match chosen.1 {
        (Some(_), None) => (heating, cooling.max(heating)),
        (None, Some(_)) => (heating.min(cooling), cooling),
        _ => (heating, cooling),
    }
}

/// Whole days, counted back from `end`.
fn days(spec: &FeatureSpec, frame: &Frame, end: usize) -> Vec<Day> {
    let Some(temperature) = spec.ahead(frame, &spec.temperature) else { return Vec::new() };
    let (calendar, rows) = (Calendar::new(spec, frame, end), frame.grid.rows_per_day());
    let mean = |values: &[f64]| {
        let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        (known.len() as f64 >= KNOWN * rows as f64).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let day = |back: usize| {
        let rows = end - back * rows..end - (back - 1) * rows;
        let off = rows.clone().filter(|row| calendar.is_off(*row)).count() as f64 / rows.len() as f64;
        Some(Day { temperature: mean(&temperature[rows.clone()])?, off, demand: mean(&frame.target[rows])? })
    };
    (1..=end / rows).filter_map(day).collect()
}

/// The bases in a range that have enough days on both sides.
fn candidates((from, to): (f64, f64), days: &[Day]) -> Vec<f64> {
    let steps = ((to - from) / STEP) as usize;
    let bases = (0..=steps).map(|step| from + step as f64 * STEP);
    let sides = |base: &f64| {
        let colder = days.iter().filter(|day| day.temperature < *base).count();
        colder >= SIDE_DAYS && days.len() - colder >= SIDE_DAYS
    };
    bases.filter(sides).collect()
}

/// The squared error of the least-squares fit with these bases; `None` if a slope is not positive.
fn error(days: &[Day], heating: Option<f64>, cooling: Option<f64>) -> Option<f64> {
    let columns = |day: &Day| {
        let cold = heating.map_or(0.0, |base| (base - day.temperature).max(0.0));
        let warm = cooling.map_or(0.0, |base| (day.temperature - base).max(0.0));
        [1.0, day.off, cold, warm]
    };
    let mut normal = [[0.0; 5]; 4];
    for day in days {
        let row = columns(day);
        for (sums, of) in normal.iter_mut().zip(row) {
            sums.iter_mut().zip(row.into_iter().chain([day.demand])).for_each(|(sum, value)| *sum += of * value);
        }
    }
    let slopes = solve(normal);
    let positive = |base: Option<f64>, slope: f64| base.is_none() || slope > 0.0;
    if !positive(heating, slopes[2]) || !positive(cooling, slopes[3]) {
        return None;
    }
    let residual = |day: &Day| day.demand - columns(day).iter().zip(slopes).map(|(x, slope)| x * slope).sum::<f64>();
    Some(days.iter().map(|day| residual(day).powi(2)).sum()).filter(|error: &f64| error.is_finite())
}

/// Solves normal equations by elimination; the slope of a collinear column is zero.
fn solve(mut normal: [[f64; 5]; 4]) -> [f64; 4] {
    for at in 0..4 {
        let scale = normal[at][at];
        if scale.abs() < 1e-6 {
            normal[at] = [0.0; 5];
            continue;
        }
        normal[at].iter_mut().for_each(|value| *value /= scale);
        let pivot = normal[at];
        for row in (0..4).filter(|row| *row != at) {
            let factor = normal[row][at];
            normal[row].iter_mut().zip(pivot).for_each(|(value, of)| *value -= factor * of);
        }
    }
    normal.map(|row| row[4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    /// A year of a building with these bases and slopes of one, a temperature wave and a little noise.
    fn year(heating: Option<f64>, cooling: Option<f64>) -> Frame {
        let mut frame = hourly_frame(8760);
        for row in 0..8760 {
            let (day, noise) = (row as f64 / 24.0, frame.target[row] % 1.0);
            let temperature = 12.0 - 13.0 * (std::f64::consts::TAU * day / 365.0).cos() + 4.0 * (day / 3.1).sin();
            let degrees = heating.map_or(0.0, |base| (base - temperature).max(0.0))
                + cooling.map_or(0.0, |base| (temperature - base).max(0.0));
            frame.regressors[0].values[row] = temperature;
            frame.target[row] = 20.0 + degrees + noise - if day as usize % 7 >= 5 { 3.0 } else { 0.0 };
        }
        frame
    }

    fn found(frame: &Frame, end: usize) -> (f64, f64) {
        let spec = FeatureSpec { fit_bases: true, ..FeatureSpec::default() }.fitted(frame, end).unwrap();
        (spec.heating_base_c, spec.cooling_base_c)
    }

    #[test]
    fn bases_are_estimated() {
        let (heating, cooling) = found(&year(Some(14.0), Some(24.0)), 8760);
        assert!((heating - 14.0).abs() <= 0.5 && (cooling - 24.0).abs() <= 0.5, "{heating} {cooling}");
        let (heating, cooling) = found(&year(Some(15.5), None), 8760);
        assert!((heating - 15.5).abs() <= 0.5 && cooling == 22.0, "{heating} {cooling}");
    }

    #[test]
    fn a_configured_base_does_not_lie_beyond_the_estimated_one() {
        let bases = |heating, cooling, spec: FeatureSpec| {
            let spec = FeatureSpec { fit_bases: true, ..spec }.fitted(&year(heating, cooling), 8760).unwrap();
            (spec.heating_base_c, spec.cooling_base_c)
        };
        let (heating, cooling) = bases(
            Some(15.5),
            None,
            FeatureSpec { heating_base_c: 10.0, cooling_base_c: 13.0, ..FeatureSpec::default() },
        );
        assert!((heating - 15.5).abs() <= 0.5 && cooling == heating, "{heating} {cooling}");
        let (heating, cooling) = bases(None, Some(16.0), FeatureSpec::default());
        assert!((cooling - 16.0).abs() <= 0.5 && heating == cooling, "{heating} {cooling}");
    }

    #[test]
    fn sixty_days_with_three_quarters_of_their_hours_are_enough() {
        let frame = |days: usize, missing: usize| {
            let mut frame = hourly_frame(24 * days);
            for row in 0..24 * days {
                let temperature = 14.0 + 6.0 * (row as f64 / 24.0 / 3.1).sin();
                frame.regressors[0].values[row] = temperature;
                let demand = 20.0 + 3.0 * (14.0 - temperature).max(0.0);
                frame.target[row] = if row % 24 < missing { f64::NAN } else { demand };
            }
            frame
        };
        let heating = |days: usize, missing: usize| found(&frame(days, missing), 24 * days).0;
        assert_eq!([heating(59, 0), heating(60, 7)], [18.0, 18.0]);
        assert!((heating(60, 6) - 14.0).abs() <= 1.0, "{}", heating(60, 6));
    }

    /// Days with these temperatures, and a demand that rises with them.
    fn warmer(days: usize) -> Vec<Day> {
        let day = |at: usize| Day { temperature: at as f64, off: 0.0, demand: at as f64 };
        (0..days).map(day).collect()
    }

    #[test]
    fn a_base_has_two_weeks_of_days_on_either_side() {
        assert_eq!(candidates(HEATING, &warmer(30)), [13.5, 14.0, 14.5, 15.0, 15.5, 16.0]);
    }

    #[test]
    fn a_slope_is_positive() {
        let has_fit = |heating, cooling| error(&warmer(30), heating, cooling).is_some();
        assert!(has_fit(None, None) && has_fit(None, Some(15.0)));
        // Demand falls with cold, or no day is colder.
        assert!(!has_fit(Some(15.0), None) && !has_fit(Some(-1.0), None));
    }

    #[test]
    fn without_evidence_the_configured_bases_are_kept() {
        assert_eq!(found(&year(None, None), 8760), (18.0, 22.0));
        // Two months of winter without a warm day.
        assert_eq!(found(&year(Some(14.0), None), 59 * 24), (18.0, 22.0));
        let mut bare = year(Some(14.0), None);
        bare.regressors.remove(0);
        assert_eq!(found(&bare, 8760), (18.0, 22.0));
    }

    #[test]
    fn later_rows_do_not_change_a_base() {
        let frame = year(Some(14.0), None);
        let mut later = frame.clone();
        later.target[6000..].iter_mut().for_each(|value| *value *= 3.0);
        assert_eq!(found(&frame, 6000), found(&later, 6000));
    }
}
