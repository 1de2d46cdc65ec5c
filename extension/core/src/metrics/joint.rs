//! Scores of scenarios, which assess the dependence between steps and series.

use crate::Checkpoint;
use crate::error::Error;

/// Maximum number of differences computed for a score: about ten seconds.
const MOST_DIFFERENCES: usize = 10_000_000_000;

/// The energy score: mean distance of the scenarios from the actual path minus half their mean distance from each other
/// (Gneiting and Raftery, *Strictly Proper Scoring Rules, Prediction, and Estimation*, 2007); in the unit of the
/// target. `scenarios` holds one path after the other, each as long as `actual`.
pub fn energy_score(actual: &[f64], scenarios: &[f64], checkpoint: Checkpoint<'_>) -> Result<f64, Error> {
    let paths = paths(actual, scenarios, |steps, count| steps.saturating_mul(count).saturating_mul(count))?;
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let count = paths.len() as f64;
    let (mut from_actual, mut apart) = (0.0, 0.0);
    for (at, path) in paths.iter().enumerate() {
        checkpoint();
        from_actual += distance(path, actual);
        apart += paths[..at].iter().map(|other| distance(path, other)).sum::<f64>();
    }
    Ok(from_actual / count - apart / count / count)
}

/// The variogram score of order one half: the mean, over all pairs of steps, of the squared difference between the root
/// of their distance and its mean over the scenarios (Scheuerer and Hamill, *Variogram-Based Proper Scoring Rules for
/// Probabilistic Forecasts of Multivariate Quantities*, 2015, with equal weights). It is more sensitive to a wrong
/// dependence of the steps than the energy score. In the unit of the target; zero for a single step.
pub fn variogram_score(actual: &[f64], scenarios: &[f64], checkpoint: Checkpoint<'_>) -> Result<f64, Error> {
    let paths = paths(actual, scenarios, |steps, count| steps.saturating_mul(steps).saturating_mul(count))?;
    let root = |path: &[f64], a: usize, b: usize| (path[a] - path[b]).abs().sqrt();
    let mut sum = 0.0;
    for a in 1..actual.len() {
        checkpoint();
        for b in 0..a {
            let expected = paths.iter().map(|path| root(path, a, b)).sum::<f64>() / paths.len() as f64;
            sum += 2.0 * (root(actual, a, b) - expected).powi(2);
        }
    }
    Ok(sum / (actual.len() as f64).powi(2))
}

/// The scenarios as paths.
fn paths<'a>(
    actual: &[f64],
    scenarios: &'a [f64],
    differences: impl Fn(usize, usize) -> usize,
) -> Result<Vec<&'a [f64]>, Error> {
    let steps = actual.len();
    if steps == 0 || scenarios.is_empty() || !scenarios.len().is_multiple_of(steps) {
        return Err(Error::InvalidArgument(format!(
            "{} values of scenarios and {steps} actual values: each scenario has one value for each actual one",
            scenarios.len()
        )));
    }
    let count = scenarios.len() / steps;
    if differences(steps, count) > MOST_DIFFERENCES {
        return Err(Error::InvalidArgument(format!(
            "{count} scenarios of {steps} steps are too many to score: at most {MOST_DIFFERENCES} differences are allowed"
        )));
    }
    Ok(scenarios.chunks(steps).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, numbers, reference};
    use super::*;

    #[test]
    fn scores_agree_with_scoringrules() {
        let reference = &reference()["joint"];
        let (actual, scenarios) = (numbers(&reference["actual"]), numbers(&reference["scenarios"]));
        let expected = |score: &str| reference[score].as_f64();
        assert!(close(energy_score(&actual, &scenarios, &mut || ()).ok(), expected("energy_score")));
        assert!(close(variogram_score(&actual, &scenarios, &mut || ()).ok(), expected("variogram_score")));
    }

    #[test]
    fn a_perfect_path_scores_zero_and_paths_of_another_length_are_rejected() {
        let actual = [1.0, 2.0, 4.0];
        for score in [energy_score, variogram_score] {
            assert_eq!(score(&actual, &[actual, actual].concat(), &mut || ()), Ok(0.0));
            for scenarios in [&[][..], &[1.0; 4]] {
                let refusal = score(&actual, scenarios, &mut || ()).unwrap_err().to_string();
                assert!(refusal.contains("each scenario has one value for each actual one"), "{refusal}");
            }
            assert!(score(&[], &[1.0], &mut || ()).is_err());
        }
    }

    type Score = fn(&[f64], &[f64], Checkpoint<'_>) -> Result<f64, Error>;

    #[test]
    fn requests_that_would_take_minutes_are_rejected() {
        let refused = |scenarios: usize, steps: usize, score: Score| {
            score(&vec![0.0; steps], &vec![0.0; steps * scenarios], &mut || ()).unwrap_err().to_string()
        };
        assert!(refused(10, 40_000, variogram_score).contains("at most 10000000000 differences"));
        assert!(refused(40_000, 10, energy_score).contains("at most 10000000000 differences"));
    }
}
