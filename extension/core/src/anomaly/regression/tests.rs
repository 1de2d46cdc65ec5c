//! The whole regression, on made-up apartments.

use super::beliefs::Beliefs;
use super::fit::Fitted;
use super::noise::Noise;
use super::posterior::{Moments, Posterior};
use super::*;
use crate::anomaly::observations::Columns;
use crate::anomaly::parameters::ExpectedEnergy;
use crate::anomaly::verdict::Verdict;
use crate::random::Random;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A row of a made-up apartment.
#[derive(Debug, Clone)]
struct Day {
    unit: usize,
    day: f64,
    hdd: Option<f64>,
    sun: Option<f64>,
    kwh: Option<f64>,
}

/// Days of apartments whose level and weights differ, with noise that grows with the level.
fn days(units: usize, days: usize, seed: u64) -> Vec<Day> {
    let mut random = Random::new(seed, 7);
    let mut all = Vec::new();
    for unit in 0..units {
        let (level, slope, gain) = (6.0 + random.normal(), 1.2 + 0.3 * random.normal(), 0.4 + 0.1 * random.normal());
        for day in 0..days {
            let season = (std::f64::consts::TAU * day as f64 / 365.0).cos();
            let hdd = (8.0 + 8.0 * season + 3.0 * random.normal()).max(0.0);
            let sun = (3.0 - 2.0 * season + random.normal()).max(0.0);
            let expected = level + slope * hdd - gain * sun;
            let kwh = (expected + (0.5 + 0.08 * expected) * random.normal()).max(0.0);
            all.push(Day { unit, day: day as f64, hdd: Some(hdd), sun: Some(sun), kwh: Some(kwh) });
        }
    }
    all
}

fn rows(days: &[Day]) -> Observations {
    Observations::new(Columns {
        names: vec!["hdd".to_owned(), "sun".to_owned()],
        features: days.iter().map(|day| day.hdd).chain(days.iter().map(|day| day.sun)).collect(),
        target: Some(days.iter().map(|day| day.kwh).collect()),
        groups: Some(days.iter().map(|day| format!("apartment {}", day.unit)).collect()),
        days: Some(days.iter().map(|day| Some(day.day)).collect()),
        rows: days.len(),
    })
    .unwrap()
}

fn parameters(given: &Value) -> ExpectedEnergy {
    ExpectedEnergy::read(given).unwrap()
}

fn fitted(learnt: &[Day], given: &Value) -> Fitted {
    Regression::fit(&rows(learnt), &parameters(given), None, &mut || ()).unwrap()
}

fn scored(model: &Regression, asked: &[Day], given: &Value) -> Vec<Verdict> {
    model.score(&rows(asked), &parameters(given), &mut || ()).unwrap()
}

fn share(verdicts: &[Verdict], of: impl Fn(&Verdict) -> bool) -> f64 {
    verdicts.iter().filter(|verdict| of(verdict)).count() as f64 / verdicts.len() as f64
}

#[test]
fn days_to_come_lie_within_the_interval_as_often_as_it_says() {
    let all = days(20, 600, 1);
    let learnt: Vec<Day> = all.iter().filter(|day| day.day < 365.0).cloned().collect();
    let coming: Vec<Day> = all.iter().filter(|day| day.day >= 365.0).cloned().collect();
    for alarms in [0.02, 0.1] {
        let given = json!({"runs": false, "alarm_share": alarms});
        let verdicts = scored(&fitted(&learnt, &given).model, &coming, &given);
        let outside = share(&verdicts, |v| v.is_anomaly == Some(true));
        assert!((outside / alarms - 1.0).abs() < 0.3, "{outside} for {alarms}");
        // The interval says the same as the score.
        for (verdict, day) in verdicts.iter().zip(&coming) {
            let (low, high, kwh) = (verdict.lower.unwrap(), verdict.upper.unwrap(), day.kwh.unwrap());
            let (inside, near) = (low <= kwh && kwh <= high, (kwh - low).abs().min((kwh - high).abs()) < 1e-6);
            assert!(near || inside != verdict.is_anomaly.unwrap(), "{verdict:?} {day:?}");
        }
    }
}

#[test]
fn a_first_summer_without_heat_is_no_run_of_days_above_what_a_line_expects() {
    let mut random = Random::new(9, 0);
    let mut all = Vec::new();
    for unit in 0..12 {
        let slope = 2.5 + 0.2 * random.normal();
        for day in 0..330 {
            let season = (std::f64::consts::TAU * day as f64 / 365.0).cos();
            let temperature = 11.0 - 9.0 * season + 3.0 * random.normal();
            let (hdd, sun) = ((15.0 - temperature).max(0.0), (4.0 - 2.5 * season + random.normal()).max(0.0));
            let expected = (4.0 + slope * hdd - 1.5 * sun).max(0.0);
            let kwh = (expected * (1.0 + 0.1 * random.normal())).max(0.0);
            all.push(Day { unit, day: day as f64, hdd: Some(hdd), sun: Some(sun), kwh: Some(kwh) });
        }
    }
    let learnt: Vec<Day> = all.iter().filter(|day| day.day < 140.0).cloned().collect();
    let summer: Vec<Day> = all.iter().filter(|day| (160.0..220.0).contains(&day.day)).cloned().collect();
    let given = json!({});
    let verdicts = scored(&fitted(&learnt, &given).model, &summer, &given);
    assert!(share(&verdicts, |v| v.expected == Some(0.0)) > 0.5);
    let alarms = share(&verdicts, |v| v.is_anomaly == Some(true));
    assert!(alarms < 0.03, "{alarms}");
}

#[test]
fn the_posterior_predictive_covers_a_unit_that_was_never_seen_and_one_with_two_weeks() {
    let all = days(60, 200, 2);
    let given = json!({"runs": false, "alarm_share": 0.1});
    let learnt: Vec<Day> =
        all.iter().filter(|day| day.unit < 40 || day.unit >= 50 && day.day < 14.0).cloned().collect();
    let model = fitted(&learnt, &given).model;
    let width = |verdicts: &[Verdict]| {
        verdicts.iter().map(|v| v.upper.unwrap() - v.lower.unwrap()).sum::<f64>() / verdicts.len() as f64
    };
    let mut widths = Vec::new();
    for unseen in [40..50, 50..60, 0..10] {
        let coming: Vec<Day> =
            all.iter().filter(|day| unseen.contains(&day.unit) && day.day >= 14.0).cloned().collect();
        let verdicts = scored(&model, &coming, &given);
        let covered = share(&verdicts, |v| v.is_anomaly == Some(false));
        assert!((0.82..=0.99).contains(&covered), "{unseen:?}: {covered}");
        widths.push(width(&verdicts));
    }
    // What is known of a unit makes its interval narrower.
    assert!(widths[0] > 1.05 * widths[1] && widths[1] > widths[2], "{widths:?}");
}

#[test]
fn a_row_that_was_learnt_from_is_judged_by_the_others_exactly() {
    let prior = Posterior::independent(vec![5.0, 1.0, -0.5], &[0.5, 1.0, 1.0], 2.0, 3.0);
    let some = days(1, 25, 3);
    let all = rows(&some);
    let scaling = Scaling::of(all.features().view());
    let noise = Noise { typical: vec![8.0, 6.0, -0.5], at_zero: 0.4, slope: 0.05 };
    let posterior_of = |left_out: Option<usize>| {
        let mut moments = Moments::new(3);
        for row in (0..25).filter(|row| Some(*row) != left_out) {
            let row = Beliefs::row(&scaling, &all, row).unwrap();
            moments.add(&row.x, row.y, 1.0 / noise.variance(&row.x));
        }
        let units = vec![("apartment 0".to_owned(), prior.update(&moments).unwrap().0)];
        Beliefs { scaling: scaling.clone(), noise: noise.clone(), prior: prior.clone(), units }
    };
    let own = posterior_of(None).judge(&all, f64::NEG_INFINITY, Some(&[true; 25]), &mut || ()).unwrap();
    for row in 0..25 {
        let (own, exact) = (
            own[row].unwrap(),
            posterior_of(Some(row)).judge(&all, f64::NEG_INFINITY, None, &mut || ()).unwrap()[row].unwrap(),
        );
        for (a, b) in
            [(own.expected, exact.expected), (own.scale, exact.scale), (own.freedom, exact.freedom), (own.z, exact.z)]
        {
            assert!((a - b).abs() < 1e-8 * (1.0 + b.abs()), "{row}: {own:?} {exact:?}");
        }
    }
}

#[test]
fn faults_among_what_was_learnt_are_left_out_and_found() {
    let mut all = days(10, 365, 4);
    let is_fault = |day: &Day| day.unit < 5 && (100.0..130.0).contains(&day.day);
    all.iter_mut().filter(|day| is_fault(day)).for_each(|day| day.kwh = day.kwh.map(|kwh| kwh + 20.0));
    let fitted = fitted(&all, &json!({}));
    let found = all.iter().zip(&fitted.own).filter(|(day, verdict)| is_fault(day) && verdict.is_anomaly == Some(true));
    assert_eq!(found.count(), 150);
    let false_alarms =
        all.iter().zip(&fitted.own).filter(|(day, v)| !is_fault(day) && v.is_anomaly == Some(true)).count();
    assert!(false_alarms < 90, "{false_alarms} of {}", all.len() - 150);
    assert!((150..170).contains(&fitted.metrics["rows_left_out"].as_u64().unwrap()), "{}", fitted.metrics);
}

#[test]
fn a_run_of_days_that_are_each_a_little_high_is_an_alarm_and_noted_how_long_it_lasts() {
    let all = days(8, 500, 5);
    let (learnt, mut coming): (Vec<Day>, Vec<Day>) = all.into_iter().partition(|day| day.day < 365.0);
    let model = fitted(&learnt, &json!({})).model;
    let noise = |day: &Day| 0.5 + 0.08 * day.kwh.unwrap();
    for day in coming.iter_mut().filter(|day| day.day >= 400.0) {
        day.kwh = day.kwh.map(|kwh| kwh + 1.3 * noise(day));
    }
    let verdicts = scored(&model, &coming, &json!({}));
    let of = |unit: usize, from: f64, to: f64| -> Vec<Verdict> {
        let days = coming.iter().zip(&verdicts).filter(|(day, _)| day.unit == unit && (from..to).contains(&day.day));
        days.map(|(_, verdict)| verdict.clone()).collect()
    };
    let single = scored(&model, &coming, &json!({"runs": false}));
    let (by_run, by_day) =
        (share(&verdicts, |v| v.is_anomaly == Some(true)), share(&single, |v| v.is_anomaly == Some(true)));
    assert!(by_run > 3.0 * by_day, "{by_run} {by_day}");
    for unit in 0..8 {
        assert!(of(unit, 415.0, 500.0).iter().all(|v| v.cusum.unwrap() > 0.0), "unit {unit}");
        let last = of(unit, 499.0, 500.0)[0].clone();
        assert!(last.run_days >= Some(85), "{last:?}");
        let alarms = share(&of(unit, 415.0, 500.0), |v| v.is_anomaly == Some(true));
        assert!(alarms > 0.5, "unit {unit}: {alarms}");
    }
}

#[test]
fn a_side_that_does_not_count_never_alarms_and_has_no_bound() {
    let all = days(6, 365, 6);
    let given = json!({"side": "upper"});
    let model = fitted(&all, &given).model;
    let low: Vec<Day> = all.iter().take(60).map(|day| Day { kwh: Some(0.0), ..day.clone() }).collect();
    let verdicts = scored(&model, &low, &given);
    assert!(verdicts.iter().all(|v| v.is_anomaly == Some(false) && v.lower.is_none() && v.score < Some(0.6)));
    assert!(scored(&model, &low, &json!({"side": "lower"})).iter().all(|v| v.is_anomaly == Some(true)));
}

#[test]
fn what_is_not_known_has_no_score_but_what_is_expected() {
    let mut all = days(6, 365, 7);
    let model = fitted(&all, &json!({})).model;
    all.truncate(3);
    all[0].kwh = None;
    all[1].sun = None;
    (all[2].sun, all[2].hdd) = (None, None);
    let verdicts = scored(&model, &all, &json!({}));
    assert!(verdicts[0].score.is_none() && verdicts[0].expected.is_some() && verdicts[0].is_anomaly.is_none());
    assert!(verdicts[1].score.is_some());
    assert_eq!(verdicts[2], Verdict::default());
    // Without the sun the interval is wider than with it.
    all[1].sun = Some(2.0);
    let known = scored(&model, &all, &json!({}));
    let width = |verdict: &Verdict| verdict.upper.unwrap() - verdict.lower.unwrap();
    assert!(width(&verdicts[1]) > width(&known[1]));
}

#[test]
fn contributions_add_up_to_the_day_and_say_what_would_explain_it() {
    let mut all = days(6, 365, 8);
    let model = fitted(&all, &json!({})).model;
    all[0].kwh = Some(40.0);
    let parts = model.explain(&rows(&all[..1])).unwrap();
    assert!((parts.iter().map(|part| part.contribution).sum::<f64>() - 40.0).abs() < 1e-9);
    let verdict = &scored(&model, &all[..1], &json!({}))[0];
    let left = parts.last().unwrap();
    assert_eq!(left.feature, "(unexplained)");
    assert!((left.contribution - (40.0 - verdict.expected.unwrap())).abs() < 1e-9);
    // So many degree days more would explain it.
    let hdd = parts.iter().find(|part| part.feature == "hdd").unwrap();
    all[0].hdd = all[0].hdd.map(|value| value + hdd.would_explain.unwrap());
    assert!((scored(&model, &all[..1], &json!({}))[0].expected.unwrap() - 40.0).abs() < 1e-6);
}

#[test]
fn a_target_or_a_feature_that_never_varies_and_a_unit_with_one_row_are_taken() {
    let mut all = days(5, 100, 9);
    all.iter_mut().for_each(|day| (day.kwh, day.sun) = (Some(0.0), Some(3.0)));
    all.truncate(401);
    let fitted = fitted(&all, &json!({}));
    assert!(share(&fitted.own, |v| v.is_anomaly == Some(true)) < 0.02, "{}", fitted.metrics);
    all[0].kwh = Some(3.0);
    assert_eq!(scored(&fitted.model, &all[..1], &json!({}))[0].is_anomaly, Some(true));
    let few = Regression::fit(&rows(&all[..5]), &parameters(&json!({})), None, &mut || ());
    assert!(matches!(few, Err(Error::TooFewRows { need: 13, have: 5 })));
}

#[test]
fn a_prior_of_others_helps_a_unit_with_a_week() {
    let all = days(30, 200, 10);
    let given = json!({"runs": false});
    let pooled = fitted(&all.iter().filter(|day| day.unit < 25).cloned().collect::<Vec<_>>(), &given).model;
    let own = |day: &&Day| day.unit >= 25;
    let week: Vec<Day> = all.iter().filter(own).filter(|day| day.day < 7.0).cloned().collect();
    let coming: Vec<Day> = all.iter().filter(own).filter(|day| day.day >= 7.0).cloned().collect();
    let with = Regression::fit(&rows(&week), &parameters(&given), Some(&pooled), &mut || ()).unwrap().model;
    let alone = fitted(&week, &given).model;
    let error = |model: &Regression| {
        let verdicts = scored(model, &coming, &given);
        verdicts.iter().zip(&coming).map(|(v, day)| (v.expected.unwrap() - day.kwh.unwrap()).abs()).sum::<f64>()
    };
    assert!(error(&with) < 0.7 * error(&alone), "{} {}", error(&with), error(&alone));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn scores_are_shares_and_the_order_of_the_rows_does_not_matter(seed in 0_u64..1000, gap in 2_usize..9) {
        let mut all = days(4, 60, seed);
        all.iter_mut().step_by(gap).for_each(|day| day.sun = None);
        all.iter_mut().step_by(gap + 5).for_each(|day| day.kwh = None);
        let one = fitted(&all, &json!({}));
        let turned: Vec<Day> = all.iter().rev().cloned().collect();
        let two = fitted(&turned, &json!({}));
        for (verdict, other) in one.own.iter().zip(two.own.iter().rev()) {
            prop_assert!(verdict.score.is_none_or(|score| (0.0..=1.0).contains(&score)));
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-6 * (1.0 + a.abs()),
                (a, b) => a == b,
            };
            prop_assert!(close(verdict.score, other.score) && close(verdict.upper, other.upper) && close(verdict.cusum, other.cusum));
        }
        prop_assert!(one.model.is_sound(2));
    }

    /// So the pipeline keeps days of a fault of the whole building out of the sums of apartments, and starts sums anew
    /// after a repair.
    #[test]
    fn days_moved_far_away_leave_the_sums_of_the_others_as_if_they_were_not_there(
        seed in 0_u64..1000, first in 125_usize..150, length in 1_usize..6, kept in 0.1_f64..0.9,
    ) {
        let (learnt, mut coming): (Vec<Day>, Vec<Day>) =
            days(4, 160, seed).into_iter().partition(|day| day.day < 120.0);
        let model = fitted(&learnt, &json!({})).model;
        let is_fault = |day: &Day| (first..first + length).contains(&(day.day as usize));
        for day in coming.iter_mut().filter(|day| is_fault(day)) {
            day.kwh = day.kwh.map(|kwh| kept * kwh);
        }
        let moved = |by: f64, of: &dyn Fn(&Day) -> bool| -> Vec<Day> {
            coming.iter().map(|day| Day { day: day.day + if of(day) { by } else { 0.0 }, ..day.clone() }).collect()
        };
        let apart = scored(&model, &moved(-1e5, &is_fault), &json!({}));
        let without: Vec<Day> = coming.iter().filter(|day| !is_fault(day)).cloned().collect();
        let others = coming.iter().zip(&apart).filter(|(day, _)| !is_fault(day)).map(|(_, verdict)| verdict);
        prop_assert_eq!(others.cloned().collect::<Vec<_>>(), scored(&model, &without, &json!({})));

        let is_after = |day: &Day| day.day as usize >= first + length;
        let anew = scored(&model, &moved(1e3, &is_after), &json!({}));
        let after: Vec<Day> = coming.iter().filter(|day| is_after(day)).cloned().collect();
        let repaired = coming.iter().zip(&anew).filter(|(day, _)| is_after(day)).map(|(_, verdict)| verdict);
        prop_assert_eq!(repaired.cloned().collect::<Vec<_>>(), scored(&model, &after, &json!({})));
    }
}
