//! Clear-sky irradiance and clear-sky index.
//!
//! Position: the equations of NOAA's solar calculator, after Meeus, *Astronomical Algorithms*, 1991; within 0.02
//! degrees from 1900 to 2100, without refraction. Irradiance on the ground: Haurwitz, *Insolation in relation to
//! cloudiness and cloud density*, 1945, which depends on the solar zenith angle only; the best model of that kind
//! according to Reno, Hansen and Stein, *Global horizontal irradiance clear sky models*, 2012.
//!
//! The clear-sky index is irradiance divided by clear-sky irradiance. It distinguishes an overcast noon in June from a
//! clear one in December, which irradiance alone does not.

use super::FeatureSpec;
use crate::grid::Grid;

/// Below this irradiance the index is noise: the solar elevation is less than about three degrees.
const DARK_W_M2: f64 = 20.0;
/// Upper bound of the index: bright clouds near the sun can raise irradiance above clear sky, briefly to twice as much.
const BRIGHTEST: f64 = 1.5;
/// Minutes of a row represented by one solar position.
const MINUTES: i64 = 20;

/// Extraterrestrial irradiance at the mean distance of the sun.
const SOLAR_CONSTANT_W_M2: f64 = 1361.0;
/// Sine of the elevation of the sun's centre at sunrise: half the disc plus refraction is 0.833 degrees.
const SUNRISE: f64 = -0.014_54;

/// Degrees north and east.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    latitude: f64,
    longitude: f64,
}

impl Place {
    /// The building's location, if the spec has one.
    pub fn of(spec: &FeatureSpec) -> Option<Self> {
        Some(Self { latitude: spec.latitude?, longitude: spec.longitude? })
    }

    /// Solar positions at evenly spaced times within a row.
    pub fn suns(self, grid: &Grid, row: usize) -> impl ExactSizeIterator<Item = Sun> {
        let (start, step) = (grid.time(row).timestamp() as f64, grid.step().num_seconds());
        let parts = usize::try_from(step / (60 * MINUTES)).unwrap_or(0).max(1);
        let at = move |part| start + (part as f64 + 0.5) * step as f64 / parts as f64;
        (0..parts).map(move |part| Sun::at(at(part), self))
    }

    /// Whether the sun is up at any time in a row.
    pub fn is_lit(self, grid: &Grid, row: usize) -> bool {
        let border = |row| Sun::at(grid.time(row).timestamp() as f64, self);
        self.suns(grid, row).chain([border(row), border(row + 1)]).any(|sun| sun.up > SUNRISE)
    }
}

/// Mean clear-sky irradiance of each row, if the spec has a location.
pub(super) fn clear_sky_of(spec: &FeatureSpec, grid: &Grid) -> Option<Vec<f64>> {
    let place = Place::of(spec)?;
    let mean = |row| {
        let suns = place.suns(grid, row);
        let parts = suns.len() as f64;
        suns.map(Sun::clear_sky_w_m2).sum::<f64>() / parts
    };
    Some((0..grid.len()).map(mean).collect())
}

/// The clear-sky index; missing at night.
pub(super) fn clear_sky_index(irradiance_w_m2: f64, clear_sky_w_m2: f64) -> f64 {
    if irradiance_w_m2.is_nan() || clear_sky_w_m2 < DARK_W_M2 {
        return f64::NAN;
    }
    (irradiance_w_m2 / clear_sky_w_m2).clamp(0.0, BRIGHTEST)
}

/// Solar position as a unit vector, and extraterrestrial irradiance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sun {
    pub east: f64,
    pub north: f64,
    /// Cosine of the zenith angle.
    pub up: f64,
    /// Extraterrestrial irradiance on a plane normal to the sun.
    pub extraterrestrial_w_m2: f64,
}

impl Sun {
    /// At a time in seconds since 1970.
    fn at(seconds: f64, place: Place) -> Self {
        let days = seconds / 86_400.0 - 10_957.5;
        let century = days / 36_525.0;
        let mean_longitude = (280.46646 + century * (36_000.769_83 + century * 0.000_303_2)).to_radians();
        let anomaly = (357.52911 + century * (35_999.050_29 - 0.000_153_7 * century)).to_radians();
        let eccentricity = 0.016_708_634 - century * (0.000_042_037 + 0.000_000_126_7 * century);
        let center = anomaly.sin() * (1.914_602 - century * (0.004_817 + 0.000_014 * century))
            + (2.0 * anomaly).sin() * (0.019_993 - 0.000_101 * century)
            + (3.0 * anomaly).sin() * 0.000_289;
        let node = (125.04 - 1934.136 * century).to_radians();
        let apparent = mean_longitude + (center - 0.005_69 - 0.004_78 * node.sin()).to_radians();
        let obliquity = 23.439_291 - century * (0.013_004_2 + century * 0.000_000_16) + 0.002_56 * node.cos();
        let obliquity = obliquity.to_radians();
        let declination = (obliquity.sin() * apparent.sin()).asin();
        let y = (obliquity / 2.0).tan().powi(2);
        // Equation of time, in radians: apparent minus mean solar time.
        let equation_of_time = y * (2.0 * mean_longitude).sin() - 2.0 * eccentricity * anomaly.sin()
            + 4.0 * eccentricity * y * anomaly.sin() * (2.0 * mean_longitude).cos()
            - 0.5 * y * y * (4.0 * mean_longitude).sin()
            - 1.25 * eccentricity * eccentricity * (2.0 * anomaly).sin();
        let day_share = (seconds / 86_400.0).rem_euclid(1.0);
        let hour_angle = (360.0 * day_share + place.longitude - 180.0).to_radians() + equation_of_time;
        let latitude = place.latitude.to_radians();
        let distance = (1.0 - eccentricity.powi(2)) / (1.0 + eccentricity * (anomaly + center.to_radians()).cos());
        Self {
            east: -declination.cos() * hour_angle.sin(),
            north: latitude.cos() * declination.sin() - latitude.sin() * declination.cos() * hour_angle.cos(),
            up: latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos(),
            extraterrestrial_w_m2: SOLAR_CONSTANT_W_M2 / distance.powi(2),
        }
    }

    /// Global horizontal irradiance of a clear sky.
    pub fn clear_sky_w_m2(self) -> f64 {
        if self.up > 0.0 { 1098.0 * self.up * (-0.059 / self.up).exp() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hourly_frame, reference};
    use chrono::{DateTime, Utc};

    #[test]
    fn sun_and_clear_sky_agree_with_pvlib() {
        let cases = reference("solar");
        for case in cases.as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let time: DateTime<Utc> = case["at"].as_str().unwrap().parse().unwrap();
            let place = Place { latitude: number("latitude"), longitude: number("longitude") };
            let sun = Sun::at(time.timestamp() as f64, place);
            let zenith = sun.up.acos().to_degrees();
            assert!((zenith - number("zenith")).abs() < 0.02, "{case}: {zenith}");
            let across = number("zenith").to_radians().sin();
            let (sin, cos) = number("azimuth").to_radians().sin_cos();
            assert!(
                (sun.east - sin * across).abs() < 5e-4 && (sun.north - cos * across).abs() < 5e-4,
                "{case}: {sun:?}"
            );
            let clear = sun.clear_sky_w_m2();
            assert!((clear - number("ghi_w_m2")).abs() < 0.5, "{case}: {clear}");
            assert!((sun.extraterrestrial_w_m2 - number("extra_w_m2")).abs() < 1.0, "{case}: {sun:?}");
        }
    }

    #[test]
    fn there_is_no_clear_sky_without_a_place_and_no_index_at_night() {
        let frame = hourly_frame(24);
        assert_eq!(clear_sky_of(&FeatureSpec::default(), &frame.grid), None);
        let spec = FeatureSpec { latitude: Some(47.4), longitude: Some(8.5), ..FeatureSpec::default() };
        let sky = clear_sky_of(&spec, &frame.grid).unwrap();
        // 1 January in Zurich: dark at midnight, 350 W/m2 at noon.
        assert!(sky[0] == 0.0 && (300.0..400.0).contains(&sky[11]), "{sky:?}");
        assert!(clear_sky_index(0.0, sky[0]).is_nan() && clear_sky_index(f64::NAN, sky[11]).is_nan());
        assert_eq!([clear_sky_index(sky[11] / 2.0, sky[11]), clear_sky_index(3000.0, sky[11])], [0.5, BRIGHTEST]);
        assert_eq!([clear_sky_index(10.0, 20.0), clear_sky_index(-3.0, sky[11])], [0.5, 0.0]);
        assert!(clear_sky_index(10.0, 19.0).is_nan());
    }

    #[test]
    fn an_hour_has_three_positions_and_is_lit_if_the_sun_rises_at_its_end() {
        let grid = hourly_frame(24).grid;
        // The sun's upper limb rises just before seven, its centre after.
        let place = Place { latitude: 47.4, longitude: 12.0 };
        let at = |minutes: i64| Sun::at((grid.time(0).timestamp() + 60 * minutes) as f64, place);
        assert!((SUNRISE..0.0).contains(&at(420).up));
        assert_eq!(place.suns(&grid, 6).collect::<Vec<_>>(), [370, 390, 410].map(at));
        let lit: Vec<_> = (0..23).filter(|row| place.is_lit(&grid, *row)).collect();
        assert_eq!(lit, (6..=15).collect::<Vec<_>>());
    }
}
