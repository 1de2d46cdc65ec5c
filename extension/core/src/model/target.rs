//! The scale of the target in training.
//!
//! `asinh(y / unit)` is logarithmic for values far above the unit, linear around zero, and accepts negative values; it
//! stabilises the variance of loads that vary in proportion to their level (Uniejewski, Weron and Ziel, *Variance
//! stabilizing transformations for electricity spot price forecasting*, 2018).

use serde::{Deserialize, Serialize};

/// The scale, as a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Unchanged: effects are additive.
    Plain,
    /// The inverse hyperbolic sine, a logarithm that accepts zero and negative values: effects are multiplicative.
    Log,
}

/// The unit, as a share of the mean absolute value.
const UNIT_SHARE: f64 = 0.25;

/// The unit of the logarithm; `None` for the plain scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    unit: Option<f64>,
}

impl Target {
    /// The scale for a target; ignores values that are not finite.
    pub fn of(scale: Scale, target: &[f64]) -> Self {
        let seen: Vec<f64> = target.iter().map(|value| value.abs()).filter(|value| value.is_finite()).collect();
        let level = seen.iter().sum::<f64>() / seen.len() as f64;
        Self { unit: (scale == Scale::Log && level > 0.0).then_some(UNIT_SHARE * level) }
    }

    pub fn to_scale(self, value: f64) -> f64 {
        self.unit.map_or(value, |unit| (value / unit).asinh())
    }

    pub fn unscaled(self, value: f64) -> f64 {
        self.unit.map_or(value, |unit| unit * value.sinh())
    }

    /// Converts additive contributions on the training scale to contributions in the unit of the target. A value
    /// between `bounds` is the sum of everything returned: the base, the contributions, and the effect of the bounds.
    ///
    /// Contributions keep their proportions: each is multiplied by the mean slope of the scale from the base to the
    /// value, the rescale rule of DeepLIFT (Shrikumar, Greenside and Kundaje, *Learning important features through
    /// propagating activation differences*, 2017), which propagates SHAP values through a function of one number (Chen,
    /// Lundberg and Lee,
    /// *Explaining a series of models by propagating Shapley values*, 2022).
    pub fn unscaled_parts(self, base: f64, contributions: &mut [f64], (least, most): (f64, f64)) -> (f64, f64) {
        let sum = base + contributions.iter().sum::<f64>();
        let value = sum.max(self.to_scale(least)).min(self.to_scale(most));
        let half = (value - base) / 2.0;
        // sinh(a) - sinh(b) is 2 cosh((a + b) / 2) sinh((a - b) / 2).
        let slope = self.unit.map_or(1.0, |unit| {
            let growth = if half == 0.0 { 1.0 } else { half.sinh() / half };
            unit * (base + half).cosh() * growth
        });
        contributions.iter_mut().for_each(|part| *part *= slope);
        (self.unscaled(base), slope * (value - sum))
    }

    /// The unit of the logarithm; `None` for the plain scale.
    pub fn unit(self) -> Option<f64> {
        self.unit
    }

    pub fn is_sound(self) -> bool {
        self.unit.is_none_or(|unit| unit.is_finite() && unit > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_round_trip_even_at_and_below_zero() {
        let target = Target::of(Scale::Log, &[1.0, f64::NAN, 3.0]);
        for value in [-2.0, 0.0, 0.1, 50.0] {
            assert!((target.unscaled(target.to_scale(value)) - value).abs() < 1e-9);
        }
        for (base, parts) in [(0.3, [1.5, -0.2]), (2.0, [0.0, 0.0]), (1.0, [900.0, -2.0])] {
            let (mut scaled, bounds) = (parts, (-1.0, 50.0));
            let (base_kwh, beyond) = target.unscaled_parts(base, &mut scaled, bounds);
            let expected = target.unscaled(base + parts[0] + parts[1]).clamp(bounds.0, bounds.1);
            let sum = base_kwh + scaled[0] + scaled[1] + beyond;
            assert!((sum - expected).abs() < 1e-9 * scaled[0].abs().max(1.0), "{sum} for {expected}");
            assert!((scaled[0] * parts[1] - scaled[1] * parts[0]).abs() < 1e-9 * scaled[0].abs().max(1.0));
        }
        for target in [Target::of(Scale::Log, &[0.0, 0.0]), Target::of(Scale::Plain, &[1.0, 3.0])] {
            assert_eq!(target.to_scale(7.0), 7.0);
        }
    }
}
