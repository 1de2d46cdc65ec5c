//! A thin safe wrapper of XGBoost's C API: matrix, booster, training, prediction, serialisation.
//!
//! XGBoost validates little, so column counts are checked here. Every call runs with all signals blocked: threads
//! started by the library inherit the mask, and only the backend's main thread receives Postgres' signals.

use crate::Checkpoint;
use crate::error::Error;
use crate::signals;
use ndarray::ArrayView2;
use std::ffi::{CStr, CString, c_char, c_int};
use std::{ptr, slice};
use xgboost_lib_sys as ffi;

/// Feature rows, with or without labels.
pub(crate) struct Matrix {
    handle: ffi::DMatrixHandle,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// Copies `features`: rows by columns, row-major, NaN is missing.
    pub(crate) fn new(features: ArrayView2<f32>) -> Result<Self, Error> {
        let (rows, columns) = features.dim();
        let data = features.as_slice().ok_or_else(|| internal("the matrix is not row-major"))?;
        let mut handle = ptr::null_mut();
        // SAFETY: `data` holds rows * columns values, which XGBoost copies; the handle is owned below.
        call(|| unsafe {
            ffi::XGDMatrixCreateFromMat_omp(data.as_ptr(), rows as u64, columns as u64, f32::NAN, &mut handle, 1)
        })?;
        Ok(Self { handle, rows, columns })
    }

    /// Copies one label and one weight for each row.
    pub(crate) fn with_labels(self, labels: &[f32], weights: &[f32]) -> Result<Self, Error> {
        for (field, values) in [(c"label", labels), (c"weight", weights)] {
            if values.len() != self.rows {
                return Err(internal("labels, weights and rows differ in number"));
            }
            // SAFETY: the handle is live and `values` outlives the call, which copies it.
            call(|| unsafe {
                ffi::XGDMatrixSetFloatInfo(self.handle, field.as_ptr(), values.as_ptr(), values.len() as u64)
            })?;
        }
        Ok(self)
    }
}

impl Drop for Matrix {
    fn drop(&mut self) {
        // SAFETY: created by XGBoost, freed once.
        let _ = call(|| unsafe { ffi::XGDMatrixFree(self.handle) });
    }
}

/// A model of trees.
pub(crate) struct Booster {
    handle: ffi::BoosterHandle,
    columns: usize,
}

impl Booster {
    /// An empty booster, to be trained on the first of the matrices; it also caches predictions for the others.
    fn new(matrices: &[&Matrix], parameters: &[(&'static str, String)]) -> Result<Self, Error> {
        let handles: Vec<_> = matrices.iter().map(|matrix| matrix.handle).collect();
        let mut handle = ptr::null_mut();
        // SAFETY: the matrices' handles are live; the new handle is owned below.
        call(|| unsafe { ffi::XGBoosterCreate(handles.as_ptr(), handles.len() as u64, &mut handle) })?;
        let booster = Self { handle, columns: matrices.first().map_or(0, |matrix| matrix.columns) };
        for (name, value) in parameters {
            booster.set(name, value)?;
        }
        Ok(booster)
    }

    /// Loads a model of `columns` features in one of XGBoost's formats.
    pub(crate) fn load(bytes: &[u8], columns: usize) -> Result<Self, Error> {
        let mut handle = ptr::null_mut();
        // SAFETY: no matrix is given; the new handle is owned below.
        call(|| unsafe { ffi::XGBoosterCreate(ptr::null(), 0, &mut handle) })?;
        let booster = Self { handle, columns };
        // SAFETY: the handle is live, and the bytes outlive the call, which copies what it needs.
        call(|| unsafe {
            ffi::XGBoosterLoadModelFromBuffer(booster.handle, bytes.as_ptr().cast(), bytes.len() as u64)
        })?;
        Ok(booster)
    }

    /// Boosts for `rounds`; calls `checkpoint` before each, which may unwind.
    pub(crate) fn train(
        matrix: &Matrix,
        parameters: &[(&'static str, String)],
        rounds: u32,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, Error> {
        let booster = Self::new(&[matrix], parameters)?;
        for round in 0..rounds {
            checkpoint();
            booster.boost(matrix, round)?;
        }
        Ok(booster)
    }

    /// The number of rounds, at most `rounds`, with the least error on `held_out`; stops early if it has not improved
    /// for `patience` rounds.
    pub(crate) fn best_rounds(
        matrix: &Matrix,
        held_out: &Matrix,
        parameters: &[(&'static str, String)],
        rounds: u32,
        patience: u32,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u32, Error> {
        let booster = Self::new(&[matrix, held_out], parameters)?;
        let (mut best, mut least) = (1, f64::INFINITY);
        for round in 0..rounds {
            checkpoint();
            booster.boost(matrix, round)?;
            let error = booster.error(held_out, round)?;
            if error < least {
                (best, least) = (round + 1, error);
            }
            if round + 1 >= best + patience {
                break;
            }
        }
        Ok(best)
    }

    fn boost(&self, matrix: &Matrix, round: u32) -> Result<(), Error> {
        // SAFETY: both handles are live.
        call(|| unsafe { ffi::XGBoosterUpdateOneIter(self.handle, round as c_int, matrix.handle) })
    }

    /// Weighted root mean squared error on the training scale.
    fn error(&self, matrix: &Matrix, round: u32) -> Result<f64, Error> {
        let (mut handle, mut name, mut text) = (matrix.handle, c"held_out".as_ptr(), ptr::null());
        // SAFETY: the handles are live; the text belongs to XGBoost until its next call, and is read before that.
        let text = unsafe {
            call(|| ffi::XGBoosterEvalOneIter(self.handle, round as c_int, &mut handle, &mut name, 1, &mut text))?;
            CStr::from_ptr(text).to_string_lossy().into_owned()
        };
        // Format: "[3]\theld_out-rmse:1.25".
        let value = text.rsplit(':').next().and_then(|value| value.trim().parse().ok());
        value.ok_or_else(|| internal("XGBoost's error cannot be read"))
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let (name, value) = (c_string(name)?, c_string(value)?);
        // SAFETY: the handle is live, the strings are NUL-terminated.
        call(|| unsafe { ffi::XGBoosterSetParam(self.handle, name.as_ptr(), value.as_ptr()) })
    }

    /// One prediction per row.
    pub(crate) fn predict(&self, matrix: &Matrix) -> Result<Vec<f32>, Error> {
        self.numbers(
            matrix,
            c"{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": false}",
        )
    }

    /// For each row, a contribution per column followed by the mean prediction.
    #[cfg(test)]
    pub(crate) fn contributions(&self, matrix: &Matrix) -> Result<Vec<f32>, Error> {
        self.numbers(
            matrix,
            c"{\"type\": 2, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": false}",
        )
    }

    fn numbers(&self, matrix: &Matrix, config: &CStr) -> Result<Vec<f32>, Error> {
        if matrix.columns != self.columns {
            return Err(internal("the matrix has other columns than the booster"));
        }
        let (mut shape, mut dimensions, mut result) = (ptr::null(), 0, ptr::null());
        // SAFETY: both handles are live; the results belong to XGBoost until its next call, and are copied here.
        let predictions = unsafe {
            call(|| {
                ffi::XGBoosterPredictFromDMatrix(
                    self.handle,
                    matrix.handle,
                    config.as_ptr(),
                    &mut shape,
                    &mut dimensions,
                    &mut result,
                )
            })?;
            let count: u64 = slice::from_raw_parts(shape, dimensions as usize).iter().product();
            slice::from_raw_parts(result, count as usize).to_vec()
        };
        if predictions.iter().any(|value| !value.is_finite()) {
            return Err(internal("a prediction is not finite"));
        }
        Ok(predictions)
    }

    /// The model in XGBoost's UBJ format.
    pub(crate) fn save(&self) -> Result<Vec<u8>, Error> {
        let (mut length, mut data): (u64, *const c_char) = (0, ptr::null());
        // SAFETY: the handle is live; the buffer belongs to XGBoost until its next call, and is copied here.
        unsafe {
            call(|| {
                ffi::XGBoosterSaveModelToBuffer(self.handle, c"{\"format\": \"ubj\"}".as_ptr(), &mut length, &mut data)
            })?;
            Ok(slice::from_raw_parts(data.cast(), length as usize).to_vec())
        }
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: created by XGBoost, freed once.
        let _ = call(|| unsafe { ffi::XGBoosterFree(self.handle) });
    }
}

/// Runs one C call with all signals blocked and converts its return code to an error.
fn call(function: impl FnOnce() -> c_int) -> Result<(), Error> {
    let code = signals::blocked(function);
    if code == 0 {
        return Ok(());
    }
    // SAFETY: XGBoost returns a NUL-terminated string that is valid until its next call.
    let text = unsafe { CStr::from_ptr(ffi::XGBGetLastError()) }.to_string_lossy();
    // A C++ trace follows the first line.
    Err(internal(text.lines().find(|line| !line.trim().is_empty()).unwrap_or("XGBoost failed")))
}

fn internal(text: &str) -> Error {
    Error::Internal(text.to_owned())
}

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| internal("a zero byte in a parameter"))
}
