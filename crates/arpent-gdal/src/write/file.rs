//! Files that are written: closed so that a full disk is told, and named in errors.

use std::path::Path;

use gdal::Dataset;

use crate::GdalError;
use crate::ffi::{self, failure};

/// Closes a dataset and tells whether its last bytes were written.
pub(crate) fn close(dataset: Dataset, path: &Path) -> Result<(), GdalError> {
    ffi::reset_error();
    let closed = dataset.close().map_err(|e| failure(&e));
    match closed.err().or_else(ffi::last_failure) {
        Some(message) => Err(GdalError::Write { path: text(path), message }),
        None => Ok(()),
    }
}

/// A path in words.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
