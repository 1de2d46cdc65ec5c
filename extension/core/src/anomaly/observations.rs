//! The rows that detectors read: numbers by feature, and what is known of a row beside them.

use crate::error::{Error, clipped};
use ndarray::{Array2, ArrayView1};
use std::collections::HashMap;

/// Most rows and features at once, and most numbers of both together: 600 MB.
const MOST_ROWS: usize = 1_000_000;
const MOST_FEATURES: usize = 200;
const MOST_NUMBERS: usize = 75_000_000;

/// What is larger is no measurement, and sums of squares of it leave what numbers can hold.
const LARGEST: f64 = 1e100;

/// Rows of a query by column; NaN is a missing value.
#[derive(Debug, Clone)]
pub struct Observations {
    names: Vec<String>,
    features: Array2<f64>,
    target: Option<Vec<f64>>,
    groups: Option<Vec<String>>,
    days: Option<Vec<f64>>,
}

/// Columns as they come: all of one length, features one column after the other.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Names of the features.
    pub names: Vec<String>,
    /// Their values; none is missing.
    pub features: Vec<Option<f64>>,
    /// What is explained by them, or the label.
    pub target: Option<Vec<Option<f64>>>,
    /// To which apartment, or other unit, a row belongs.
    pub groups: Option<Vec<String>>,
    /// When, in days since any date.
    pub days: Option<Vec<Option<f64>>>,
    /// Rows, where there is no column that says it.
    pub rows: usize,
}

impl Observations {
    /// Rows whose numbers are finite or missing.
    pub fn new(columns: Columns) -> Result<Self, Error> {
        let (rows, names) = (columns.rows, columns.names);
        if rows > MOST_ROWS || names.len() > MOST_FEATURES || rows * names.len() > MOST_NUMBERS {
            return Err(Error::InvalidArgument(format!(
                "{rows} rows of {} features are too many: at most {MOST_ROWS} rows, {MOST_FEATURES} features and \
                 {MOST_NUMBERS} numbers",
                names.len()
            )));
        }
        let lengths = [
            columns.target.as_ref().map(Vec::len),
            columns.groups.as_ref().map(Vec::len),
            columns.days.as_ref().map(Vec::len),
        ];
        if columns.features.len() != rows * names.len() || lengths.iter().flatten().any(|length| *length != rows) {
            return Err(Error::InvalidArgument("columns of unequal length".to_owned()));
        }
        let mut features = Array2::from_elem((rows, names.len()), f64::NAN);
        for (column, values) in columns.features.chunks(rows.max(1)).enumerate() {
            for (row, value) in known(&names[column], values)? {
                features[[row, column]] = value;
            }
        }
        let numbers = |name: &str, values: Vec<Option<f64>>| {
            let mut numbers = vec![f64::NAN; values.len()];
            known(name, &values)?.for_each(|(row, value)| numbers[row] = value);
            Ok::<_, Error>(numbers)
        };
        Ok(Self {
            features,
            target: columns.target.map(|values| numbers("target", values)).transpose()?,
            days: columns.days.map(|values| numbers("time", values)).transpose()?,
            groups: columns.groups,
            names,
        })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.features.nrows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Rows by features.
    pub fn features(&self) -> &Array2<f64> {
        &self.features
    }

    /// A row.
    pub fn row(&self, row: usize) -> ArrayView1<'_, f64> {
        self.features.row(row)
    }

    /// The target of a row; NaN where it is missing.
    pub fn target(&self, row: usize) -> f64 {
        self.target.as_ref().map_or(f64::NAN, |target| target[row])
    }

    /// The target, which a detector needs that explains it.
    pub fn needed_target(&self) -> Result<&[f64], Error> {
        self.target
            .as_deref()
            .ok_or_else(|| Error::InvalidArgument("parameter \"target\" must name the column to explain".to_owned()))
    }

    /// When a row was, in days; NaN where that is not known.
    pub fn day(&self, row: usize) -> f64 {
        self.days.as_ref().map_or(f64::NAN, |days| days[row])
    }

    /// The unit of a row; one for all where nothing names them.
    pub fn group(&self, row: usize) -> &str {
        self.groups.as_ref().map_or("", |groups| &groups[row])
    }

    /// The rows of each unit, units by name, rows by time, and as given where no time is known.
    pub fn by_group(&self) -> Vec<(&str, Vec<usize>)> {
        let mut rows: HashMap<&str, Vec<usize>> = HashMap::new();
        (0..self.len()).for_each(|row| rows.entry(self.group(row)).or_default().push(row));
        let mut groups: Vec<_> = rows.into_iter().collect();
        groups.sort_unstable_by_key(|(name, _)| *name);
        if self.days.is_some() {
            groups.iter_mut().for_each(|(_, rows)| rows.sort_by(|a, b| self.day(*a).total_cmp(&self.day(*b))));
        }
        groups
    }

    /// These rows in the order of their values: what is drawn from them by chance does not depend on how they came.
    pub fn in_order(&self, mut rows: Vec<usize>) -> Vec<usize> {
        rows.sort_by(|a, b| {
            let values = self.row(*a).into_iter().zip(self.row(*b));
            values.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        rows
    }

    /// The same rows with these features, in this order.
    pub fn select(mut self, names: &[String]) -> Result<Self, Error> {
        if names == self.names {
            return Ok(self);
        }
        let place = |name: &String| {
            self.names.iter().position(|known| known == name).ok_or_else(|| {
                Error::InvalidArgument(format!(
                    "feature \"{}\" is not among the columns ({})",
                    clipped(name, 100),
                    clipped(self.names.join(", "), 500)
                ))
            })
        };
        let places = names.iter().map(place).collect::<Result<Vec<_>, Error>>()?;
        self.features = self.features.select(ndarray::Axis(1), &places);
        self.names = names.to_vec();
        Ok(self)
    }
}

/// The known values of a column, by row.
fn known<'a>(name: &str, values: &'a [Option<f64>]) -> Result<impl Iterator<Item = (usize, f64)> + 'a, Error> {
    match values.iter().position(|value| value.is_some_and(|value| value.is_nan() || value.abs() > LARGEST)) {
        Some(row) if values[row].is_some_and(f64::is_finite) => Err(Error::InvalidArgument(format!(
            "column \"{}\" is larger than {LARGEST:e} in row {}",
            clipped(name, 100),
            row + 1
        ))),
        Some(row) => Err(Error::NonFinite { column: name.to_owned(), at: format!("row {}", row + 1) }),
        None => Ok(values.iter().enumerate().filter_map(|(row, value)| value.map(|value| (row, value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        Columns {
            names: vec!["a".to_owned(), "b".to_owned()],
            features: vec![Some(1.0), None, Some(3.0), Some(4.0), Some(5.0), Some(6.0)],
            groups: Some(["y", "x", "y"].map(str::to_owned).to_vec()),
            days: Some(vec![Some(2.0), Some(1.0), Some(1.0)]),
            target: None,
            rows: 3,
        }
    }

    #[test]
    fn columns_become_rows_and_units_are_in_the_order_of_time() {
        let rows = Observations::new(columns()).unwrap();
        assert_eq!(rows.row(2).to_vec(), [3.0, 6.0]);
        assert!(rows.row(1)[0].is_nan());
        assert_eq!(rows.by_group(), [("x", vec![1]), ("y", vec![2, 0])]);
        assert!(rows.needed_target().is_err());
        assert_eq!(rows.select(&["b".to_owned()]).unwrap().row(0).to_vec(), [4.0]);
    }

    #[test]
    fn what_is_infinite_of_unequal_length_or_unknown_is_told() {
        let infinite = Columns { features: vec![Some(f64::INFINITY); 6], ..columns() };
        assert_eq!(
            Observations::new(infinite).unwrap_err(),
            Error::NonFinite { column: "a".to_owned(), at: "row 1".to_owned() }
        );
        let large = Columns { features: vec![Some(1e200); 6], ..columns() };
        assert!(matches!(Observations::new(large), Err(Error::InvalidArgument(_))));
        assert!(Observations::new(Columns { rows: 4, ..columns() }).is_err());
        let unknown = Observations::new(columns()).unwrap().select(&["c".to_owned()]).unwrap_err();
        assert_eq!(unknown.to_string(), "feature \"c\" is not among the columns (a, b)");
    }
}
