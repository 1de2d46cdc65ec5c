//! Lower bound for the speed bench: libxgboost alone, through edf's wrapper, on matrices in memory.
//!
//!     cargo run --release -p edf-core --example floor -- train|forecast|backtest < HOURS.csv
//!
//! CSV of number, hour_at (RFC 3339), demand, temperature_c, ghi_w_m2, is_holiday: a year, a week and three days of
//! each building. Prints the wall-clock and processor seconds spent in the library on the fits and predictions that edf
//! requests, and nothing else.

#[allow(dead_code)]
#[path = "../src/model/xgboost/booster.rs"]
mod booster;
#[allow(dead_code)]
#[path = "../src/options.rs"]
mod options;
#[allow(dead_code)]
#[path = "../src/model/xgboost/parameters.rs"]
mod parameters;
#[allow(dead_code)]
#[path = "../src/signals.rs"]
mod signals;
#[allow(dead_code)]
#[path = "../src/model/target.rs"]
mod target;

mod model {
    pub(crate) use crate::target;
}

use anyhow::{Context, Result, bail};
use booster::{Booster, Matrix};
use edf_core::features::{FeatureSpec, Preset, Sample, Table};
use edf_core::origin::Origin;
use edf_core::series::Frame;
// Modules above expect these at the root of their crate.
use edf_core::{Checkpoint, error};
use ndarray::{Array2, Axis};
use parameters::Parameters;
use serde_json::json;
use std::io::BufRead;
use std::time::{Duration, Instant};

const DAY: usize = 24;
const HORIZON: usize = 72;
const YEAR: usize = 8760;
const HELD_OUT: usize = 56 * DAY;

/// Time spent in the library.
#[derive(Default)]
struct Watch {
    wall: Duration,
    processor: Duration,
}

impl Watch {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (started, before) = (Instant::now(), processor_time());
        let done = work();
        self.wall += started.elapsed();
        self.processor += processor_time() - before;
        done
    }
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and `time` is a local variable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn spec() -> Result<FeatureSpec> {
    Ok(FeatureSpec::from_json(&json!({"time_zone": "Etc/GMT+8"}), Preset::Advanced)?)
}

/// The samples of each day of lead, from origins a day apart.
fn by_lead_day(table: &Table<'_>, first: usize, until: usize, end: usize) -> Result<Vec<(Array2<f32>, Vec<usize>)>> {
    let origins = (first..until).step_by(DAY);
    let samples: Vec<Sample> = origins
        .flat_map(|origin| {
            (origin..(origin + HORIZON).min(end)).map(move |target| Sample { origin: Origin::at(origin), target })
        })
        .collect();
    let matrix = table.matrix(&samples, &mut || ())?;
    let of_day = |day: usize| {
        let rows: Vec<usize> = (0..samples.len()).filter(|row| (samples[*row].lead() - 1) / DAY == day).collect();
        (matrix.select(Axis(0), &rows), rows.iter().map(|row| samples[*row].target).collect())
    };
    Ok((0..HORIZON / DAY).map(of_day).collect())
}

fn fit(table: &Table<'_>, frame: &Frame, end: usize, watch: &mut Watch) -> Result<Vec<Booster>> {
    let parameters = Parameters::default();
    let pairs = parameters.for_booster(&table.names());
    let first = table.history() + (end - table.history()) % DAY;
    let days = by_lead_day(table, first, end, end)?;
    let fit = |(rows, targets): (Array2<f32>, Vec<usize>)| {
        let labels: Vec<f32> = targets.iter().map(|target| frame.target[*target] as f32).collect();
        let weights = vec![1.0; labels.len()];
        watch.time(|| {
            let matrix = Matrix::new(rows.view())?.with_labels(&labels, &weights)?;
            Ok(Booster::train(&matrix, &pairs, parameters.rounds, &mut || ())?)
        })
    };
    days.into_iter().map(fit).collect()
}

fn predict(boosters: &[Booster], days: &[(Array2<f32>, Vec<usize>)], watch: &mut Watch) -> Result<()> {
    for (booster, (rows, _)) in boosters.iter().zip(days) {
        watch.time(|| booster.predict(&Matrix::new(rows.view())?))?;
    }
    Ok(())
}

/// A fit without the newest block, its forecasts of that block, and the final fit.
fn train(table: &Table<'_>, frame: &Frame, end: usize, watch: &mut Watch) -> Result<Vec<Booster>> {
    let held = end - HELD_OUT;
    let boosters = fit(table, frame, held, watch)?;
    predict(&boosters, &by_lead_day(table, held, end, end)?, watch)?;
    fit(table, frame, end, watch)
}

fn read() -> Result<Vec<Frame>> {
    let mut buildings: Vec<Vec<Vec<String>>> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let cells: Vec<String> = line?.split(',').map(str::to_owned).collect();
        match buildings.last_mut().filter(|rows| rows[0][0] == cells[0]) {
            Some(rows) => rows.push(cells),
            None => buildings.push(vec![cells]),
        }
    }
    let names = ["temperature_c", "ghi_w_m2", "is_holiday"].map(str::to_owned);
    let frame = |rows: Vec<Vec<String>>| {
        let number = |cell: &String| cell.parse::<f64>().ok();
        let times = rows.iter().map(|row| Ok(row[1].parse()?)).collect::<Result<Vec<_>>>()?;
        let target: Vec<_> = rows.iter().map(|row| number(&row[2])).collect();
        let regressors: Vec<_> = (3..6).flat_map(|at| rows.iter().map(move |row| number(&row[at]))).collect();
        Ok(Frame::new(&times, &target, &names, &regressors)?)
    };
    buildings.into_iter().map(frame).collect()
}

fn main() -> Result<()> {
    let (task, spec) = (std::env::args().nth(1).context("a task")?, spec()?);
    let (mut watch, mut kept) = (Watch::default(), None);
    for frame in read()? {
        let table = Table::new(&spec, &frame, &mut || ())?;
        match task.as_str() {
            "train" => {
                train(&table, &frame, YEAR, &mut watch)?;
            }
            "backtest" => {
                for first in (YEAR - 70 * DAY..YEAR).step_by(14 * DAY) {
                    let boosters = train(&table, &frame, first, &mut watch)?;
                    predict(&boosters, &by_lead_day(&table, first, first + 14 * DAY, YEAR)?, &mut watch)?;
                }
            }
            "forecast" => {
                // The trees of any building will do: the time is the same.
                if kept.is_none() {
                    kept = Some(fit(&table, &frame, YEAR, &mut Watch::default())?);
                }
                let origin = YEAR + 7 * DAY;
                let boosters = kept.as_deref().unwrap_or_default();
                predict(boosters, &by_lead_day(&table, origin, origin + 1, origin + HORIZON)?, &mut watch)?;
            }
            _ => bail!("train, forecast or backtest"),
        }
    }
    println!("{:.4} {:.4}", watch.wall.as_secs_f64(), watch.processor.as_secs_f64());
    Ok(())
}
