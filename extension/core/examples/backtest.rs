//! Backtests strategies on a series in a file, without a database, for the development of strategies.
//!
//!     cargo run --release -p edf-core --example backtest -- FILE ZONE WEEKS_CUT RECIPE...
//!
//! FILE: CSV of hour_at (RFC 3339), demand, regressors. WEEKS_CUT: number of weeks at the end to drop first. RECIPE: a
//! strategy, optionally followed by `:{parameters}` and `:{features}` in JSON. Ten weeks of daily origins at 05:00 UTC.

use anyhow::{Context, Result, bail};
use edf_core::backtest::{Candidate, Schedule, backtest};
use edf_core::series::Frame;
use edf_core::train::Recipe;
use serde_json::{Value, json};

fn read(path: &str, cut_weeks: usize) -> Result<Frame> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().context("empty")?.split(',').skip(2).map(str::to_owned).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let rows = &rows[..rows.len() - cut_weeks * 168];
    let number = |cell: &str| cell.parse::<f64>().ok();
    let times = rows.iter().map(|row| Ok(row[0].parse()?)).collect::<Result<Vec<_>>>()?;
    let target: Vec<_> = rows.iter().map(|row| number(row[1])).collect();
    let regressors: Vec<_> = (2..names.len() + 2).flat_map(|at| rows.iter().map(move |row| number(row[at]))).collect();
    Ok(Frame::new(&times, &target, &names, &regressors)?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, zone, cut, recipes @ ..] = arguments.as_slice() else { bail!("FILE ZONE WEEKS_CUT RECIPE...") };
    let frame = read(path, cut.parse()?)?;
    let end = frame.end_of_target();
    let first = (0..24).map(|h| end - 70 * 24 + h).find(|row| frame.grid.row_of_day(*row) == 5).context("no 05:00")?;
    for given in recipes {
        let mut parts = given.splitn(2, ':');
        let strategy = parts.next().unwrap_or_default();
        let both: Value = parts.next().map_or(Ok(json!([{}, {}])), serde_json::from_str)?;
        let mut features = both[1].clone();
        features["time_zone"] = json!(zone);
        let candidate = Candidate::single(Recipe::new(strategy, &both[0], &features, 72)?);
        let started = std::time::Instant::now();
        let schedule = Schedule { first, last: None, step: 24, refit: 336, window: None };
        let forecasts = backtest(&[candidate], schedule, &frame, &[0.1, 0.9], 1, &mut || ())?.remove(0);
        let mut line = String::new();
        for most in [24, 72] {
            let (mut absolute, mut squared, mut total, mut inside, mut uncertain, mut n) =
                (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for f in forecasts.iter().filter(|f| f.lead <= most) {
                let actual = frame.target[f.target()];
                if actual.is_finite() {
                    let error: f64 = f.yhat - actual;
                    (absolute, squared, total, n) =
                        (absolute + error.abs(), squared + error * error, total + actual.abs(), n + 1.0);
                    inside += f64::from(u8::from(f.lower <= actual && actual <= f.upper && f.lower < f.upper));
                    uncertain += f64::from(u8::from(f.lower < f.upper));
                }
            }
            line += &format!(
                "  1-{most}: WAPE {:6.3} RMSE {:7.4} in {:4.1} %",
                100.0 * absolute / total,
                f64::sqrt(squared / n),
                100.0 * inside / uncertain
            );
        }
        println!(
            "{:<14} {given:.60} {line}  {:.1} s",
            path.rsplit('/').next().unwrap_or(path),
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
