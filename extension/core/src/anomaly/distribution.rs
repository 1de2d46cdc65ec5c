//! Tails and quantiles of the normal and of Student's t distribution, far out too.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Below it no probability is told from zero: quantiles stay finite.
const LEAST: f64 = 1e-300;
/// With so many degrees of freedom Student's t is the normal distribution.
const NORMAL_FROM: f64 = 1e6;

/// The probability of more than `z`.
pub fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// What is exceeded with this probability.
pub fn normal_quantile(tail: f64) -> f64 {
    if tail.is_nan() {
        return tail;
    }
    // The smaller of both tails: near one a probability has no digits left.
    if tail > 0.5 {
        return -normal_quantile(1.0 - tail);
    }
    -Normal::standard().inverse_cdf(tail.max(LEAST))
}

/// The probability of more than `t` with `freedom` degrees of freedom.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return t;
    }
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if freedom < NORMAL_FROM => student.sf(t),
        _ => normal_tail(t),
    }
}

/// The value of a standard normal variable that is as far out as `t`.
pub fn normal_score(t: f64, freedom: f64) -> f64 {
    normal_quantile(student_tail(t.abs(), freedom)) * t.signum()
}

/// The reverse of [`normal_score`].
pub fn student_of_normal(z: f64, freedom: f64) -> f64 {
    let tail = normal_tail(z.abs()).max(LEAST);
    let (mut least, mut most) = (0.0, z.abs().max(1.0));
    while student_tail(most, freedom) > tail && most < 1e150 {
        (least, most) = (most, 2.0 * most);
    }
    for _ in 0..60 {
        let middle = f64::midpoint(least, most);
        if student_tail(middle, freedom) > tail {
            least = middle;
        } else {
            most = middle;
        }
    }
    f64::midpoint(least, most) * z.signum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((normal_tail(1.959_963_985) - 0.025).abs() < 1e-9);
        assert!((normal_quantile(1e-12) - 7.034_484).abs() < 1e-5);
        assert!((normal_quantile(0.975) + 1.959_964).abs() < 1e-5);
        // Tables of Student's t.
        assert!((student_tail(2.570_582, 5.0) - 0.025).abs() < 1e-7);
        assert!((student_of_normal(1.959_963_985, 5.0) - 2.570_582).abs() < 1e-5);
        assert!((student_of_normal(-1.959_963_985, 1e9) + 1.959_964).abs() < 1e-5);
        assert!(normal_score(1e9, 300.0).is_finite() && normal_score(-1e9, 1e7) < -30.0);
    }

    proptest! {
        #[test]
        fn the_normal_score_and_its_reverse_agree(z in -6.0..6.0_f64, freedom in 2.0..1e5_f64) {
            let t = student_of_normal(z, freedom);
            prop_assert!((normal_score(t, freedom) - z).abs() < 1e-6, "{z}: {t}");
        }
    }
}
