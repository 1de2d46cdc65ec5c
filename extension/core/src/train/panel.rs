//! Trains one model on several series (a global model).
//!
//! The intervals and metrics are those of a series without history: the series are split into [`FOLDS`] folds; a model
//! of the other folds, fitted on the data before the newest eight weeks (of a short history, before its newest third),
//! forecasts each series of a fold as if it had just started, for a week from each of two starts within these weeks. So
//! no score depends on other series of the same weeks. The scores of seasonal naive are reported for comparison; it
//! uses the previous week, which a new series lacks.

use super::actuals::{Actual, actuals, residuals, scores};
use super::bounds::{Bounds, floor};
use super::fit::HELD_OUT_DAYS;
use super::{Model, Recipe, reaching};
use crate::Checkpoint;
use crate::artifact::Header;
use crate::clean::Plausible;
use crate::clock::Clock;
use crate::confidence::Learnt;
use crate::error::Error;
use crate::grid::rfc3339;
use crate::intervals::Intervals;
use crate::intraday::Intraday;
use crate::lives::lives;
use crate::model::TrainingSet;
use crate::origin::Phase;
use crate::series::Frame;
use serde_json::json;

/// Maximum number of models fitted for the intervals.
const FOLDS: usize = 4;
/// Minimum number of known days of a training series.
const LEAST_DAYS: usize = 8;
/// Days from its start over which the errors of a new series count.
const NEW_DAYS: usize = 7;

/// A named series.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name.
    pub name: String,
    /// The series; all of its known targets are used for training.
    pub frame: Frame,
}

impl Model {
    /// Fits one model on all `members`. Those with less than eight days of demand are skipped and reported in
    /// [`Self::held_out`].
    pub fn fit_panel(recipe: &Recipe, members: &[Member], checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        check_alike(members)?;
        let known_rows = |frame: &Frame| frame.target.iter().filter(|value| value.is_finite()).count();
        let (taught, left_out): (Vec<&Member>, Vec<&Member>) = members
            .iter()
            .partition(|member| known_rows(&member.frame) >= LEAST_DAYS * member.frame.grid.rows_per_day());
        if taught.len() < 2 {
            return Err(Error::InvalidArgument(format!(
                "a global model needs two or more series with {LEAST_DAYS} days of known demand, there are {}",
                taught.len()
            )));
        }
        let grid = taught[0].frame.grid;
        let day = grid.rows_per_day();
        let spec = recipe.features.for_step(&grid)?;
        let phases = phases_of_panel(recipe, taught[0]);
        let reach = recipe.horizon + phases.longest_gap(day);
        let trainings: Vec<TrainingSet<'_>> =
            taught.iter().map(|member| training_of(recipe, &spec, phases.all(), reach, member)).collect();
        let forecaster = recipe.strategy.fit_panel(&trainings, checkpoint)?;
        let floor = floor(&spec, &taught.iter().flat_map(|m| m.frame.target.iter().copied()).collect::<Vec<_>>());
        let folds = FOLDS.min(trainings.len());
        let (mut learnt, mut all, mut naive) = (Vec::new(), Vec::<Actual>::new(), Vec::new());
        let (mut from, mut to, mut origins) = (i64::MAX, i64::MIN, 0);
        let newest = |set: &TrainingSet<'_>| (set.end / day / 3).clamp(1, HELD_OUT_DAYS);
        for fold in 0..folds {
            let of_fold = |inside: bool| {
                let mine = trainings.iter().enumerate().filter(move |(at, _)| (at % folds == fold) == inside);
                mine.map(|(_, training)| *training).collect::<Vec<_>>()
            };
            let earlier = |set: TrainingSet<'_>| set.end - newest(&set) * day;
            let others: Vec<TrainingSet<'_>> =
                of_fold(false).into_iter().map(|set| TrainingSet { end: earlier(set), ..set }).collect();
            let others = recipe.strategy.fit_panel(&others, checkpoint)?;
            for newcomer in of_fold(true) {
                let clock = Clock::new(&newcomer.frame.grid, spec.time_zone, newcomer.end);
                let first = &phases.all()[..1];
                for mut life in lives(newcomer.frame, &clock, newcomer.end, newest(&newcomer), first, &spec)? {
                    checkpoint();
                    life.origins.truncate(NEW_DAYS);
                    let frame = reaching(life.frame(newcomer.frame), life.end() + reach);
                    let clock = Clock::new(&frame.grid, spec.time_zone, frame.grid.len());
                    let mut forecasts = others.predict(&frame, &life.origins, reach, checkpoint)?;
                    Bounds::new(others.as_ref(), &frame, &life.origins, reach, floor)
                        .apply(&life.origins, &mut forecasts);
                    let actuals: Vec<Actual> = actuals(&frame, &life.origins, &forecasts, life.end()).collect();
                    learnt.extend(residuals(others.as_ref(), &frame, &clock, &actuals));
                    naive.extend(actuals.iter().filter_map(|actual| week_before(newcomer.frame, &frame, actual)));
                    all.extend(actuals);
                    let time = |row: usize| frame.grid.time(row).timestamp();
                    from = from.min(life.origins.first().map_or(i64::MAX, |origin| time(origin.issued)));
                    to = to.max(time(life.end()));
                    origins += life.origins.len();
                }
            }
        }
        let hours = |rows: usize| rows as f64 * grid.step().num_seconds() as f64 / 3600.0;
        let time = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).map(rfc3339);
        let held_out = json!({
            "from": time(from),
            "to": time(to),
            "origins": origins,
            "series": taught.len(),
            "left_out": left_out.iter().map(|member| &member.name).collect::<Vec<_>>(),
            "hours": hours(all.len()),
            "model": scores(all.into_iter()),
            "hours_after_a_week": hours(naive.len()),
            "seasonal_naive": scores(naive.into_iter()),
        });
        let header = Header {
            strategy: recipe.strategy.name().to_owned(),
            step_seconds: grid.step().num_seconds(),
            horizon: recipe.horizon,
            regressors: taught[0].frame.regressor_names(),
            features: spec.clone(),
            parameters: forecaster.parameters(),
            trained_until: to,
            phases: phases.clone(),
            availability_seconds: recipe.availability.map(|delay| delay.num_seconds()),
            floor,
            // Regressors that identify a series have the range over all of them.
            plausible: Plausible::default(),
            intraday: Intraday::learn(day, &learnt, checkpoint),
            learnt: Learnt::learn_all(taught.iter().map(|member| &member.frame)),
        };
        let intervals = Intervals::learn(day, reach, &learnt, checkpoint);
        let (vintage_shares, implausible) = (Vec::new(), Vec::new());
        Ok(Self { header, intervals, forecaster, held_out, vintage_shares, implausible })
    }
}

/// The phases of the first series: usual delays are the same across a fleet.
fn phases_of_panel(recipe: &Recipe, member: &Member) -> crate::origin::Phases {
    let end = member.frame.end_of_target();
    let clock = Clock::new(&member.frame.grid, recipe.features.time_zone, end + 1);
    recipe.phases(&member.frame, &clock, end, None)
}

/// The same hour with the value of a week before as the forecast; `None` if that is unknown.
fn week_before(whole: &Frame, life: &Frame, actual: &Actual) -> Option<Actual> {
    let row = whole.grid.row(life.grid.time(actual.origin.row + actual.lead - 1)).ok()?;
    let before = *whole.target.get(row.checked_sub(7 * whole.grid.rows_per_day())?)?;
    before.is_finite().then_some(Actual { yhat: before, ..*actual })
}

fn training_of<'a>(
    recipe: &'a Recipe,
    spec: &'a crate::features::FeatureSpec,
    phases: &'a [Phase],
    horizon: usize,
    member: &'a Member,
) -> TrainingSet<'a> {
    let (frame, end) = (&member.frame, member.frame.end_of_target());
    TrainingSet { frame, end, horizon, spec, parameters: &recipe.parameters, phases, memo: None }
}

/// Checks that all have the same step and the same regressors in the same order.
fn check_alike(members: &[Member]) -> Result<(), Error> {
    let names = |frame: &Frame| frame.regressors.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
    for pair in members.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let steps = [first, second].map(|member| member.frame.grid.step().num_seconds());
        if steps[0] != steps[1] {
            return Err(Error::InvalidArgument(format!(
                "series \"{}\" steps by {} s, series \"{}\" by {} s",
                first.name, steps[0], second.name, steps[1]
            )));
        }
        if names(&first.frame) != names(&second.frame) {
            return Err(Error::InvalidArgument(format!(
                "series \"{}\" and \"{}\" have different regressors",
                first.name, second.name
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hourly_frame;

    /// Buildings whose demand is roughly proportional to their floor area.
    fn building(number: usize, rows: usize) -> Member {
        let area = 100.0 * (1 + number) as f64;
        let mut frame = hourly_frame(rows);
        let quirk = 0.9 + 0.05 * (number % 5) as f64;
        frame.target.iter_mut().for_each(|value| *value *= quirk * area / 100.0);
        frame.regressors.push(crate::series::Regressor { name: "floor_area_m2".to_owned(), values: vec![area; rows] });
        Member { name: format!("b{number}"), frame }
    }

    fn recipe() -> Recipe {
        let parameters = json!({"size": "floor_area_m2", "trees": {"rounds": 60}, "max_rows": 40_000});
        Recipe::new("global", &parameters, &json!({}), 48).unwrap()
    }

    fn error(model: &Model, actual: &Frame, known: usize, horizon: usize) -> (f64, f64) {
        let origin = 2400;
        let mut frame = actual.clone();
        frame.target[..origin - known].fill(f64::NAN);
        let rows = model.forecast(&frame, &[origin], horizon, &[], &mut || ()).unwrap();
        let (mut off, mut sum, mut inside) = (0.0, 0.0, 0.0);
        for row in &rows {
            let actual = actual.target[row.target()];
            off += (row.yhat - actual).abs();
            sum += actual;
            inside += f64::from(u8::from((row.lower..=row.upper).contains(&actual)));
        }
        (off / sum, inside / rows.len() as f64)
    }

    #[test]
    fn new_buildings_are_forecast_by_size_and_better_with_own_history() {
        let members: Vec<Member> = (0..6).map(|number| building(number, 2300)).collect();
        let model = Model::fit_panel(&recipe(), &members, &mut || ()).unwrap();
        let held_out = model.held_out();
        let number = |at: &str| held_out.pointer(at).and_then(serde_json::Value::as_f64).unwrap();
        // Simulated new series at the start of the data have no previous week.
        assert!(number("/hours") > 0.0 && number("/hours_after_a_week") <= number("/hours"));
        let naive: Vec<f64> =
            (168..2300).map(|row| members[0].frame.target[row] - members[0].frame.target[row - 168]).collect();
        let typical = (naive.iter().map(|off| off * off).sum::<f64>() / naive.len() as f64).sqrt();
        assert!((0.2..8.0).contains(&(number("/seasonal_naive/rmse") / typical)), "{held_out} {typical}");
        let model = Model::from_bytes(&model.to_bytes().unwrap()).unwrap();
        // Three times as large as any in the training set.
        let newcomer = building(20, 2600).frame;
        let errors: Vec<f64> = [0, 48, 24 * 21].map(|known| error(&model, &newcomer, known, 48).0).to_vec();
        assert!(errors[0] < 0.2 && errors[1] < 0.2 && errors[2] < 0.5 * errors[0], "{errors:?}");
        let inside = |number| error(&model, &building(number, 2600).frame, 0, 48).1;
        let inside = (6..16).map(inside).sum::<f64>() / 10.0;
        assert!(inside > 0.5, "{inside}");
    }

    #[test]
    fn a_series_of_a_few_days_is_skipped_and_reported() {
        let mut members: Vec<Member> = (0..3).map(|number| building(number, 1200)).collect();
        members[1].frame.target[..1100].fill(f64::NAN);
        let model = Model::fit_panel(&recipe(), &members, &mut || ()).unwrap();
        assert_eq!(model.held_out()["left_out"], json!(["b1"]));
        assert_eq!(model.held_out()["series"], 2);
        members.remove(2);
        let alone = Model::fit_panel(&recipe(), &members, &mut || ()).map(|_| ()).unwrap_err().to_string();
        assert!(alone.contains("two or more series with 8 days of known demand, there are 1"), "{alone}");
    }

    #[test]
    fn incompatible_series_and_other_strategies_are_rejected() {
        let members = [building(0, 600), building(1, 600)];
        let fit = |recipe: &Recipe, members: &[Member]| {
            Model::fit_panel(recipe, members, &mut || ()).map(|_| ()).unwrap_err().to_string()
        };
        let mut other = members.clone();
        other[1].frame.regressors.pop();
        assert_eq!(fit(&recipe(), &other), "series \"b0\" and \"b1\" have different regressors");
        let lear = Recipe::new("lear", &json!({}), &json!({}), 48).unwrap();
        assert!(fit(&lear, &members).contains("can only be trained on one series"));
    }
}
