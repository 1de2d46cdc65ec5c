//! Accuracy on out-of-distribution days: cold and sunny days, Christmas, bridge days.
//!
//!     cargo run --release -p edf -p edf-core --example simulate -- sun|calendar [BUILDINGS]
//!     cargo run --release -p edf -p edf-core --example simulate -- sun-of|calendar-of FILE ZONE [LATITUDE LONGITUDE]
//!
//! The first two use SIMULATED buildings (house.rs), the others a measured series without its last ten weeks.

mod house;
mod trial;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use edf_core::series::{Frame, Regressor};
use house::Hour;
use serde_json::{Value, json};
use std::collections::HashSet;
use trial::{Candidate, HOUSE, Trial, cold_and_sunny, frame};

fn candidates() -> Vec<Candidate> {
    let candidate =
        |name, strategy, parameters: Value, features: Value| Candidate { name, strategy, parameters, features };
    vec![
        Candidate::basic_trees(),
        candidate("xgboost without sol-air", "xgboost", json!({}), json!({"sun_gain_c": 0})),
        candidate("xgboost", "xgboost", json!({}), json!({})),
        candidate("xgboost, monotone", "xgboost", json!({"monotone_heating": true}), json!({})),
        candidate("the same, base mean", "xgboost", json!({"monotone_heating": true, "base": "mean"}), json!({})),
        candidate("lear without sol-air", "lear", json!({}), json!({"sun_gain_c": 0})),
        candidate("lear", "lear", json!({}), json!({})),
        candidate("lear, fitted bases", "lear", json!({}), json!({"fit_bases": true})),
        candidate("ensemble", "ensemble", json!({}), json!({})),
    ]
}

fn expected(seed: u64, days: u64) -> Vec<f64> {
    house::simulate(seed, days, false).iter().map(|hour| hour.demand).collect()
}

fn print(name: &str, [a, b]: [[f64; 2]; 2]) {
    println!("{name:<36} {:8.3} {:8.3}    {:8.3} {:8.3}", a[0], b[0], a[1], b[1]);
}

/// With these days in the training set, and without.
fn sun_trial(trial: &Trial<'_>) -> Result<()> {
    println!("{:<36} {:>8} {:>8}    {:>8} {:>8}", "RMSE, such days", "learnt", "unseen", "expected", "unseen");
    let none = vec![false; trial.unseen.len()];
    for candidate in candidates() {
        let with = Trial { unseen: &none, ..*trial }.rmse(&candidate)?;
        print(candidate.name, [with, trial.rmse(&candidate)?]);
    }
    Ok(())
}

fn sun(buildings: u64) -> Result<()> {
    for seed in 1..=buildings {
        let hours = house::simulate(seed, 1370, true);
        let clear: Vec<f64> = hours.iter().map(|hour| house::clear_sky(hour.at)).collect();
        let (frame, expected) = (frame(&hours, true)?, expected(seed, 1370));
        let days = cold_and_sunny(&frame, &clear)?;
        println!("SIMULATED building {seed}: {} cold and sunny days", days.iter().filter(|day| **day).count() / 24);
        let end = 1249 * 24 + 5;
        let (place, zone) = (HOUSE, "Etc/GMT-1");
        sun_trial(&Trial { frame: &frame, end, unseen: &days, scored: &days, expected: &expected, place, zone })?;
    }
    Ok(())
}

/// With a holiday flag alone, and with the behavioural calendar.
fn calendar_trial(what: &str, plain: &Trial<'_>, behavioural: &Frame) -> Result<()> {
    println!("{what:<36} {:>8} {:>8}    {:>8} {:>8}", "flag", "calendar", "expected", "calendar");
    for candidate in [0, 3, 6, 8].into_iter().filter_map(|at| candidates().into_iter().nth(at)) {
        let with = Trial { frame: behavioural, ..*plain }.rmse(&candidate)?;
        print(candidate.name, [plain.rmse(&candidate)?, with]);
    }
    Ok(())
}

fn calendar(buildings: u64) -> Result<()> {
    type Days = (&'static str, usize, fn(&Hour) -> bool);
    let trials: [Days; 2] = [
        ("RMSE, Christmas week", 1265, |hour| hour.flags.christmas),
        ("RMSE, bridge days", 1369, |hour| hour.flags.bridge),
    ];
    for seed in 1..=buildings {
        println!("SIMULATED building {seed}");
        let hours = house::simulate(seed, 1450, true);
        let (plain, behavioural, expected) = (frame(&hours, false)?, frame(&hours, true)?, expected(seed, 1450));
        let unseen = vec![false; hours.len()];
        for (what, day, is) in trials {
            let scored: Vec<bool> = hours.iter().map(is).collect();
            let (end, place, zone) = (day * 24 + 5, HOUSE, "Etc/GMT-1");
            let trial =
                Trial { frame: &plain, end, unseen: &unseen, scored: &scored, expected: &expected, place, zone };
            calendar_trial(what, &trial, &behavioural)?;
        }
    }
    Ok(())
}

/// A prepared series of the accuracy bench, without its last ten weeks.
fn read(path: &str) -> Result<Frame> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let names: Vec<String> = text.lines().next().context("empty")?.split(',').skip(2).map(str::to_owned).collect();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let rows = &rows[..rows.len() - 10 * 168];
    let number = |cell: &str| cell.parse::<f64>().ok();
    let times = rows.iter().map(|row| Ok(row[0].parse()?)).collect::<Result<Vec<DateTime<Utc>>>>()?;
    let target: Vec<_> = rows.iter().map(|row| number(row[1])).collect();
    let regressors: Vec<_> = (2..names.len() + 2).flat_map(|at| rows.iter().map(move |row| number(row[at]))).collect();
    Ok(Frame::new(&times, &target, &names, &regressors)?)
}

fn sun_of(path: &str, zone: &str, latitude: f64, longitude: f64) -> Result<()> {
    let frame = read(path)?;
    let irradiance = &frame.regressor("ghi_w_m2").context("no irradiance")?.values;
    // In place of the clear sky: the highest irradiance at that hour within three weeks.
    let brightest = |row: usize| {
        let same = (0..=42).filter_map(|day| (row + day * 24).checked_sub(21 * 24));
        same.filter_map(|row| irradiance.get(row)).copied().fold(0.0, f64::max)
    };
    let clear: Vec<f64> = (0..frame.grid.len()).map(brightest).collect();
    let days = cold_and_sunny(&frame, &clear)?;
    let marked: Vec<usize> = (0..days.len() / 24).filter(|day| days[day * 24]).collect();
    // The last third of them is forecast.
    let day = marked.get(marked.len() * 2 / 3).context("there are no cold and sunny days")?;
    let end = day * 24 + (0..24).find(|hour| frame.grid.row_of_day(day * 24 + hour) == 5).unwrap_or(0);
    println!("{path}: {} cold and sunny days, the last third of them is forecast", marked.len());
    let place = Some((latitude, longitude));
    sun_trial(&Trial { frame: &frame, end, unseen: &days, scored: &days, expected: &frame.target, place, zone })
}

/// The second Christmas and the bridge days in a series' second year.
fn calendar_of(path: &str, zone: &str) -> Result<()> {
    let (plain, tz) = (read(path)?, zone.parse::<Tz>()?);
    let date = |row: usize| plain.grid.time(row).with_timezone(&tz).date_naive();
    let flag = &plain.regressor("is_holiday").context("no holidays")?.values;
    let rows = plain.grid.len();
    let holidays: HashSet<NaiveDate> = (0..rows).filter(|row| flag[*row] > 0.5).map(date).collect();
    let near = |date: NaiveDate, days: i64| holidays.contains(&(date + TimeDelta::days(days)));
    let off = |date: NaiveDate, days: i64| {
        near(date, days) || (date + TimeDelta::days(days)).weekday().number_from_monday() >= 6
    };
    let of_rows = |is: &dyn Fn(NaiveDate) -> bool| (0..rows).map(|row| is(date(row))).collect::<Vec<bool>>();
    // As in processed.int_calendar_days.
    let christmas = of_rows(&|date| (date.month(), date.day()) == (1, 1) || (date.month() == 12 && date.day() >= 24));
    let bridge = of_rows(&|date| !off(date, 0) && off(date, -1) && off(date, 1));
    let mut behavioural = plain.clone();
    let before = of_rows(&|date| !near(date, 0) && near(date, 1));
    let after = of_rows(&|date| !near(date, 0) && near(date, -1));
    for (name, days) in [
        ("is_christmas_period", &christmas),
        ("is_bridge_day", &bridge),
        ("is_day_before_holiday", &before),
        ("is_day_after_holiday", &after),
    ] {
        let values = days.iter().map(|is| f64::from(u8::from(*is))).collect();
        behavioural.regressors.push(Regressor { name: name.to_owned(), values });
    }
    let unseen = vec![false; rows];
    let christmases: Vec<usize> = (1..rows).filter(|row| christmas[*row] && !christmas[row - 1]).collect();
    let (_, second) =
        (christmases.first().context("no Christmas")?, christmases.get(1).context("one Christmas alone")?);
    let year = 365 * 24;
    for (what, scored, from) in
        [("RMSE, Christmas week", &christmas, second - 9 * 24), ("RMSE, bridge days", &bridge, year)]
    {
        let end = (from..).find(|row| plain.grid.row_of_day(*row) == 5).unwrap_or(from);
        let days = scored[end..].iter().filter(|is| **is).count() / 24;
        println!("{path}: {days} days");
        let trial = Trial { frame: &plain, end, unseen: &unseen, scored, expected: &plain.target, place: None, zone };
        calendar_trial(what, &trial, &behavioural)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["sun"] => sun(1),
        ["sun", buildings] => sun(buildings.parse()?),
        ["calendar"] => calendar(1),
        ["calendar", buildings] => calendar(buildings.parse()?),
        ["sun-of", path, zone, latitude, longitude] => sun_of(path, zone, latitude.parse()?, longitude.parse()?),
        ["calendar-of", path, zone] => calendar_of(path, zone),
        _ => bail!("sun|calendar [BUILDINGS], sun-of FILE ZONE LATITUDE LONGITUDE, or calendar-of FILE ZONE"),
    }
}
