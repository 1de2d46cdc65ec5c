//! Quantiles of a sum of series.
//!
//! The 95 % quantile of a sum is not the sum of the 95 % quantiles: errors of neighbouring houses move together in an
//! unforeseen cold snap, and cancel out where they are independent. What matters is the joint distribution. The
//! residuals of the same forecasts at the same origins sample it: summed over the series they are the residuals of the
//! sum, and give its quantiles like those of a single series (see [`crate::intervals`]), by day of lead, with a profile
//! over the day, newer ones weighted higher. No dependence structure is assumed.

use crate::Checkpoint;
use crate::error::Error;
use crate::grid::DAY_SECONDS;
use crate::intervals::{Ahead, Intervals, Residual, check_levels};
use chrono::{DateTime, TimeDelta, Utc};

/// No level is assumed: the spread is that of the residuals alone.
const NO_LEVEL: f64 = 1.0;

/// The sum of the residuals of the forecasts of all series, issued at one time for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointResidual {
    /// When the forecasts were issued.
    pub issued_at: DateTime<Utc>,
    /// Hours from the issue to the end of the step.
    pub lead_hours: f64,
    /// Sum of the actuals minus sum of the forecasts.
    pub error: f64,
}

/// The sum of the forecasts of all series for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointForecast {
    /// Start of the step.
    pub valid_at: DateTime<Utc>,
    /// Hours from the issue to the end of the step.
    pub lead_hours: f64,
    /// Sum of the forecasts.
    pub yhat: f64,
}

/// The distribution of the sum.
#[derive(Debug, Clone, PartialEq)]
pub struct JointFan {
    /// When the forecast was issued.
    pub issued_at: DateTime<Utc>,
    /// Lower bound of the 90 % interval.
    pub lower: f64,
    /// Upper bound of the 90 % interval.
    pub upper: f64,
    /// The quantiles asked for.
    pub quantiles: Vec<f64>,
    /// Number of origins of the residuals used.
    pub origins: usize,
}

/// The distribution of each forecast, in order; only residuals known when it was issued count.
pub fn fans(
    forecasts: &[JointForecast],
    residuals: &[JointResidual],
    levels: &[f64],
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<JointFan>, Error> {
    check_levels(levels)?;
    let leads = forecasts.iter().map(|f| f.lead_hours).chain(residuals.iter().map(|r| r.lead_hours));
    let step = common_step(leads)?;
    let mut fans = vec![None; forecasts.len()];
    let issued: Vec<DateTime<Utc>> = forecasts.iter().map(|f| f.valid_at + step - seconds(f.lead_hours)).collect();
    let mut order: Vec<usize> = (0..forecasts.len()).collect();
    order.sort_by_key(|at| (issued[*at], *at));
    for together in order.chunk_by(|a, b| issued[*a] == issued[*b]) {
        checkpoint();
        let now = issued[together[0]];
        let known = residuals.iter().filter(|r| r.issued_at + seconds(r.lead_hours) <= now);
        let known: Vec<JointResidual> = known.copied().collect();
        let history = History::new(&known, step, now, checkpoint)?;
        let fan = history.intervals.fan(history.origin);
        for at in together {
            let JointForecast { lead_hours, yhat, .. } = forecasts[*at];
            let ahead =
                Ahead { lead: steps(lead_hours, step), slot: slot(forecasts[*at].valid_at, step), level: NO_LEVEL };
            let (lower, upper) = fan.interval(ahead, yhat);
            let quantiles = fan.quantiles(ahead, yhat, levels);
            fans[*at] = Some(JointFan { issued_at: now, lower, upper, quantiles, origins: history.origins });
        }
    }
    Ok(fans.into_iter().flatten().collect())
}

/// The residuals known at one time.
struct History {
    intervals: Intervals,
    /// In seconds since 1970, shifted back by whole days to the end of the residuals: if all are old, none is
    /// down-weighted.
    origin: i64,
    origins: usize,
}

impl History {
    fn new(
        known: &[JointResidual],
        step: TimeDelta,
        now: DateTime<Utc>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, Error> {
        let known_at = |r: &JointResidual| r.issued_at + seconds(r.lead_hours);
        let newest = known.iter().map(known_at).max().ok_or(Error::NoJointResidual)?;
        let residual = |r: &JointResidual| Residual {
            origin_at: r.issued_at.timestamp(),
            known_at: known_at(r).timestamp(),
            lead: steps(r.lead_hours, step),
            slot: slot(known_at(r) - step, step),
            error: r.error,
            level: NO_LEVEL,
        };
        let residuals: Vec<Residual> = known.iter().map(residual).collect();
        let horizon = residuals.iter().map(|residual| residual.lead).max().unwrap_or(1);
        let mut issued: Vec<i64> = residuals.iter().map(|residual| residual.origin_at).collect();
        issued.sort_unstable();
        issued.dedup();
        let intervals = Intervals::learn((DAY_SECONDS / step.num_seconds()) as usize, horizon, &residuals, checkpoint);
        let origin = (now - TimeDelta::days((now - newest).num_days())).timestamp();
        Ok(Self { intervals, origin, origins: issued.len() })
    }
}

/// The step of the UTC day that starts at `time`: the series may have different time zones.
fn slot(time: DateTime<Utc>, step: TimeDelta) -> usize {
    (time.timestamp().rem_euclid(DAY_SECONDS) / step.num_seconds()) as usize
}

/// A lead in steps.
fn steps(lead_hours: f64, step: TimeDelta) -> usize {
    (seconds(lead_hours).num_seconds() / step.num_seconds()) as usize
}

/// The longest step, up to a day, that divides all leads.
pub(crate) fn common_step(leads: impl Iterator<Item = f64>) -> Result<TimeDelta, Error> {
    let mut step = DAY_SECONDS;
    for lead in leads {
        if !(lead > 0.0 && lead < 8784.0) || seconds(lead) < TimeDelta::seconds(1) {
            return Err(Error::InvalidArgument(format!(
                "lead_hours is {lead}: hours ahead lie between a second and 8784 hours"
            )));
        }
        let (mut a, mut b) = (step, seconds(lead).num_seconds());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        step = a;
    }
    Ok(TimeDelta::seconds(step))
}

pub(crate) fn seconds(hours: f64) -> TimeDelta {
    TimeDelta::seconds((hours * 3600.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn start() -> DateTime<Utc> {
        "2026-01-01T05:00:00Z".parse().unwrap()
    }

    /// Forecasts of 48 hours, issued once a day.
    fn residuals(errors: &[f64]) -> Vec<JointResidual> {
        let residual = |(at, error): (usize, &f64)| JointResidual {
            issued_at: start() + TimeDelta::days((at / 48) as i64),
            lead_hours: (at % 48 + 1) as f64,
            error: *error,
        };
        errors.iter().enumerate().map(residual).collect()
    }

    fn forecast(day: i64, lead: i64) -> JointForecast {
        let valid_at = start() + TimeDelta::days(day) + TimeDelta::hours(lead - 1);
        JointForecast { valid_at, lead_hours: lead as f64, yhat: 100.0 }
    }

    #[test]
    fn unknown_residuals_do_not_count_and_uniformly_old_ones_count_fully() {
        let all = residuals(&(0..48 * 60).map(|at| ((at * 37) % 101) as f64 - 50.0).collect::<Vec<_>>());
        let fan = |day| fans(&[forecast(day, 30)], &all, &[0.05, 0.95], &mut || ()).unwrap().remove(0);
        assert_eq!([fan(10).origins, fan(70).origins], [10, 60]);
        let mut later = all.clone();
        later
            .iter_mut()
            .filter(|r| r.issued_at + seconds(r.lead_hours) > start() + TimeDelta::days(10))
            .for_each(|r| r.error *= 9.0);
        assert_eq!(fans(&[forecast(10, 30)], &later, &[0.05, 0.95], &mut || ()).unwrap().remove(0), fan(10));
        assert_eq!(fan(700).quantiles, fan(70).quantiles);
        assert_eq!(fans(&[forecast(0, 1)], &all, &[], &mut || ()), Err(Error::NoJointResidual));
    }

    #[test]
    fn invalid_leads_are_rejected_and_any_step_is_accepted() {
        for lead in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            let bad = JointForecast { lead_hours: lead, ..forecast(5, 1) };
            assert!(fans(&[bad], &residuals(&[1.0; 480]), &[], &mut || ()).is_err(), "{lead}");
        }
        let quarters: Vec<_> =
            residuals(&[1.0; 480]).iter().map(|r| JointResidual { lead_hours: r.lead_hours / 4.0, ..*r }).collect();
        let quarter = JointForecast { lead_hours: 0.25, ..forecast(20, 1) };
        let fan = fans(&[quarter], &quarters, &[0.5], &mut || ()).unwrap().remove(0);
        assert_eq!((fan.issued_at, fan.quantiles[0]), (start() + TimeDelta::days(20), 101.0));
    }

    proptest! {
        #[test]
        fn quantiles_ascend_follow_the_forecast_and_do_not_depend_on_the_order(
            errors in proptest::collection::vec(-1e3..1e3_f64, 48..480), turn in 0..48_usize, lead in 1..49_i64
        ) {
            let levels = [0.05, 0.25, 0.5, 0.75, 0.95];
            let known = residuals(&errors);
            let mut turned = known.clone();
            turned.rotate_left(turn);
            let asked = [forecast(60, lead), JointForecast { yhat: 0.0, ..forecast(60, lead) }];
            let found = fans(&asked, &known, &levels, &mut || ()).unwrap();
            prop_assert!(found[0].quantiles.is_sorted() && found[0].lower <= 100.0 && found[0].upper >= 100.0);
            for (high, low) in found[0].quantiles.iter().zip(&found[1].quantiles) {
                prop_assert!((high - low - 100.0).abs() < 1e-6);
            }
            let other = fans(&asked, &turned, &levels, &mut || ()).unwrap();
            for (one, other) in found[0].quantiles.iter().zip(&other[0].quantiles) {
                prop_assert!((one - other).abs() < 1e-6 * one.abs().max(1.0));
            }
        }
    }
}
