//! A series as it looks while it is young.

use crate::error::Error;
use crate::features::FeatureSpec;
use crate::model::Lesson;
use crate::series::Frame;
use std::borrow::Cow;

/// Days that a life lasts.
const LIFE_DAYS: usize = 28;

/// A stretch of a series, and the origins from which it is forecast.
pub(crate) struct Life<'a> {
    pub frame: Cow<'a, Frame>,
    /// Origins a day apart, rows of the frame.
    pub origins: Vec<usize>,
    /// First row whose target must not be read.
    pub end: usize,
}

/// A series cut into lives of four weeks, at whose beginnings nothing is known of the demand before; the weather
/// before is. The first origin of each is at its birth. Of the newest `days` days before `end`, where so many are there.
pub(crate) fn lives(frame: &Frame, end: usize, days: usize, spec: &FeatureSpec) -> Result<Vec<Life<'static>>, Error> {
    let day = frame.grid.rows_per_day();
    let memory = spec.weather_memory(&frame.grid)?;
    let first = (end % day).max(end.saturating_sub(days * day));
    let cut = |birth: usize| {
        let from = birth.saturating_sub(memory);
        let death = (birth + LIFE_DAYS * day).min(end);
        let mut young = frame.since(from);
        young.truncate(end - from);
        young.target[..birth - from].fill(f64::NAN);
        Life {
            origins: (birth..death).step_by(day).map(|row| row - from).collect(),
            end: end - from,
            frame: Cow::Owned(young),
        }
    };
    Ok((first..end).step_by(LIFE_DAYS * day).map(cut).collect())
}

/// What is learnt from: the series as it is, and its lives.
pub(super) fn of_training<'a>(lesson: &Lesson<'a>) -> Result<Vec<Life<'a>>, Error> {
    let day = lesson.frame.grid.rows_per_day();
    let history = lesson.spec.history(&lesson.frame.grid)?;
    let oldest = history + lesson.end.saturating_sub(history) % day;
    let whole = Life {
        frame: Cow::Borrowed(lesson.frame),
        origins: (oldest..lesson.end).step_by(day).collect(),
        end: lesson.end,
    };
    let mut all = lives(lesson.frame, lesson.end, usize::MAX / day, lesson.spec)?;
    all.push(whole);
    Ok(all)
}
