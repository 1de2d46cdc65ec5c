//! The fit: which rows count, what is believed beforehand, each unit's posterior, and how rare its scores are.

use super::beliefs::{Beliefs, Judged};
use super::noise::Noise;
use super::posterior::{Moments, Posterior};
use super::rarity::Rarity;
use super::robust::{Row, huber, inliers};
use super::{Regression, floor, prior};
use crate::Checkpoint;
use crate::anomaly::observations::Observations;
use crate::anomaly::parameters::ExpectedEnergy;
use crate::anomaly::scaling::{Scaling, median};
use crate::anomaly::verdict::Verdict;
use crate::error::Error;
use serde_json::{Value, json};

/// Rows that are needed beside one for each feature.
const FEWEST_ROWS: usize = 10;
/// A unit whose rows are fewer teaches the prior nothing.
const FEWEST_OF_UNIT: usize = 10;
/// Most numbers of all units: 400 MB.
const MOST_NUMBERS: usize = 50_000_000;

/// What was learnt from, and what comes of it.
pub struct Fitted {
    /// The regression.
    pub model: Regression,
    /// The verdict on each row that was learnt from, by the others.
    pub own: Vec<Verdict>,
    /// Rows that counted.
    pub rows: usize,
    /// What is registered of it.
    pub metrics: Value,
}

impl Regression {
    /// Learns from rows; from a prior of another model instead of one of these rows, where it is given.
    pub fn fit(
        rows: &Observations,
        parameters: &ExpectedEnergy,
        prior: Option<&Self>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Fitted, Error> {
        let target = rows.needed_target()?;
        let scaling = prior.map_or_else(|| Scaling::of(rows.features().view()), |prior| prior.beliefs.scaling.clone());
        let weights = rows.names().len() + 1;
        let groups = rows.by_group();
        check_numbers(groups.len(), weights)?;
        // Rows that count, unit by unit: their place among all, and themselves.
        let mut units: Vec<Vec<(usize, Row)>> = Vec::with_capacity(groups.len());
        for (_, places) in &groups {
            checkpoint();
            let known = places.iter().filter(|row| target[**row].is_finite());
            units.push(known.filter_map(|row| Some((*row, Beliefs::row(&scaling, rows, *row)?))).collect());
        }
        let (need, have) = (if prior.is_some() { 1 } else { weights + FEWEST_ROWS }, units.iter().map(Vec::len).sum());
        if have < need {
            return Err(Error::TooFewRows { need, have });
        }
        let never_negative = || units.iter().flatten().all(|(_, row)| row.y >= 0.0);
        let is_amount = prior.map_or_else(never_negative, |prior| prior.is_amount);
        let (noise, first) = match prior {
            Some(prior) => (prior.beliefs.noise.clone(), prior.beliefs.prior.clone()),
            None => base(&units, parameters, checkpoint)?,
        };
        for (_, row) in units.iter_mut().flatten() {
            row.variance = noise.variance(&row.x);
        }
        let mut sums = Vec::with_capacity(units.len());
        let mut counts = vec![false; rows.len()];
        for unit in &units {
            checkpoint();
            let unit_rows: Vec<&Row> = unit.iter().map(|(_, row)| row).collect();
            let kept = inliers(&unit_rows, &first, parameters.trim)?;
            let mut moments = Moments::new(weights);
            for ((place, row), _) in unit.iter().zip(&kept).filter(|(_, kept)| **kept) {
                moments.add(&row.x, row.y, 1.0 / row.variance);
                counts[*place] = true;
            }
            sums.push(moments);
        }
        let learnt = match prior {
            Some(prior) => prior.beliefs.prior.clone(),
            None => {
                let teaching: Vec<Moments> =
                    sums.iter().filter(|unit| unit.rows >= FEWEST_OF_UNIT as f64).cloned().collect();
                let teaching = if teaching.is_empty() { sums.clone() } else { teaching };
                prior::prior(&first.mean, first.noise(), &teaching, checkpoint)?
            }
        };
        let mut posteriors = Vec::with_capacity(units.len());
        for ((name, _), moments) in groups.iter().zip(&sums) {
            checkpoint();
            posteriors.push(((*name).to_owned(), learnt.update(moments)?.0));
        }
        let beliefs = Beliefs { scaling, noise, prior: learnt, units: posteriors };
        let judged = beliefs.judge(rows, floor(is_amount), Some(&counts), checkpoint)?;
        let rarity = match prior {
            Some(prior) => prior.rarity.clone(),
            None => Rarity::learnt(rows, &judged, &counts, parameters, checkpoint)?,
        };
        let model = Self { beliefs, rarity, is_amount };
        let own = model.verdicts(rows, &judged, parameters);
        let metrics = model.metrics(&judged, &own, &counts);
        Ok(Fitted { rows: have, model, own, metrics })
    }

    /// What the registry keeps of it.
    fn metrics(&self, judged: &[Option<Judged>], own: &[Verdict], counts: &[bool]) -> Value {
        let beliefs = &self.beliefs;
        let known: Vec<&Judged> = judged.iter().flatten().filter(|judged| judged.z.is_finite()).collect();
        let n = known.len().max(1) as f64;
        let within = known.iter().filter(|judged| judged.z.abs() <= 1.644_854).count() as f64;
        let alarms = own.iter().filter(|verdict| verdict.is_anomaly == Some(true)).count() as f64;
        let learnt = counts.iter().filter(|counts| **counts).count();
        json!({
            "units": beliefs.units.len(),
            "rows_left_out": known.len() - learnt.min(known.len()),
            "noise": beliefs.prior.noise().sqrt(),
            "noise_slope": beliefs.noise.slope,
            "coverage_90_pct": 100.0 * within / n,
            "alarms_pct": 100.0 * alarms / n,
            "prior": {
                "constant_worth": beliefs.prior.precision[0],
                "slopes_worth": beliefs.prior.precision.get(2),
                "noise_worth": 2.0 * beliefs.prior.a,
            },
            "run": {
                "threshold": self.rarity.cusum.threshold,
                "drift": self.rarity.cusum.drift,
                "correlation": self.rarity.cusum.correlation,
            },
        })
    }
}

fn check_numbers(units: usize, weights: usize) -> Result<(), Error> {
    let numbers = units.saturating_mul(weights * (weights + 3) / 2);
    if numbers > MOST_NUMBERS {
        return Err(Error::InvalidArgument(format!(
            "{units} groups with {} features each are {numbers} numbers, at most {MOST_NUMBERS} are allowed",
            weights - 1
        )));
    }
    Ok(())
}

/// Noise by level, and a first prior: weights of all rows, and the noise around each unit's own.
fn base(
    units: &[Vec<(usize, Row)>],
    parameters: &ExpectedEnergy,
    checkpoint: Checkpoint<'_>,
) -> Result<(Noise, Posterior), Error> {
    let all: Vec<&Row> = units.iter().flatten().map(|(_, row)| row).collect();
    let weights = all[0].x.len();
    let mean = all.iter().map(|row| row.y).sum::<f64>() / all.len() as f64;
    let total = all.iter().map(|row| (row.y - mean).powi(2)).sum::<f64>() / all.len() as f64;
    // Where the target never varies, so little that nothing is divided by zero.
    let least = 1e-12 * (1.0 + mean * mean);
    let flat = |noise: f64| {
        let mut start = vec![0.0; weights];
        start[0] = mean;
        Posterior::independent(start, &vec![0.01; weights], 1.0, noise.max(least))
    };
    checkpoint();
    let (typical, spread) = huber(&all, &flat(total))?;
    let first = |noise: f64| {
        let precisions: Vec<f64> = (0..weights).map(|at| if at == 0 { 0.1 } else { 1.0 }).collect();
        Posterior::independent(typical.clone(), &precisions, 1.0, noise.max(least))
    };
    let (mut pairs, mut noise) = (Vec::new(), Vec::new());
    for unit in units {
        checkpoint();
        let rows: Vec<&Row> = unit.iter().map(|(_, row)| row).collect();
        if rows.len() < FEWEST_OF_UNIT {
            continue;
        }
        let (own, scale) = huber(&rows, &first(spread * spread))?;
        noise.push(scale * scale);
        // In units of its own noise, so that large units count as small ones do; gross outliers not as such.
        let size = |row: &&Row| (Noise::level(&typical, &row.x), (row.residual(&own).abs() / scale).min(4.0));
        pairs.extend(rows.iter().map(size));
    }
    let noise = if noise.is_empty() { spread * spread } else { median(noise) };
    let by_level =
        if parameters.noise_by_level { Noise::of(typical.clone(), &pairs) } else { Noise::constant(typical.clone()) };
    Ok((by_level, first(noise)))
}
