//! Gradient boosted trees: one model per phase and day of lead, with the lead within the day as a feature.
//!
//! Direct multi-horizon forecasting (Taieb et al., *A review and comparison of strategies for multi-step ahead time
//! series forecasting*, 2012) with XGBoost (Chen and Guestrin, 2016). A training row simulates a forecast: an origin at
//! one of the local times of day of the phases, a target up to the horizon ahead, and the features known at that
//! origin. Trees trained at one time of day are not valid at another (the newest hour carries different information),
//! so each phase has its own trees.
//!
//! Trees do not extrapolate. With a linear base they are fitted to the residuals of a ridge regression on the same
//! features, which does. Only a share of its slopes is used, since a short history estimates them poorly.

mod booster;
mod export;
mod fit;
mod import;
mod parameters;
mod shap;
mod trees;
mod ubjson;

use super::explanation::{BASE, BOUNDS, Explanation};
use super::linear::{Linear, LinearV5, Range, Standardised, Term, ridge};
use super::target::Target;
use super::{Definition, Forecaster, OfLeadDay, TrainingSet, ahead, some_at_once, table_as_trained, weight_of_age};
use crate::Checkpoint;
use crate::error::Error;
use crate::features::{FeatureSpec, Preset, Sample, Table};
use crate::origin::Origin;
use crate::series::Frame;
pub(super) use booster::{Booster, Matrix};
use fit::of_phase;
pub use import::TreeFile;
pub(crate) use import::of_files;
use ndarray::{Array2, ArrayView2, Axis};
pub(super) use parameters::Parameters;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
pub(super) use trees::{COMPARED_ROWS, Covers, StoredCovers, Trees};

/// Its entry in the table of strategies.
pub(super) const STRATEGY: Definition = Definition {
    name: "xgboost",
    preset: Preset::Advanced,
    origins: super::Origins::Phases,
    read_parameters: |json| Ok(json!(Parameters::from_json(json)?)),
    history: |_, spec, grid| spec.history(grid),
    fit: |training, checkpoint| Ok(Box::new(Xgboost::fit(training, checkpoint)?)),
    fit_panel: None,
    restore: |spec, parameters, state| Ok(Box::new(Xgboost::restore(spec, parameters, state)?)),
    state_of_v5: Some(|_, _, state, slot| state_of_v5(state, slot)),
    space: || {
        json!({
            "eta": {"low": 0.02, "high": 0.3, "log": true},
            "rounds": {"low": 50, "high": 600, "log": true},
            "max_depth": {"low": 3, "high": 9},
            "min_child_weight": {"low": 1, "high": 30, "log": true},
            "subsample": {"low": 0.5, "high": 1},
            "colsample_bytree": {"low": 0.3, "high": 1},
            "lambda": {"low": 0.1, "high": 30, "log": true},
            "half_life_days": super::HALF_LIVES,
            "base": ["mean", "linear"],
            "base_share": {"low": 0.25, "high": 1},
            "monotone_heating": [false, true],
        })
    },
};

/// Fitted trees, and their feature spec.
struct Xgboost {
    spec: FeatureSpec,
    parameters: Parameters,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    feature_names: Vec<String>,
    target: Target,
    range: Range,
    phases: Vec<OfPhase>,
}

/// The models of a phase.
#[derive(Serialize, Deserialize)]
struct OfPhase {
    /// Row of the local day of its origins.
    slot: usize,
    /// Models by day of lead.
    days: Vec<Day>,
}

/// The model of a day of lead.
#[derive(Serialize, Deserialize)]
struct Day {
    base: Option<Linear>,
    trees: Trees,
}

/// The state in artifact format 5.
#[derive(Deserialize)]
struct StateV5 {
    feature_names: Vec<String>,
    target: Target,
    range: Range,
    days: Vec<DayV5>,
}

#[derive(Deserialize)]
struct DayV5 {
    base: Option<LinearV5>,
    trees: Trees,
}

/// Converts a state of format 5 that was fitted for origins at `slot`.
pub(super) fn state_of_v5(state: &[u8], slot: usize) -> Result<Vec<u8>, Error> {
    let old: StateV5 = postcard::from_bytes(state).map_err(|_| damaged())?;
    let day = |day: DayV5| Day { base: day.base.map(Linear::from), trees: day.trees };
    let StateV5 { feature_names, target, range, days } = old;
    let phases = vec![OfPhase { slot, days: days.into_iter().map(day).collect() }];
    postcard::to_allocvec(&State { feature_names, target, range, phases })
        .map_err(|error| Error::Internal(error.to_string()))
}

/// Reads a state and the covers of its trees, which are appended since they were added later.
pub(super) fn with_covers<T: DeserializeOwned>(bytes: &[u8]) -> postcard::Result<(T, Vec<Covers>)> {
    let (state, rest) = postcard::take_from_bytes(bytes)?;
    let stored: Vec<StoredCovers> = if rest.is_empty() { Vec::new() } else { postcard::from_bytes(rest)? };
    Ok((state, stored.into_iter().map(Covers::from).collect()))
}

/// Sets the covers of trees; models stored without covers have none.
pub(super) fn set_covers<'a>(trees: impl Iterator<Item = &'a mut Trees>, covers: Vec<Covers>) -> Result<(), Error> {
    let trees: Vec<&mut Trees> = trees.collect();
    if covers.is_empty() {
        return Ok(());
    }
    if trees.len() != covers.len() {
        return Err(damaged());
    }
    trees.into_iter().zip(covers).try_for_each(|(trees, covers)| trees.set_covers(covers))
}

fn damaged() -> Error {
    Error::DamagedArtifact("the trees cannot be read".to_owned())
}

impl Xgboost {
    fn fit(training: TrainingSet<'_>, checkpoint: Checkpoint<'_>) -> Result<Self, Error> {
        let parameters = Parameters::from_json(training.parameters)?;
        let table = Table::new(training.spec, training.frame, checkpoint)?;
        let names = table.names();
        let target = Target::of(parameters.target, &training.frame.target[..training.end]);
        let mut phases = Vec::with_capacity(training.phases.len());
        let mut range = None;
        for phase in training.phases {
            let (days, seen) = of_phase(training, &parameters, &table, &names, target, *phase, checkpoint)?;
            range.get_or_insert(seen);
            phases.push(OfPhase { slot: phase.slot, days });
        }
        let range = range.ok_or_else(|| Error::Internal("there is no phase to train".to_owned()))?;
        let state = State { feature_names: names, target, range, phases };
        Ok(Self { spec: training.spec.clone(), parameters, state })
    }

    fn restore(spec: &FeatureSpec, parameters: &Value, state: &[u8]) -> Result<Self, Error> {
        let (mut state, covers): (State, Vec<Covers>) = with_covers(state).map_err(|_| damaged())?;
        let columns = state.feature_names.len();
        set_covers(state.phases.iter_mut().flat_map(|phase| &mut phase.days).map(|day| &mut day.trees), covers)?;
        let days = || state.phases.iter().flat_map(|phase| &phase.days);
        days().try_for_each(|day| day.trees.check(columns))?;
        let bases_are_sound = days().all(|day| day.base.as_ref().is_none_or(|base| base.is_sound(columns)));
        let complete = !state.phases.is_empty() && state.phases.iter().all(|phase| !phase.days.is_empty());
        if !complete || !state.target.is_sound() || !state.range.is_sound() || !bases_are_sound {
            return Err(damaged());
        }
        Ok(Self { spec: spec.clone(), parameters: Parameters::from_json(parameters)?, state })
    }

    /// Visits each model with the features and indices of its forecasts.
    fn each_day(
        &self,
        table: &Table<'_>,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
        mut show: impl FnMut(&Day, &[usize], ArrayView2<'_, f32>, Checkpoint<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (day, clock) = (table.calendar().clock.rows_per_day(), &table.calendar().clock);
        let (mut first, mut shown) = (0, 0);
        for some in some_at_once(origins, horizon) {
            let samples: Vec<Sample> = some.iter().flat_map(|origin| ahead(*origin, horizon)).collect();
            let matrix = table.matrix(&samples, checkpoint)?;
            for OfPhase { slot, days } in &self.state.phases {
                for (at, model) in days.iter().enumerate() {
                    // The last one serves all leads from its day on.
                    let last = at + 1 == days.len();
                    let serves = |sample: &Sample| {
                        clock.slot(sample.origin.row) == *slot
                            && matches!((sample.lead() - 1) / day, d if d == at || last && d > at)
                    };
                    checkpoint();
                    let rows: Vec<usize> = (0..samples.len()).filter(|row| serves(&samples[*row])).collect();
                    if rows.is_empty() {
                        continue;
                    }
                    let forecasts: Vec<usize> = rows.iter().map(|row| first + row).collect();
                    show(model, &forecasts, matrix.select(Axis(0), &rows).view(), checkpoint)?;
                    shown += rows.len();
                }
            }
            first += samples.len();
        }
        if shown < first {
            return Err(Error::Internal("no trees were fitted for origins at this time of day".to_owned()));
        }
        Ok(())
    }

    /// Forecasts for rows of features.
    fn forecast(&self, day: &Day, rows: ArrayView2<'_, f32>) -> Result<Vec<f64>, Error> {
        let State { target, range, .. } = &self.state;
        let predicted = day.trees.predict(rows)?.into_iter().map(f64::from);
        Ok(match &day.base {
            None => predicted.map(|value| target.unscaled(value)).collect(),
            Some(base) => {
                let sums = predicted.zip(rows.rows()).map(|(value, row)| value + base.at(row));
                sums.map(|value| range.clamp(target.unscaled(value))).collect()
            }
        })
    }
}

impl Forecaster for Xgboost {
    fn predict(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Array2<f64>, Error> {
        let table = table_as_trained(&self.spec, &self.state.feature_names, frame, origins, checkpoint)?;
        let mut forecasts = Array2::zeros((origins.len(), horizon));
        self.each_day(&table, origins, horizon, checkpoint, |day, rows, features, _| {
            for (row, yhat) in rows.iter().zip(self.forecast(day, features)?) {
                forecasts[[row / horizon, row % horizon]] = yhat;
            }
            Ok(())
        })?;
        Ok(forecasts)
    }

    fn explain(
        &self,
        frame: &Frame,
        origins: &[Origin],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Explanation, Error> {
        let State { feature_names, target, range, .. } = &self.state;
        let table = table_as_trained(&self.spec, feature_names, frame, origins, checkpoint)?;
        let names = Explanation::names_of(feature_names, &[BASE, BOUNDS]);
        let mut explanation = Explanation::new(names, origins.len() * horizon);
        self.each_day(&table, origins, horizon, checkpoint, |day, rows, features, checkpoint| {
            let values = day.trees.explain(features, checkpoint)?;
            for ((row, features), (mut base, mut parts)) in rows.iter().zip(features.rows()).zip(values) {
                let mut bounds = (f64::NEG_INFINITY, f64::INFINITY);
                if let Some(linear) = &day.base {
                    bounds = range.bounds();
                    base += linear.intercept;
                    linear.contributions(features).for_each(|(column, part)| parts[column] += part);
                }
                let (base, beyond) = target.unscaled_parts(base, &mut parts, bounds);
                explanation.set(*row, features, parts.into_iter().chain([base, beyond]));
            }
            Ok(())
        })?;
        Ok(explanation)
    }

    fn feature_names(&self) -> Vec<String> {
        self.state.feature_names.clone()
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    fn boosters(&self) -> Result<Vec<OfLeadDay>, Error> {
        let State { feature_names, target, range, phases } = &self.state;
        let of_phase = |phase: &OfPhase| {
            let of_day = |(at, day): (usize, &Day)| {
                let base = day.base.as_ref().map(|base| {
                    let term = |term: &Term| json!({"feature": feature_names[term.column], "mean": term.mean, "weight": term.weight});
                    let (least, most) = range.bounds();
                    json!({"intercept": base.intercept, "terms": base.terms.iter().map(term).collect::<Vec<_>>(), "least": least, "most": most})
                });
                let around = json!({"base": base, "asinh_unit": target.unit()});
                Ok(OfLeadDay { slot: phase.slot, lead_day: at + 1, ubj: day.trees.to_xgboost(feature_names)?, around })
            };
            phase.days.iter().enumerate().map(of_day).collect::<Vec<Result<_, Error>>>()
        };
        phases.iter().flat_map(of_phase).collect()
    }

    fn state(&self) -> Result<Vec<u8>, Error> {
        let days = self.state.phases.iter().flat_map(|phase| &phase.days);
        let covers: Vec<StoredCovers> = days.map(|day| StoredCovers::from(&day.trees.covers)).collect();
        postcard::to_allocvec(&(&self.state, covers)).map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::parameters::rises_with_heating;
    use super::*;
    use crate::origin::Phase;
    use crate::testing::{hourly_frame, training};

    fn fit_with(frame: &Frame, parameters: Value, checkpoint: Checkpoint<'_>) -> Xgboost {
        let spec = FeatureSpec::default();
        let end = frame.grid.len() - 100;
        let phases = [Phase { slot: end % 24, delay: 0 }];
        let training = TrainingSet { phases: &phases, ..training(frame, end, &spec, &parameters) };
        Xgboost::fit(training, checkpoint).unwrap()
    }

    fn fit(frame: &Frame) -> Xgboost {
        fit_with(frame, json!({"rounds": 20}), &mut || ())
    }

    #[test]
    fn a_reloaded_model_forecasts_the_same() {
        let frame = hourly_frame(1500);
        let model = fit(&frame);
        let restored = Xgboost::restore(&model.spec, &model.parameters(), &model.state().unwrap()).unwrap();
        let forecast = |model: &Xgboost| model.predict(&frame, &[Origin::at(1400)], 48, &mut || ()).unwrap();
        assert_eq!(forecast(&model), forecast(&restored));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let frame = hourly_frame(1500);
        assert_eq!(fit(&frame).state().unwrap(), fit(&frame).state().unwrap());
    }

    #[test]
    fn errors_name_the_columns_missing_from_the_input() {
        let frame = hourly_frame(1500);
        let model = fit(&frame);
        let mut bare = frame.clone();
        bare.regressors.retain(|regressor| regressor.name != "is_holiday");
        let error = model.predict(&bare, &[Origin::at(1400)], 48, &mut || ()).unwrap_err().to_string();
        assert_eq!(error, "the model was trained with columns that the input lacks: is_holiday");
    }

    #[test]
    fn early_stopping_uses_the_best_number_of_rounds_on_the_newest_block() {
        let frame = hourly_frame(1500);
        let mut boosted = 0;
        let rounds = |patience: u32| json!({"rounds": 400, "eta": 0.3, "early_stopping_rounds": patience});
        let stopped = fit_with(&frame, rounds(5), &mut || boosted += 1);
        // Two days of lead, each with a search and a fit.
        assert!(boosted < 2 * 400, "{boosted}");
        let all = fit_with(&frame, rounds(0), &mut || ());
        assert!(stopped.state().unwrap().len() < all.state().unwrap().len() / 2);
    }

    #[test]
    fn a_log_target_is_transformed_back_and_survives_a_reload() {
        let frame = hourly_frame(1500);
        let (plain, log) = (fit(&frame), fit_with(&frame, json!({"rounds": 20, "target": "log"}), &mut || ()));
        let restored = Xgboost::restore(&log.spec, &log.parameters(), &log.state().unwrap()).unwrap();
        let of = |model: &Xgboost| model.predict(&frame, &[Origin::at(1400)], 48, &mut || ()).unwrap();
        assert_eq!(of(&log), of(&restored));
        let apart = (of(&log) - of(&plain)).mapv(f64::abs).sum() / of(&plain).mapv(f64::abs).sum();
        assert!(apart > 0.0 && apart < 0.1, "{apart}");
    }

    #[test]
    fn a_linear_base_extrapolates_beyond_the_coldest_training_day() {
        // The last two days are far colder than all before, with proportionally more heating.
        let mut frame = hourly_frame(1500);
        let (cold, slope) = (1400..1448, 0.4);
        for row in cold.clone() {
            let warm = (18.0 - frame.regressors[0].values[row]).max(0.0);
            frame.regressors[0].values[row] = -12.0;
            frame.target[row] += slope * (30.0 - warm);
        }
        let error = |base: &str| {
            let model = fit_with(&frame, json!({"base": base, "rounds": 100}), &mut || ());
            let restored = Xgboost::restore(&model.spec, &model.parameters(), &model.state().unwrap()).unwrap();
            let yhat = restored.predict(&frame, &[Origin::at(1400)], 48, &mut || ()).unwrap();
            assert_eq!(yhat, model.predict(&frame, &[Origin::at(1400)], 48, &mut || ()).unwrap());
            cold.clone().zip(yhat).map(|(row, yhat)| (frame.target[row] - yhat).abs()).sum::<f64>() / 48.0
        };
        let (mean, linear) = (error("mean"), error("linear"));
        assert!(linear < 0.5 * mean, "{linear} and {mean}");
    }

    #[test]
    fn with_the_monotone_constraint_demand_never_falls_as_heating_degrees_rise() {
        let mut frame = hourly_frame(1500);
        // Demand falls with cold: without the constraint the model would learn that.
        let warm = frame.regressors[0].values.clone();
        frame.target.iter_mut().zip(warm).for_each(|(value, warm)| *value += 0.8 * warm);
        let falls = |base: &str, monotone: bool| {
            let model = fit_with(&frame, json!({"base": base, "rounds": 50, "monotone_heating": monotone}), &mut || ());
            let samples: Vec<Sample> =
                (900..1400).step_by(24).flat_map(|origin| ahead(Origin::at(origin), 24)).collect();
            let rows = Table::new(&model.spec, &frame, &mut || ()).unwrap().matrix(&samples, &mut || ()).unwrap();
            let names = model.feature_names();
            let heating = (0..names.len()).filter(|column| rises_with_heating(&names[*column]));
            let mut falls = 0;
            for column in heating {
                let mut colder = rows.clone();
                colder.column_mut(column).iter_mut().for_each(|value| *value += 4.0);
                let of = |rows: &Array2<f32>| model.forecast(&model.state.phases[0].days[0], rows.view()).unwrap();
                falls += of(&rows).iter().zip(of(&colder)).filter(|(before, after)| *after < **before - 1e-6).count();
            }
            falls
        };
        for base in ["mean", "linear"] {
            assert!(falls(base, false) > 0 && falls(base, true) == 0, "{base}");
        }
    }

    #[test]
    fn a_linear_base_excludes_the_yearly_season() {
        let frame = hourly_frame(1500);
        let model = fit_with(&frame, json!({"base": "linear", "rounds": 5}), &mut || ());
        let columns =
            model.state.phases[0].days.iter().flat_map(|day| &day.base.as_ref().unwrap().terms).map(|term| term.column);
        let names: Vec<&str> = columns.map(|column| model.state.feature_names[column].as_str()).collect();
        assert!(names.contains(&"temperature_c") && model.state.feature_names.iter().any(|name| name == "year_sin"));
        assert!(!names.iter().any(|name| name.starts_with("year_")));
    }

    #[test]
    fn rows_beyond_the_maximum_are_dropped_oldest_first() {
        let mut frame = hourly_frame(2500);
        let few = json!({"rounds": 20, "max_rows": 1000});
        let before = fit_with(&frame, few.clone(), &mut || ());
        assert!(before.state().unwrap() != fit(&frame).state().unwrap());
        // 41 origins of each day of lead hold the newest thousand rows; data older than their features has no effect.
        frame.target[..2400 - 80 * 24].fill(1e3);
        assert!(before.state().unwrap() == fit_with(&frame, few, &mut || ()).state().unwrap());
    }

    #[test]
    fn training_can_be_stopped_between_rounds() {
        let frame = hourly_frame(1500);
        let (spec, parameters, mut rounds) = (FeatureSpec::default(), json!({"rounds": 1000}), 0);
        let training = training(&frame, 1400, &spec, &parameters);
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Xgboost::fit(training, &mut || {
                rounds += 1;
                assert!(rounds < 3, "stop");
            })
        }));
        assert!(stopped.is_err() && rounds == 3);
    }
}
