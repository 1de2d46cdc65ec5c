//! Draws a forecast as SVG with the crate plotters: prediction intervals, actuals and solar generation.

use crate::error::{Error, clipped};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use plotters::prelude::*;

/// Maximum number of hours in a chart: five weeks.
pub const MOST_HOURS: usize = 840;
/// Minimum and maximum width and height, in pixels.
pub const SIZES: (u32, u32) = (200, 4000);
/// Maximum length of the title, in characters.
const LONGEST_TITLE: usize = 120;

const DEMAND: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const ACTUAL: RGBColor = RGBColor(0x22, 0x22, 0x22);
const SOLAR: RGBColor = RGBColor(0xb3, 0x6b, 0x00);
const LINES: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// The values of one hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// Start of the hour.
    pub at: DateTime<Utc>,
    /// Actual demand.
    pub actual: Option<f64>,
    /// The forecast.
    pub yhat: Option<f64>,
    /// Prediction interval.
    pub bounds: Option<(f64, f64)>,
    /// Solar generation, measured or forecast.
    pub solar: Option<f64>,
}

/// Chart options.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    /// The title.
    pub title: &'a str,
    /// IANA name of the time zone of the axis labels.
    pub zone: &'a str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The chart of ascending hours, with a text alternative for screen readers.
pub fn forecast_chart(hours: &[Hour], frame: &Frame<'_>) -> Result<String, Error> {
    let sizes = SIZES.0..=SIZES.1;
    if !sizes.contains(&frame.width) || !sizes.contains(&frame.height) {
        let (least, most) = SIZES;
        return Err(Error::InvalidArgument(format!(
            "a chart of {} by {} pixels: each side must have {least} to {most}",
            frame.width, frame.height
        )));
    }
    if hours.len() > MOST_HOURS {
        return Err(Error::InvalidArgument(format!("{} hours are more than the {MOST_HOURS} of a chart", hours.len())));
    }
    let zone: Tz = (frame.zone.parse()).map_err(|_| {
        Error::InvalidArgument(format!("\"{}\" is not an IANA time zone", clipped(frame.zone, LONGEST_TITLE)))
    })?;
    let title = clipped(frame.title, LONGEST_TITLE);
    let mut svg = String::new();
    draw(&mut svg, hours, frame, &title, zone).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(described(&svg, &title, &in_words(hours, zone)))
}

type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(svg: &'a mut String, hours: &[Hour], frame: &Frame<'_>, title: &str, zone: Tz) -> Result<(), Failure<'a>> {
    let root = SVGBackend::with_string(svg, (frame.width, frame.height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (first, last) = match hours {
        [] => (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(24)),
        [first, .., last] => (first.at, last.at + TimeDelta::hours(1)),
        [only] => (only.at, only.at + TimeDelta::hours(1)),
    };
    let (low, high) = range(hours);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 17))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(first.with_timezone(&zone)..last.with_timezone(&zone), low..high)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINES)
        .x_labels((frame.width / 90) as usize)
        .y_labels((frame.height / 40) as usize)
        .x_label_formatter(&|at| {
            at.format(if at.format("%H").to_string() == "00" { "%a %d %b" } else { "%H:%M" }).to_string()
        })
        .y_desc("kWh per hour")
        .draw()?;
    let middle = |hour: &Hour| (hour.at + TimeDelta::minutes(30)).with_timezone(&zone);
    for part in hours.split(|hour| hour.bounds.is_none()).filter(|part| !part.is_empty()) {
        let bound = |upper: bool| {
            move |hour: &Hour| hour.bounds.map(|(low, high)| (middle(hour), if upper { high } else { low }))
        };
        let fan = part.iter().filter_map(bound(true)).chain(part.iter().rev().filter_map(bound(false)));
        chart.draw_series([Polygon::new(fan.collect::<Vec<_>>(), DEMAND.mix(0.2).filled())])?;
    }
    for (name, color, value) in [
        ("solar", SOLAR, (|hour: &Hour| hour.solar) as fn(&Hour) -> Option<f64>),
        ("forecast, 90 % interval", DEMAND, |hour| hour.yhat),
        ("measured", ACTUAL, |hour| hour.actual),
    ] {
        let style = color.stroke_width(2);
        let mut is_named = false;
        for part in hours.split(|hour| value(hour).is_none()).filter(|part| !part.is_empty()) {
            let points = part.iter().filter_map(|hour| Some((middle(hour), value(hour)?)));
            let series = chart.draw_series(LineSeries::new(points.collect::<Vec<_>>(), style))?;
            if !is_named {
                series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
                is_named = true;
            }
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 12))
        .draw()?;
    root.present()
}

/// The y range: from zero, or the lowest value if negative, to a little above the highest value.
fn range(hours: &[Hour]) -> (f64, f64) {
    let values = hours.iter().flat_map(|hour| {
        let (low, high) = hour.bounds.map_or((None, None), |(low, high)| (Some(low), Some(high)));
        [hour.actual, hour.yhat, low, high, hour.solar]
    });
    let (low, high) = values
        .flatten()
        .filter(|value| value.is_finite())
        .fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let high = if high - low > 0.0 { high } else { low + 1.0 };
    (low, high + 0.12 * (high - low))
}

/// The text alternative.
fn in_words(hours: &[Hour], zone: Tz) -> String {
    let ahead = || hours.iter().filter_map(|hour| Some((hour.at, hour.yhat?)));
    let Some((peak_at, peak)) = ahead().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return "No forecast.".to_owned();
    };
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%a %d %b %H:%M");
    let (from, to) =
        (ahead().next().map_or(peak_at, |hour| hour.0), ahead().next_back().map_or(peak_at, |hour| hour.0));
    let total: f64 = ahead().map(|hour| hour.1).sum();
    format!(
        "Forecast of {} to {}: {total:.0} kWh in total, peak of {peak:.1} kWh at {}.",
        local(from),
        local(to + TimeDelta::hours(1)),
        local(peak_at)
    )
}

/// Adds title and description and lets the chart scale to its container.
fn described(svg: &str, title: &str, words: &str) -> String {
    let escaped =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let (title, words) = (escaped(title), escaped(words));
    svg.replacen("<svg ", "<svg role=\"img\" aria-labelledby=\"title desc\" style=\"max-width:100%;height:auto\" ", 1)
        .replacen(">\n", &format!(">\n<title id=\"title\">{title}</title>\n<desc id=\"desc\">{words}</desc>\n"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(count: i64) -> Vec<Hour> {
        let start: DateTime<Utc> = "2026-03-28T12:00:00Z".parse().unwrap();
        let hour = |at: i64| Hour {
            at: start + TimeDelta::hours(at),
            actual: (at < 24 && at != 5).then_some(3.0 + at as f64 / 10.0),
            yhat: (at >= 20).then_some(4.0),
            bounds: (at >= 20).then_some((3.0, 5.5)),
            solar: Some(if (6..18).contains(&(at % 24)) { 2.0 } else { 0.0 }),
        };
        (0..count).map(hour).collect()
    }

    fn frame(title: &str) -> Frame<'_> {
        Frame { title, zone: "Europe/Zurich", width: 800, height: 320 }
    }

    #[test]
    fn a_chart_has_intervals_lines_and_a_description_and_escapes_its_title() {
        let svg = forecast_chart(&hours(72), &frame("b1 <script>alert(1)</script> & \"co\"")).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
        for says in [
            "<title id=\"title\">b1 &lt;script",
            "Forecast of Sun 29 Mar 10:00 to Tue 31 Mar 14:00",
            "measured",
            "solar",
            "kWh per hour",
            "<polygon",
            "<polyline",
        ] {
            assert!(svg.contains(says), "{says}: {svg}");
        }
        // The actuals have a gap.
        let lines = |svg: &str| svg.matches("<polyline").count();
        let mut whole = hours(72);
        whole[5].actual = Some(3.0);
        assert_eq!(lines(&svg), lines(&forecast_chart(&whole, &frame("b1")).unwrap()) + 1);
    }

    #[test]
    fn few_or_no_hours_are_drawn_and_too_many_are_rejected() {
        for count in [0, 1, 2] {
            assert!(forecast_chart(&hours(count), &frame("")).unwrap().contains("</svg>"), "{count}");
        }
        let mut flat = hours(30);
        flat.iter_mut()
            .for_each(|hour| *hour = Hour { actual: Some(0.0), yhat: None, bounds: None, solar: None, ..*hour });
        assert!(forecast_chart(&flat, &frame("b")).unwrap().contains("No forecast."));
        let refused =
            |hours: &[Hour], width| forecast_chart(hours, &Frame { width, ..frame("b") }).unwrap_err().to_string();
        assert!(refused(&hours(841), 800).contains("more than the 840"));
        assert!(refused(&hours(10), 100).contains("200 to 4000"));
        let error = forecast_chart(&hours(10), &Frame { zone: "Mars/Olympus", ..frame("b") }).unwrap_err().to_string();
        assert_eq!(error, "\"Mars/Olympus\" is not an IANA time zone");
    }
}
