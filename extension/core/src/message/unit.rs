//! Parses the spellings of units.
//!
//! A given unit is always parsed, never assumed: 68 °F is 20 °C. Each quantity has one target unit, that of the columns
//! (`temperature_c`, `ghi_w_m2`, kWh of a register), and a table of the units that convert to it.

/// Physical quantities; the values of each are converted to one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// In degrees Celsius.
    Temperature,
    /// In percent.
    Share,
    /// Irradiance, or the irradiation of an hour: in watts per square metre.
    Irradiance,
    /// In kilowatt hours.
    Energy,
    /// In litres.
    Volume,
}

/// A unit; converts as `value * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// The quantity.
    pub quantity: Quantity,
    factor: f64,
    offset: f64,
}

impl Unit {
    /// Parses a unit's name; `None` if it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        use Quantity::{Energy, Irradiance, Share, Temperature, Volume};
        let unit = |quantity, factor| Some(Self { quantity, factor, offset: 0.0 });
        // Some prefixes differ only by case: mWh and MWh.
        match name.trim() {
            "mWh" => return unit(Energy, 1e-6),
            "mJ" => return unit(Energy, 1e-9 / 3.6),
            "ML" => return unit(Volume, 1e6),
            name if name.starts_with("mW") || name.starts_with("mJ") => return None,
            _ => {}
        }
        match canonical(name).as_str() {
            "c" | "degc" | "celsius" | "degreecelsius" | "degreescelsius" => unit(Temperature, 1.0),
            "f" | "degf" | "fahrenheit" | "degreefahrenheit" | "degreesfahrenheit" => {
                Some(Self { quantity: Temperature, factor: 5.0 / 9.0, offset: -160.0 / 9.0 })
            }
            "k" | "degk" | "kelvin" => Some(Self { quantity: Temperature, factor: 1.0, offset: -273.15 }),
            "%" | "percent" | "pct" => unit(Share, 1.0),
            "1" | "fraction" | "(0-1)" | "0-1" => unit(Share, 100.0),
            "okta" | "oktas" | "octas" => unit(Share, 12.5),
            // The energy of one hour in watt hours equals its mean power in watts.
            "w/m2" | "wh/m2" => unit(Irradiance, 1.0),
            "kw/m2" | "kwh/m2" => unit(Irradiance, 1e3),
            "j/m2" => unit(Irradiance, 1.0 / 3600.0),
            "kj/m2" => unit(Irradiance, 1.0 / 3.6),
            "mj/m2" => unit(Irradiance, 1e3 / 3.6),
            "j/cm2" => unit(Irradiance, 10.0 / 3.6),
            "wh" => unit(Energy, 1e-3),
            "kwh" => unit(Energy, 1.0),
            "mwh" => unit(Energy, 1e3),
            "gwh" => unit(Energy, 1e6),
            "j" | "ws" => unit(Energy, 1e-6 / 3.6),
            "kj" => unit(Energy, 1e-3 / 3.6),
            "mj" => unit(Energy, 1.0 / 3.6),
            "gj" => unit(Energy, 1e3 / 3.6),
            "ml" => unit(Volume, 1e-3),
            "dl" => unit(Volume, 0.1),
            "l" | "litre" | "litres" | "liter" | "liters" => unit(Volume, 1.0),
            "hl" => unit(Volume, 100.0),
            "m3" | "cbm" => unit(Volume, 1e3),
            _ => None,
        }
    }

    /// Converts a value to the quantity's unit.
    pub fn convert(self, value: f64) -> f64 {
        value * self.factor + self.offset
    }
}

impl Quantity {
    /// Some of the units accepted by [`Unit::parse`], for messages.
    pub fn units(self) -> &'static str {
        match self {
            Self::Temperature => "°C, °F or K",
            Self::Share => "%, a fraction of 1 or oktas",
            Self::Irradiance => "W/m², kW/m², Wh/m², kWh/m², J/m², kJ/m², MJ/m² or J/cm²",
            Self::Energy => "Wh, kWh, MWh, GWh, J, kJ, MJ or GJ",
            Self::Volume => "mL, dL, L, hL or m³",
        }
    }
}

/// Converts a value to another unit; `to` defaults to this crate's unit for the quantity. An unknown unit only converts
/// to itself. `None` if the units are incompatible.
pub fn convert(value: f64, from: &str, to: Option<&str>) -> Option<f64> {
    let same = to.is_none_or(|to| canonical(from) == canonical(to));
    match (Unit::parse(from), to.map(Unit::parse)) {
        // Only case distinguishes mWh from MWh.
        (None, _) => same.then_some(value),
        (Some(from), None) => Some(from.convert(value)),
        (Some(from), Some(Some(to))) if from.quantity == to.quantity => {
            Some((from.convert(value) - to.offset) / to.factor)
        }
        _ => None,
    }
    .filter(|converted| converted.is_finite())
}

/// Canonical spelling: lower case, without blanks and degree signs, `/m2` for anything per square metre.
fn canonical(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '°' | 'º' | '·' | '*' | '^' | '_' | '⋅' => {}
            '²' => text.push('2'),
            '³' => text.push('3'),
            'ℓ' => text.push('l'),
            '⁻' | '−' => text.push('-'),
            '℃' => text.push('c'),
            '℉' => text.push('f'),
            blank if blank.is_whitespace() => {}
            letter => text.extend(letter.to_lowercase()),
        }
    }
    text.replace("m-2", "/m2").replace("//", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_unit_gives_the_same_value() {
        for (names, value, expected) in [
            (&["°C", "C", "degC", "℃", "celsius", "deg_C"][..], 20.0, 20.0),
            (&["°F", "℉", "fahrenheit", " degF "], 68.0, 20.0),
            (&["K", "kelvin"], 293.15, 20.0),
            (&["%", "percent"], 50.0, 50.0),
            (&["1", "fraction", "(0 - 1)"], 0.5, 50.0),
            (&["okta", "oktas"], 4.0, 50.0),
            (&["W/m²", "W/m2", "W m-2", "W m**-2", "W·m⁻²", "Wm-2", "W/m^2", "Wh/m²"], 500.0, 500.0),
            (&["kW/m²", "kWh m-2"], 0.5, 500.0),
            (&["J m**-2", "J/m²"], 1_800_000.0, 500.0),
            (&["MJ/m²"], 1.8, 500.0),
            (&["kJ/m²"], 1800.0, 500.0),
            (&["J/cm²"], 180.0, 500.0),
            (&["Wh"], 1500.0, 1.5),
            (&["kWh", "KWH", "kwh"], 1.5, 1.5),
            (&["MWh"], 0.0015, 1.5),
            (&["GWh"], 1.5e-6, 1.5),
            (&["mWh"], 1.5e6, 1.5),
            (&["J", "Ws"], 5_400_000.0, 1.5),
            (&["kJ"], 5400.0, 1.5),
            (&["MJ"], 5.4, 1.5),
            (&["GJ"], 0.0054, 1.5),
            (&["L", "l", "ℓ", "litres", "Liter"], 1.5, 1.5),
            (&["mL", "ml"], 1500.0, 1.5),
            (&["ML"], 1.5e-6, 1.5),
            (&["dL"], 15.0, 1.5),
            (&["hl"], 0.015, 1.5),
            (&["m³", "m3", "m^3"], 0.0015, 1.5),
        ] {
            for name in names {
                let found = Unit::parse(name).unwrap_or_else(|| panic!("{name} is not parsed")).convert(value);
                assert!((found - expected).abs() < 1e-9, "{name}: {found}");
            }
        }
    }

    #[test]
    fn values_convert_only_within_a_quantity() {
        for (value, from, to, expected) in [
            (1500.0, "Wh", Some("kWh"), Some(1.5)),
            (1.5, "kWh", Some("kWh"), Some(1.5)),
            (1.5, "MWh", Some("Wh"), Some(1_500_000.0)),
            (68.0, "°F", Some("degC"), Some(20.0)),
            (20.0, "°C", Some("°F"), Some(68.0)),
            (1500.0, "Wh", None, Some(1.5)),
            (89.5412, "m³", Some("L"), Some(89_541.2)),
            (1.0, "L", Some("kWh"), None),
            (400.0, "ppm", Some("PPM"), Some(400.0)),
            (400.0, "ppm", None, Some(400.0)),
            (400.0, "ppm", Some("kWh"), None),
            (400.0, "kWh", Some("ppm"), None),
            (20.0, "°C", Some("kWh"), None),
            (1.0, "kW", Some("kWh"), None),
            (1e308, "GWh", Some("Wh"), None),
        ] {
            let found = convert(value, from, to);
            let close = found.zip(expected).is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * b.abs());
            assert!(close || found == expected, "{value} {from} in {to:?}: {found:?}");
        }
    }

    #[test]
    fn unknown_units_are_not_parsed() {
        for name in ["", "undefined", "°R", "m/s", "W", "kW", "mW/m²", "kWh/m³", "m³/h", "ppm", "²", "kWh kWh"] {
            assert_eq!(Unit::parse(name), None, "{name}");
        }
    }
}
