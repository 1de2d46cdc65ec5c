//! Coverage and width of prediction intervals.
//!
//! Both are needed: a wide enough interval covers everything (Gneiting and Raftery, *Strictly proper scoring rules,
//! prediction, and estimation*, 2007).

/// 100 if the value lies inside, bounds included, otherwise 0: its mean is the coverage in percent.
pub fn covered(actual: f64, lower: f64, upper: f64) -> f64 {
    if (lower..=upper).contains(&actual) { 100.0 } else { 0.0 }
}

/// The width, in the unit of the target; negative if the bounds cross.
pub fn width(lower: f64, upper: f64) -> f64 {
    upper - lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_interval() {
        assert_eq!([1.0, 2.0, 3.0, 3.1].map(|actual| covered(actual, 1.0, 3.0)), [100.0, 100.0, 100.0, 0.0]);
    }

    #[test]
    fn crossed_bounds_cover_nothing() {
        assert_eq!((covered(2.0, 3.0, 1.0), width(3.0, 1.0)), (0.0, -2.0));
    }
}
