//! A SIMULATED building, for situations missing from measured series: cold bright and cold dull days, several
//! Christmases, bridge days.
//!
//! Fifteen flats near Zurich, heated to 21 degrees by a heat pump, with solar panels on the roof; demand is what the
//! building takes from the grid (load minus solar generation, negative when it feeds in), hourly, in kWh.
//!
//! - Weather: seasons, spells of some days (autoregressive), and clouds with their own spells, so that cold days can be
//!   bright or dull; bright days have cold nights and warm afternoons. Irradiance is clear-sky irradiance reduced by
//!   clouds.
//! - Heat: one thermal capacity and one resistance. Losses are covered by solar gain through windows, by people and
//!   appliances, or by the heat pump, whose coefficient of performance falls with the outdoor temperature. Excess solar
//!   gain warms the walls and saves heat in the following night.
//! - People: workdays, weekends and holidays have separate profiles. From Christmas to New Year a third of the
//!   residents are away and the others at home; on a bridge day most working residents are off. Autocorrelated noise is
//!   added.
//!
//! The parameters are plausible for such a building but not fitted to data. The same seed gives the same building.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use std::f64::consts::TAU;

pub const LATITUDE: f64 = 47.4;
pub const LONGITUDE: f64 = 8.5;

/// Heat loss per degree, kW/K; heat capacity, kWh/K: a time constant of 60 hours.
const LOSS: f64 = 2.0;
const CAPACITY: f64 = 120.0;
/// Effective window area, m2 of full transmission; solar panels, kW at 1000 W/m2.
const WINDOWS: f64 = 50.0;
const SOLAR_KW: f64 = 12.0;
const SET_POINT: f64 = 21.0;
const HEAT_PUMP_KW: f64 = 120.0;
/// Heat of people and of their appliances.
const PEOPLE_KW: f64 = 2.5;

/// A simulated hour.
pub struct Hour {
    pub at: DateTime<Utc>,
    pub demand: f64,
    pub temperature: f64,
    pub irradiance: f64,
    pub flags: Flags,
}

/// Calendar flags of a day.
#[derive(Clone, Copy, Default)]
pub struct Flags {
    pub holiday: bool,
    pub bridge: bool,
    pub christmas: bool,
    pub day_before: bool,
}

/// `days` from 1 July 2021, in UTC; local time is UTC+1 all year. Without `noise` the weather is the same and demand is
/// its expected value, without the unpredictable part.
pub fn simulate(seed: u64, days: u64, noise: bool) -> Vec<Hour> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let start: DateTime<Utc> = DateTime::from_timestamp(1_625_094_000, 0).unwrap_or_default();
    let (mut spell, mut cloud, mut mood, mut indoor) = (0.0, 0.0, 0.0, SET_POINT);
    let mut hours = Vec::new();
    for day in 0..days {
        let (spell_of_yesterday, midnight) = (spell, start + TimeDelta::days(day as i64));
        spell = 0.8 * spell + 2.4 * random.normal();
        cloud = 0.6 * cloud + 0.8 * random.normal();
        // Clear-sky index: bright and dull days are more frequent than partly cloudy ones.
        let bright = 0.12 + 0.88 / (1.0 + (-2.2 * cloud).exp());
        let date = (midnight + TimeDelta::hours(1)).date_naive();
        let flags = flags(date);
        for hour in 0..24 {
            let at = midnight + TimeDelta::hours(hour);
            let year = TAU * (f64::from(at.ordinal()) - 20.0) / 365.25;
            let sky = clear_sky(at);
            let through = (bright + 0.08 * random.normal()).clamp(0.05, 1.05);
            let irradiance = sky * through;
            let spell = spell_of_yesterday + (spell - spell_of_yesterday) * (hour as f64 + 0.5) / 24.0;
            let swing = (1.0 + 4.5 * bright) * (TAU * (hour as f64 - 8.0) / 24.0).sin();
            let clear_winter = -2.5 * (bright - 0.5) * year.cos().max(0.0);
            let temperature = 9.5 - 9.5 * year.cos() + spell + swing + clear_winter + 0.2 * random.normal();
            mood = 0.7 * mood + 0.07 * random.normal();
            let household = household(date, hour as usize, flags) * (1.0 + if noise { mood } else { 0.0 });
            let gains = WINDOWS * irradiance / 1000.0 + PEOPLE_KW + 0.7 * household;
            let drift = (temperature - indoor) * LOSS + gains;
            // Residents open windows if it gets too warm.
            let free = (indoor + drift / CAPACITY).min(25.0);
            let heat = ((SET_POINT - free) * CAPACITY).clamp(0.0, HEAT_PUMP_KW);
            indoor = free + heat / CAPACITY;
            let performance = (3.2 + 0.06 * temperature).clamp(1.8, 4.5);
            let solar = SOLAR_KW * irradiance / 1000.0;
            let demand = household + heat / performance - solar;
            hours.push(Hour { at, demand, temperature, irradiance, flags });
        }
    }
    hours
}

/// Consumption of households in kW, by local date and hour.
fn household(date: NaiveDate, hour: usize, flags: Flags) -> f64 {
    let bump = |at: f64, width: f64| (-((hour as f64 + 0.5 - at) / width).powi(2)).exp();
    let season = 1.0 + 0.15 * (TAU * (f64::from(date.ordinal()) - 10.0) / 365.25).cos();
    let work = 3.0 + 4.0 * bump(7.0, 1.3) + 9.0 * bump(19.5, 2.6);
    let home = 3.0 + 3.5 * bump(10.0, 2.5) + 3.0 * bump(13.0, 2.0) + 7.5 * bump(19.0, 2.8);
    let weekend = date.weekday().number_from_monday() >= 6;
    let load = match flags {
        // A third is away, the others cook and have guests.
        Flags { christmas: true, .. } => 0.67 * (home + 4.0 * bump(12.5, 2.5)),
        Flags { holiday: true, .. } => home,
        Flags { bridge: true, .. } => 0.85 * (0.7 * home + 0.3 * work),
        _ if weekend => home,
        Flags { day_before: true, .. } => work + 1.5 * bump(16.0, 2.0),
        _ => work,
    };
    load * season
}

/// Clear-sky irradiance at the middle of an hour (Haurwitz), with the declination by Cooper's formula.
pub fn clear_sky(at: DateTime<Utc>) -> f64 {
    let declination = 23.45_f64.to_radians() * (TAU * (284.0 + f64::from(at.ordinal())) / 365.0).sin();
    let solar_hour = f64::from(at.hour()) + 0.5 + LONGITUDE / 15.0;
    let angle = TAU * (solar_hour - 12.0) / 24.0;
    let latitude = LATITUDE.to_radians();
    let height = latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * angle.cos();
    if height > 0.0 { 1098.0 * height * (-0.057 / height).exp() } else { 0.0 }
}

/// Holidays of Zurich; bridge days lie between a holiday and a weekend; Christmas is 24 December to 1 January.
fn flags(date: NaiveDate) -> Flags {
    let near = |days: i64| holiday(date + TimeDelta::days(days));
    let bridge = match date.weekday() {
        Weekday::Fri => near(-1),
        Weekday::Mon => near(1),
        _ => false,
    };
    let christmas = (date.month() == 12 && date.day() >= 24) || (date.month() == 1 && date.day() == 1);
    let holiday = near(0);
    Flags { holiday, bridge: bridge && !holiday, christmas, day_before: !holiday && near(1) }
}

fn holiday(date: NaiveDate) -> bool {
    let easter = match date.year() {
        2021 => (4, 4),
        2022 => (4, 17),
        2023 => (4, 9),
        2024 => (3, 31),
        _ => (4, 20),
    };
    let easter = NaiveDate::from_ymd_opt(date.year(), easter.0, easter.1).unwrap_or_default();
    let movable = [easter - Days::new(2), easter + Days::new(1), easter + Days::new(39), easter + Days::new(50)];
    let fixed = [(1, 1), (1, 2), (5, 1), (8, 1), (12, 25), (12, 26)];
    movable.contains(&date) || fixed.contains(&(date.month(), date.day()))
}

/// Portable random numbers by xorshift.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * a.ln()).sqrt() * (TAU * b).cos()
    }
}
