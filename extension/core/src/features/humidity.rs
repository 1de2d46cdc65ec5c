//! Dew point, a measure of the latent heat that cooling must remove.

/// The dew point in degrees Celsius of air at `temperature_c` and `humidity_pct` relative humidity, by the Magnus
/// formula with the coefficients of Alduchov and Eskridge, *Improved Magnus form approximation of saturation vapor
/// pressure*, 1996. Humidity is clamped to 1 to 100 per cent, since sensors also report 0 and 103.
pub(super) fn dew_point(temperature_c: f64, humidity_pct: f64) -> f64 {
    const A: f64 = 17.625;
    const B: f64 = 243.04;
    if temperature_c.is_nan() || humidity_pct.is_nan() {
        return f64::NAN;
    }
    let share = (humidity_pct / 100.0).clamp(0.01, 1.0);
    // The Magnus formula has a pole near -243 degrees; no air is that cold.
    let temperature = temperature_c.max(-100.0);
    let gamma = share.ln() + A * temperature / (B + temperature);
    B * gamma / (A - gamma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturated_air_is_at_its_dew_point_and_drier_air_is_above_it() {
        // Reference value from psychrometric tables: 13.9 degrees at 25 degrees and 50 %.
        for (temperature, humidity, dew) in [(25.0, 50.0, 13.86), (10.0, 100.0, 10.0), (-5.0, 80.0, -7.92)] {
            let ours = dew_point(temperature, humidity);
            assert!((ours - dew).abs() < 0.05, "{temperature} {humidity}: {ours} for {dew}");
        }
    }

    #[test]
    fn any_sensor_value_gives_a_finite_dew_point_and_a_missing_one_nan() {
        for (temperature, humidity) in [(-300.0, 0.0), (1e6, 1e6), (20.0, -5.0), (-243.04, 50.0)] {
            assert!(dew_point(temperature, humidity).is_finite());
        }
        assert_eq!([0.0, 103.0].map(|of| dew_point(20.0, of)), [1.0, 100.0].map(|of| dew_point(20.0, of)));
        assert!(dew_point(20.0, f64::NAN).is_nan() && dew_point(f64::NAN, 50.0).is_nan());
    }
}
