//! What is believed of each unit, and what that expects of a row.

use super::noise::Noise;
use super::posterior::Posterior;
use super::robust::Row;
use crate::Checkpoint;
use crate::anomaly::distribution::normal_score;
use crate::anomaly::observations::Observations;
use crate::anomaly::scaling::Scaling;
use crate::anomaly::verdict::Part;
use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Features on one scale, noise by level, and weights of each unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Beliefs {
    pub scaling: Scaling,
    pub noise: Noise,
    /// Of a unit that was never seen.
    pub prior: Posterior,
    /// By name.
    pub units: Vec<(String, Posterior)>,
}

/// A row against what was expected of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub expected: f64,
    pub scale: f64,
    pub freedom: f64,
    /// The normal score; NaN where the target is not known.
    pub z: f64,
}

impl Beliefs {
    fn of(&self, unit: &str) -> &Posterior {
        let known = self.units.binary_search_by(|(name, _)| name.as_str().cmp(unit));
        known.map_or(&self.prior, |at| &self.units[at].1)
    }

    /// A row, where enough of it is known.
    pub fn row(scaling: &Scaling, rows: &Observations, row: usize) -> Option<Row> {
        let (mut x, mut missing, mut telling) = (Vec::with_capacity(scaling.0.len() + 1), 0, 0);
        x.push(1.0);
        for (scale, value) in scaling.0.iter().zip(rows.row(row)) {
            let value = scale.apply(*value);
            if scale.spread > 0.0 {
                telling += 1;
                missing += usize::from(value.is_nan());
            }
            x.push(if value.is_nan() { 0.0 } else { value });
        }
        (2 * missing <= telling).then(|| Row { x, y: rows.target(row), variance: 1.0 })
    }

    /// Every row against what is expected of it, at least `floor`. `counts`: rows of the training set, each judged by
    /// the posterior without it.
    pub fn judge(
        &self,
        rows: &Observations,
        floor: f64,
        counts: Option<&[bool]>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Vec<Option<Judged>>, Error> {
        let mut judged = vec![None; rows.len()];
        for (name, places) in rows.by_group() {
            checkpoint();
            let belief = self.of(name);
            let factor = belief.factor()?;
            for place in places {
                let Some(row) = Self::row(&self.scaling, rows, place) else { continue };
                let variance = self.noise.variance(&row.x);
                let unknown: f64 = self
                    .scaling
                    .0
                    .iter()
                    .zip(rows.row(place))
                    .zip(&belief.mean[1..])
                    .filter(|((scale, value), _)| value.is_nan() && scale.spread > 0.0)
                    .map(|(_, weight)| weight * weight)
                    .sum();
                let (expected, lever) = (belief.expected(&row.x), factor.quadratic(&row.x) / variance);
                let (mut expected, mut a, mut b, mut more) = (expected, belief.a, belief.b, 1.0 + lever);
                if counts.is_some_and(|counts| counts[place]) && lever < 1.0 - 1e-9 {
                    // The posterior without this row, in closed form.
                    let residual = (row.y - expected) / variance.sqrt();
                    more = 1.0 / (1.0 - lever);
                    expected = row.y - residual * more * variance.sqrt();
                    (a, b) = (a - 0.5, (b - 0.5 * residual * residual * more).max(1e-12 * b));
                }
                let expected = expected.max(floor);
                let scale = (variance * more * b / a + unknown).sqrt();
                let freedom = 2.0 * a;
                judged[place] =
                    Some(Judged { expected, scale, freedom, z: normal_score((row.y - expected) / scale, freedom) });
            }
        }
        Ok(judged)
    }

    /// What a row is made of: what each feature adds to a typical day, and what is left.
    pub fn explain(&self, rows: &Observations) -> Result<Vec<Part>, Error> {
        let belief = self.of(rows.group(0));
        let factor = belief.factor()?;
        let known = self.scaling.0.iter().zip(rows.row(0)).zip(&belief.mean[1..]);
        let added =
            known.map(|((scale, value), weight)| if value.is_nan() { 0.0 } else { weight * scale.apply(*value) });
        let left = rows.target(0) - belief.mean[0] - added.sum::<f64>();
        let mut parts = vec![Part { feature: "(base)".to_owned(), contribution: belief.mean[0], ..Part::default() }];
        for (at, (name, scale)) in rows.names().iter().zip(&self.scaling.0).enumerate() {
            let (value, weight) = (rows.row(0)[at], belief.mean[at + 1]);
            let mut axis = vec![0.0; belief.mean.len()];
            axis[at + 1] = 1.0;
            let deviation = (belief.noise() * factor.quadratic(&axis)).sqrt();
            let is_sure = scale.spread > 0.0 && weight.abs() > 2.0 * deviation;
            parts.push(Part {
                feature: name.clone(),
                value: Some(value).filter(|value| value.is_finite()),
                typical: Some(scale.typical),
                contribution: if value.is_nan() { 0.0 } else { weight * scale.apply(value) },
                would_explain: Some(left * scale.spread / weight).filter(|change| is_sure && change.is_finite()),
            });
        }
        if left.is_finite() {
            parts.push(Part { feature: "(unexplained)".to_owned(), contribution: left, ..Part::default() });
        }
        Ok(parts)
    }

    /// Whether it can have been learnt, of so many features.
    pub fn is_sound(&self, features: usize) -> bool {
        let units = self.units.iter().all(|(_, unit)| unit.is_sound(features + 1));
        units
            && self.units.is_sorted_by(|a, b| a.0 < b.0)
            && self.scaling.is_sound(features)
            && self.prior.is_sound(features + 1)
            && self.noise.is_sound(features + 1)
    }
}
