//! What is believed of a unit before it is seen: learnt from others, by empirical Bayes.
//!
//! The mean is that of the others' weights. How much it is worth against a unit's own rows (the precision of the
//! constant and of the slopes, and the degrees of freedom of the noise) is what makes the others' rows likeliest, each
//! unit's weights integrated out: type II maximum likelihood (Good, *The Estimation of Probabilities*, 1965) over a
//! grid, in closed form for each point of it. Where units differ little the prior is worth many days; where they differ
//! much, few.

use super::super::scaling::median;
use super::posterior::{Moments, Posterior};
use crate::Checkpoint;
use crate::error::Error;

/// Fewer units say nothing of how they differ.
pub const FEWEST_UNITS: usize = 4;
/// More units than this say no more.
const MOST_UNITS: usize = 200;
/// What a prior may be worth.
const PRECISIONS: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];
const SHAPES: [f64; 4] = [1.0, 4.0, 16.0, 64.0];

/// The prior of units with these rows. `typical`: weights of all rows together; `noise`: variance around them, or
/// around each unit's own where units are many enough.
pub fn prior(typical: &[f64], noise: f64, units: &[Moments], checkpoint: Checkpoint<'_>) -> Result<Posterior, Error> {
    let stride = units.len().div_ceil(MOST_UNITS).max(1);
    let units: Vec<&Moments> = units.iter().step_by(stride).collect();
    if units.len() < FEWEST_UNITS {
        // Of one unit no more is known than its level: slopes are drawn to nothing as far as its own rows let them.
        let mean: Vec<f64> = typical.iter().enumerate().map(|(at, w)| if at == 0 { *w } else { 0.0 }).collect();
        return likeliest(&mean, noise, &units, &[0.01], &[1.0], checkpoint);
    }
    let mut best = likeliest(typical, noise, &units, &PRECISIONS, &SHAPES, checkpoint)?;
    for _ in 0..2 {
        let own = units.iter().map(|unit| Ok(best.update(unit)?.0)).collect::<Result<Vec<_>, Error>>()?;
        let mean: Vec<f64> =
            (0..typical.len()).map(|at| own.iter().map(|own| own.mean[at]).sum::<f64>() / own.len() as f64).collect();
        let noise = median(own.iter().map(Posterior::noise).collect());
        best = likeliest(&mean, noise, &units, &PRECISIONS, &SHAPES, checkpoint)?;
    }
    Ok(best)
}

fn likeliest(
    mean: &[f64],
    noise: f64,
    units: &[&Moments],
    constants: &[f64],
    shapes: &[f64],
    checkpoint: Checkpoint<'_>,
) -> Result<Posterior, Error> {
    let mut best: Option<(f64, Posterior)> = None;
    for constant in constants {
        for slope in PRECISIONS {
            for shape in shapes {
                checkpoint();
                let precisions: Vec<f64> = (0..mean.len()).map(|at| if at == 0 { *constant } else { slope }).collect();
                let prior = Posterior::independent(mean.to_vec(), &precisions, *shape, shape * noise);
                let mut evidence = 0.0;
                for unit in units {
                    evidence += prior.update(unit)?.1;
                }
                if best.as_ref().is_none_or(|(most, _)| evidence > *most) {
                    best = Some((evidence, prior));
                }
            }
        }
    }
    best.map(|(_, prior)| prior).ok_or_else(|| Error::Internal("no prior was tried".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Units whose slopes differ by `spread`, each with 60 rows.
    fn units(spread: f64) -> Vec<Moments> {
        let mut random = Random::new(5, 0);
        (0..40)
            .map(|_| {
                let (level, slope) = (10.0 + 3.0 * random.normal(), 2.0 + spread * random.normal());
                let mut moments = Moments::new(2);
                for _ in 0..60 {
                    let x = random.normal();
                    moments.add(&[1.0, x], level + slope * x + random.normal(), 1.0);
                }
                moments
            })
            .collect()
    }

    #[test]
    fn a_prior_is_worth_much_where_units_are_alike_and_little_where_they_differ() {
        let alike = prior(&[10.0, 2.0], 1.0, &units(0.02), &mut || ()).unwrap();
        let unlike = prior(&[10.0, 2.0], 1.0, &units(3.0), &mut || ()).unwrap();
        // One by the variance between units: 1/9 for the constant, 1/9 for the slope where they differ.
        assert_eq!((alike.precision[0], unlike.precision[0]), (0.1, 0.1));
        assert!(alike.precision[2] >= 100.0 && unlike.precision[2] == 0.1, "{alike:?} {unlike:?}");
        assert!((alike.mean[1] - 2.0).abs() < 0.1 && (alike.noise() - 1.0).abs() < 0.1);
        assert!(alike.a >= 16.0, "noise is alike: {}", alike.a);
    }
}
