//! Transposes global horizontal irradiance to tilted planes.
//!
//! The clearness index (irradiance over extraterrestrial irradiance) determines the diffuse share (Erbs, Klein and
//! Duffie, *Estimation of the diffuse radiation fraction for hourly, daily and monthly-average global radiation*,
//! 1982). The beam depends on the angle of incidence; the diffuse light is partly circumsolar and otherwise isotropic
//! over the visible sky (Hay and Davies, *Calculation of the solar radiation incident on an inclined surface*, 1980);
//! the ground reflects a fifth.
//!
//! A row has one value of irradiance but many solar positions: within the row, light is distributed like clear-sky
//! irradiance.

use crate::Checkpoint;
use crate::features::{Place, Sun};
use crate::grid::Grid;
use ndarray::Array2;
use std::ops::Range;
use std::sync::LazyLock;

/// Albedo of the ground.
const ALBEDO: f64 = 0.2;
/// Lower bound of the divisor of the beam ratio: a solar elevation of about one degree.
const LOWEST: f64 = 0.02;
/// Clear-sky irradiance below this counts as dark.
const DARK_W_M2: f64 = 0.01;
/// Relative power loss of panels per degree Celsius.
const LOSS_PER_C: f64 = 0.004;
/// Heating of panels by one kilowatt per square metre, in degrees Celsius (Ross, 1976), and the temperature of rated
/// power.
const WARMTH_C: f64 = 30.0;
const NAMED_AT_C: f64 = 25.0;
/// Default air temperature.
const USUAL_C: f64 = 15.0;

/// Tilts and azimuths, in degrees: other planes are mixtures of their neighbours.
const TILTS: [f64; 3] = [30.0, 60.0, 90.0];
const AZIMUTHS: [f64; 8] = [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0];

/// The planes that panels are composed of: a horizontal one, and those of [`TILTS`] and [`AZIMUTHS`].
pub static PLANES: LazyLock<Vec<Plane>> = LazyLock::new(|| {
    let tilted = TILTS.into_iter().flat_map(|tilt| AZIMUTHS.into_iter().map(move |azimuth| Plane::new(tilt, azimuth)));
    std::iter::once(Plane::new(0.0, 0.0)).chain(tilted).collect()
});

/// A plane, as its unit normal vector.
pub struct Plane {
    east: f64,
    north: f64,
    up: f64,
}

impl Plane {
    /// From the tilt and the azimuth (clockwise from north), in degrees.
    pub fn new(tilt: f64, azimuth: f64) -> Self {
        let ((across, up), (east, north)) = (tilt.to_radians().sin_cos(), azimuth.to_radians().sin_cos());
        Self { east: across * east, north: across * north, up }
    }

    /// Beam irradiance on this plane relative to a horizontal one.
    fn beam_ratio(&self, sun: &Sun) -> f64 {
        (self.east * sun.east + self.north * sun.north + self.up * sun.up).max(0.0) / sun.up.max(LOWEST)
    }
}

/// Irradiance on a plane, in the unit of the global horizontal and the extraterrestrial irradiance.
fn on_plane(global: f64, above_the_air: f64, beam_ratio: f64, up: f64) -> f64 {
    if above_the_air <= 0.0 {
        return 0.0;
    }
    let diffuse = global * diffuse_share(global / above_the_air);
    let beam = global - diffuse;
    let around_the_sun = (beam / above_the_air).min(1.0);
    let of_the_sky = diffuse * (1.0 - around_the_sun) * (1.0 + up) / 2.0;
    (beam + diffuse * around_the_sun) * beam_ratio + of_the_sky + ALBEDO * global * (1.0 - up) / 2.0
}

/// Output of a square metre of panels, in kilowatts.
fn yield_of(plane: &Plane, beam_ratio: f64, above_the_air: f64, weather: Weather) -> f64 {
    let global = if weather.irradiance_w_m2 < 0.0 { 0.0 } else { weather.irradiance_w_m2 };
    let air = if weather.temperature_c.is_finite() { weather.temperature_c } else { USUAL_C };
    let light = on_plane(global, above_the_air, beam_ratio, plane.up) / 1000.0;
    let loss = LOSS_PER_C * (air + WARMTH_C * light - NAMED_AT_C);
    light * (1.0 - loss.clamp(-0.5, 0.5))
}

/// The diffuse share, by clearness index.
fn diffuse_share(clearness: f64) -> f64 {
    match clearness {
        k if k <= 0.22 => 1.0 - 0.09 * k,
        k if k <= 0.8 => 0.9511 + k * (-0.1604 + k * (4.388 + k * (-16.638 + k * 12.336))),
        _ => 0.165,
    }
}

/// Weather of a row; NaN is missing.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub irradiance_w_m2: f64,
    pub temperature_c: f64,
}

/// Solar geometry of some rows of a grid.
pub struct Sky {
    first: usize,
    /// Clear-sky and extraterrestrial irradiance.
    rows: Vec<(f64, f64)>,
    /// By row and plane, the beam irradiance relative to a horizontal plane.
    beam_ratios: Array2<f32>,
    is_lit: Vec<bool>,
}

impl Sky {
    /// For these rows, which may extend beyond the end of the grid.
    pub fn new(place: Place, grid: &Grid, rows: Range<usize>, checkpoint: Checkpoint<'_>) -> Self {
        let mut sky = Self {
            first: rows.start,
            rows: Vec::with_capacity(rows.len()),
            beam_ratios: Array2::zeros((rows.len(), PLANES.len())),
            is_lit: Vec::with_capacity(rows.len()),
        };
        for (row, mut ratios) in rows.zip(sky.beam_ratios.rows_mut()) {
            if row.is_multiple_of(1024) {
                checkpoint();
            }
            let (mut clear, mut above) = (0.0, 0.0);
            let suns = place.suns(grid, row);
            let parts = suns.len() as f64;
            for sun in suns.filter(|sun| sun.up > 0.0) {
                let light = sun.clear_sky_w_m2();
                clear += light / parts;
                above += sun.extraterrestrial_w_m2 * sun.up / parts;
                for (ratio, plane) in ratios.iter_mut().zip(PLANES.iter()) {
                    *ratio += (light / parts * plane.beam_ratio(&sun)) as f32;
                }
            }
            // With the sun at the horizon, clear-sky irradiance is zero up to rounding.
            if clear > DARK_W_M2 {
                ratios.mapv_inplace(|ratio| ratio / clear as f32);
            } else {
                (clear, above) = (0.0, 0.0);
            }
            sky.rows.push((clear, above));
            sky.is_lit.push(place.is_lit(grid, row));
        }
        sky
    }

    /// Whether the sun is up in a row.
    pub fn is_lit(&self, row: usize) -> bool {
        self.is_lit[row - self.first]
    }

    /// The weather of a row under a clear sky, with the given temperature.
    pub fn clear(&self, row: usize, weather: Weather) -> Weather {
        Weather { irradiance_w_m2: self.rows[row - self.first].0, ..weather }
    }

    /// Output of a square metre of each of [`PLANES`] in kilowatts, for ideal panels apart from temperature losses;
    /// missing if the irradiance is.
    pub fn yields(&self, row: usize, weather: Weather) -> impl Iterator<Item = f64> + '_ {
        let (_, above) = self.rows[row - self.first];
        let ratios = self.beam_ratios.row(row - self.first);
        PLANES.iter().zip(ratios).map(move |(plane, ratio)| yield_of(plane, f64::from(*ratio), above, weather))
    }

    /// The same for any plane.
    #[cfg(test)]
    pub fn yield_of(&self, plane: &Plane, place: Place, grid: &Grid, row: usize, weather: Weather) -> f64 {
        let (clear, above) = self.rows[row - self.first];
        let suns = place.suns(grid, row);
        let parts = suns.len() as f64;
        let beam: f64 = suns.filter(|sun| sun.up > 0.0).map(|sun| sun.clear_sky_w_m2() * plane.beam_ratio(&sun)).sum();
        if clear > 0.0 { yield_of(plane, beam / parts / clear, above, weather) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reference;

    #[test]
    fn diffuse_light_and_planes_agree_with_pvlib() {
        let cases = reference("solar");
        for case in cases.as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let ((across, up), (east, north)) =
                (number("zenith").to_radians().sin_cos(), number("azimuth").to_radians().sin_cos());
            let sun =
                Sun { east: across * east, north: across * north, up, extraterrestrial_w_m2: number("of_erbs_w_m2") };
            let (global, above) = (number("came_w_m2"), sun.extraterrestrial_w_m2 * up);
            // At a lower solar elevation, pvlib treats all irradiance as diffuse.
            if global > 0.0 && number("zenith") < 87.0 {
                let diffuse = global * diffuse_share(global / above);
                assert!((diffuse - number("diffuse_w_m2")).abs() < 0.1, "{case}: {diffuse}");
                let plane = Plane::new(number("tilt"), number("facing"));
                let found = on_plane(global, above, plane.beam_ratio(&sun), plane.up);
                assert!((found - number("plane_w_m2")).abs() < 0.2, "{case}: {found}");
            }
        }
    }
}
