//! Explains forecasts: contributions of features and their importance.

use super::Model;
use super::forecast::Made;
use crate::Checkpoint;
use crate::artifact::Header;
use crate::clean::Implausible;
use crate::clock::Clock;
use crate::error::Error;
use crate::model::{BASE, BOUNDS, Explanation, RECENT_ERRORS, Strategy};
use crate::origin::past_origins;
use crate::series::Frame;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Maximum number of forecasts, and number of issues, used for feature importance.
const IMPORTANCE_FORECASTS: usize = 500;
const IMPORTANCE_ISSUES: usize = 12;

impl Model {
    /// The additive contributions to the forecasts of `horizon` rows from each of the ascending `issues`, issue by
    /// issue, and the implausible regressor values.
    pub fn explain(
        &self,
        frame: &Frame,
        issues: &[usize],
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Explanation, Vec<Implausible>), Error> {
        let made = self.make(frame, issues, horizon, checkpoint)?;
        let Made { frame, asked, bounds, .. } = &made;
        let leads = asked.iter().map(|origin| origin.gap()).max().unwrap_or(0) + horizon;
        let mut explanation = self.forecaster.explain(frame, asked, leads, checkpoint)?;
        // Rows between the newest known one and the issue are skipped.
        let firsts = asked.iter().enumerate().map(|(at, origin)| at * leads + origin.gap());
        explanation.keep(&firsts.flat_map(|first| first..first + horizon).collect::<Vec<_>>());
        let (recent, beyond) = (explanation.part(RECENT_ERRORS), explanation.part(BOUNDS));
        let sums = explanation.sums();
        for (at, origin) in asked.iter().enumerate() {
            for (ahead, correction) in self.corrections(&made, *origin, horizon).into_iter().enumerate() {
                let forecast = at * horizon + ahead;
                let within = |value: f64| bounds.clamp(origin.issued + ahead, value);
                let plain = within(sums[forecast]);
                let corrected = plain + correction;
                explanation.contributions[[forecast, recent]] += correction;
                explanation.contributions[[forecast, beyond]] += plain - sums[forecast] + within(corrected) - corrected;
            }
        }
        Ok((explanation, made.implausible))
    }

    /// Like [`Self::explain`] from `issued_at`, for the forecast of [`Self::forecast_at`]; also returns the input and
    /// the row of the issue.
    pub fn explain_at(
        &self,
        frame: Frame,
        issued_at: Option<DateTime<Utc>>,
        horizon: usize,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(Frame, usize, Explanation, Vec<Implausible>), Error> {
        let (frame, issued) = self.input(frame, issued_at, horizon)?;
        let (explanation, implausible) = self.explain(&frame, &[issued], horizon, checkpoint)?;
        Ok((frame, issued, explanation, implausible))
    }

    /// The importance of each part of a forecast except the base: its mean absolute contribution to forecasts issued on
    /// days spread over the history of `frames`, in the unit of the target.
    pub fn importance(&self, frames: &[&Frame], checkpoint: Checkpoint<'_>) -> Result<BTreeMap<String, f64>, Error> {
        let horizon = self.header.horizon;
        let all = (IMPORTANCE_FORECASTS / horizon).clamp(1, IMPORTANCE_ISSUES);
        let (mut sums, mut forecasts) = (BTreeMap::<String, f64>::new(), 0.0);
        for frame in frames.iter().take(all) {
            let issues = self.spread_issues(frame, (all / frames.len()).max(1))?;
            if issues.is_empty() {
                continue;
            }
            let (explanation, _) = self.explain(frame, &issues, horizon, checkpoint)?;
            forecasts += explanation.contributions.nrows() as f64;
            for (name, part) in explanation.names.iter().zip(explanation.contributions.columns()) {
                *sums.entry(name.clone()).or_default() += part.iter().map(|part| part.abs()).sum::<f64>();
            }
        }
        sums.retain(|name, sum| name != BASE && *sum > 0.0);
        sums.values_mut().for_each(|sum| *sum /= forecasts);
        Ok(sums)
    }

    /// `count` issues, spread evenly over the days for which the frame has the history and the regressors.
    fn spread_issues(&self, frame: &Frame, count: usize) -> Result<Vec<usize>, Error> {
        let Header { strategy, parameters, features, horizon, phases, .. } = &self.header;
        let history = Strategy::parse(strategy)?.history(parameters, features, &frame.grid)?;
        let (end, first) = (frame.end_of_target(), history.max(1));
        let clock = Clock::new(&frame.grid, features.time_zone, frame.grid.len().max(end) + 1);
        let days: Vec<usize> = past_origins(phases.first(), frame, &clock, first..end, end)
            .filter(|origin| origin.row >= first)
            .map(|origin| origin.issued)
            .collect();
        let whole = days.partition_point(|issued| issued + horizon <= frame.grid.len());
        let days = if whole > 0 { &days[..whole] } else { &days };
        let count = count.min(days.len());
        // At the middle of each of as many equal parts.
        Ok((0..count).map(|part| days[(2 * part + 1) * days.len() / (2 * count)]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::IssueHours;
    use crate::series::Availability;
    use crate::testing::hourly_frame;
    use crate::train::Recipe;
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::sync::LazyLock;

    const HORIZON: usize = 48;

    fn fit(strategy: &str, parameters: &Value, frame: &Frame) -> Model {
        let features = json!({"latitude": 47.4, "longitude": 8.5, "time_zone": "Europe/Zurich"});
        let recipe = Recipe::new(strategy, parameters, &features, HORIZON).unwrap();
        let recipe = recipe.issued(&IssueHours::new(&[5, 17]).unwrap(), None);
        let model = Model::fit(&recipe, frame, 1400, &mut || ()).unwrap();
        Model::from_bytes(&model.to_bytes().unwrap()).unwrap()
    }

    /// Models to explain: every strategy, on both scales, and ensembles of them.
    static MODELS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let quick = |base: &str, target: &str| json!({"rounds": 25, "base": base, "target": target});
        let member = |strategy: &str, parameters: Value| json!({"strategy": strategy, "parameters": parameters});
        let alone = [
            ("lear", json!({"target": "log"})),
            ("lear", json!({"penalty": "lasso"})),
            ("xgboost", quick("mean", "plain")),
            ("xgboost", quick("mean", "log")),
            ("xgboost", quick("linear", "log")),
            (
                "ensemble",
                json!({"members": [
                    member("lear", json!({})), member("lear", json!({"target": "log"})),
                    member("xgboost", quick("mean", "plain")),
                ]}),
            ),
            (
                "ensemble",
                json!({"members": [
                    member("prophet", json!({})), member("mstl", json!({})), member("profile", json!({})),
                    member("xgboost", quick("linear", "plain")),
                ]}),
            ),
        ];
        let others = crate::model::Strategy::ALL.iter().map(|strategy| match strategy.name() {
            "xgboost" => ("xgboost", quick("linear", "plain")),
            "global" => ("global", json!({"trees": {"rounds": 25}})),
            "ensemble" => ("ensemble", json!({"members": [member("seasonal_naive", json!({}))]})),
            name => (name, json!({})),
        });
        let frame = hourly_frame(1500);
        let bytes = |(strategy, parameters): (&str, Value)| fit(strategy, &parameters, &frame).to_bytes().unwrap();
        others.chain(alone).map(bytes).collect()
    });

    fn models() -> impl Iterator<Item = Model> {
        MODELS.iter().map(|bytes| Model::from_bytes(bytes).unwrap())
    }

    fn sum_is_the_forecast(model: &Model, frame: &Frame, issues: &[usize]) -> Explanation {
        let forecasts = model.forecast(frame, issues, HORIZON, &[], &mut || ()).unwrap();
        let (explanation, _) = model.explain(frame, issues, HORIZON, &mut || ()).unwrap();
        let sums = explanation.sums();
        assert_eq!(sums.len(), forecasts.len());
        for (sum, forecast) in sums.iter().zip(&forecasts) {
            let largest = forecast.yhat.abs().max(1.0);
            assert!((sum - forecast.yhat).abs() < 1e-6 * largest, "{}: {sum} {forecast:?}", model.header.strategy);
        }
        let mut names = explanation.names.clone();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), explanation.names.len());
        explanation
    }

    fn cold_or_gone() -> impl proptest::strategy::Strategy<Value = f64> {
        prop_oneof![Just(f64::NAN), -80.0..80.0_f64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn contributions_add_up_to_the_forecast_with_missing_late_or_implausible_input(
            issue in 1400_usize..1440,
            late in 0_i64..9,
            gaps in proptest::collection::vec((1300_usize..1500, 1_usize..30), 0..4),
            weather in proptest::collection::vec((1300_usize..1500, cold_or_gone()), 0..40),
            level in prop_oneof![Just(1.0), 0.0..3.0_f64],
        ) {
            let mut frame = hourly_frame(1500);
            frame.target[1400..].iter_mut().for_each(|value| *value *= level);
            for (first, rows) in gaps {
                frame.target[first..(first + rows).min(1500)].fill(f64::NAN);
            }
            for (row, value) in weather {
                frame.regressors[0].values[row] = value;
            }
            if late > 0 {
                frame.set_availability(Availability::After(TimeDelta::hours(late))).unwrap();
            }
            for model in models() {
                sum_is_the_forecast(&model, &frame, &[issue]);
            }
        }
    }

    #[test]
    fn several_issues_are_explained_like_each_separately() {
        let frame = hourly_frame(1500);
        for model in models() {
            let together = sum_is_the_forecast(&model, &frame, &[1405, 1429, 1440]).sums();
            let alone = [1405, 1429, 1440].map(|issue| sum_is_the_forecast(&model, &frame, &[issue]).sums()).concat();
            assert!(together.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-9), "{}", model.header.strategy);
        }
    }

    #[test]
    fn the_effect_of_a_bound_is_a_separate_contribution() {
        // A holiday home: unoccupied on half of the days, the warm ones.
        let mut frame = hourly_frame(1500);
        frame.target.iter_mut().for_each(|value| *value = (*value - 9.0).max(0.0));
        frame.regressors[0].values[1400..].fill(30.0);
        for (strategy, parameters) in [("lear", json!({})), ("lear", json!({"target": "log"})), ("prophet", json!({}))]
        {
            let explanation = sum_is_the_forecast(&fit(strategy, &parameters, &frame), &frame, &[1405]);
            let bounds = explanation.names.iter().position(|name| name == BOUNDS).unwrap();
            let sums = explanation.sums();
            let held = sums.iter().zip(explanation.contributions.column(bounds)).filter(|(_, part)| **part > 1e-3);
            let held: Vec<f64> = held.map(|(sum, _)| *sum).collect();
            // The intraday correction may still raise a clamped forecast.
            let at_bound = held.iter().filter(|sum| sum.abs() < 1e-9).count();
            assert!(at_bound > 0 && held.iter().all(|sum| *sum > -1e-9), "{strategy}: {held:?}");
        }
    }

    #[test]
    fn colder_weather_raises_its_contribution_and_leaves_the_others_unchanged() {
        let (mild, mut cold) = (hourly_frame(1500), hourly_frame(1500));
        // Not the hours before the issue, which would change the intraday correction.
        cold.regressors[0].values[1405..].iter_mut().for_each(|value| *value -= 3.0);
        for (strategy, parameters) in [("xgboost", json!({"rounds": 100})), ("ensemble", json!({}))] {
            let model = fit(strategy, &parameters, &mild);
            // Correlated features share an effect; compare the whole family.
            let of_family = |name: &str| ["temperature", "hdd", "cdd"].iter().any(|family| name.starts_with(family));
            let sums = |frame: &Frame| {
                let (explanation, _) = model.explain(frame, &[1405], 24, &mut || ()).unwrap();
                let parts = explanation.names.iter().zip(explanation.contributions.columns());
                let (of_weather, others): (Vec<_>, Vec<_>) = parts.partition(|(name, _)| of_family(name));
                [of_weather, others].map(|parts| parts.iter().map(|(_, part)| part.sum()).sum::<f64>())
            };
            let ([weather, others], [colder, others_then]) = (sums(&mild), sums(&cold));
            // The demand has 1.2 kWh per hour for three degrees; demand of the days before explains some of it too.
            let risen = colder - weather;
            assert!((12.0..38.0).contains(&risen), "{strategy}: {risen}");
            assert!((others_then - others).abs() < 0.3 * risen, "{strategy}: {others} and {others_then}");
            let importance = model.importance(&[&mild], &mut || ()).unwrap();
            let weather: f64 = importance.iter().filter(|(name, _)| of_family(name)).map(|(_, value)| value).sum();
            assert!(weather > 10.0 * importance.get("is_holiday").copied().unwrap_or(0.0));
            assert!(!importance.contains_key(BASE) && importance.values().all(|value| *value > 0.0), "{importance:?}");
        }
    }

    #[test]
    fn importance_averages_issues_over_the_history_and_over_series() {
        let (first, mut second) = (hourly_frame(1500), hourly_frame(1500));
        second.target.iter_mut().for_each(|value| *value *= 3.0);
        let model = models().find(|model| model.header.strategy == "global").unwrap();
        let days = model.spread_issues(&first, 12).unwrap();
        assert!(days.len() == 12 && days[0] < 200 && days[11] > 1250 && days[11] + HORIZON <= 1500, "{days:?}");
        assert!(days.windows(2).all(|pair| pair[0] < pair[1]));
        let [one, both] =
            [vec![&first], vec![&first, &second]].map(|frames| model.importance(&frames, &mut || ()).unwrap());
        let total = |importance: &BTreeMap<String, f64>| importance.values().sum::<f64>();
        // Contributions are in the unit of each series.
        assert!((1.6..2.4).contains(&(total(&both) / total(&one))), "{} {}", total(&both), total(&one));
    }

    #[test]
    fn older_tree_models_ask_for_retraining_and_other_models_are_explained() {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/tests/golden/format-5";
        for (strategy, explained) in [("xgboost", false), ("ensemble", false), ("lear", true), ("prophet", true)] {
            let bytes = std::fs::read(format!("{folder}/{strategy}.edfm")).unwrap();
            let model = Model::from_bytes(&bytes).unwrap();
            match model.explain(&hourly_frame(1700), &[1500], 24, &mut || ()) {
                Ok(_) => assert!(explained, "{strategy}"),
                Err(Error::NotSupported(text)) => assert!(!explained && text.contains("train it again"), "{text}"),
                Err(other) => panic!("{strategy}: {other}"),
            }
        }
    }
}
